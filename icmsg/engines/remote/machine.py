"""A machine that somebody else's script made in a Renode elsewhere, by commands of its Monitor.

A core of a machine that somebody else has used before.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT
from icmsg.config.memory_checks import RAM
from icmsg.engines.lockstep import monitor_text
from icmsg.engines.lockstep.core_types import runs_here, watched
from icmsg.engines.lockstep.machine import DEFAULT_LATENCY_NS, DEFAULT_QUANTUM_NS, SteppedMachine
from icmsg.engines.lockstep.monitor_text import complaints, csharp_files, monitor_path
from icmsg.engines.lockstep.observed_core import ObservedCore
from icmsg.engines.lockstep.records import BYTE_SENT, LINE_ROSE, RESET_REQUESTED, STOPS, TASK, TIMELINE, among
from icmsg.engines.lockstep.stepper import Stepper
from icmsg.engines.remote.advance import LockstepAdvance, SliceAdvance, current_time, read_report
from icmsg.engines.remote.bus import IrqLines, RemoteBus, RemoteMemory
from icmsg.engines.remote.transport import BatchedMonitor, find_capabilities, words
from icmsg.errors import EngineError, MonitorError
from icmsg.machine.events import EventKind
from icmsg.machine.machine import AccessWarning
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import Soc, Wire
from icmsg.timers import MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from icmsg.engines.lockstep.monitor_text import Complaint
    from icmsg.engines.lockstep.stepper import Lockstep
    from icmsg.engines.remote.transport import Transport
    from icmsg.soc.soc import MappedRange, SocCore


class RemoteCore(ObservedCore):
    """A core as :class:`icmsg.engines.lockstep.core.SteppedCore`, which can forget who used it."""

    @property
    def can_be_made_anew(self) -> bool:
        """True for a core of a type that is reset here."""
        return runs_here(self._place)

    def power_down(self) -> None:
        """Halt and reset the core as :meth:`reset`, and forget what it has executed."""
        self.halt()
        self._vector_table = self.image = None
        self.reset()
        self.troubles.clear()
        self._started = self._waits = False


_LOADED: Final = re.compile(r"Binary ([^\n]{1,4096}?): [0-9a-f]{32}\b")
_FINGERPRINTS: Final = 1 << 16
"""Characters of the list of loaded files that are looked through."""
_COMPILED: Final = "has been already loaded"
"""Words of Renode about a C# file whose classes it has."""
_WHOLE_NS: Final = 10 * MS
"""A run begins at a multiple of this, so that synchronization points are where they are after time 0."""
_LOGGED: Final = 1000
"""Entries of Renode's log that are looked through for complaints; it keeps no more."""


