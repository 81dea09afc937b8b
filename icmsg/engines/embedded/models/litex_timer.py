"""The timer of LiteX: counts down from LOAD, then from RELOAD, and a counter of all cycles (LiteX, ``timer.py``).

Its registers are words apart; in a SoC with CSRs of eight bits each has a byte of the value, the highest one first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import Alarm
from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

_LOAD, _RELOAD, _EN, _UPDATE, _VALUE, _STATUS, _PENDING, _ENABLE, _LATCH, _UPTIME = range(10)
_BITS: Final = {_LOAD: 32, _RELOAD: 32, _VALUE: 32, _UPTIME: 64}
_READ_ONLY: Final = (_VALUE, _STATUS, _UPTIME)


class LitexTimerModel(SizedModel):
    """Timer of the core in ``slot`` that counts ``frequency`` times a second; its CSRs have ``width`` bits.

    Raises:
        ConfigurationError: it would count nothing.
    """

    def __init__(self, slot: Slot, *, frequency: int, width: int) -> None:
        if frequency < 1:
            raise ConfigurationError(f"frequency must be 1 or more, not {frequency}")
        self.irq: Final = Line()
        self._slot: Final = slot
        self._frequency: Final = frequency
        self._width: Final = width
        self._places: Final = [
            (register, number)
            for register in range(_UPTIME + 1)
            for number in reversed(range(max(1, _BITS.get(register, 1) // width)))
        ]
        self._values = dict.fromkeys(range(_UPTIME + 1), 0)
        self._alarm: Final = Alarm(slot, self._reached)
        self._began = slot.now()  # the tick of the reset
        self._origin = 0  # the tick at which it was switched on
        self._total = 0  # counts from there to the next zero
        self._stands_at = 0  # the value while it is off

    def reset(self) -> None:
        """Stop, and begin to count cycles at 0; the line falls."""
        self._values = dict.fromkeys(self._values, 0)
        self._alarm.reset()
        self._began, self._stands_at = self._slot.now(), 0
        self.irq.set(False)

    def _place(self, offset: int) -> tuple[int, int]:
        """Return the register at an offset, and the first bit of its value that is there."""
        if offset // WORD >= len(self._places):
            raise BusError("the timer has no such register", address=offset, width=8 * WORD)
        register, number = self._places[offset // WORD]
        return register, number * self._width

    def _read(self, offset: int, size: int) -> int:
        del size
        register, first = self._place(offset)
        value = int(not self._remaining()) if register == _STATUS else self._values[register]
        return (value >> first & (1 << self._width) - 1) >> 8 * (offset % WORD)

    def _write(self, offset: int, size: int, value: int) -> None:
        del size
        register, first = self._place(offset)
        if register in _READ_ONLY or offset % WORD:
            return
        if register in (_LOAD, _RELOAD):
            mask = (1 << self._width) - 1
            self._values[register] = self._values[register] & ~(mask << first) | (value & mask) << first
        elif register == _EN:
            self._switch(bool(value & 1))
        elif register == _UPDATE and value & 1:
            self._values[_VALUE] = self._remaining()
        elif register == _PENDING:
            self._values[_PENDING] &= ~value
        elif register == _ENABLE:
            self._values[_ENABLE] = value & 1
        elif register == _LATCH and value & 1:
            self._values[_UPTIME] = self._counts(self._began)
        self._drive()

    def _counts(self, since: int) -> int:
        return max(0, self._slot.now() - since) * self._frequency // self._slot.ticks_per_second

    def _remaining(self) -> int:
        """Return the value of the counter."""
        return self._total - self._counts(self._origin) if self._values[_EN] else self._stands_at

    def _switch(self, on: bool) -> None:
        if on == bool(self._values[_EN]):
            return
        self._stands_at = self._remaining()
        self._values[_EN] = int(on)
        if on:
            self._origin, self._total = self._slot.now(), 0
            self._count_down(self._values[_LOAD] or self._values[_RELOAD])
        else:
            self._alarm.cancel()

    def _count_down(self, counts: int) -> None:
        """Come to the next zero after so many counts more; with 0, stop."""
        if not counts:
            self._values[_EN] = self._stands_at = 0
            return
        self._total += counts
        self._alarm.set(self._origin + -(-self._total * self._slot.ticks_per_second // self._frequency))

    def _reached(self) -> None:
        self._values[_PENDING] = 1
        self._count_down(self._values[_RELOAD])
        self._drive()

    def _drive(self) -> None:
        self.irq.set(bool(self._values[_PENDING] & self._values[_ENABLE]))
