"""The place of one core on the SoC: its address space, interrupt controller and console, whoever plays it.

A slot is empty (held halted, as after power-up), runs firmware, or is played by Python.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.clocks import FASTEST, LowFrequencyClock
from icmsg.engines.embedded.memory import AddressSpace
from icmsg.engines.embedded.processor import ignore
from icmsg.machine.console import Console
from icmsg.machine.events import EventKind, EventStream
from icmsg.timers import Action, Timers

if TYPE_CHECKING:
    from icmsg.engines.embedded.processor import Architecture, Processor, SystemRegisters
    from icmsg.engines.embedded.scheduler import Scheduler
    from icmsg.hw.model import IoModel
    from icmsg.timers import ScheduledTimer

_DOORBELL: Final = EventKind.DOORBELL
_INTERRUPT: Final = EventKind.INTERRUPT
_INTERRUPT_END: Final = EventKind.INTERRUPT_END
_INTERRUPT_TAKEN: Final = EventKind.INTERRUPT_TAKEN
_SLEEP: Final = EventKind.SLEEP

LineHandler = Callable[[int, bool], None]
"""(interrupt number, level)"""


class Power(Protocol):
    """Control of a core's power and reset, as other parts of the SoC have it."""

    is_played_elsewhere: bool

    @property
    def is_held(self) -> bool:
        """True while the core is held in reset."""

    @property
    def is_halted(self) -> bool:
        """True while the core executes nothing."""

    def hold(self) -> None:
        """Stop the core and hold it in reset, with the peripherals that belong to it alone."""

    def release_reset(self, entry: int | None = None) -> None:
        """Let the core start where its image says, or at ``entry``, if it is held or has never run."""

    def reset(self) -> None:
        """Reset the core and the peripherals that belong to it alone; one that runs starts again."""


