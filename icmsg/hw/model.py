"""Base of an emulated peripheral: a register table, its storage, and behaviours attached by name.

::

    class Counter(RegisterModel):
        def __init__(self, base: int) -> None:
            super().__init__(COUNTER, base=base)

        @on_write("TASKS_START")
        def _start(self, index: int, value: int) -> None: ...

        @on_read("NOW")
        def _now(self, index: int) -> int: ...

Everything without a behaviour is plain storage. What an access does is found once, at the first one, so that each costs
one dictionary look-up and the behaviour, if there is one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.registers import WORD, Access, AccessKind, Register, RegisterBlock

_Read = TypeVar("_Read", bound=Callable[[Any, int], int])
_Write = TypeVar("_Write", bound=Callable[[Any, int, int], None])
_Reader = Callable[[], int]
_Writer = Callable[[int], object]
_Key = tuple[AccessKind, str]

_MARKS: Final = "icmsg_behaviours"


def on_read(*names: str) -> Callable[[_Read], _Read]:
    """Answer reads of these registers with ``method(self, index) -> int`` instead of the storage."""
    return partial(_mark, "read", names)


def on_write(*names: str) -> Callable[[_Write], _Write]:
    """Call ``method(self, index, value)`` for writes of these registers.

    A readable register has already stored ``value`` when the method runs; a write-only one stores nothing.
    For a register that others set or clear, the method runs for those too, with the value that results: an
    INTENSET needs no behaviour of its own (if it has one, that one replaces the setting).
    """
    return partial(_mark, "write", names)


def _mark(kind: AccessKind, names: tuple[str, ...], method: Any) -> Any:
    vars(method).setdefault(_MARKS, []).extend((kind, name) for name in names)
    return method


class IoModel(Protocol):
    """A peripheral as the bus sees it; offsets are in bytes from its start."""

    def read8(self, offset: int) -> int:
        """Read a byte."""

    def read16(self, offset: int) -> int:
        """Read 16 bits."""

    def read32(self, offset: int) -> int:
        """Read 32 bits."""

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""

    def reset(self) -> None:
        """Put every register into its reset state."""


@runtime_checkable
class WideModel(IoModel, Protocol):
    """A peripheral that also takes accesses of 64 bits, and of any size at any offset."""

    def read64(self, offset: int) -> int:
        """Read 64 bits."""

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits."""


class SizedModel(ABC):
    """Model whose accesses of one, two and four bytes are the same but for their size."""

    @abstractmethod
    def _read(self, offset: int, size: int) -> int:
        """Read ``size`` bytes; bits above them do not count."""

    @abstractmethod
    def _write(self, offset: int, size: int, value: int) -> None:
        """Write ``size`` bytes."""

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return self._read(offset, 1) & 0xFF

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        return self._read(offset, 2) & 0xFFFF

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        return self._read(offset, WORD) & 0xFFFF_FFFF

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        self._write(offset, 1, value)

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        self._write(offset, 2, value)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        self._write(offset, WORD, value)


