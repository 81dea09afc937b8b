"""Register blocks as data, one table per peripheral, and a driver's view of one through a bus.

The Python driver (:class:`icmsg.hw.registers.BlockView`) and the emulated peripheral
(:class:`icmsg.hw.model.RegisterModel`) are both built on the same table, so nothing about a peripheral is
written twice. Offsets are in bytes from the start of the block; every register element occupies one word.
"""

from __future__ import annotations

import enum
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from weakref import WeakKeyDictionary

from icmsg.errors import BusError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.hw.bus import Bus


_Found = TypeVar("_Found")

WORD: Final = 4
"""Bytes per register element."""

AccessKind = Literal["read", "write"]


class Access(enum.Flag):
    """Access that software may have to a register; reading a write-only register gives 0."""

    R = enum.auto()
    W = enum.auto()
    RW = R | W


@dataclass(frozen=True, slots=True)
class Field:
    """``width`` bits of a register from bit ``lsb`` on.

    ``access`` and ``reset`` (the field's own value, not shifted) are the register's where they are None.
    """

    name: str
    lsb: int
    width: int = 1
    access: Access | None = None
    reset: int | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.lsb < 0 or self.width < 1:
            raise ConfigurationError(f"field {self.name}: lsb must be ≥ 0 and width ≥ 1")
        if self.reset is not None and not 0 <= self.reset < 1 << self.width:
            raise ConfigurationError(f"field {self.name}: reset {self.reset:#x} exceeds {self.width} bit(s)")

    @property
    def mask(self) -> int:
        """The field's bits within the register."""
        return ((1 << self.width) - 1) << self.lsb


@dataclass(frozen=True, slots=True)
class Register:
    """Register, or an array of ``count`` elements, ``stride`` bytes apart.

    ``sets`` or ``clears`` name another register: a one written here sets (clears) that bit there, and reading
    here reads there (INTENSET and INTENCLR are such windows on INTEN). A register that clears itself is
    write-one-to-clear.

    Raises:
        ConfigurationError: a value that no register can have.
    """

    name: str
    offset: int
    _: KW_ONLY
    width: int = 32
    access: Access = Access.RW
    reset: int = 0
    count: int = 1
    stride: int = WORD
    fields: tuple[Field, ...] = ()
    sets: str | None = None
    clears: str | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem is not None:
            raise ConfigurationError(f"register {self.name}: {problem}")

    def _problem(self) -> str | None:
        if self.width not in (8, 16, 32):
            return f"width {self.width} must be 8, 16 or 32 bits"
        if self.offset < 0 or self.offset % WORD:
            return f"offset 0x{self.offset:X} must be a multiple of {WORD} and not negative"
        if self.count < 1 or self.stride < WORD or self.stride % WORD:
            return f"count {self.count} must be ≥ 1 and stride {self.stride} a multiple of {WORD}"
        if not 0 <= self.reset <= self.mask:
            return f"reset 0x{self.reset:X} does not fit {self.width} bits"
        if self.sets is not None and self.clears is not None:
            return "it can set or clear another register, not both"
        return self._field_problem()

    def _field_problem(self) -> str | None:
        taken = 0
        for part in self.fields:
            if part.mask & ~self.mask:
                return f"field {part.name} reaches beyond bit {self.width - 1}"
            if part.mask & taken:
                return f"field {part.name} overlaps another field"
            taken |= part.mask
            own = (self.reset & part.mask) >> part.lsb
            if part.reset is not None and own not in (0, part.reset):
                return f"reset 0x{self.reset:X} contradicts reset {part.reset:#x} of field {part.name}"
        if len({part.name for part in self.fields}) != len(self.fields):
            return "two fields have the same name"
        return None

    @property
    def mask(self) -> int:
        """All bits of the register."""
        return (1 << self.width) - 1

    @property
    def reset_value(self) -> int:
        """``reset`` with the fields' own reset values laid over it."""
        value = self.reset
        for part in self.fields:
            if part.reset is not None:
                value |= part.reset << part.lsb
        return value

    @property
    def target(self) -> str | None:
        """The register that this one sets or clears, if it is such a window."""
        return self.sets or self.clears

    def label(self, index: int = 0) -> str:
        """The name of one element: ``INTEN``, or ``EVENTS_RECEIVE[3]`` in an array."""
        return self.name if self.count == 1 else f"{self.name}[{index}]"


