"""Observers of every access to an emulated peripheral's registers, and filters that change what is read or written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from icmsg.hw.model import IoModel, RegisterModel
    from icmsg.hw.registers import AccessKind

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
