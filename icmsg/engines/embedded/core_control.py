"""Control of a core from outside: by a person, a script or a console, and by Python that plays it.

A core of Renode runs unless it is halted, and takes stack pointer and first instruction from its vector table when
time passes the first time. So what is asked for before is kept here until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from icmsg.engines.embedded.processor import ignore
from icmsg.errors import CoreFault, EngineError, FirmwareError
from icmsg.ipc.clock import check_delay
from icmsg.machine.base_machine import PATIENCE, never_falls
from icmsg.machine.memory_console import MemoryConsoles, no_rtt, no_uart, nobody_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.scheduler import Scheduler
    from icmsg.engines.embedded.slot import Slot
    from icmsg.machine.console import ConsoleSink
    from icmsg.machine.image import FirmwareImage
    from icmsg.timers import ScheduledTimer

_LARGEST: Final = 0xFFFF_FFFF


class CoreControl:
    """Core of ``machine``; ``halted`` as its description says. ``tell`` is told what goes wrong later.

    Python that plays the core, or loads and starts it through :class:`MachineCore`, comes first.
    """

    def __init__(
        self, machine: EmbeddedMachine, core: MachineCore, *, halted: bool, tell: Callable[[str], None]
    ) -> None:
        self._machine: Final = machine
        self._core: Final = core
        self._tell = tell
        self._released = not halted
        self._kept: dict[str, int] = {}
        self._wait()

    @property
    def is_halted(self) -> bool:
        """True while the core does not run even when time passes; so it is where Python plays it."""
        core = self._core
        if core.is_played:
            return True
        return core.is_halted and (not self._released or core.is_held or core.firmware is not None)

    @is_halted.setter
    def is_halted(self, halted: bool) -> None:
        core = self._core
        if halted:
            self._released = False
            core.halt()
        elif core.is_played:
            raise EngineError(f"core {core.name} is played by Python; it has no firmware to run")
        elif core.firmware is not None:
            core.resume()
        else:
            self._released = True
            self._wait()

    @property
    def vector_table(self) -> int:
        """The byte address of the vector table (VTOR)."""
        return self._core.vector_table

    @vector_table.setter
    def vector_table(self, address: int) -> None:
        self._core.vector_table = address

    def registers(self) -> Mapping[str, int]:
        """Return the core registers by name; before the core has run, those that were set."""
        return self._core.registers or self._kept

    def write_register(self, name: str, value: int) -> None:
        """Set one core register; before the core has run, it begins with this value."""
        core = self._core
        if core.is_played:
            raise EngineError(f"core {core.name} is played by Python; it has no registers")
        if value > _LARGEST:
            raise EngineError("Value is too big to be expressed as UInt32")
        if core.firmware is not None:
            core.firmware.write_registers({name: value & ~1 if name == "PC" else value})
        else:
            self._kept[name] = value

    def load(self, image: FirmwareImage) -> None:
        """Write an image into memory, whatever the core does; one that has run goes on where it was until its reset.

        Raises:
            FirmwareError: a part of the image is outside of this core's memory.
        """
        core = self._core
        core.check_image(image)
        try:
            table = image.vector_table
        except FirmwareError:
            table = min(segment.load_address for segment in image.segments)
        for segment in image.segments:
            core.bus.write_block(segment.load_address, segment.data)
        core.vector_table = table
        core.image = image

    def reset(self) -> None:
        """Reset the core and its interrupt controller, nothing else; one that runs starts from its vector table."""
        self._kept.clear()
        try:
            self._core.reset_alone()
        except CoreFault as fault:
            self._core.halt()
            self._tell(str(fault))

    def power_down(self, *, halted: bool) -> None:
        """Put the core into its state after power-up, its image's place and its memory kept."""
        self._kept.clear()
        self._core.power_down()
        self._released = not halted
        self._wait()

    @property
    def single_step(self) -> bool:
        """True while the core executes only what :meth:`step` asks for."""
        return self._machine.slots[self._core.name].stands

    @single_step.setter
    def single_step(self, on: bool) -> None:
        core, slot = self._core, self._machine.slots[self._core.name]
        slot.stands = on
        if on:
            self._machine.stop_core(slot)
        elif not core.is_halted and not core.is_played:
            self._machine.resume_core(slot)

    @property
    def instruction_hz(self) -> int:
        """Instructions a second of virtual time, at the clock that the core has after a reset."""
        return self._machine.slots[self._core.name].instruction_hz

    def set_rate(self, instruction_hz: int) -> bool:
        """Change :attr:`instruction_hz`; False where the machine's tick is too coarse for that."""
        return self._machine.slots[self._core.name].set_rate(instruction_hz)

    def step(self, count: int) -> None:
        """Let the core execute ``count`` instructions, and the others as much as fits into that time.

        It executes only what is asked for from then on.
        """
        if count < 0:
            raise EngineError(f"a core cannot step {count} instructions")
        self.single_step = False
        try:
            self._machine.step(self._core, count)
        finally:
            self.single_step = True

    def _wait(self) -> None:
        if self._released and self._start not in self._machine.before_run:
            self._machine.before_run.append(self._start)

    def _start(self) -> None:
        core = self._core
        if not self._released or core.is_played or core.is_held or core.firmware is not None:
            return
        self._released = False
        kept, self._kept = self._kept, {}
        entry = kept.pop("PC", None)
        # As in Renode, a core whose PC was set does not look at its vector table.
        stack = kept.pop("SP", None if entry is None else 0)
        try:
            core.begin(stack=stack, entry=entry if entry is None else entry | 1)
        except CoreFault as fault:
            core.power_down()
            self._tell(f"{fault}. CPU was halted.")
            return
        if kept and core.firmware is not None:
            core.firmware.write_registers(kept)