class RegisterModel:
    """An emulated peripheral at byte address ``base`` of core ``core``, which only the texts of errors use.

    Offsets are in bytes from the start of the block; values are 0…0xFFFFFFFF, which the bus in front checks.
    ``words`` is the storage, one entry per word of the block (``slot`` gives the entry of a register); it is
    never replaced by another list. A register narrower than 32 bits keeps only its own bits.

    Raises:
        ConfigurationError: a behaviour for a register that the block does not have, for an access to it that
            software cannot make, or two behaviours of one class for the same access.
    """

    def __init__(self, block: RegisterBlock, *, base: int = 0, core: str | None = None) -> None:
        self.block: Final = block
        self.base: Final = base
        self.core: Final = core
        self._resets = block.once(_resets, lambda: _resets(block))
        self.words: Final = list(self._resets)
        self._reads: Final[dict[int, _Reader]] = {}
        self._writes: Final[dict[int, _Writer]] = {}
        named = block.once(type(self), self._find_behaviours)
        self._behaviours: Final[dict[_Key, Callable[..., Any]]] = {
            key: getattr(self, attribute) for key, attribute in named.items()
        }

    def accesses(self) -> tuple[dict[int, _Reader], dict[int, _Writer]]:
        """Return what a read and a write of each register does, by offset; what is put there counts from then on."""
        for offset, _, _ in self.block.elements():
            self._find_reader(offset)
            self._find_writer(offset)
        return self._reads, self._writes

    def read32(self, offset: int) -> int:
        """Read the register at ``offset``; a write-only register gives 0."""
        read = self._reads.get(offset) or self._find_reader(offset)
        return self.unmodelled("read", offset, 0) if read is None else read()

    def write32(self, offset: int, value: int) -> None:
        """Write the register at ``offset``."""
        write = self._writes.get(offset) or self._find_writer(offset)
        if write is None:
            self.unmodelled("write", offset, value)
        else:
            write(value)

    def read16(self, offset: int) -> int:
        """Read half of a register; ``offset`` is a multiple of 2."""
        return self._read_part(offset, 16)

    def read8(self, offset: int) -> int:
        """Read a byte of a register."""
        return self._read_part(offset, 8)

    def write16(self, offset: int, value: int) -> None:
        """Write half of a register; the other half is what the storage holds."""
        self._write_part(offset, value, 16)

    def write8(self, offset: int, value: int) -> None:
        """Write a byte of a register; the other bytes are what the storage holds."""
        self._write_part(offset, value, 8)

    def reset(self) -> None:
        """Put the reset value into every register. A model with state of its own extends this."""
        self.words[:] = self._resets

    def unmodelled(self, kind: AccessKind, offset: int, value: int, width: int = 32) -> int:
        """Answer an access of ``width`` bits that the table does not allow; a read gives what this returns.

        Raises:
            BusError: always; an engine overrides this to warn once and go on, as Renode does.
        """
        del value
        reason = self.block.refusal(kind, offset)
        raise BusError(reason, address=self.base + offset, width=width, core=self.core)

    def slot(self, name: str, index: int = 0) -> int:
        """Return the entry of ``words`` that stores one register element."""
        return self.block.offset(name, index) // WORD

    def peek(self, name: str, index: int = 0) -> int:
        """Return the stored value, without any behaviour."""
        return self.words[self.slot(name, index)]

    def poke(self, name: str, value: int, index: int = 0) -> None:
        """Store a value, without any behaviour; how a model changes a register that software only reads."""
        self.words[self.slot(name, index)] = value & self.block.register(name).mask

    def _read_part(self, offset: int, width: int) -> int:
        word = offset & -WORD
        mask = (1 << width) - 1
        read = self._find_reader(word)
        if read is None:
            return self.unmodelled("read", offset, 0, width) & mask
        return (read() >> 8 * (offset - word)) & mask

    def _write_part(self, offset: int, value: int, width: int) -> None:
        word = offset & -WORD
        write = self._find_writer(word)
        if write is None:
            self.unmodelled("write", offset, value, width)
            return
        shift = 8 * (offset - word)
        # A window has no bits of its own that a partial write could keep: a zero there changes nothing.
        found = self.block.find(word)
        is_window = found is not None and found[0].target is not None
        kept = 0 if is_window else self.words[word // WORD] & ~(((1 << width) - 1) << shift)
        write(kept | value << shift)

    def _find_behaviours(self) -> dict[_Key, str]:
        """Return the names of the methods that are behaviours."""
        found: dict[_Key, str] = {}
        for cls in reversed(type(self).__mro__):
            own: dict[_Key, str] = {}
            for attribute, member in vars(cls).items():
                for key in getattr(member, _MARKS, ()):
                    if key in own:
                        raise ConfigurationError(
                            f"{cls.__name__} has two behaviours for the {key[0]} of {key[1]}: "
                            f"{own[key]} and {attribute}; keep one"
                        )
                    self._check(cls, *key)
                    own[key] = attribute
            found.update(own)
        return found

    def _check(self, cls: type, kind: AccessKind, name: str) -> None:
        block = self.block
        possible = (Access.R if kind == "read" else Access.W) in block.register(name).access
        written_through = kind == "write" and any(register.target == name for register in block.registers)
        if not (possible or written_through):
            raise ConfigurationError(
                f"{cls.__name__}: software cannot {kind} {block.name}.{name}; "
                "remove the behaviour or correct the table's access"
            )

    def _find_reader(self, offset: int) -> _Reader | None:
        read = self._reads.get(offset)
        if read is None and (found := self._element(offset)) is not None:
            read = self._reads[offset] = self._reader(*found)
        return read

    def _find_writer(self, offset: int) -> _Writer | None:
        write = self._writes.get(offset)
        if write is None and (found := self._element(offset)) is not None and Access.W in found[0].access:
            write = self._writes[offset] = self._writer(*found)
        return write

    def _element(self, offset: int) -> tuple[Register, int] | None:
        return self.block.find(offset) if not offset % WORD else None

    def _reader(self, register: Register, index: int) -> _Reader:
        if Access.R not in register.access:
            return _zero
        behaviour = self._behaviours.get(("read", register.name))
        if behaviour is not None:
            return partial(behaviour, index)
        if register.target is not None and register.target != register.name:
            return self._reader(self.block.register(register.target), index)
        return partial(self.words.__getitem__, self.slot(register.name, index))

    def _writer(self, register: Register, index: int) -> _Writer:
        target = register.target
        behaviour = self._behaviours.get(("write", register.name))
        if target is not None and (behaviour is None or target == register.name):
            return self._window(register, index, target)
        if target is None and Access.R in register.access:
            return self._store(register, index)
        return _ignore if behaviour is None else partial(behaviour, index)

    def _window(self, register: Register, index: int, target: str) -> _Writer:
        words, slot = self.words, self.slot(target, index)
        store = self._store(self.block.register(target), index)
        if register.sets is not None:
            return lambda value: store(words[slot] | value)
        return lambda value: store(words[slot] & ~value)

    def _store(self, register: Register, index: int) -> _Writer:
        words, slot, mask = self.words, self.slot(register.name, index), register.mask
        behaviour = self._behaviours.get(("write", register.name))
        if behaviour is not None:
            run: _Writer = partial(behaviour, index)

            def store_and_run(value: int) -> None:
                words[slot] = value = value & mask
                run(value)

            return store_and_run
        if register.width == 8 * WORD:
            return partial(words.__setitem__, slot)
        return lambda value: words.__setitem__(slot, value & mask)


def _zero() -> int:
    return 0


def _ignore(value: int) -> None:
    del value


def _resets(block: RegisterBlock) -> list[int]:
    """Return the reset value of each word of a block."""
    words = [0] * (block.size // WORD)
    for offset, register, _ in block.elements():
        words[offset // WORD] = register.reset_value
    return words
