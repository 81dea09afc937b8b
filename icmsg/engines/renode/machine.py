"""A machine on Renode: the platform file loaded into it, time in steps of the lockstep, events from what it wrote.

Core of a machine on Renode in this process.

Records that the C# side wrote while the emulation ran: doorbells, interrupt lines, bytes of a UART.

``renode/DoorbellJournal.cs`` and ``renode/ConsoleCapture.cs`` write the same block: a header of 16 bytes (u32 number
of records, u32 records lost, 8 bytes unused), then the records. The reader sets the number to 0.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset, platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.lockstep import monitor_text
from icmsg.engines.lockstep.machine import DEFAULT_LATENCY_NS, DEFAULT_QUANTUM_NS, SteppedMachine
from icmsg.engines.lockstep.monitor_text import complaints, csharp_files, monitor_path
from icmsg.engines.lockstep.observed_core import ObservedCore
from icmsg.engines.lockstep.records import RECORD_BYTES, Record, among, decode
from icmsg.engines.lockstep.stepper import Stepper
from icmsg.engines.renode import process
from icmsg.engines.renode.bus import RenodeBus, SharedMemories
from icmsg.engines.renode.process import Watchdog
from icmsg.errors import EngineError
from icmsg.machine.machine import AccessWarning
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import MAPPED_MEMORY, Soc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from icmsg.engines.renode.adapter import MachineApi, Records, RenodeApi, Stops
    from icmsg.machine.events import EventKind
    from icmsg.machine.image import FirmwareImage
    from icmsg.soc.soc import SocCore, Wire


class RenodeCore(ObservedCore):
    """A core whose memory and registers are used through bound .NET members.

    Its state is changed by Monitor commands, about a millisecond each, which do not keep the interpreter locked.
    """

    def __init__(self, machine: RenodeMachine, api: MachineApi, renode: RenodeApi, place: SocCore) -> None:
        self._api = api
        self._shared = machine.shared
        bus = RenodeBus(api, place, machine.shared, rang=machine.take, failure=renode.failure)
        super().__init__(machine, place, bus)

    def load(self, firmware: str | Path | FirmwareImage) -> FirmwareImage:
        """Load an image into memory, as :meth:`SteppedCore.load`."""
        image = super().load(firmware)
        self._shared.execute(self._place, image)
        return image

    def recognize(self, files: Iterable[str]) -> None:
        """Find this core's image among files that somebody else loaded, as :meth:`ObservedCore.recognize`."""
        super().recognize(files)
        if self.image is not None:
            self._shared.execute(self._place, self.image)

    @property
    def instructions(self) -> int:
        """Instructions executed by firmware."""
        return self._api.instructions(self._place.cpu)


_HEADER: Final = 16


class RecordReader:
    """Takes records out of a block; ``what`` is what they are, for an error's text.

    ``counters`` holds (number, lost), so whether there is something costs one look.
    """

    def __init__(self, records: Records, what: str) -> None:
        self._records = records
        self._what = what
        self._bytes = records.memory[_HEADER:]
        self.counters: Final = records.memory[:8].cast("I")

    def take(self) -> list[Record]:
        """Return what was written since the last time, oldest first.

        Raises:
            EngineError: there was more than room for it.
        """
        number, lost = self.counters
        if not number:
            return []
        found = list(decode(self._bytes[: number * RECORD_BYTES]))
        self.counters[0] = 0
        if lost:
            self.counters[1] = 0
            raise EngineError(
                f"{lost} {self._what} were lost: more happened in one step than there is room for; take shorter steps"
            )
        return found

    def close(self) -> None:
        """Let go of the block and free it."""
        self.counters.release()
        self._bytes.release()
        self._records.dispose()


_DOORBELLS: Final = 1 << 14
_CONSOLE_BYTES: Final = 1 << 16
_ACCESSES: Final = 1 << 16