class Receiver(Protocol):
    """The receiving half of a UART; ``missed(count)`` is told of bytes that firmware did not take."""

    missed: Callable[[int], None]

    @property
    def is_on(self) -> bool:
        """True while firmware has it on."""

    def write(self, data: bytes) -> None:
        """Send bytes to firmware."""


@runtime_checkable
class ConsoleModel(Protocol):
    """A UART: ``sinks`` are called with all bytes that it sends, and their virtual time."""

    sinks: list[ConsoleSink]

    @property
    def receiver(self) -> Receiver:
        """The receiving half."""

    @property
    def baud_rate(self) -> int:
        """Bits a second, rounded."""


class CoreConsole:
    """The console of ``core``, in ``slot``; ``receiver`` is that of its UART, None where it has none."""

    def __init__(self, core: MachineCore, slot: Slot, receiver: Receiver | None) -> None:
        self._core: Final = core
        self._slot: Final = slot
        self._receiver: Final = receiver
        self._memory: MemoryConsoles | None = None
        if receiver is not None:
            receiver.missed = slot.missed
        slot.console.connect_input(self._write)

    def begin(self, image: FirmwareImage) -> None:
        """Look from now on, after each slice, for what ``image`` prints into memory."""
        core = self._slot.firmware
        self._memory = MemoryConsoles(self._slot.bus, image.symbols)
        if core is not None:
            core.after_slice = self._poll if self._memory.each else None

    def _poll(self) -> None:
        assert self._memory is not None
        self._memory.poll(self._slot.print)

    def _write(self, data: bytes, through: str | None) -> int:
        time_ns = self._core.open_time_ns()
        if self._core.is_played:
            raise nobody_reads(self._core.name)
        rtt = None if self._memory is None else self._memory.rtt
        receiver = self._receiver
        if through is None:
            through = "uart" if rtt is None or (receiver is not None and receiver.is_on) else "rtt"
        if through == "rtt":
            if rtt is None:
                raise no_rtt(self._core.name)
            rtt.write(data)
        else:
            if receiver is None:
                raise no_uart(self._core.name)
            receiver.write(data)
        return time_ns


