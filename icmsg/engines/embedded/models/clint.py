"""The CLINT of RISC-V harts: their timer and their software interrupts (SiFive FE310-G002 manual, "CLINT").

MSIP of a hart at 4·hart, MTIMECMP at 0x4000 + 8·hart, MTIME at 0xBFF8. As in Renode, the interrupt of the timer rises
when MTIME comes to MTIMECMP, and falls only where MTIMECMP is written; outputs are 2·hart for MSIP and 2·hart + 1 for
the timer; and MTIMECMP reads 0 until it was written.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import Alarm
from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.slot import Slot

CLINT_BYTES: Final = 0x1_0000
_MSIP, _MTIMECMP, _PRESCALER, _MTIME = 0x0, 0x4000, 0x5000, 0xBFF8
_MOST: Final = 512
_LOW: Final = 0xFFFF_FFFF
_NEVER: Final = (1 << 64) - 1


class ClintModel(SizedModel):
    """CLINT for ``targets`` harts; ``slots`` has, by output, the core to which it is wired.

    MTIME counts ``frequency`` / ``divider`` times a second. ``time()`` is the tick of whoever accesses it, of
    ``ticks_per_second``. With ``tells_divider`` there is the register PRESCALER, as Mi-V has it.

    Raises:
        ConfigurationError: a number that cannot be.
    """

    def __init__(
        self,
        slots: Mapping[int, Slot],
        *,
        time: Callable[[], int],
        ticks_per_second: int,
        frequency: int,
        targets: int = 1,
        divider: int = 1,
        tells_divider: bool = False,
    ) -> None:
        if not 1 <= targets <= _MOST:
            raise ConfigurationError(f"numberOfTargets must be 1…{_MOST}, not {targets}")
        if frequency < 1 or divider < 1:
            raise ConfigurationError("frequency and divider must be 1 or more")
        self.outputs: Final = {number: Line() for number in range(2 * targets)}
        self._slots: Final = {number: slot for number, slot in slots.items() if number in self.outputs}
        self._time: Final = time
        self._up: Final = frequency
        self._down: Final = ticks_per_second * divider
        self._divider: Final = divider if tells_divider else None
        self._alarms: Final = {
            hart: Alarm(slot, partial(self._reached, hart))
            for hart in range(targets)
            if (slot := self._slots.get(2 * hart + 1)) is not None
        }
        self._software = [0] * targets
        self._written = [0] * targets  # what MTIMECMP reads
        self._compare = [_NEVER] * targets
        self._first = 0
        self._started = 0  # the tick at which MTIME was _first

    def reset(self) -> None:
        """Start MTIME at 0; the lines fall."""
        for values, value in ((self._software, 0), (self._written, 0), (self._compare, _NEVER)):
            values[:] = [value] * len(values)
        for alarm in self._alarms.values():
            alarm.reset()
        for line in self.outputs.values():
            line.set(False)
        self._first, self._started = 0, self._time()

    def mtime(self) -> int:
        """Return MTIME at the tick of whoever asks."""
        elapsed = max(0, self._time() - self._started)  # another core may have set it in this one's future
        return self._first + elapsed * self._up // self._down & _NEVER

    def _read(self, offset: int, size: int) -> int:
        if size != WORD or offset % WORD:
            raise self._nothing("read", offset, size)
        if (high := offset - _MTIME) in (0, WORD):
            return self.mtime() >> 8 * high & _LOW
        if offset == _PRESCALER and self._divider is not None:
            return self._divider
        if (hart := (offset - _MTIMECMP) // 8) in range(len(self._written)):
            return self._written[hart] >> 8 * (offset % 8) & _LOW
        if (hart := offset // WORD) < len(self._software):
            return self._software[hart]
        raise self._nothing("read", offset, size)

    def _write(self, offset: int, size: int, value: int) -> None:
        if size != WORD or offset % WORD:
            raise self._nothing("write", offset, size)
        shift = 8 * (offset % 8)
        if offset - _MTIME in (0, WORD):
            self._first = self.mtime() & ~(_LOW << shift) | value << shift
            self._started = self._time()
            for hart in self._alarms:
                self._plan(hart)
        elif (hart := (offset - _MTIMECMP) // 8) in range(len(self._written)):
            self._written[hart] = self._written[hart] & ~(_LOW << shift) | value << shift
            self._compare[hart] = self._compare[hart] & ~(_LOW << shift) | value << shift
            self.outputs[2 * hart + 1].set(False)
            self._plan(hart)
        elif (hart := offset // WORD) < len(self._software):
            self._software[hart] = value & 1
            self._drive(2 * hart, lambda: bool(self._software[hart]))
        else:
            raise self._nothing("write", offset, size)

    def _plan(self, hart: int) -> None:
        """Set the alarm of a hart to the tick at which MTIME comes to MTIMECMP; it rises at once where it has."""
        alarm, compare = self._alarms.get(hart), self._compare[hart]
        if compare <= self.mtime():
            if alarm is not None:
                alarm.cancel()
            self._drive(2 * hart + 1, lambda: self._compare[hart] <= self.mtime())
        elif alarm is not None:
            alarm.set(
                self._started - (self._first - compare) * self._down // self._up
            )  # rounded up: not before

    def _reached(self, hart: int) -> None:
        self.outputs[2 * hart + 1].set(True)

    def _drive(self, output: int, level: Callable[[], bool]) -> None:
        """Let a line follow a level: it rises when its core has come as far as the one that asks."""
        line, slot = self.outputs[output], self._slots.get(output)
        if not level():
            line.set(False)
        elif slot is None:
            line.set(True)
        else:
            slot.deliver(self._time(), lambda: line.set(level()))

    def _nothing(self, what: str, offset: int, size: int) -> BusError:
        return BusError(
            f"{what} of {size} bytes where a CLINT has no such register", address=offset, width=8 * size
        )
