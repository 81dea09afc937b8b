"""A core's DWT: CYCCNT, which firmware measures and waits with. Comparators and other counters are stored only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.hw.dwt import DWT
from icmsg.hw.model import RegisterModel, on_read, on_write

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_ENABLE: Final = 1
_CONSTANT: Final = 0xF << 28
_MASK: Final = 0xFFFFFFFF


class DwtModel(RegisterModel):
    """The DWT of the core in ``slot``, whose clock has ``frequency`` Hz at the core's first rate.

    The counter counts while the core executes; it stands in sleep, when the core's clock does. Instructions and
    cycles change their rates together (:meth:`icmsg.engines.embedded.slot.Slot.set_speed`), so cycles are a fixed
    multiple of instructions.

    Raises:
        ConfigurationError: a frequency that is not positive.
    """

    irq: Final = None

    def __init__(self, slot: Slot, *, base: int, frequency: int) -> None:
        super().__init__(DWT, base=base, core=slot.name)
        if frequency <= 0:
            raise ConfigurationError(f"frequency must be > 0, not {frequency}")
        self._slot = slot
        self._frequency = frequency
        self._since: int | None = None  # instructions at which the counter was _first, while it counts
        self._first = 0

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._since, self._first = None, 0

    @on_write("CTRL")
    def _control(self, _index: int, value: int) -> None:
        self._set(self._count(0))
        self.poke("CTRL", (value & ~_CONSTANT) | self.block.register("CTRL").reset)
        self._since = self._slot.instructions() if value & _ENABLE else None

    @on_read("CYCCNT")
    def _count(self, _index: int) -> int:
        if self._since is None:
            return self._first
        executed = self._slot.instructions() - self._since
        return (self._first + executed * self._frequency // self._slot.instruction_hz) & _MASK

    @on_write("CYCCNT")
    def _write_count(self, _index: int, value: int) -> None:
        self._set(value)

    def _set(self, value: int) -> None:
        self._first = value
        if self._since is not None:
            self._since = self._slot.instructions()