class RenodeMachine(SteppedMachine[RenodeCore]):
    """An emulated SoC on Renode, as :class:`icmsg.machine.machine.Machine`.

    ``platform`` is the path of a Renode platform file (default: the shipped nRF5340). ``quantum_ns`` is the distance
    of the synchronization points: cores see each other's work, and Python works, only there. ``latency_ns`` is the
    least time from a rising interrupt line to the Python handler of a played core; the handler runs at the first
    synchronization point after it. ``include`` are C# files with models of your own, which Renode compiles before it
    reads the platform; their classes stay in the process. There is one machine at a time in a process. Use it as a
    context manager, or call :meth:`close`.

    A call into Renode that does not come back can only be ended with its process. That happens, with the reason on
    stderr, 5 s of wall time after Ctrl-C or SIGTERM came during such a call, and after ``stall_timeout`` seconds in
    one step of the emulation (0 = never). No handler of a signal is installed for it.

    Raises:
        EngineNotAvailableError: Renode cannot be loaded here.
        EngineError: another machine is open, or Renode refuses the platform or does not compile a file.
        ConfigurationError: a C# file is not there.
        PlatformError: the platform file cannot be read.
    """

    engine: Final = "renode"

    def __init__(
        self,
        platform: str | Path | None = None,
        *,
        quantum_ns: int = DEFAULT_QUANTUM_NS,
        latency_ns: int = DEFAULT_LATENCY_NS,
        stall_timeout: float = 0.0,
        include: Sequence[str | Path] = (),
    ) -> None:
        files = csharp_files(include)
        path = Path(platform) if platform is not None else platform_file(DEFAULT.name)
        super().__init__(Soc(load_platform(path)), quantum_ns, latency_ns)
        cores = self.soc.cores
        self._quantum = quantum_ns
        self._memories = [item.name for item in self.description if item.type == MAPPED_MEMORY]
        self._renode = process.load_renode()
        process.occupy(self)
        self._watchdog = Watchdog(self, stall_s=stall_timeout)
        self._watchdog.start()
        try:
            self._log = Path(process.private_folder()) / f"log-{id(self):x}.txt"
            for together in (sorted(asset("renode").glob("*.cs")), files):
                self._renode.include(together)
            self._renode.log_to(self._log)
            self._api = self._make(path, [core.cpu for core in cores.values()])
            self.quantum_ns: Final = self._api.quantum_ns()
            self.shared: Final = SharedMemories(self._api, self.soc.shared_ram())
            journal = self._api.doorbells(_DOORBELLS, [str(core.mailbox) for core in self._mailboxes])
            self._doorbells = RecordReader(journal, "doorbells")
            self._rang = self._doorbells.counters
            self._timeline: RecordReader | None = None
            self._stops: tuple[Stops, RecordReader] | None = None
            consoles = self._api.consoles(_CONSOLE_BYTES, list(self.uarts))
            self._printed = RecordReader(consoles, "bytes of a console")
            self.stepper = Stepper(
                self.clock,
                make_lockstep=lambda lines: self._api.lockstep(lines, journal),
                now_ns=self._api.now_ns,
                shared=self.shared,
                step_done=self.take,
                tell_stops=self.stops.tell,
            )
            self.clock.time_ns = self._api.now_ns()
            for name, core in cores.items():
                self.cores[name] = RenodeCore(self, self._api, self._renode, core)
            self._follow_timeline()
        except BaseException:
            self._unmake()
            self._watchdog.stop()
            process.vacate(self)
            raise

    def _make(self, platform: Path, cpus: list[str]) -> MachineApi:
        for command in monitor_text.setup(monitor_path(platform), self._quantum, cpus):
            self._renode.execute(command)
        return self._renode.machine(monitor_text.MACHINE)

    def _unmake(self) -> None:
        self._renode.clear()

    def _stop_cores(self) -> None:
        """Let nothing run on while the lockstep ends: a storm of faults would take its time."""
        for core in self.cores.values():
            if core.runs_firmware:
                core.halt()

    # Renode

    def execute(self, command: str) -> str:
        """Run a Monitor command and return what it prints; names of peripherals may be without ``sysbus``.

        Raises:
            EngineError: Renode refuses it, or it would let time pass, or it needs a paused emulation.
        """
        self.check_open()
        if self.stepper.is_active:
            monitor_text.check_beside_lockstep(command)
            self.stepper.leave_stop()
        printed = self._renode.execute(command)
        self.take()
        return printed

    def command(self, line: str) -> str:
        """Run a Monitor command that lets no time pass; not for users, who have :meth:`execute`."""
        return self._renode.execute(line)

    def bound_read(self, core: str) -> Callable[[int], int]:
        """Return the mailbox's own read of 32 bits at an offset, with nothing around it: the least an access costs."""
        mailbox = next(place.mailbox for place in self._mailboxes if place.name == core)
        return self._api.registers(str(mailbox)).read32

    def line(self, wire: Wire) -> object:
        """Return the interrupt line of a peripheral's output."""
        return self._api.line(wire.source, wire.output)

    def is_set(self, line: object) -> bool:
        """Return the level of a line."""
        return self._api.is_set(line)

    # What happened

    def take(self) -> None:
        """Put what the C# side wrote down into the event stream and the consoles."""
        if self._rang[0] or self._timeline is not None:
            self._take_journal()
        if self._printed.counters[0]:
            self._take_console(self._printed.take())
        if self._stops is not None:
            for record in self._stops[1].take():
                self.stops.take(record)

    def emit(self, kind: EventKind, core: int, a: int = 0, b: int = 0) -> None:
        """Put an event into the stream, behind what happened before it."""
        if self._rang[0] or self._timeline is not None:
            self._take_journal()
        super().emit(kind, core, a, b)

    def _take_journal(self) -> None:
        records = self._doorbells.take()
        if self._timeline is None:
            self._take_doorbells(records)
        else:
            self._take_doorbells(among(self._timeline.take(), records))

    def _want_timeline(self, wanted: bool) -> None:
        if self._timeline is not None:
            self._take_journal()
            self._timeline.close()
        self._timeline = None
        if wanted:
            self._timeline = RecordReader(self._api.timeline(_DOORBELLS), "entries of a timeline")

    def _stop_commands(self) -> Stops:
        if self._stops is None:
            stops = self._api.stops(_ACCESSES)
            self._stops = stops, RecordReader(stops.records, "accesses")
        return self._stops[0]

    @property
    def warnings(self) -> list[AccessWarning]:
        """Accesses that nothing models, as Renode logged them; one entry per kind and address."""
        return list(self._warnings())

    def _warnings(self) -> Iterator[AccessWarning]:
        for each in self.cores.values():
            yield from each.troubles.warnings()
        if not self._closed:
            self._renode.flush_log()
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        for complaint in complaints(text):
            name = self.soc.core_of_device(complaint.cpu)
            core = self.cores.get(name or "")
            if core is not None:
                place = core.locate(complaint.pc)
                yield AccessWarning(core.name, complaint.what, complaint.address, complaint.pc, place)

    def trace_sha256(self) -> str:
        """Return a hash over every event so far, the contents of all memories and the instructions of all cores.

        Raises:
            EngineError: the machine is closed.
        """
        self.check_open()
        self.take()
        digest = hashlib.sha256(self.events.hexdigest().encode())
        for name in self._memories:
            digest.update(name.encode())
            for index, content in self._api.contents(name):
                digest.update(b"%d:" % index)
                digest.update(content)
        for core in self.cores.values():
            digest.update(b"%d;" % core.instructions)
        return digest.hexdigest()

    def _close(self) -> None:
        """Clear the emulation; another machine can be made then."""
        with suppress(EngineError):  # an emulation that failed cannot be paused, only cleared
            self._stop_cores()
            self.stepper.dispose()
        for core in self.cores.values():
            core.close()
        # Python's views go first: the memory behind them is freed by what follows.
        self.shared.unmap()
        if self._timeline is not None:
            self._timeline.close()
        if self._stops is not None:
            self._stops[1].close()
        self._doorbells.close()
        self._printed.close()
        self.clock.clear()
        try:
            self._unmake()
        finally:
            self._watchdog.stop()
            process.vacate(self)
