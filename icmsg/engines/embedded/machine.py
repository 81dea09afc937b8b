"""The embedded engine's machine: a platform file brought to life, with cores that run firmware or Python."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded import foreign_cores
from icmsg.engines.embedded.build import Builder
from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.clocks import read_rates
from icmsg.engines.embedded.core_control import ConsoleModel, MachineClock
from icmsg.engines.embedded.machine_core import MachineCore
from icmsg.engines.embedded.models.board_devices import place_on_pins
from icmsg.engines.embedded.models.nrf_system import CoreHolder
from icmsg.engines.embedded.models.stand_in import announced
from icmsg.engines.embedded.scheduler import HangGuard, Scheduler
from icmsg.errors import ConfigurationError, CoreFault, EngineError
from icmsg.machine.base_machine import BaseMachine
from icmsg.machine.events import EventKind, EventStream
from icmsg.machine.interruption import HeldSignals
from icmsg.machine.machine import AccessWarning
from icmsg.timers import US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from icmsg.engines.embedded.memory import Memory
    from icmsg.engines.embedded.memory_groups import MemoryPart
    from icmsg.engines.embedded.models.python_peripheral import ScriptMaker
    from icmsg.engines.embedded.processor import Processor
    from icmsg.engines.embedded.slot import Slot
    from icmsg.engines.embedded.wiring import Model
    from icmsg.machine.machine import Hang
    from icmsg.soc.platform import PlatformDescription
    from icmsg.soc.wiring import Tag
    from icmsg.timers import Timers

DEFAULT_QUANTUM_NS: Final = 100 * US
DEFAULT_LATENCY_NS: Final = 1 * US
_MOST_WARNINGS: Final = 1000


class EmbeddedMachine(BaseMachine[MachineCore]):
    """An emulated SoC.

    ``platform`` is the path of a Renode platform file or its description (default: the shipped nRF5340).
    ``quantum_ns`` is how far a running core may get ahead of another one and of the caller (where it is above 10 ms,
    10 ms), ``latency_ns`` the time from a rising interrupt line to the Python handler of a played core; 0 = at the
    exact instruction. A platform none of whose cores is executed here is taken where it may be ``coreless``.
    ``scripts`` makes the scripts of peripherals that are Python, by default without a Monitor's names. The same inputs
    give the same :meth:`trace_sha256`, whatever steps :meth:`run_for` takes. Use it as a context manager, or call
    :meth:`close`.

    Raises:
        PlatformError: the platform file cannot be read, or has something that this engine does not model.
    """

    engine: Final = "embedded"

    def __init__(
        self,
        platform: str | Path | PlatformDescription | None = None,
        *,
        quantum_ns: int = DEFAULT_QUANTUM_NS,
        latency_ns: int = DEFAULT_LATENCY_NS,
        coreless: bool = False,
        scripts: ScriptMaker | None = None,
    ) -> None:
        if quantum_ns <= 0 or latency_ns < 0:
            raise ConfigurationError("the quantum must be > 0 and the latency ≥ 0 nanoseconds")
        soc, self.foreign_cores = foreign_cores.read(platform, coreless=coreless)
        rates = read_rates(soc)
        super().__init__(soc, EventStream(rates.ticks_per_second))
        self._ticks_per_second = rates.ticks_per_second
        self._quantum_ns = quantum_ns
        self.before_run: Final[list[Callable[[], None]]] = []
        """Called once each, before time passes the next time."""
        ticks_per_us = -(-rates.ticks_per_second // 1_000_000)
        self.scheduler = Scheduler(ticks_per_us=ticks_per_us, quantum=self.ticks(quantum_ns))
        now, touched = self._nanoseconds, self._touched_stand_in
        self._parts = Builder(self.soc, rates, self.scheduler, self.events, now, touched, scripts)
        idle = "" if soc.cores else foreign_cores.announced(self.foreign_cores)
        self.announcement = "; ".join(filter(None, (idle, announced(self.stand_ins, self._parts.left_out))))
        self.pin_devices: Final = place_on_pins(self.description, self._parts.models, lambda: self.now_ns)
        """LEDs and buttons by their names in the platform file."""
        self._warnings: dict[tuple[str, str, int], AccessWarning] = {}
        self._warned: dict[tuple[str, str, int], int] = {}
        self.warnings_left_out = 0
        """Warnings beyond the first 1000 different ones: counted, not kept."""
        self.slots: Final[Mapping[str, Slot]] = self._parts.slots
        self.spaces: Final = (*(slot.space for slot in self.slots.values()), self._parts.common)
        self.bus: Final = CoreBus(self._parts.common)
        """The addresses that belong to no core, for whoever looks from outside."""
        self.clock: Final = MachineClock(self.scheduler, rates.ticks_per_second)
        for name, slot in self.slots.items():
            models: Iterable[object] = (self._parts.models.get(uart) for uart in soc.cores[name].uarts)
            consoles = [model for model in models if isinstance(model, ConsoleModel)]
            slot.add_control(timer_hz=rates.systick_hz[name], restart=self._restart)
            self.cores[name] = MachineCore(
                self,
                slot,
                latency=self.ticks(latency_ns),
                retry=self.ticks(US),
                receiver=consoles[0].receiver if consoles else None,
            )
        self.scheduler.stopped = lambda core: self.cores[core.name].stops.tell(core)
        self._reached = 0, 0  # the last deadline: its tick, and the nanosecond that was asked for
        self._guard = HangGuard(self)

    # Time

    @property
    def quantum_ns(self) -> int:
        """The time that a running core may get ahead of another one; may be changed while no time passes."""
        return self._quantum_ns

    @quantum_ns.setter
    def quantum_ns(self, quantum_ns: int) -> None:
        if quantum_ns <= 0:
            raise ConfigurationError("the quantum must be > 0 nanoseconds")
        self.check_between_instructions("changing the quantum")
        self._quantum_ns = quantum_ns
        self.scheduler.set_quantum(self.ticks(quantum_ns))

    @property
    def now_ns(self) -> int:
        """The virtual time in nanoseconds."""
        return self._nanoseconds(self.scheduler.time())

    def _deadline(self, ns: int) -> int:
        """Return the tick ``ns`` from now; waits that follow each other do not add up their rounding."""
        (tick, exact), now = self._reached, self.scheduler.time()
        if tick != now:
            exact = self._nanoseconds(now)
        until = self.ticks(exact + ns)
        self._reached = until, exact + ns
        return until

    def _advance(self, ns: int, satisfied: Callable[[], bool] | None) -> bool:
        """Let time pass.

        A core that runs firmware may get up to one quantum further; one that sleeps wakes at its exact time. One that
        faults where no fault handler can run stops alone (:attr:`MachineCore.is_locked_up`).

        Ctrl-C, and any other signal that Python handles, is held until a slice or a callback has ended. The machine
        can run on then: no event and no hash is different from those of a run that was not interrupted.
        """
        return self._run_to(self._deadline(ns), satisfied)

    def _run_to(self, until: int, satisfied: Callable[[], bool] | None) -> bool:
        try:
            with HeldSignals() as held:
                while self.before_run:
                    self.before_run.pop(0)()
                return self.scheduler.run(until, satisfied, held)
        except CoreFault as fault:
            where = self.core(fault.core).locate(fault.pc)
            raise CoreFault(f"{fault} ({where})", core=fault.core, pc=fault.pc) from None

    def step(self, core: MachineCore, count: int) -> None:
        """Let time pass until ``core``, if it does not sleep, has executed exactly ``count`` more instructions.

        Raises CoreFault and EngineError as :meth:`run_until`.
        """
        self._alone(lambda: self._run_to(self.scheduler.now, None))
        firmware = core.firmware
        if firmware is not None:
            until = max(firmware.time, self.scheduler.now) + count * firmware.ticks_per_instruction
            self.scheduler.at(until, lambda: None)
            self._alone(lambda: self._run_to(until, None))

    def reset(self) -> None:
        """Reset all cores and peripherals; memories keep their contents, and no core runs afterwards.

        Raises:
            EngineError: called from within an instruction of a core.
        """
        self.check_between_instructions("reset")
        for model in self._parts.models.values():
            model.reset()
        for core in self.cores.values():
            core.power_down()

    # Cores

    def core(self, name: str) -> MachineCore:
        """Return a core by its short name, or as the platform file calls it.

        Raises:
            ConfigurationError: there is no such core, or this engine does not execute it; the text says which.
        """
        foreign_cores.check(self.foreign_cores, name)
        return super().core(name)

    @property
    def models(self) -> Mapping[str, Model]:
        """The peripherals by their names in the platform file, memories and interrupt controllers not included."""
        return self._parts.models

    @property
    def memories(self) -> Mapping[str, Memory | MemoryPart]:
        """RAM and flash by their names in the platform file."""
        return self._parts.memories

    @property
    def stand_ins(self) -> Mapping[str, str]:
        """The types of what nothing models, by name: it keeps what is written, and nothing else happens."""
        return {name: item.type for name, item in self._parts.stand_ins.items()}

    @property
    def tags(self) -> Sequence[Tag]:
        """The ranges that are named and that nothing models, in the order in which they were added."""
        return self._parts.tags

    def add_tag(self, tag: Tag) -> None:
        """Let ``tag`` answer where nothing else does.

        Raises:
            EngineError: a core has firmware already, which sees the addresses as they were when it started.
        """
        self._check_tags_may_change()
        self._parts.add_tag(tag)

    def remove_tags(self, address: int) -> None:
        """Let no tag answer any more that has a byte address; EngineError as :meth:`add_tag`."""
        self._check_tags_may_change()
        self._parts.remove_tags(address)

    def _check_tags_may_change(self) -> None:
        if any(core.firmware is not None for core in self.cores.values()):
            raise EngineError(
                "the embedded engine fixes what is at an address when a core starts: name the range before time passes"
            )

    def set_line(self, core: str, interrupt: int, level: bool) -> None:
        """Drive the line of an external interrupt of a core from outside."""
        self._parts.slots[core].set_line(interrupt, level)

    def accessing(self) -> tuple[str, int] | None:
        """Return (core, PC) of the firmware that makes the access which is under way; None if Python makes it."""
        name = self.scheduler.in_slice
        core = None if name is None else self.cores[name].firmware
        return None if core is None else (core.name, core.pc())

    # What happened

    @property
    def warnings(self) -> list[AccessWarning]:
        """Accesses that nothing models and faults of the firmware, one entry per kind and address, at most 1000."""
        return [replace(warning, count=self._warned[key]) for key, warning in self._warnings.items()]

    def hangs(self, within_ns: int) -> list[Hang]:
        """Return how firmware hangs, where it is proved that nothing changes ``within_ns`` from now.

        To be called after every few slices of a wait, since it compares what it sees.
        """
        return self._guard.hangs(within_ns)

    @property
    def timers(self) -> Timers:
        """The timers that belong to no core alone."""
        return self.scheduler.timers

    def when_ns(self, tick: int) -> int:
        """Return a tick of the timers in nanoseconds."""
        return self._nanoseconds(tick)

    def trace_sha256(self) -> str:
        """Return a hash over every event so far, the contents of all memories and the progress of all cores.

        Raises:
            EngineError: the machine is closed.
        """
        self.check_open()
        digest = hashlib.sha256(self.events.hexdigest().encode())
        for name, memory in self._parts.memories.items():
            digest.update(name.encode())
            digest.update(memory.bytes)
        for core in self.cores.values():
            digest.update(b"%d %d;" % core.progress)
        return digest.hexdigest()

    def close(self) -> None:
        """Free the cores and memories; the machine cannot run afterwards. May be called twice.

        Raises:
            EngineError: called from within an instruction of a core.
        """
        if self._closed:
            return
        self.check_between_instructions("close")
        for core in self.cores.values():
            core.release()
        self._closed = True
        for slot in self._parts.slots.values():
            slot.space.close()
        self._parts.common.close()
        self.scheduler.timers.clear()
        self._parts.release_memory()

    # What its cores need

    def check_between_instructions(self, what: str) -> None:
        """Refuse what would pull the emulator out from under itself."""
        self.check_open()
        core = self.scheduler.in_slice
        if core is not None:
            raise EngineError(
                f"{what} is not possible from within an instruction of core {core}; do it in clock.call_soon(...)"
            )

    def time(self) -> int:
        """Return the tick of what runs: exact in a core's peripheral access."""
        return self.scheduler.time()

    def ticks(self, ns: int) -> int:
        """Return a time in ticks, rounded up."""
        return -(-ns * self._ticks_per_second // 1_000_000_000)

    def _nanoseconds(self, ticks: int) -> int:
        return ticks * 1_000_000_000 // self._ticks_per_second

    def start_core(self, slot: Slot, *, stack: int | None = None, entry: int | None = None) -> None:
        """Let the image of ``slot`` run from its vector table, from now on."""
        core = slot.firmware
        if core is None:
            core = self._make_core(slot)
        core.reset(self.scheduler.time(), stack=stack, entry=entry)
        self._schedule(core)

    def _schedule(self, core: Processor) -> None:
        if core not in self.scheduler.cores and not self._parts.slots[core.name].stands:
            self.scheduler.cores.append(core)
            self.scheduler.cores.sort(key=lambda other: self.cores[other.name].index)

    def _make_core(self, slot: Slot) -> Processor:
        core = slot.architecture.make_processor(
            slot,
            warn=lambda what, address, pc: self._warn(slot, what, address, pc),
            fault=lambda exception, pc: slot.emit(EventKind.FAULT, exception, pc),
            events=lambda: self.events.count,
        )
        slot.occupy(core)
        return core

    def stop_core(self, slot: Slot) -> None:
        """Take the core out of the schedule; its state stays."""
        core = slot.firmware
        if core is not None and core in self.scheduler.cores:
            core.limit(core.now())
            self.scheduler.cores.remove(core)

    def resume_core(self, slot: Slot) -> None:
        """Put the core back into the schedule."""
        core = slot.firmware
        if core is not None and core not in self.scheduler.cores:
            core.time = max(core.time, self.scheduler.time())
            self._schedule(core)

    def _restart(self, slot: Slot) -> None:
        """Firmware asked for a reset of its own core; it happens after the instruction that asked.

        Such a reset holds the core that this one lets go (FORCEOFF, CPURUN).
        """

        def restart() -> None:
            self.cores[slot.name].reset()
            for model in self._parts.models.values():
                if isinstance(model, CoreHolder) and model.core == slot.name:
                    model.held.hold()

        self.scheduler.at(self.scheduler.time(), restart)

    def _touched_stand_in(self, what: str, address: int) -> None:
        """Warn of the first access of a stand-in, if firmware makes it."""
        who = self.accessing()
        if who is not None:
            core, pc = who
            self._warn(self._parts.slots[core], what, address, pc)

    def _warn(self, slot: Slot, what: str, address: int, pc: int) -> None:
        key = slot.name, what, address
        if key in self._warnings:
            self._warned[key] += 1
        elif len(self._warnings) >= _MOST_WARNINGS:
            self.warnings_left_out += 1
        else:
            self._warned[key] = 1
            core = self.cores[slot.name]
            self._warnings[key] = AccessWarning(
                slot.name, what, address, pc, core.locate(pc), core.backtrace(pc)
            )
            slot.emit(EventKind.WARNING, address, pc)
