"""Core of an embedded machine as its user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.core_control import CoreConsole, PlayedCore
from icmsg.engines.embedded.firmware_watch import CoreStops, FirmwareWatches, ObservableCore
from icmsg.errors import EngineError
from icmsg.machine.base_machine import never
from icmsg.machine.events import EventKind
from icmsg.machine.machine import lock_up_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icmsg.engines.embedded.core_control import Receiver
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.processor import Processor, SystemRegisters
    from icmsg.engines.embedded.slot import Slot
    from icmsg.machine.image import FirmwareImage


ERASED: Final = 0xFFFF_FFFF
"""A word of flash to which nothing was written."""


class MachineCore(ObservableCore):
    """A core that is halted (as after power-up), runs firmware, or is played by Python."""

    def __init__(
        self,
        machine: EmbeddedMachine,
        slot: Slot,
        *,
        latency: int,
        retry: int,
        receiver: Receiver | None,
    ) -> None:
        super().__init__(machine.soc, machine.soc.cores[slot.name], slot.bus, slot.console)
        self._machine = machine
        self._slot = slot
        self._latency = latency
        self._retry = retry
        self._played: PlayedCore | None = None
        self._held = False
        self.is_played_elsewhere = False  # by somebody behind the Monitor: the SoC does not start it
        self._power_handlers: list[Callable[[bool], None]] = []
        self._watches = FirmwareWatches(lambda: slot.firmware)
        self._console: Final = CoreConsole(self, slot, receiver)
        self.stops: Final = CoreStops(lambda: slot.firmware)
        """Handlers that are called where firmware comes to an address or makes an access."""
        slot.power = self

    @property
    def is_held(self) -> bool:
        """True while the SoC holds the core in reset (FORCEOFF = 1)."""
        return self._held

    @property
    def is_played(self) -> bool:
        """True while Python plays the core."""
        return self._played is not None

    @property
    def firmware(self) -> Processor | None:
        """The core's instruction stream; None before firmware was started, and where Python plays the core."""
        return self._slot.firmware

    @property
    def system_control(self) -> SystemRegisters:
        """The registers of the interrupt controller, SysTick and the system control block."""
        assert self._slot.control is not None
        return self._slot.control

    def offers(self, interrupt: int) -> bool:
        """Return whether Python sees an external interrupt that plays this core."""
        return self._slot.nvic.offers(interrupt)

    @property
    def vector_table(self) -> int:
        """VTOR: the byte address of the vector table."""
        return self.system_control.vector_table

    @vector_table.setter
    def vector_table(self, address: int) -> None:
        self.system_control.vector_table = address

    # Firmware

    def load(self, firmware: str | Path | FirmwareImage) -> FirmwareImage:
        """Load an image into memory; :meth:`start` runs it. The core must be halted.

        Raises:
            FirmwareError: the file is not usable, or a part of it lies outside this core's memory.
            EngineError: the core runs, or is played by Python.
        """
        self._machine.check_between_instructions("load")
        image = self._image_to_load(firmware)
        table = image.vector_table
        self._slot.vacate()
        for segment in image.segments:
            self._slot.bus.write_block(segment.load_address, segment.data)
        self.vector_table = table
        self.image = image
        return image

    def start(self) -> None:
        """Reset the core and the peripherals that belong to it alone, and let it run its image, also if it is held.

        Raises:
            EngineError: no image is loaded, or the core is played by Python.
            CoreFault: the image's reset vector is no address of Thumb code.
        """
        self._machine.check_between_instructions("start")
        self._check_startable(has_image=self.image is not None)
        if self.image is not None and self._place.is_launched:
            for segment in self.image.segments:  # as the firmware that starts such a core does it
                if segment.run_address != segment.load_address:
                    self._slot.bus.write_block(segment.run_address, segment.data)
        self._slot.reset_peripherals()
        self.begin()

    def wait_for_release(self) -> None:
        """Reset as :meth:`start`, and begin when the core that holds this one in reset lets it go (FORCEOFF = 0).

        Raises:
            EngineError: no image is loaded, or the core runs or is played by Python.
        """
        self._machine.check_between_instructions("wait_for_release")
        if self._played is not None or self.image is None or not self._halted:
            raise self._cannot_wait()
        self._slot.reset_peripherals()
        self._held = True

    def begin(self, *, stack: int | None = None, entry: int | None = None) -> None:
        """Let the core run from its vector table, and touch nothing else.

        ``stack`` and ``entry`` replace the first two words of the table.

        Raises:
            CoreFault: the table is not in memory, or its reset vector is no address of Thumb code.
        """
        self._machine.start_core(self._slot, stack=stack, entry=entry)
        if self.image is not None:
            self._console.begin(self.image)
        self._watches.begin()
        self.stops.begin()
        self._halted = self._held = False
        self._slot.emit(EventKind.CORE_STARTED)

    def halt(self) -> None:
        """Stop executing; registers, memory and pending interrupts stay as they are."""
        if not self._halted and self._played is None:
            self._machine.stop_core(self._slot)
            self._halted = True
            self._slot.emit(EventKind.CORE_HALTED)

    def resume(self) -> None:
        """Go on where :meth:`halt` stopped."""
        self._machine.check_open()
        if self._halted and self._slot.firmware is not None:
            self._machine.resume_core(self._slot)
            self._halted = False
            self._slot.emit(EventKind.CORE_STARTED)

    def reset(self) -> None:
        """Reset this core and the peripherals that belong to it alone; all memories keep their contents.

        A core that runs starts again from its vector table, a halted one stays halted.

        Raises:
            CoreFault: the image's reset vector is no address of Thumb code.
        """
        self._machine.check_between_instructions("reset")
        self._slot.reset_peripherals()
        self.reset_alone()

    def reset_alone(self) -> None:
        """Reset this core and its interrupt controller, and no peripheral.

        Raises:
            CoreFault: the image's reset vector is no address of Thumb code.
        """
        self._machine.check_between_instructions("reset")
        self.reset_interrupts()
        if self._slot.firmware is not None:
            self._slot.firmware.reset(self._machine.time())
        self._slot.emit(EventKind.CORE_RESET)

    def reset_interrupts(self) -> None:
        """Reset the core's interrupt controller and SysTick alone."""
        self._slot.nvic.reset()
        if self._slot.control is not None:
            self._slot.control.reset()

    def power_down(self) -> None:
        """Go back to the state after power-up: halted, without registers; memories keep their contents.

        A core that Python plays stays played.
        """
        self._machine.check_between_instructions("power_down")
        self._slot.reset_peripherals()
        self._machine.stop_core(self._slot)
        self._slot.vacate()
        self.reset_interrupts()
        self._halted, self._held = self._played is None, False
        self._slot.emit(EventKind.CORE_RESET)

    # What the SoC does to the core

    def hold(self) -> None:
        """Stop the core and hold it in reset, with the peripherals that belong to it alone (FORCEOFF = 1).

        All memories keep their contents.
        """
        if not self._held:
            self._held = True
            self.halt()
            self.reset()
            self._tell_power(False)

    def release_reset(self, entry: int | None = None) -> None:
        """Let the core start where its image says, or at ``entry``, if it is held or has never run (FORCEOFF = 0).

        A core that Python plays learns it by :meth:`on_power`; one without an image, or code at ``entry``, stays
        halted.
        """
        held, self._held = self._held, False
        if self._played is not None:
            if held:
                self._tell_power(True)
        elif (
            self._halted and not self.is_played_elsewhere and (self.image is not None or self._is_code(entry))
        ):
            if entry is not None:
                self.vector_table = entry
            self._slot.reset_peripherals()
            self.begin()

    def _is_code(self, address: int | None) -> bool:
        if address is None or (found := self._slot.space.memory_at(address)) is None:
            return False
        return found.memory.words[(address - found.start) >> 2] not in (0, ERASED)

    def on_power(self, handler: Callable[[bool], None]) -> None:
        """Call ``handler(False)`` when the SoC holds this core in reset, ``handler(True)`` when it lets it go.

        How Python that plays the core learns that its peripherals were reset: a driver has to be set up again.
        """
        self._power_handlers.append(handler)

    def _tell_power(self, on: bool) -> None:
        for handler in self._power_handlers:
            handler(on)

    # Python

    def play(self, *, latency_ns: int | None = None) -> PlayedCore:
        """Play this core by Python from now on; ``latency_ns`` as for the machine.

        Raises:
            EngineError: firmware runs on it; halt it first.
        """
        self._machine.check_between_instructions("play")
        if self._played is not None:
            return self._played
        self._check_playable()
        latency = self._latency if latency_ns is None else self._machine.ticks(latency_ns)
        self._slot.vacate()
        self._played = PlayedCore(self._slot, self._machine.scheduler, latency=latency, retry=self._retry)
        self._halted = False
        return self._played

    def on_interrupt(self, interrupt: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` at external interrupt ``interrupt`` of this core, which Python plays."""
        self.play().on_interrupt(interrupt, handler)

    def emit(self, kind: EventKind, a: int = 0, b: int = 0) -> None:
        """Put an event of this core into the machine's stream."""
        self._slot.emit(kind, a, b)

    # What it does

    def open_time_ns(self) -> int:
        """Return the virtual time; EngineError if the machine is closed."""
        self._machine.check_open()
        return self._machine.now_ns

    @property
    def instructions(self) -> int:
        """Instructions executed by firmware since it was loaded."""
        return self._slot.firmware.instructions if self._slot.firmware is not None else 0

    @property
    def executed(self) -> int:
        """The same, exact also while a slice runs."""
        return self._slot.instructions()

    @property
    def progress(self) -> tuple[int, int]:
        """(instructions, tick): how far firmware has come; (0, 0) where there is none."""
        return (core.instructions, core.time) if (core := self._slot.firmware) is not None else (0, 0)

    @property
    def is_asleep(self) -> bool:
        """True while firmware sleeps, by WFI or WFE, and nothing has woken it."""
        return self._slot.firmware is not None and self._slot.firmware.asleep and not self.is_locked_up

    @property
    def never_wakes(self) -> bool:
        """True while firmware sleeps where no interrupt wakes it: a WFI with mstatus.MIE clear, where that needs it."""
        return getattr(self._slot.firmware, "never_wakes", False)

    @property
    def is_locked_up(self) -> bool:
        """True after firmware faulted where no fault handler can run: the core stands until its reset."""
        return self._slot.firmware is not None and self._slot.firmware.lock_up is not None

    @property
    def lock_up(self) -> str:
        """The place and reason of the core's lock-up; empty where it is not locked up."""
        if self._slot.firmware is None or (problem := self._slot.firmware.lock_up) is None:
            return ""
        text, pc = problem
        return lock_up_words(self, text, pc)

    def on_reach(self, place: int | str, handler: Callable[[], None]) -> Callable[[], None]:
        """Call ``handler()`` each time firmware comes to ``place``, directly before the instruction is executed.

        ``place`` is an address, or the name of a function of the core's image. All cores and Python stand meanwhile, at
        the core's exact tick. What the handler only reads changes nothing: no event and no hash. The function returned
        ends that. Nothing becomes slower but the coming to ``place``.

        Raises:
            FirmwareError: the image has no such name.
            EngineError: there can be no code.
        """
        return self.stops.on_reach(self._stop_address(place), handler)

    def run_to(self, place: int | str, *, timeout_ns: int, times: int = 1) -> None:
        """Run until firmware has come to ``place`` (as for :meth:`on_reach`) so often; all stands directly before it.

        The virtual time is the core's exact tick. The next run goes on there, with the same events and hash as one that
        was not stopped.

        Raises:
            VirtualTimeoutError: it did not come there within a virtual time.
            FirmwareError, EngineError: as :meth:`on_reach`.
        """
        address = self._stop_address(place)
        what = f"core {self.name} coming to {self.locate(address)}{f' {times} times' if times > 1 else ''}"
        self.stops.run_to(
            address, times, lambda: self._machine.run_until(never, timeout_ns=timeout_ns, what=what)
        )

    def _stop_address(self, place: int | str) -> int:
        address = self.address_of(place)
        if not self.can_stop_at(address):
            raise EngineError(
                f"core {self.name} cannot stop at 0x{address:08X}: it has no memory there, or none directly before it"
            )
        return address

    def can_stop_at(self, address: int) -> bool:
        """Return whether :meth:`on_reach` is possible: not at the very first address of a memory."""
        return all(self._slot.space.memory_at(at) is not None for at in (address - 1, address))

    @property
    def registers(self) -> dict[str, int]:
        """The core registers by name; empty where no firmware was started."""
        return self._slot.firmware.read_registers() if self._slot.firmware is not None else {}

    def release(self) -> None:
        """Stop whatever uses the core and free it."""
        self._machine.check_between_instructions("release")
        if self._played is not None:
            self._played.release()
            self._played = None
        self._machine.stop_core(self._slot)
        self._slot.vacate()
        self._halted = True