class PlayedCore:
    """Delivers the interrupt lines of ``slot``; ``latency`` and ``retry`` are ticks.

    A handler runs at the tick at which the line rose plus ``latency``. It must make the line fall, as a driver does
    by acknowledging; where it does not, it runs again after ``retry``, as an interrupt that stays high would. Where the
    interrupt latches edges it runs once for each, whatever the line does, and not before ``retry`` has passed: a VPR
    with the work-around for errata 16 of the nRF54L reads its own event back, before a handler may have cleared it.
    """

    def __init__(self, slot: Slot, scheduler: Scheduler, *, latency: int, retry: int) -> None:
        self.latency: Final = latency
        self._retry = max(latency, retry)
        self._slot = slot
        self._nvic = slot.nvic
        self._edges = slot.edges
        self._scheduler = scheduler
        self._handlers: dict[int, Callable[[], None]] = {}
        self._levels: set[int] = set()
        self._queued: dict[int, ScheduledTimer] = {}
        self._ignored: dict[int, int] = {}
        slot.on_line = self._line
        slot.nvic.changed = self._look

    def on_interrupt(self, interrupt: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` for external interrupt ``interrupt``; a line that is high already counts as rising now."""
        self._handlers[interrupt] = handler
        if self._nvic.offers(interrupt):
            self._line(interrupt, True)

    def release(self) -> None:
        """Stop playing the core: nothing that is queued runs any more."""
        for entry in self._queued.values():
            entry.cancel()
        self._queued.clear()
        self._handlers.clear()
        self._slot.on_line = None
        self._nvic.changed = ignore

    def _look(self) -> None:
        """Look again at what the interrupt controller offers."""
        for interrupt in self._handlers:
            level = self._nvic.offers(interrupt)
            if level is not (interrupt in self._levels) and interrupt not in self._edges:
                self._line(interrupt, level)

    def _line(self, interrupt: int, level: bool) -> None:
        if not level:
            if interrupt not in self._edges:
                self._levels.discard(interrupt)
        elif interrupt in self._handlers:
            self._levels.add(interrupt)
            if interrupt not in self._queued:
                is_edge = interrupt in self._edges
                self._queue(interrupt, self._retry if is_edge else self.latency)

    def _queue(self, interrupt: int, delay: int) -> None:
        scheduler = self._scheduler
        self._queued[interrupt] = scheduler.at(scheduler.time() + delay, lambda: self._run(interrupt))

    def _run(self, interrupt: int) -> None:
        del self._queued[interrupt]
        if interrupt not in self._levels:
            return  # acknowledged before the handler's turn: no interrupt is taken
        if interrupt in self._edges:
            self._levels.discard(interrupt)
        try:
            if (began := self._nvic.began) is not None:
                began(interrupt)
            self._handlers[interrupt]()
            if (ended := self._nvic.ended) is not None:
                ended(interrupt)
        finally:
            self._look_again(interrupt)

    def _look_again(self, interrupt: int) -> None:
        if interrupt not in self._levels or interrupt in self._queued:
            self._ignored.pop(interrupt, None)
            return
        self._queue(interrupt, self._retry)
        ignored = self._ignored[interrupt] = self._ignored.get(interrupt, 0) + 1
        if ignored >= PATIENCE:
            self._ignored.clear()
            raise never_falls(self._slot.name, interrupt)


class MachineClock:
    """Virtual time as :class:`icmsg.ipc.clock.Clock` gives it to the state machines of Python-played cores."""

    def __init__(self, scheduler: Scheduler, ticks_per_second: int) -> None:
        self._scheduler = scheduler
        self._ticks_per_second = ticks_per_second

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self._scheduler.time() * 1_000_000_000 // self._ticks_per_second

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call at the end of the current Python step, at the same virtual time, first in, first out."""
        self._scheduler.call_soon(callback)

    def call_later(self, delay_ns: int, callback: Callable[[], None]) -> ScheduledTimer:
        """Call after ``delay_ns`` (rounded up to the machine's resolution); the entry can be cancelled.

        Raises:
            ConfigurationError: as :func:`icmsg.ipc.clock.check_delay`.
        """
        check_delay(delay_ns)
        scheduler = self._scheduler
        ticks = -(-delay_ns * self._ticks_per_second // 1_000_000_000)
        return scheduler.at(scheduler.time() + ticks, callback)