@dataclass(frozen=True, slots=True)
class RegisterBlock:
    """The registers of one kind of peripheral; ``size`` in bytes, ``source`` the document that specifies it.

    Raises:
        ConfigurationError: registers that overlap, do not fit ``size``, share a name or name an unknown one.
    """

    name: str
    registers: tuple[Register, ...]
    _: KW_ONLY
    size: int = 0x1000
    source: str = ""
    _by_name: dict[str, Register] = field(init=False, repr=False, compare=False)
    _by_offset: dict[int, tuple[Register, int]] = field(init=False, repr=False, compare=False)
    _found: WeakKeyDictionary[Any, Any] = field(
        init=False, repr=False, compare=False, default_factory=WeakKeyDictionary
    )

    def __post_init__(self) -> None:
        by_name = {register.name: register for register in self.registers}
        by_offset: dict[int, tuple[Register, int]] = {}
        for register in self.registers:
            self._check(register, by_name)
            for index in range(register.count):
                offset = register.offset + index * register.stride
                label = register.label(index)
                if offset + WORD > self.size:
                    raise self._refuse(f"{label} at 0x{offset:X} exceeds size 0x{self.size:X}")
                if offset in by_offset:
                    other, at = by_offset[offset]
                    raise self._refuse(f"{other.label(at)} and {label} are both at 0x{offset:X}")
                by_offset[offset] = register, index
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "_by_offset", by_offset)

    def _refuse(self, problem: str) -> ConfigurationError:
        return ConfigurationError(f"register block {self.name}: {problem}")

    def _check(self, register: Register, by_name: dict[str, Register]) -> None:
        if by_name[register.name] is not register:
            raise self._refuse(f"two registers are named {register.name}")
        if register.target is None:
            return
        target = by_name.get(register.target)
        if target is None:
            raise self._refuse(f"{register.name} sets or clears {register.target}, which is not in the block")
        chained = target is not register and target.target is not None
        if target.count != register.count or chained or Access.R not in target.access:
            raise self._refuse(
                f"{register.target}, which {register.name} sets or clears, must be a readable register "
                f"with storage of its own and {register.count} element(s)"
            )

    def register(self, name: str) -> Register:
        """Return the register called ``name``; ConfigurationError names the closest ones if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            import difflib  # only for an error's text: start-up should not pay for it

            near = difflib.get_close_matches(name.upper(), self._by_name, n=3) or sorted(self._by_name)[:3]
            raise self._refuse(f"no register {name!r}; did you mean {', '.join(near)}?") from None

    def offset(self, name: str, index: int = 0) -> int:
        """Return the byte offset of one element; ConfigurationError for an unknown name or index."""
        register = self.register(name)
        if not 0 <= index < register.count:
            raise self._refuse(f"{name} has elements 0…{register.count - 1}, not {index}")
        return register.offset + index * register.stride

    def find(self, offset: int) -> tuple[Register, int] | None:
        """Return the register and element index whose word contains byte ``offset``, or None."""
        return self._by_offset.get(offset & -WORD)

    def elements(self) -> Iterator[tuple[int, Register, int]]:
        """Yield (byte offset, register, element index) of every element in the table's order."""
        return ((offset, *element) for offset, element in self._by_offset.items())

    def once(self, key: object, find: Callable[[], _Found]) -> _Found:
        """Return what ``find`` returns for ``key``, a class or a function; it is asked once for all models."""
        if key not in self._found:
            self._found[key] = find()
        found: _Found = self._found[key]
        return found

    def describe(self, offset: int) -> str:
        """Name what is at byte ``offset``: ``EVENTS_RECEIVE[3]``, ``INTEN+2``, or ``0x3FC`` if nothing is."""
        found = self.find(offset)
        if found is None:
            return f"0x{offset:03X}"
        within = f"+{offset % WORD}" if offset % WORD else ""
        return found[0].label(found[1]) + within

    def refusal(self, kind: AccessKind, offset: int) -> str:
        """Say why a ``kind`` of access at byte ``offset`` is not possible, for an error's text."""
        found = self.find(offset)
        if found is None:
            return f"{self.name} has no register at offset {self.describe(offset)}"
        what = f"{self.name}.{self.describe(offset)}"
        if (Access.R if kind == "read" else Access.W) in found[0].access:
            return f"{what} is not the start of a register; use a multiple of {WORD}"
        return f"{what} is {'read' if kind == 'write' else 'write'}-only"

    def decode(self, name: str, value: int) -> dict[str, int]:
        """Split ``value`` into the fields of register ``name``, each shifted down to bit 0."""
        return {part.name: (value & part.mask) >> part.lsb for part in self.register(name).fields}

    def encode(self, name: str, **fields: int) -> int:
        """Return the register value with these fields and all other bits 0; the inverse of :meth:`decode`."""
        parts = {part.name: part for part in self.register(name).fields}
        value = 0
        for key, number in fields.items():
            part = parts.get(key)
            if part is None or not 0 <= number < 1 << part.width:
                widths = ", ".join(f"{part.name} ({part.width} bit)" for part in parts.values())
                raise self._refuse(f"{name}.{key} = {number}: the fields are {widths or 'none'}")
            value |= number << part.lsb
        return value


