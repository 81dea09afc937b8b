"""The exchange over several endpoints: boot both cores, bind every endpoint, exchange messages at each of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError, IcmsgError, VirtualTimeoutError
from icmsg.link.diagnosis.diagnosis import console_lines
from icmsg.link.endpoints.diagnosis import examine_endpoints
from icmsg.link.endpoints.link import EndpointWatch, Lane, WatchedLane
from icmsg.link.endpoints.setup import EndpointSetup
from icmsg.link.link import default_link
from icmsg.link.players import Initiator, Responder
from icmsg.link.preconditions import check_endpoint_workload
from icmsg.link.verdict import (
    QUANTUM_NOTE,
    ExchangeResult,
    ProgressGuard,
    Restarts,
    Stall,
    StuckError,
    fault_words,
    let_finish,
    let_pass,
    lost,
    shortcomings,
    unbound_words,
    wait_for_more,
)
from icmsg.link.workload import Counts, RoundTrips
from icmsg.machine.boot import describe_held, describe_protection
from icmsg.machine.interruption import CtrlC
from icmsg.machine.machine import FaultLog
from icmsg.timers import MS, S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.players import Program
    from icmsg.link.preconditions import StaleMemory
    from icmsg.link.workload import Workload
    from icmsg.machine.machine import Machine

BOND_TIMEOUT_NS: Final = 2 * S
_SILENCE_NS: Final = S
_GRACE_NS: Final = 5 * MS  # firmware that speaks first within this time after bonding is the initiator there
_NOBODY: Final = "Python sends where the other side only echoes"
_ASKED: Final = "as asked for"
_ANY: Final = "messages of any number are asked for, so firmware has to send them"
_STUB: Final = "its stub sends first"
_FIRST: Final = "it sent the first message after bonding"
_SPOKE: Final = "it sent a message of its own after bonding"


class EndpointExchange:
    """Run on a machine over ``endpoints``: two cores by name in ``programs``, and who plays each.

    Each endpoint has the ``workload`` for itself, with contents of its own. The core that comes first on the SoC's link
    has ``config``, the other ``peer_config`` (None: the mirror of that). Firmware on both cores is watched.

    Everything else as :class:`icmsg.link.exchange.Exchange`.

    Raises:
        FirmwareError: an image does not fit its core.
        ConfigurationError: instance, endpoints or workload cannot work.
    """

    def __init__(
        self,
        machine: Machine,
        programs: dict[str, Program],
        config: SeveralConfig,
        workload: Workload,
        endpoints: Sequence[str] = ("ep0",),
        *,
        initiator: str | None = None,
        bond_timeout_ns: int = BOND_TIMEOUT_NS,
        peer_config: SeveralConfig | None = None,
        release: bool = False,
        silence_ns: int | None = None,
        stall: Stall | None = None,
        strict: bool = False,
        stale_memory: StaleMemory | None = None,
    ) -> None:
        first, second = default_link(machine.soc, programs).cores
        check_endpoint_workload(workload, config, first, second)
        self._machine = machine
        self._workload = workload
        self._bond_only = not workload.messages
        self._bond_timeout_ns = bond_timeout_ns
        self._silence_ns: Final = silence_ns or _SILENCE_NS
        self._grace_ns: Final = silence_ns or _GRACE_NS
        self._strict = strict
        self._configs: dict[str, SeveralConfig] = {
            first: config,
            second: peer_config or config.mirrored(),
        }
        self._first, self._second = machine.core(first), machine.core(second)
        self._ctrl_c = CtrlC(terminate=True)
        self._problems: list[str] = []
        self._bond_ns: int | None = None
        self._faults = FaultLog(machine)
        self._restarts = Restarts(machine, (self._first, self._second))
        self._setup = EndpointSetup(
            machine, programs, self._configs, workload, endpoints, release=release, stale_memory=stale_memory
        )
        self.backends: Final[dict[str, SeveralEndpoints]] = {
            name: one.instance for name, one in self._setup.played.items()
        }
        """The backends of the cores that Python plays."""
        self._initiator = initiator or self._setup.starter or next(iter(self._setup.python), None)
        self._watch: EndpointWatch | None = None
        self.lanes: Final = self._make_lanes(endpoints, initiator)
        self._python_sends = False  # first and at every endpoint: then echoes say when it is over
        self._seen = 0
        self._last_ns = 0
        longest_ns = max(bond_timeout_ns, self._silence_ns)
        self._guard = ProgressGuard(machine, self._faults, self._token, longest_ns, stall)

    def _make_lanes(self, endpoints: Sequence[str], asked: str | None) -> list[Lane]:
        """Return the endpoints, with who sends first at each as far as it is known."""
        workload, setup = self._workload, self._setup
        starts = self._initiator if self._initiator in setup.firmware else None
        reason = _ASKED if asked else _STUB if starts else _NOBODY if setup.python else _FIRST
        self._guess = asked is None and bool(setup.unknown) and bool(setup.python)
        if not setup.python:
            self._watch = EndpointWatch(
                self._machine,
                self._first,
                self._second,
                self._configs[self._first.name],
                endpoints,
                peer_config=self._configs[self._second.name],
                initiator=self._initiator,
                limit=None if workload.any_number else workload.messages,
                answer=workload.answer,
            )
            lanes: list[Lane] = [WatchedLane(name, self._watch) for name in endpoints]
        else:
            lanes = [self._played_lane(name, number) for number, name in enumerate(endpoints)]
        for lane in lanes:
            lane.initiator, lane.reason = self._initiator, reason
            if setup.python and (workload.any_number or starts):
                lane.let_firmware_begin(starts or setup.firmware[0], _ANY if workload.any_number else reason)
        return lanes

    def _played_lane(self, name: str, number: int) -> Lane:
        clock = self._machine.clock
        players: dict[str, Responder] = {}
        work = replace(self._workload, seed=self._workload.seed + number)
        starter = self._initiator if self._initiator in self._setup.python else self._setup.python[0]
        for core, one in self._setup.played.items():
            if core == starter and work.messages:
                players[core] = Initiator(one, clock, work, name)
            else:
                players[core] = Responder(one, clock, name, answers=bool(work.messages), answer=work.answer)
        return Lane(name, players)

    # Running

    def run(self, progress: Callable[[int, int], None] | None = None) -> ExchangeResult:
        """Boot, bond and exchange; what goes wrong on the machine is in the result's ``problems``.

        Raises:
            ConfigurationError: the two sides do not go together.
            KeyboardInterrupt: Ctrl-C or SIGTERM, between two slices; :meth:`partial` says how far it has come.
        """
        with self._ctrl_c:
            try:
                self._setup.start()
                what = f"endpoint {', '.join(lane.name for lane in self.lanes)} to be bound"
                self._machine.run_until(self._is_bound, timeout_ns=self._bond_timeout_ns, what=what)
                self._bond_ns = self._machine.now_ns
                self._setup.check_roles(self._initiator)
                if self._bond_only:
                    let_pass(self._machine, self._look, self._quiet_ns, self._grace_ns)
                else:
                    self._exchange(progress)
            except ConfigurationError:
                raise
            except IcmsgError as error:
                self._problems += [str(error), *describe_held(self._machine)]
            return self._result()

    def partial(self, problem: str) -> ExchangeResult:
        """Return what there is of a run that was ended from outside for the reason ``problem``."""
        self._problems.insert(0, problem)
        return self._result()

    def lost(self, problem: str) -> ExchangeResult:
        """Return what is known of a run whose engine does not come back, without asking the engine."""
        counts = Counts.of_all([lane.counts(0) for lane in self.lanes])
        return lost(self._machine, counts, self._bond_ns, problem, self._problems)

    def _look(self) -> None:
        self._ctrl_c.check()
        if self._watch is not None:
            self._watch.look()
        if not self._python_sends:
            seen = self._total()
            if seen != self._seen:
                self._seen, self._last_ns = seen, self._machine.now_ns
        self._guard.look()

    def _total(self) -> int:
        """Return how many messages there were, of both directions and at all endpoints."""
        if self._watch is not None:
            return self._watch.total
        return sum([lane.total for lane in self.lanes])

    def _token(self) -> tuple[object, ...]:
        return (  # whatever changes when the exchange gets on
            self._total(),
            *(lane.is_bound for lane in self.lanes),
            *(len(core.console.lines) for core in (self._first, self._second)),
        )

    def _is_bound(self) -> bool:
        self._look()
        return all(lane.is_bound for lane in self.lanes)

    def _exchange(self, progress: Callable[[int, int], None] | None) -> None:
        if self._guess and any(lane.sender is not None for lane in self.lanes):
            self._let_the_firmware_speak()
        self._python_sends = all(lane.sender is not None for lane in self.lanes)
        for lane in self.lanes:
            lane.begin()
        total = self._workload.messages * len(self.lanes)

        def is_over() -> bool:
            return not self._python_sends and self._finished()

        while not self._finished():
            try:
                wait_for_more(self._machine, self._look, self._got, is_over, total, self._silence_ns + MS)
            except StuckError:
                if self._waits_for_echoes():
                    raise
                break  # firmware that idles in a loop has said all it had to say
            if progress is not None:
                progress(self._got(), total)
        let_finish(self._machine, [self._machine.core(name) for name in self._setup.unknown])

    def _let_the_firmware_speak(self) -> None:
        """Firmware may want to send first at an endpoint; then Python only sends back there."""

        def all_spoke() -> bool:
            self._look()
            return all(lane.heard for lane in self.lanes)

        with suppress(VirtualTimeoutError):
            self._machine.run_until(all_spoke, timeout_ns=_GRACE_NS)
        for lane in self.lanes:
            if lane.heard:
                lane.let_firmware_begin(self._setup.unknown[0], _SPOKE)

    def _finished(self) -> bool:
        if self._setup.starter is not None:
            return self._setup.is_done
        if self._waits_for_echoes():
            return False
        wanted = [lane for lane in self.lanes if lane.sender is None]
        if not self._workload.any_number and all(lane.got >= self._workload.messages for lane in wanted):
            return True
        return self._quiet_ns() > self._silence_ns

    def _waits_for_echoes(self) -> bool:
        """Tell whether Python has sent first somewhere, and not everything came back."""
        messages = self._workload.messages
        return any(lane.sender is not None and lane.sender.got < messages for lane in self.lanes)

    def _quiet_ns(self) -> int:
        return self._machine.now_ns - max(self._last_ns, self._bond_ns or 0)

    def _got(self) -> int:
        return sum([lane.got for lane in self.lanes])

    # Reporting

    def _result(self) -> ExchangeResult:
        expected = None if self._workload.any_number else self._workload.messages
        counts = [
            Counts(0, 0, 0, 0, 0, RoundTrips())
            if self._bond_only
            else lane.counts(expected, self._setup.stub_counts(number))
            for number, lane in enumerate(self.lanes)
        ]
        bound = self._bond_ns is not None and all(lane.is_bound for lane in self.lanes)
        problems = [*self._problems, *self._troubles()]
        if self._bond_ns is not None:
            problems += describe_protection(self._machine, self._configs[self._first.name])
            if not problems and not self._bond_only:
                problems += self._missing(counts)
            if not bound:
                problems.append(unbound_words(self._restarts))
        faults = tuple(self._faults.records())
        problems = [*fault_words(self._machine, faults), *problems]
        warnings = tuple(str(warning) for warning in self._machine.warnings)
        if self._strict and warnings and not problems:
            problems += ["there are warnings, and --strict makes them failures", *warnings]
        if problems:
            problems += self._explain()
        total = Counts.of_all(counts)
        initiators = list(dict.fromkeys(lane.initiator for lane in self.lanes))
        reasons = list(dict.fromkeys(lane.reason for lane in self.lanes))
        one = len(initiators) == 1 and not self._bond_only
        return ExchangeResult(
            bound=bound,
            messages_sent=total.sent,
            messages_received=total.got,
            bytes_received=total.bytes_received,
            mismatches=total.mismatches,
            bond_virtual_us=self._bond_ns / 1000 if self._bond_ns is not None else None,
            round_trip_virtual_us=total.round_trips.summary_us(),
            virtual_s=self._machine.now_ns / S,
            trace_sha256=self._machine.trace_sha256(),
            problems=tuple(dict.fromkeys(problems)),
            warnings=warnings,
            consoles={core.name: console_lines(core) for core in (self._first, self._second)},
            bond_only=self._bond_only,
            messages_expected=total.expected,
            messages_unanswered=sum(lane.unanswered for lane in self.lanes),
            messages_lost=total.lost,
            initiator=initiators[0] if one else None,
            initiator_reason=reasons[0] if one else "",
            restarts=self._restarts.by_name(),
            faults=faults,
            round_trip_note=None if self._watch is None or not total.round_trips else QUANTUM_NOTE,
            endpoints=tuple(
                lane.result(count, bond_only=self._bond_only)
                for lane, count in zip(self.lanes, counts, strict=True)
            ),
        )

    def _troubles(self) -> Iterator[str]:
        """Yield what the players report; what the backend tells all its endpoints comes once."""
        if self._watch is not None:
            yield from self._watch.problems
        for name in self._setup.python:
            told: dict[str, list[str]] = {}
            for lane in self.lanes:
                for line in lane.players[name].troubles():
                    told.setdefault(line, []).append(lane.name)
            for line, at in told.items():
                yield line if len(at) > 1 else f"endpoint {at[0]} of {name}: {line}"

    def _missing(self, counts: list[Counts]) -> Iterator[str]:
        for lane, count in zip(self.lanes, counts, strict=True):
            knows = lane.sender is not None or self._setup.starter is not None
            silence_ns = None if knows else self._silence_ns
            for line in shortcomings(count, silence_ns):
                yield f"endpoint {lane.name}: {line}"

    def _explain(self) -> list[str]:
        told = list(self._setup.troubles())
        config, peer_config = self._configs.values()
        both = self._first, config, self._second
        found = examine_endpoints(self._machine, *both, self.backends, peer_config=peer_config)
        return [*told, *found.lines()]
