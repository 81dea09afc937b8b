"""Observers of every access to an emulated peripheral's registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from icmsg.hw.model import RegisterModel
    from icmsg.hw.registers import AccessKind

Observer = Callable[["AccessKind", int, int], None]
"""(read or write, offset of the register, value)"""


class AccessObserver:
    """Tells about every access to ``model`` from now on, a write before it has its effect, until :meth:`stop`.

    It takes the place of what the model has for each register, so a model that nobody observes is as quick as ever.
    """

    def __init__(self, model: RegisterModel, tell: Observer) -> None:
        self._model: Final = model
        reads, writes = model.accesses()
        self._reads: Final = dict(reads)
        self._writes: Final = dict(writes)
        for offset, read in self._reads.items():
            reads[offset] = partial(_read, tell, offset, read)
        for offset, write in self._writes.items():
            writes[offset] = partial(_write, tell, offset, write)

    def stop(self) -> None:
        """Tell no more."""
        reads, writes = self._model.accesses()
        reads.update(self._reads)
        writes.update(self._writes)


def _read(tell: Observer, offset: int, read: Callable[[], int]) -> int:
    value = read()
    tell("read", offset, value)
    return value


def _write(tell: Observer, offset: int, write: Callable[[int], object], value: int) -> None:
    tell("write", offset, value)
    write(value)