class BlockView:
    """The registers of ``block`` at address ``base`` of ``bus``; every access is one 32-bit bus access.

    Accesses that the table rules out never reach the bus. A driver's hot path takes the addresses once
    (:meth:`address`) and uses the bus directly.

    Raises:
        ConfigurationError: ``base`` is not a multiple of 4; later, an unknown register or index.
    """

    __slots__ = ("_base", "_block", "_bus", "_read32", "_readable", "_writable", "_write32")

    def __init__(self, bus: Bus, base: int, block: RegisterBlock) -> None:
        if base % WORD:
            raise ConfigurationError(f"{block.name} at 0x{base:08X}: use an address that {WORD} divides")
        self._bus = bus
        self._base = base
        self._block = block
        self._read32 = bus.read32
        self._write32 = bus.write32
        self._readable: dict[tuple[str, int], int] = {}
        self._writable: dict[tuple[str, int], tuple[int, int]] = {}
        for offset, register, index in block.elements():
            if Access.R in register.access:
                self._readable[register.name, index] = base + offset
            if Access.W in register.access:
                self._writable[register.name, index] = base + offset, register.mask

    @property
    def block(self) -> RegisterBlock:
        """The table."""
        return self._block

    @property
    def base(self) -> int:
        """The address of the first register."""
        return self._base

    def address(self, name: str, index: int = 0) -> int:
        """Return the bus address of one register element."""
        return self._base + self._block.offset(name, index)

    def read(self, name: str, index: int = 0) -> int:
        """Return the value of one register element; BusError for a write-only register."""
        address = self._readable.get((name, index))
        if address is None:
            raise self._refuse("read", name, index)
        return self._read32(address)

    def write(self, name: str, value: int, index: int = 0) -> None:
        """Write one register element; BusError for a read-only register or a value wider than it."""
        place = self._writable.get((name, index))
        if place is None:
            raise self._refuse("write", name, index)
        address, mask = place
        if not 0 <= value <= mask:
            reason = f"{self._block.name}.{name} has {mask.bit_length()} bits; {value:#x} does not fit"
            raise BusError(reason, address=address, width=8 * WORD, core=self._bus.core)
        self._write32(address, value)

    def read_fields(self, name: str, index: int = 0) -> dict[str, int]:
        """Return the fields of one register element, each shifted down to bit 0."""
        return self._block.decode(name, self.read(name, index))

    def _refuse(self, kind: AccessKind, name: str, index: int) -> BusError:
        offset = self._block.offset(name, index)
        reason = self._block.refusal(kind, offset)
        return BusError(reason, address=self._base + offset, width=8 * WORD, core=self._bus.core)