class RemoteMachine(SteppedMachine[RemoteCore]):
    """The machine that is selected in the Monitor behind ``transport``, as :class:`icmsg.machine.machine.Machine`.

    ``platform`` is the path of the platform file that it was made of (default: the shipped nRF5340). ``quantum_ns`` is
    set if it is given; otherwise what the script set stays, and where there is no lockstep slices of RunFor have 10 µs.
    ``latency_ns`` is the least time from a rising interrupt line to the Python handler of a played core. The C# files
    ``include`` are compiled by that Renode, unless it has them; it has to find them under the same paths.

    Cores execute one after the other from now on. An emulation that is started is paused. From the first step on the
    emulation is held by the lockstep: call :meth:`let_go` before anything else lets time pass. Nothing is cleared by
    :meth:`close`.

    Raises:
        EngineError: no machine is selected, or it has not the cores of the platform file.
        PlatformError: the platform file cannot be read.
    """

    engine: Final = "remote"

    def __init__(
        self,
        transport: Transport,
        platform: str | Path | None = None,
        *,
        quantum_ns: int | None = None,
        latency_ns: int = DEFAULT_LATENCY_NS,
        include: Sequence[str | Path] = (),
    ) -> None:
        files = csharp_files(include)
        path = Path(platform) if platform is not None else platform_file(DEFAULT.name)
        super().__init__(Soc(load_platform(path)), quantum_ns, latency_ns)
        cores = self.soc.cores
        self.monitor: Final = BatchedMonitor(transport)
        self._include(files)
        self._quantum_ns = quantum_ns or DEFAULT_QUANTUM_NS
        self._numbers = {
            wire: (core.name, number)
            for core in cores.values()
            for number in core.wires
            for wire in watched(core, number)
        }
        mailboxes = len(self._mailboxes)
        self._sources = {
            TASK: mailboxes,
            LINE_ROSE: mailboxes,
            BYTE_SENT: len(self.uarts),
            RESET_REQUESTED: len(cores),
        }
        self._own: list[tuple[int, int, int]] = []
        self._origin_ns = 0
        shared = _shared(cores)
        self.capabilities: Final = find_capabilities(self.monitor, path, self.soc, shared)
        self.monitor.execute(monitor_text.SERIAL)
        if quantum_ns is not None:
            self.monitor.execute(f'emulation SetGlobalQuantum "{monitor_text.seconds(quantum_ns)}"')
        self._irq_lines = IrqLines(self.monitor, dict(_pending_registers(self._mailboxes)))
        self._memory = RemoteMemory(self.monitor, blocks=self.capabilities.blocks)
        self.stepper = Stepper(
            self.clock,
            make_lockstep=self._make_lockstep,
            now_ns=self._ask_time,
            shared=self._memory,
            step_done=self.take,
            tell_stops=self.stops.tell,
            growing=True,
        )
        for name, core in cores.items():
            bus = RemoteBus(
                self.monitor, core, self._memory, self._irq_lines, shared=shared, rings=self._ringer(core)
            )
            self.cores[name] = RemoteCore(self, core, bus)
        self.attach_cores()
        self._follow_timeline()
        self._before = set(self._complaints())
        self.clock.time_ns = self._ask_time()

    def _include(self, files: Sequence[Path]) -> None:
        for path in files:
            command = f"include {monitor_path(path)}"
            try:
                self.monitor.execute(command)
            except MonitorError as error:
                if _COMPILED not in str(error):  # by a run before this one, or by a script
                    raise EngineError(f"Renode refuses `{command}`: {words(error)}") from error

    # Time

    def _advance(self, ns: int, satisfied: Callable[[], bool] | None) -> bool:
        if not self.is_held:
            self.clock.time_ns = self._ask_time()  # others may have let time pass
        self.monitor.joins = True
        try:
            return super()._advance(ns, satisfied)
        finally:
            self._irq_lines.forget()
            self._memory.on_resume()
            self.monitor.joins = False

    @property
    def is_held(self) -> bool:
        """True while the lockstep holds the emulation; slices of RunFor leave it paused."""
        return self.stepper.is_active and self.capabilities.lockstep is not None

    def _make_lockstep(self, lines: Sequence[object]) -> Lockstep:
        parts = self.monitor, self._irq_lines, self._memory, lines
        if self.capabilities.lockstep is not None:
            return LockstepAdvance(*parts, mailbox=self.capabilities.lockstep, took=self._take_report)
        return SliceAdvance(*parts, quantum_ns=self._quantum_ns, now_ns=self._ask_time(), rose=self._rose)

    def _ask_time(self) -> int:
        mailbox = self.capabilities.lockstep
        if mailbox is None:
            return current_time(self.monitor) - self._origin_ns
        return self._take_report(self.monitor.ask(f"{mailbox} TakeRecords")[0])

    def boot_anew(self) -> None:
        """Make the machine what it is after power-up, and count virtual time and events from here on.

        Cores are halted and reset with all peripherals, RAM is zero. Flash keeps its contents. A core of a type
        that is not reset here stays as it is, with the RAM that it has for itself. Two runs that begin so
        have the same times and the same trace, whatever Renode has done before. Up to 10 ms pass before.

        Raises:
            EngineError: the machine has run already, or is closed.
        """
        self.check_open()
        if self.stepper.is_active:
            raise EngineError("boot_anew comes before the machine runs")
        ours = [core for core in self.cores.values() if core.can_be_made_anew]
        for core in ours:
            core.halt()
        # Always, since Renode lets a core go one quantum later that was halted while time passed.
        rest_ns = _WHOLE_NS - current_time(self.monitor) % _WHOLE_NS
        self.command(f'emulation RunFor "{monitor_text.seconds(rest_ns)}"')
        for core in ours:
            core.power_down()
        reached = {core.name for core in ours}
        for name in sorted(
            {part.name for part in self.soc.memory_map() if part.what == RAM and part.cores & reached}
        ):
            self.command(f"{name} ZeroAll")
        self._memory.on_resume()
        mailbox = self.capabilities.lockstep
        if mailbox is None:
            self._origin_ns = current_time(self.monitor)
        else:  # the records are those of the resets
            self._origin_ns = read_report(self.monitor.ask(f"{mailbox} TakeRecords")[0]).time_ns
        self.clock.time_ns = 0
        self.events.restart()

    # Renode

    def execute(self, command: str) -> str:
        """Run a Monitor command and return what it prints.

        Raises:
            MonitorError: Renode refuses it.
            EngineError: it would let time pass beside the lockstep, or needs a paused emulation.
        """
        self.check_open()
        if self.is_held:
            monitor_text.check_beside_lockstep(command)
            self.stepper.leave_stop()
        self._irq_lines.forget()
        self._memory.on_resume()
        return self.monitor.execute(command)

    def catch_up(self) -> None:
        """Take over the time, where others may have let it pass; events come with the next run."""
        if not self.is_held:
            self.clock.time_ns = current_time(self.monitor) - self._origin_ns

    def loaded_files(self) -> list[str]:
        """Return the paths of the files that Renode has loaded, as they are called there."""
        with suppress(MonitorError):
            return _LOADED.findall(self.monitor.execute("sysbus GetLoadedFingerprints")[:_FINGERPRINTS])
        return []

    def command(self, line: str) -> str:
        """Run a Monitor command that lets no time pass; EngineError with Renode's words when it is refused."""
        self._irq_lines.forget()
        try:
            return self.monitor.execute(line)
        except MonitorError as error:
            raise EngineError(f"Renode refuses `{line}`: {words(error)}") from error

    def line(self, wire: Wire) -> object:
        """Return the interrupt line of a peripheral's output."""
        self._irq_lines.add(wire)
        return wire

    def is_set(self, line: object) -> bool:
        """Return the level of a line."""
        assert isinstance(line, Wire)
        return self._irq_lines.is_set(line)

    # What happened

    def take(self) -> None:
        """Do nothing: what was written down comes with each step."""

    def _ringer(self, core: SocCore) -> Callable[[int], None]:
        """Return what notes that Python rang on ``core``: it knows before anybody has written it down."""
        source = self._mailboxes.index(core) if core in self._mailboxes else 0

        def ring(channel: int) -> None:
            self.emit(EventKind.DOORBELL, core.index, channel)
            self._own.append((self.clock.time_ns, source, channel))
            if any(other.waits_for_edges for other in self.cores.values()):
                self._ask_time()  # an edge is in the records alone, which would come with the next step

        return ring

    def _rose(self, wire: Wire, time_ns: int) -> None:
        """Note that an interrupt line rose in the slice that ended at ``time_ns``."""
        name, number = self._numbers[wire]
        core = self.cores[name]
        self.events.emit(time_ns, EventKind.INTERRUPT, core.index, number)
        self.stepper.line_rose(core, number, time_ns - 1)

    def _take_report(self, text: str) -> int:
        """Put into the stream what a report says, and return its time."""
        report = read_report(text, since_ns=self._origin_ns, sources=self._sources)
        own, self._own = self._own, []
        doorbells = []
        for record in report.doorbells:
            note = record.time_ns, record.source, record.value
            if record.kind in STOPS:
                self.stops.take(record)
            elif record.kind == TASK and note in own:
                own.remove(note)
            else:
                doorbells.append(record)
        timeline = [record for record in doorbells if record.kind in TIMELINE]
        self._take_doorbells(among(timeline, (each for each in doorbells if each.kind not in TIMELINE)))
        self._take_console(report.console)
        return report.time_ns

    def _want_timeline(self, wanted: bool) -> None:
        mailbox = self.capabilities.lockstep
        if mailbox is None:
            return  # slices of RunFor write nothing down
        with suppress(MonitorError):  # models of an earlier release do not know it, and a Renode may be gone
            self._ask_time()
            self.monitor.execute(f"{mailbox} FollowTimeline {'true' if wanted else 'false'}")

    def _stop_commands(self) -> RemoteMachine:
        return self

    def break_at(self, cpu: str, address: int, *, wanted: bool) -> None:
        """Let everything stand where a core comes to ``address``, or no longer; EngineError where that cannot be."""
        self._put_stop(f'BreakAt "{cpu}" 0x{address:X}', wanted=wanted)

    def watch_memory(self, cpu: str, begin: int, size: int, *, loads: bool, wanted: bool) -> None:
        """Write down a core's stores, or loads, or no longer; EngineError where that cannot be."""
        what = f'WatchMemory "{cpu}" 0x{begin:X} {size} {"true" if loads else "false"}'
        self._put_stop(what, wanted=wanted)

    def _put_stop(self, what: str, *, wanted: bool) -> None:
        mailbox = self.capabilities.lockstep
        problem = "its mailbox has no lockstep"
        if mailbox is not None:
            try:
                self.monitor.execute(f"{mailbox} {what} {'true' if wanted else 'false'}")
            except MonitorError as error:
                problem = words(error)
            else:
                return
        if wanted and not self._closed:
            raise EngineError(
                f"the Renode behind the Monitor cannot stop firmware or watch memory ({problem}): start it with "
                "renode/platform.resc of this release, which has FirmwareStops.cs and RemoteExtensions.cs"
            )

    @property
    def warnings(self) -> list[AccessWarning]:
        """Accesses that nothing models, as Renode logged them since the machine was attached."""
        return list(self._warnings())

    def _warnings(self) -> Iterator[AccessWarning]:
        for each in self.cores.values():
            yield from each.troubles.warnings()
        for complaint in [] if self._closed else self._complaints():
            name = self.soc.core_of_device(complaint.cpu)
            if name is not None and complaint not in self._before:
                core = self.cores[name]
                place = core.locate(complaint.pc)
                yield AccessWarning(core.name, complaint.what, complaint.address, complaint.pc, place)

    def _complaints(self) -> list[Complaint]:
        with suppress(MonitorError):
            return list(complaints(self.monitor.execute(f"lastLog {_LOGGED}")))
        return []

    def trace_sha256(self) -> str:
        """Return a hash over every event that was seen; not over memories, which are behind the Monitor.

        Raises:
            EngineError: the machine is closed.
        """
        self.check_open()
        return self.events.hexdigest()

    def _close(self) -> None:
        with suppress(EngineError, MonitorError):  # a Renode that is gone has nothing to be tidied
            self.stepper.dispose()
            for core in self.cores.values():
                if core.is_played:
                    core.tell_played(False)
            if self.capabilities.lockstep is not None:
                self.monitor.execute(f"{self.capabilities.lockstep} Unfollow")
        for core in self.cores.values():
            core.close()
        self.clock.clear()


def _pending_registers(mailboxes: Iterable[SocCore]) -> Iterator[tuple[str, int]]:
    """Yield each mailbox with one line, and the byte offset of what is pending in it."""
    for core in mailboxes:
        port = core.port
        if port is not None and len(port.interrupts) == 1:
            yield port.name, port.kind.registers.offset(port.kind.pending)


def _shared(cores: dict[str, SocCore]) -> frozenset[MappedRange]:
    """Return the memories that every core sees at the same address."""
    sets = [frozenset(core.memories()) for core in cores.values()]
    return frozenset.intersection(*sets) if sets else frozenset()
