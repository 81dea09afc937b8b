"""Timers of cores and SoCs but Nordic's: CLINT of RISC-V harts, LiteX's timer, and the DWT of Cortex-M cores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import Alarm
from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.model import RegisterModel, SizedModel, on_read, on_write
from icmsg.hw.registers import WORD, Access, Field, Register, RegisterBlock

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

    MSIP of a hart is at 4·hart, MTIMECMP at 0x4000 + 8·hart, MTIME at 0xBFF8 (SiFive FE310-G002 manual, "CLINT"). As in
    Renode, the interrupt of the timer rises when MTIME comes to MTIMECMP, and falls only where MTIMECMP is written;
    outputs are 2·hart for MSIP and 2·hart + 1 for the timer; and MTIMECMP reads 0 until it was written.

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


_LOAD, _RELOAD, _EN, _UPDATE, _VALUE, _STATUS, _PENDING, _ENABLE, _LATCH, _UPTIME = range(10)
_BITS: Final = {_LOAD: 32, _RELOAD: 32, _VALUE: 32, _UPTIME: 64}
_READ_ONLY: Final = (_VALUE, _STATUS, _UPTIME)


class LitexTimerModel(SizedModel):
    """Timer of the core in ``slot`` that counts ``frequency`` times a second; its CSRs have ``width`` bits.

    It counts down from LOAD, then from RELOAD; beside it all cycles are counted (LiteX, ``timer.py``). Its registers
    are words apart; in a SoC with CSRs of eight bits each has a byte of the value, the highest one first.

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


COMPARATORS: Final = 4

DWT: Final = RegisterBlock(
    "DWT",
    (
        Register(
            "CTRL",
            0x000,
            reset=COMPARATORS << 28,
            fields=(
                Field("CYCCNTENA", 0, meaning="1 counts cycles"),
                Field("NUMCOMP", 28, width=4, access=Access.R),
            ),
        ),
        Register("CYCCNT", 0x004, meaning="cycles of the core's clock, 32 bits"),
        Register("CPICNT", 0x008),
        Register("EXCCNT", 0x00C),
        Register("SLEEPCNT", 0x010),
        Register("LSUCNT", 0x014),
        Register("FOLDCNT", 0x018),
        Register("PCSR", 0x01C, access=Access.R),
        Register("COMP", 0x020, count=COMPARATORS, stride=0x10),
        Register("FUNCTION", 0x028, count=COMPARATORS, stride=0x10),
        Register("LAR", 0xFB0, access=Access.W),
        Register("LSR", 0xFB4, access=Access.R),
        Register("DEVARCH", 0xFBC, access=Access.R, reset=0x47701A02),
    ),
    source="Armv8-M Architecture Reference Manual, D1 (DWT)",
)


_CYCCNTENA: Final = 1
_CONSTANT: Final = 0xF << 28
_MASK: Final = 0xFFFFFFFF


class DwtModel(RegisterModel):
    """The DWT of the core in ``slot``, whose clock has ``frequency`` Hz at the core's first rate.

    CYCCNT is what firmware measures and waits with; comparators and other counters are stored only.

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
        self._since = self._slot.instructions() if value & _CYCCNTENA else None

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
