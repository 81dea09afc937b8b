"""Core of a machine in steps as its user sees it; everything but its memory goes through Monitor commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.lockstep import monitor_text
from icmsg.engines.lockstep.bus import InterruptDelivery
from icmsg.engines.lockstep.core_types import SteppedConsole, played_command, runs_here, type_of, watched
from icmsg.engines.lockstep.monitor_text import CoreRegisters, monitor_path
from icmsg.engines.lockstep.records import Troubles
from icmsg.errors import EngineError
from icmsg.machine.base_machine import BaseCore
from icmsg.machine.console import Console
from icmsg.machine.events import EventKind
from icmsg.soc.soc import VPR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.lockstep.bus import PlacedBus
    from icmsg.engines.lockstep.core_types import CoreState
    from icmsg.engines.lockstep.stepper import CoreMachine
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Hang
    from icmsg.soc.soc import SocCore
    from icmsg.soc.wiring import ForceOff
    from icmsg.timers import ScheduledTimer


class SteppedCore(BaseCore):
    """A core that is halted (as after power-up), runs firmware, or is played by Python.

    Its state is changed by Monitor commands.
    """

    def __init__(self, machine: CoreMachine, place: SocCore, bus: PlacedBus) -> None:
        super().__init__(machine.soc, place, bus, Console())
        self._machine = machine
        self._started = False
        self._waits = False  # for the core that holds this one in reset
        self._resets = False  # the commands for what firmware asked for come with the next of Python's work
        self._vector_table: int | None = None
        self._told: CoreState | None = None  # by the last look, unless Python has changed it since
        self._releasing: ScheduledTimer | None = None
        self._let_go_ns = -1  # when Python heard of it; Renode does it at the next synchronization point
        self._played: InterruptDelivery | None = None
        self._placed_bus: Final = bus
        self.is_held_by_another: Final = place.reset_block is not None
        names = type_of(place).registers if runs_here(place) else {}
        self._registers: Final = CoreRegisters(place.cpu, names, machine.command)
        self.troubles: Final = Troubles(self)
        self.console_ways: Final = SteppedConsole(self, machine, place.uart)

    @property
    def is_halted(self) -> bool:
        """True while the core executes nothing (a core played by Python is not halted)."""
        self._look_at_release()
        return self._halted

    @property
    def is_played(self) -> bool:
        """True while Python plays the core."""
        return self._played is not None

    @property
    def waits_for_edges(self) -> bool:
        """True while Python plays the core and the interrupts of its mailbox are edges."""
        return self._played is not None and self._place.port is not None and self._place.port.kind.edge

    @property
    def is_vpr(self) -> bool:
        """True for a VPR, whose exceptions are those of RISC-V."""
        return self._place.kind == VPR

    # Firmware

    def load(self, firmware: str | Path | FirmwareImage) -> FirmwareImage:
        """Load an image into memory; :meth:`start` runs it. The core must be halted.

        Renode loads a file only while it is paused: after the machine has run, up to 10 ms of virtual time pass, in
        which all cores are held.

        Raises:
            FirmwareError: the file is not usable, or a part of it lies outside this core's memory.
            EngineError: the core runs, or is played by Python.
        """
        self._machine.check_open()
        type_of(self._place)  # or it refuses
        image = self._image_to_load(firmware)
        if image.is_elf_file:
            self._pause()
            self._do([f"sysbus LoadELF {monitor_path(Path(image.path))} cpu={self._place.cpu}"])
        else:  # Intel HEX, or an image that was made in memory; the bus drops translations of what is overwritten
            for segment in image.segments:
                self.bus.write_block(segment.load_address, segment.data)
        self._told, self._started = None, False
        self.image, self._vector_table = image, image.vector_table
        return image

    def _pause(self) -> None:
        """Take the lockstep away, with no core running meanwhile."""
        if not self._machine.stepper.is_active:
            return
        running = [core for core in self._machine.cores.values() if core.runs_firmware]
        for core in running:
            self._do([f"{core._place.cpu} IsHalted true"])
        self._machine.stepper.dispose()
        for core in running:
            self._do([f"{core._place.cpu} IsHalted false"])

    @property
    def runs_firmware(self) -> bool:
        """True while the core executes: neither halted, nor played, nor still held in reset."""
        return not self.is_halted and self._played is None and self._releasing is None

    def start(self) -> None:
        """Reset the core and the peripherals that belong to it alone, and let it run its image.

        Once the machine has run, the core is held in reset up to the next synchronization point.

        Raises:
            EngineError: no image is loaded, or the core is played by Python.
        """
        self._machine.check_open()
        self._check_startable(has_image=self._vector_table is not None)
        self._copy_image()
        self._reset()
        self._halted = self._waits = False
        self._started = True
        self._machine.emit(EventKind.CORE_STARTED, self.index)
        self._release()

    def _copy_image(self) -> None:
        """Copy the image to where it runs, as the firmware does that starts such a core."""
        if self.image is not None and self._place.is_launched:
            for segment in self.image.segments:
                if segment.run_address != segment.load_address:
                    self.bus.write_block(segment.run_address, segment.data)

    def wait_for_release(self) -> None:
        """Reset the core as :meth:`start`, and leave it to the core that holds this one to let it go.

        Raises:
            EngineError: no image is loaded, the core is played by Python, or nothing holds it.
        """
        self._machine.check_open()
        force_off = self._force_off
        if self._played is not None or self._vector_table is None or force_off is None:
            raise self._cannot_wait()
        self._reset()
        if force_off.start is None:
            self._do([f"{force_off.peripheral} NetworkVectorTable 0x{self._vector_table:08X}"])
        self._halted, self._started, self._waits = True, False, True

    def _look_at_release(self) -> None:
        """Find out whether a core that waited in reset was let go, where nobody writes that down."""
        waits = self._waits and not self._resets
        if waits and self._machine.command(f"{self._place.cpu} IsHalted").strip() == "False":
            self.was_released(self._machine.now_ns)

    def was_held(self, time_ns: int) -> None:
        """Note that the core was stopped and is held in reset."""
        if self._waits:
            return
        self._cancel_release()
        if not self._halted and self._played is None:
            self._halted = True
            self._machine.events.emit(time_ns, EventKind.CORE_HALTED, self.index)
        self._waits, self._started = self._played is None, False
        self._machine.events.emit(time_ns, EventKind.CORE_RESET, self.index)

    def was_released(self, time_ns: int) -> None:
        """Note that the core was let go; it executes from the next synchronization point on."""
        if self._halted and self._played is None:
            self._halted, self._started, self._waits = False, True, False
            self._let_go_ns = self._machine.now_ns
            self._machine.events.emit(time_ns, EventKind.CORE_STARTED, self.index)

    def was_restarted(self, time_ns: int) -> None:
        """Note that the core was reset, for example by its watchdog, and let go."""
        self._let_go_ns = self._machine.now_ns
        self._machine.events.emit(time_ns, EventKind.CORE_RESET, self.index)

    def asked_for_reset(self, time_ns: int) -> None:
        """Note that firmware has reset this core (SYSRESETREQ), and do it at this synchronization point."""
        self._machine.events.emit(time_ns, EventKind.CORE_RESET, self.index)
        if not self._resets:
            self._resets = True
            self._machine.clock.call_soon(self._do_as_asked)

    def asked_for_hold(self, time_ns: int) -> None:
        """Note that the core which holds this one was reset, and hold this one at this synchronization point."""
        self.was_held(time_ns)
        if not self._resets and self._played is None and self._vector_table is not None:
            self._resets = True
            self._machine.clock.call_soon(self._do_as_asked)

    def _do_as_asked(self) -> None:
        self._resets = False
        if self._waits:
            self.wait_for_release()
        else:
            self._reset()
            if not self._halted and self._played is None:
                self._release()

    def halt(self) -> None:
        """Stop executing; registers, memory and pending interrupts stay as they are."""
        self._waits = self._waits and self.is_halted
        if not self._halted and self._played is None:
            self._cancel_release()
            self._do([f"{self._place.cpu} IsHalted true"])
            self._halted = True
            self._machine.emit(EventKind.CORE_HALTED, self.index)

    def resume(self) -> None:
        """Go on where :meth:`halt` stopped."""
        self._machine.check_open()
        if self.is_halted and self._started:
            self._do([f"{self._place.cpu} IsHalted false"])
            self._halted = False
            self._machine.emit(EventKind.CORE_STARTED, self.index)

    def reset(self) -> None:
        """Reset this core and the peripherals that belong to it alone; all memories keep their contents.

        A core that runs starts again from its vector table at the next synchronization point, a halted one stays
        halted.
        """
        self._machine.check_open()
        self._look_at_release()
        self._reset()
        self._machine.emit(EventKind.CORE_RESET, self.index)
        if not self._halted and self._played is None:
            self._release()

    @property
    def _force_off(self) -> ForceOff | None:
        """Register by which another core holds this one in reset, if one does."""
        return self._machine.soc.force_off if self.is_held_by_another else None

    def _reset(self) -> None:
        self._cancel_release()
        self.troubles.forget()
        entry = type_of(self._place).entry if runs_here(self._place) else "PC"
        self._do(monitor_text.reset(self._place.cpu, entry, self._vector_table, self._place.own))

    def _release(self) -> None:
        if self._machine.stepper.is_active:
            self._releasing = self._machine.clock.call_later(1, self._run_firmware)
        else:
            self._run_firmware()

    def _run_firmware(self) -> None:
        self._releasing = None
        self._do([f"{self._place.cpu} IsHalted false"])

    def _cancel_release(self) -> None:
        if self._releasing is not None:
            self._releasing.cancel()
            self._releasing = None

    def _do(self, lines: Iterable[str]) -> None:
        self._told = None
        self._machine.stepper.leave_stop()
        for line in lines:
            self._machine.command(line)
        self._machine.take()

    # Python

    def play(self, *, latency_ns: int | None = None) -> InterruptDelivery:
        """Play this core by Python from now on; ``latency_ns`` as for the machine.

        Raises:
            EngineError: firmware runs on it; halt it first.
        """
        self._machine.check_open()
        if self._played is not None:
            return self._played
        self._check_playable()
        stepper, port = self._machine.stepper, self._place.port
        self._played = InterruptDelivery(
            self.name,
            self._machine.clock,
            is_set=self._machine.is_set,
            latency_ns=self._machine.latency_ns if latency_ns is None else latency_ns,
            follow=stepper.follow,
            ignore=stepper.ignore,
            edges=port.interrupts.values() if port is not None and port.kind.edge else (),
        )
        self._halted = False
        self.tell_played(True)
        return self._played

    def tell_played(self, played: bool) -> None:
        """Tell the peripheral that holds this core in reset whether to leave it to Python when it lets it go."""
        if (force_off := self._force_off) is not None:
            self._machine.command(played_command(force_off, played))

    def on_interrupt(self, interrupt: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` at external interrupt ``interrupt`` of this core, which Python plays.

        Raises:
            EngineError: firmware runs on the core, or nothing in the platform raises that interrupt.
        """
        wires = watched(self._place, interrupt)
        if not wires:
            raise EngineError(f"nothing in the platform raises interrupt {interrupt} of core {self.name}")
        lines = [self._machine.line(wire) for wire in wires]
        self.play().on_interrupt(interrupt, handler, lines)

    def line_rose(self, number: int, time_ns: int) -> None:
        """Note when an interrupt of this core was raised."""
        if self._played is not None:
            self._played.line_rose(number, time_ns)

    def look(self) -> None:
        """Queue the handlers of interrupts that are high."""
        if self._played is not None:
            self._played.look()

    def release(self) -> None:
        """Stop playing the core, or executing on it; it is halted then."""
        self._machine.check_open()
        if self._played is not None:
            self._played.release()
            self._played = None
            self._halted = True
            self.tell_played(False)
        else:
            self.halt()

    def emit(self, kind: EventKind, a: int = 0, b: int = 0) -> None:
        """Put an event of this core into the machine's stream."""
        self._machine.emit(kind, self.index, a, b)

    # What it does

    @property
    def registers(self) -> dict[str, int]:
        """The core registers, of a Cortex-M PC, SP, LR and XPSR; empty where no firmware was started.

        Empty, too, for a core of a type that is left to Renode's own commands.
        """
        self._look_at_release()
        return self._registers.main() if self._started else {}

    @property
    def lock_up(self) -> str:
        """The place and reason of the core's lock-up; empty where it is not locked up."""
        return self.troubles.lock_up

    def hangs(self) -> list[Hang]:
        """Return the interrupt of this core that never ends."""
        return self.troubles.hangs(self._vector_table or 0)

    def _frame_registers(self) -> dict[str, int]:
        return self._registers.all() if self._started else {}

    def close(self) -> None:
        """Refuse every access from now on."""
        self._placed_bus.close()
