"""The nRF54's GRTC: counts microseconds of virtual time, for all cores, exactly.

The counter's value follows from the tick of the core that asks, so counting costs nothing. It counts from power-up on,
whether or not somebody has started it (MODE, the sleep of the counter and what wakes it are stored only; where no
firmware runs on the core that starts it, :func:`~icmsg.machine.boot.start_firmware` sets MODE). TASKS_STOP stops
it, which is what BUSY says.

A channel that is enabled has its event when the counter has come to CC or is behind it already, and is disabled by
that; a write of CCL and a capture disable it, too, a write of CCH or CCADD enables it. Each core sees that at its own
time. Where the interrupt of the event is enabled, it comes at the exact tick of the core to which the group's output is
wired. The DPPI's registers, PWM and clock outputs are stored only.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import Alarm
from icmsg.errors import ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf54_peripherals import (
    BUSY,
    CHANNELS,
    COUNTER_MASK,
    GROUPS,
    GRTC_HZ,
    MOST,
    OVERFLOW,
    REFERENCE_CC,
    grtc,
)
from icmsg.timers import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.slot import Slot

_LOW: Final = 0xFFFFFFFF


class NrfGrtcModel(RegisterModel):
    """GRTC for all cores; ``slots`` has, by interrupt group, the core to which the group's output is wired.

    ``time()`` is the tick of whoever accesses it, of ``ticks_per_second``.

    Raises:
        ConfigurationError: no channel or group, or more than the register map has room for.
    """

    def __init__(
        self,
        slots: Mapping[int, Slot],
        *,
        base: int,
        time: Callable[[], int],
        ticks_per_second: int,
        channels: int = CHANNELS,
        groups: int = GROUPS,
    ) -> None:
        if not (1 <= channels <= MOST and 1 <= groups <= MOST):
            raise ConfigurationError(f"channels and groups must be 1…{MOST}, not {channels} and {groups}")
        super().__init__(grtc(channels, groups), base=base)
        self.outputs: Final = {group: Line() for group in range(groups)}
        self._slots = {group: slot for group, slot in slots.items() if group in self.outputs}
        self._time = time
        self._rate = ticks_per_second
        self._alarms = {
            slot.name: [Alarm(slot, partial(self._reached, channel)) for channel in range(channels)]
            for slot in self._slots.values()
        }
        self._cc = [0] * channels
        self._active = 0
        self._latched = 0
        self._enabled = [0] * groups  # INTEN, as it was last looked at
        self._high_word: dict[int, int] = {}
        """The high word at each group's last read of the low one."""
        self._running = True
        self._started = 0  # the tick at which the counter was _first
        self._first = 0

    def reset(self) -> None:
        """Start the counter at 0, as at power-up, and reset the registers; the lines fall."""
        super().reset()
        self._active = self._latched = 0
        self._cc[:] = [0] * len(self._cc)
        self._enabled[:] = [0] * len(self._enabled)
        self._high_word.clear()
        for alarms in self._alarms.values():
            for alarm in alarms:
                alarm.reset()
        self._running = True
        self._count_from(0)
        self._drive()

    # Counting

    def _counter(self) -> int:
        if not self._running:
            return self._first
        elapsed = max(
            0, self._time() - self._started
        )  # one core may have cleared it before another one's time
        return (self._first + elapsed * GRTC_HZ // self._rate) & COUNTER_MASK

    def _count_from(self, value: int) -> None:
        self._first = value
        self._started = self._time()
        for channel in range(len(self._cc)):
            self._plan(channel)

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1 and not self._running:
            self._running = True
            self._count_from(self._first)

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            first, self._running = self._counter(), False
            self._count_from(first)

    @on_write("TASKS_CLEAR")
    def _clear(self, _index: int, value: int) -> None:
        if value & 1:
            self._count_from(0)

    @on_read("SYSCOUNTERL")
    def _read_low(self, group: int) -> int:
        value = self._counter()
        self._high_word[group] = value >> 32
        return value & _LOW

    @on_read("SYSCOUNTERH")
    def _read_high(self, group: int) -> int:
        high = self._counter() >> 32
        overflown = self._high_word.get(group, high) != high
        return high | (OVERFLOW if overflown else 0) | (0 if self._running else BUSY)

    # Capture and compare

    @on_read("CCL")
    def _read_cc_low(self, channel: int) -> int:
        return self._cc[channel] & _LOW

    @on_read("CCH")
    def _read_cc_high(self, channel: int) -> int:
        return self._cc[channel] >> 32

    @on_read("CCEN")
    def _read_enabled(self, channel: int) -> int:
        return int(self._is_waiting(channel))

    @on_write("TASKS_CAPTURE")
    def _capture(self, channel: int, value: int) -> None:
        if value & 1:
            self._set(channel, self._counter(), active=False)

    @on_write("CCL")
    def _write_cc_low(self, channel: int, value: int) -> None:
        self._set(channel, self._cc[channel] & ~_LOW | value, active=False)

    @on_write("CCH")
    def _write_cc_high(self, channel: int, value: int) -> None:
        self._set(channel, value << 32 | self._cc[channel] & _LOW)

    @on_write("CCADD")
    def _add(self, channel: int, value: int) -> None:
        reference = self._cc[channel] if value & REFERENCE_CC else self._counter()
        self._set(channel, reference + (value & ~REFERENCE_CC))

    @on_write("CCEN")
    def _enable(self, channel: int, value: int) -> None:
        self._set(channel, self._cc[channel], active=bool(value & 1))

    def _set(self, channel: int, value: int, *, active: bool = True) -> None:
        self._settle(channel)
        self._cc[channel] = value & COUNTER_MASK
        self._active = self._active & ~(1 << channel) | active << channel
        self._settle(channel)
        self._plan(channel)

    @on_write("INTERVAL")
    def _repeat(self, _index: int, _value: int) -> None:
        self._plan(0)

    # Events

    def _is_waiting(self, channel: int) -> bool:
        return bool(self._active >> channel & 1) and self._cc[channel] > self._counter()

    def _seen(self) -> int:
        """Return the events that have happened, as the one who asks sees it."""
        now = self._counter()
        return self._latched | sum(
            1 << channel for channel, cc in enumerate(self._cc) if self._active >> channel & 1 and cc <= now
        )

    @on_read("EVENTS_COMPARE")
    def _read_event(self, channel: int) -> int:
        return self._seen() >> channel & 1

    @on_write("EVENTS_COMPARE")
    def _write_event(self, channel: int, value: int) -> None:
        self._settle(channel)
        self._latched = self._latched & ~(1 << channel) | (value & 1) << channel
        self._drive()

    @on_read("INTPEND")
    def _pending(self, group: int) -> int:
        return self._seen() & self._enabled[group]

    @on_write("INTEN")
    def _enable_interrupts(self, group: int, value: int) -> None:
        changed, self._enabled[group] = value ^ self._enabled[group], value
        for channel in range(len(self._cc)):
            if changed >> channel & 1:
                self._settle(channel)
                self._plan(channel)
        self._drive()

    def _settle(self, channel: int) -> None:
        """Let the event happen that nothing waited for, if it is due."""
        if self._active >> channel & 1 and not self._is_waiting(channel):
            self._happen(channel)

    def _reached(self, channel: int) -> None:
        self._settle(channel)
        self._plan(channel)

    def _happen(self, channel: int) -> None:
        interval = self.peek("INTERVAL") if channel == 0 else 0
        if interval:  # behind the present: those that were missed are one event
            missed = (self._counter() - self._cc[0]) // interval
            self._cc[0] = self._cc[0] + (missed + 1) * interval & COUNTER_MASK
        else:
            self._active &= ~(1 << channel)
        self._latched |= 1 << channel
        self._drive()

    def _plan(self, channel: int) -> None:
        """Set the alarms of the cores that wait for the event to the tick at which the counter comes to CC."""
        waiting = self._running and self._active >> channel & 1
        ahead = self._cc[channel] - self._first
        due = self._started - (-ahead * self._rate // GRTC_HZ) if waiting else NEVER  # rounded up: not before
        repeats = channel == 0 and self.peek("INTERVAL")
        for name, alarms in self._alarms.items():
            if due < NEVER and (repeats or self._wakes(name, channel)):
                alarms[channel].set(due)
            else:
                alarms[channel].cancel()

    def _wakes(self, core: str, channel: int) -> bool:
        return any(
            slot.name == core and self._enabled[group] >> channel & 1 for group, slot in self._slots.items()
        )

    def _drive(self) -> None:
        for group, slot in self._slots.items():
            line = self.outputs[group]
            if not self._latched & self._enabled[group]:
                line.set(False)
            elif not line.level:
                slot.deliver(self._time(), partial(self._raise, group))

    def _raise(self, group: int) -> None:
        self.outputs[group].set(bool(self._latched & self._enabled[group]))
