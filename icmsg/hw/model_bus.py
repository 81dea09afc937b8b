"""A bus with one emulated peripheral on it, and observers and filters of every access to a peripheral's registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import BusError
from icmsg.hw.registers import WORD, Access, AccessKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.hw.model import IoModel, RegisterModel


Observer = Callable[["AccessKind", int, int], None]
"""(read or write, offset of the register, value)"""
Change = Callable[[int, int], int]
"""(offset of the register, value) -> the value that counts"""


class AccessFilter:
    """Changes what is read from ``model``, or written to it, from now on until :meth:`stop`.

    It takes the place of what the model has for each register, so a model that nobody observes is as quick as ever.
    Filters may be stopped in any order.
    """

    def __init__(
        self, model: RegisterModel, *, read: Change | None = None, write: Change | None = None
    ) -> None:
        self._on = True
        reads, writes = model.accesses()
        self._own: list[Callable[[], None]] = []
        if read is not None:
            for offset, reader in list(reads.items()):
                reads[offset] = own = partial(self._read, read, offset, reader)
                self._own.append(partial(_put_back, reads, offset, own, reader))
        if write is not None:
            for offset, writer in list(writes.items()):
                writes[offset] = made = partial(self._write, write, offset, writer)
                self._own.append(partial(_put_back, writes, offset, made, writer))

    def stop(self) -> None:
        """Change nothing any more."""
        self._on = False
        for put_back in self._own:
            put_back()

    def _read(self, change: Change, offset: int, read: Callable[[], int]) -> int:
        value = read()
        return change(offset, value) if self._on else value

    def _write(self, change: Change, offset: int, write: Callable[[int], object], value: int) -> None:
        write(change(offset, value) if self._on else value)


class WholeAccessFilter:
    """Changes what is read from any ``model``, or written to it, access by access, from now on until :meth:`stop`.

    Who has taken one of the model's functions before keeps that. Filters end in any order; a model is as quick as ever
    when the last one has.
    """

    def __init__(self, model: IoModel, *, read: Change | None = None, write: Change | None = None) -> None:
        self._on = True
        self._own: list[Callable[[], None]] = []
        for width in (8, 16, 32, 64):
            for kind, change in (("read", read), ("write", write)):
                function = getattr(model, f"{kind}{width}", None)
                if change is not None and function is not None:
                    self._take(model, f"{kind}{width}", function, change, (1 << width) - 1)

    def stop(self) -> None:
        """Change nothing any more."""
        self._on = False
        for put_back in self._own:
            put_back()

    def _take(self, model: IoModel, name: str, function: Any, change: Change, mask: int) -> None:
        def reads(offset: int) -> int:
            value: int = function(offset)
            return change(offset, value) & mask if self._on else value

        def writes(offset: int, value: int) -> None:
            function(offset, change(offset, value) & mask if self._on else value)

        own = reads if name.startswith("read") else writes
        attributes = vars(model)
        before = attributes.get(name)
        attributes[name] = own
        self._own.append(partial(_give_back, attributes, name, own, before))


class AccessObserver(AccessFilter):
    """Tells about every access to ``model`` from now on, a write before it has its effect, until :meth:`stop`."""

    def __init__(self, model: RegisterModel, tell: Observer) -> None:
        self._tell: Final = tell
        super().__init__(model, read=partial(self._told, "read"), write=partial(self._told, "write"))

    def _told(self, kind: AccessKind, offset: int, value: int) -> int:
        self._tell(kind, offset, value)
        return value


def _put_back(table: dict[int, Any], offset: int, own: object, before: object) -> None:
    """Take a filter out, unless a later one is around it."""
    if table[offset] is own:
        table[offset] = before


def _give_back(attributes: dict[str, Any], name: str, own: object, before: object) -> None:
    """Let a model's function be what it was, unless a later filter is around this one."""
    if attributes.get(name) is own and before is None:
        del attributes[name]
    elif attributes.get(name) is own:
        attributes[name] = before


class ModelBus:
    """The registers of ``model`` at its ``base``, as its ``core`` sees them; nothing answers elsewhere.

    A block is a run of accesses to the words it covers, and of byte writes where it starts or ends within a
    word; it is refused as a whole if one of them would be.
    """

    __slots__ = ("_base", "_model", "_size")

    def __init__(self, model: RegisterModel) -> None:
        self._model = model
        self._base = model.base
        self._size = model.block.size

    @property
    def core(self) -> str | None:
        """The core that sees the peripheral."""
        return self._model.core

    def read8(self, address: int) -> int:
        """Return a byte of a register."""
        return self._model.read8(self._offset(address, 8))

    def read16(self, address: int) -> int:
        """Return half of a register."""
        return self._model.read16(self._offset(address, 16))

    def read32(self, address: int) -> int:
        """Return a register."""
        return self._model.read32(self._offset(address, 32))

    def write8(self, address: int, value: int) -> None:
        """Write a byte of a register."""
        self._model.write8(self._offset(address, 8, value), value)

    def write16(self, address: int, value: int) -> None:
        """Write half of a register."""
        self._model.write16(self._offset(address, 16, value), value)

    def write32(self, address: int, value: int) -> None:
        """Write a register."""
        self._model.write32(self._offset(address, 32, value), value)

    def read_block(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes of consecutive registers, reading each once."""
        if size == 0:
            return b""
        self._check_block("read", address, size)
        start = address - self._base
        first = start & -WORD
        read32 = self._model.read32
        words = b"".join(read32(at).to_bytes(WORD, "little") for at in range(first, start + size, WORD))
        return words[start - first : start - first + size]

    def write_block(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write consecutive registers in ascending order."""
        payload = bytes(data)
        if not payload:
            return
        self._check_block("write", address, len(payload))
        offset = address - self._base
        for size, at in _pieces(offset, len(payload)):
            value = int.from_bytes(payload[at - offset : at - offset + size], "little")
            if size == WORD:
                self._model.write32(at, value)
            else:
                self._model.write8(at, value)

    def _offset(self, address: int, width: int, value: int = 0) -> int:
        offset = address - self._base
        if not 0 <= offset < self._size:
            last = self._base + self._size - 1
            raise self._refuse(f"{self._model.block.name} is 0x{self._base:08X}…0x{last:08X}", address, width)
        if offset % (width // 8):
            raise self._refuse(f"not aligned; use a multiple of {width // 8}", address, width)
        if value >> width:
            raise self._refuse(f"value {value:#x} does not fit {width} bits", address, width)
        return offset

    def _check_block(self, kind: AccessKind, address: int, size: int) -> None:
        if size < 0:
            raise self._refuse("a size cannot be negative", address, 8 * size)
        needed = Access.W if kind == "write" else Access(0)
        start = address - self._base
        for offset in range(start & -WORD, start + size, WORD):
            found = self._model.block.find(offset)
            if found is None or needed not in found[0].access:
                raise self._refuse(self._model.block.refusal(kind, offset), address, 8 * size)

    def _refuse(self, reason: str, address: int, width: int) -> BusError:
        return BusError(reason, address=address, width=width, core=self._model.core)


def _pieces(offset: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (bytes, offset) of the words in a range, and of single bytes where it covers a part of one."""
    end = offset + size
    while offset < end:
        piece = WORD if offset % WORD == 0 and end - offset >= WORD else 1
        yield piece, offset
        offset += piece