class Slot:
    """One core's place; ``index`` is its number in events.

    ``ticks_per_second`` is the resolution of the machine's time, ``instruction_hz`` the core's speed after a reset
    (:meth:`set_speed` changes it), ``architecture`` makes its processor.
    """

    def __init__(
        self,
        *,
        name: str,
        index: int,
        ticks_per_second: int,
        instruction_hz: int,
        architecture: Architecture,
        scheduler: Scheduler,
        events: EventStream,
        nanoseconds: Callable[[int], int],
    ) -> None:
        self.name: Final = name
        self.index: Final = index
        self.ticks_per_second: Final = ticks_per_second
        self.instruction_hz = instruction_hz
        self.architecture: Final = architecture
        self.lfclk: Final = LowFrequencyClock()
        self._speed = 1
        self.stands = False
        """True while time passes without the core, which is not halted."""
        self.space: Final = AddressSpace(name)
        self.nvic: Final = architecture.make_controller()
        self.timers: Final = Timers()
        """Timers of this core while it runs firmware."""
        self.control: SystemRegisters | None = None
        self.bus: Final = CoreBus(self.space)
        self.console: Final = Console()
        self.peripherals: Final[list[IoModel]] = []
        """Peripherals that are reset together with the core: everything that only this core can reach."""
        self.edges: Final[set[int]] = set()
        """External interrupts that are latched where their line rises."""
        self.firmware: Processor | None = None
        self.power: Power | None = None
        self.on_line: LineHandler | None = None
        self._scheduler = scheduler
        self._emit = events.emit
        self._tell_at = events.tell_at
        self._tells_sleep = False
        events.when_wanted(EventKind.INTERRUPT_END, self._tell_ends)
        events.when_wanted(EventKind.INTERRUPT_TAKEN, self._tell_entries)
        events.when_wanted(EventKind.SLEEP, self._tell_sleep)
        self._nanoseconds = nanoseconds

    def now(self) -> int:
        """Return the tick at which this core is: its own where it runs firmware, else the machine's."""
        core = self.firmware
        if core is None:
            return self._scheduler.time()
        time, reached = core.now(), self._scheduler.now
        return time if time > reached else reached

    def retime(self) -> None:
        """The timers have changed: do not run past the next one."""
        if self.firmware is not None:
            self.firmware.retime()

    @property
    def ticks_per_instruction(self) -> int:
        """The duration of an instruction now."""
        return self.ticks_per_second // (self._speed * self.instruction_hz)

    def set_speed(self, times: int) -> None:
        """Let the core's clock run so many times as fast as after a reset, behind the instruction that runs.

        Instructions and SysTick follow.
        """
        if times != self._speed:
            self._speed = times
            if self.firmware is not None:
                self.firmware.set_rate(self.ticks_per_instruction)
            if self.control is not None:
                self.control.set_speed(times)

    def set_rate(self, instruction_hz: int) -> bool:
        """Let the core execute so many instructions a second after a reset; False where the tick is too coarse."""
        if self.ticks_per_second % (FASTEST * instruction_hz):
            return False
        self.instruction_hz = instruction_hz
        if self.firmware is not None:
            self.firmware.set_rate(self.ticks_per_instruction)
        return True

    def instructions(self) -> int:
        """Return how many instructions firmware has executed, exact within an access."""
        return 0 if self.firmware is None else self.firmware.executed()

    def at(self, time: int, action: Action) -> ScheduledTimer:
        """Run ``action`` when this core has come to ``time``; where it runs no firmware, at that time of the machine.

        Nothing runs while firmware is halted: what has become due meanwhile runs when it goes on.
        """
        core = self.firmware
        if core is None:
            return self._scheduler.at(time, action)
        entry = self.timers.at(time, action)
        core.retime()
        return entry

    def after_us(self, microseconds: int, action: Action) -> None:
        """Run ``action`` so much later, when every core has come that far; also where this core is halted."""
        ticks = -(-microseconds * self.ticks_per_second // 1_000_000)
        self._scheduler.at(self.now() + ticks, action)

    def hold(self) -> None:
        """Stop this core and hold it in reset: now, or after the instruction of the core that asks."""
        if self.power is not None:
            self._between_instructions(self.power.hold)

    def release_reset(self, entry: int | None = None) -> None:
        """End what :meth:`hold` began, in the same way."""
        if self.power is not None:
            self._between_instructions(partial(self.power.release_reset, entry))

    def restart(self) -> None:
        """Reset this core and what belongs to it alone, in the same way."""
        if self.power is not None:
            self._between_instructions(self.power.reset)

    def _between_instructions(self, action: Action) -> None:
        if self._scheduler.in_slice is None:
            action()
        else:
            self._scheduler.call_soon(action)

    def deliver(self, time: int, action: Action) -> None:
        """Run ``action`` when this core has come to ``time``; at once where no instruction stream can notice."""
        core = self.firmware
        if core is None or core not in self._scheduler.cores:
            action()
        else:
            self._scheduler.at_core(core, time, action)

    def signal_event(self) -> None:
        """Set the core's event register, which ends a WFE."""
        core = self.firmware
        if core is not None:
            core.signal_event()
            self._scheduler.attend(core)

    def occupy(self, core: Processor) -> None:
        """Let ``core`` run firmware here."""
        self.firmware = core
        core.slept = self.slept if self._tells_sleep else None
        self.nvic.changed = lambda: self._scheduler.attend(core)

    def vacate(self) -> None:
        """Free the firmware core, if there is one, and forget what it waited for."""
        core = self.firmware
        if core is not None:
            self.firmware = None
            self.nvic.changed = ignore
            if self.control is not None:
                self.control.reset()
            self.timers.clear()
            core.close()

    def emit(self, kind: EventKind, a: int = 0, b: int = 0) -> None:
        """Put an event of this core into the stream, at its own time."""
        time = self._scheduler.time() if self.firmware is None else self.now()
        self._emit(time, kind, self.index, a, b)

    def rang(self, channel: int) -> None:
        """Put a doorbell of this core into the stream."""
        self.emit(_DOORBELL, channel)

    def lost(self, channel: int, signals: int) -> None:
        """Put into the stream that a fault took ``signals`` from a doorbell of this core."""
        self.emit(EventKind.SIGNAL_LOST, channel, signals)

    def latch_edges(self, interrupt: int) -> None:
        """Let an external interrupt of this core become pending where its line rises, and only there."""
        self.edges.add(interrupt)
        self.nvic.latch_edges(interrupt)

    def set_line(self, interrupt: int, level: bool) -> None:
        """Drive one external interrupt of this core."""
        if level:
            self.emit(_INTERRUPT, interrupt)
        offered = self.nvic.set_line(interrupt, level)
        if self.on_line is not None:
            self.on_line(interrupt, offered)

    def _tell_ends(self, wanted: bool) -> None:
        self.nvic.ended = self.interrupt_ended if wanted else None

    def _tell_entries(self, wanted: bool) -> None:
        self.nvic.began = self.interrupt_taken if wanted else None

    def _tell_sleep(self, wanted: bool) -> None:
        self._tells_sleep = wanted
        if self.firmware is not None:
            self.firmware.slept = self.slept if wanted else None

    def interrupt_ended(self, interrupt: int) -> None:
        """Tell who listens that the handler of an external interrupt has returned."""
        self._tell_at(self.now(), _INTERRUPT_END, self.index, interrupt)

    def interrupt_taken(self, interrupt: int) -> None:
        """Tell who listens that the handler of an external interrupt is entered."""
        self._tell_at(self.now(), _INTERRUPT_TAKEN, self.index, interrupt)

    def slept(self, asleep: bool) -> None:
        """Tell who listens that firmware falls asleep, or wakes."""
        self._tell_at(self.now(), _SLEEP, self.index, int(asleep))

    def reset_peripherals(self) -> None:
        """Reset everything that belongs to this core alone."""
        for peripheral in self.peripherals:
            peripheral.reset()

    def print(self, data: bytes) -> int:
        """Take what the core's UART sends; return the virtual time of now in nanoseconds."""
        time_ns = self._nanoseconds(self.now())
        self.console.feed(data, time_ns)
        return time_ns

    def missed(self, count: int) -> None:
        """Count bytes that the core's UART did not receive."""
        self.console.missed += count

    def add_control(self, *, timer_hz: int, restart: Callable[[Slot], None]) -> None:
        """Give the core the registers of its processor; ``restart`` is called when firmware asks for a reset."""
        self.control = self.architecture.make_registers(
            self, self.space, timer_hz=timer_hz, restart=lambda: restart(self)
        )
