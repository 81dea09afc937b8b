"""The main job: boot both cores, bond, exchange messages, check every echo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError, IcmsgError, VirtualTimeoutError
from icmsg.link.diagnosis.diagnosis import console_lines, examine
from icmsg.link.diagnosis.observations import observe_link
from icmsg.link.link import default_link
from icmsg.link.players import ExchangeSetup, Initiator, Program, Responder
from icmsg.link.preconditions import DONE, check_roles, check_workload
from icmsg.link.verdict import (
    QUANTUM_NOTE,
    ExchangeResult,
    ProgressGuard,
    Restarts,
    Stall,
    StuckError,
    came_back,
    early_words,
    ended_words,
    fault_words,
    initiator_words,
    let_pass,
    lost,
    own_words,
    playback_words,
    shortcomings,
    unbound_words,
    wait_for_more,
)
from icmsg.link.watch import LinkWatch
from icmsg.link.workload import Counts, RoundTrips
from icmsg.machine.boot import describe_held, describe_protection
from icmsg.machine.interruption import CtrlC
from icmsg.machine.machine import FaultLog
from icmsg.timers import MS, S, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.instance import InstanceConfig
    from icmsg.link.preconditions import StaleMemory
    from icmsg.link.workload import Workload
    from icmsg.machine.machine import Machine

Progress = Callable[[int, int], None]  # (echoes so far, echoes expected)

BOND_TIMEOUT_NS: Final = 2 * S
STALL_NS: Final = 1 * S
"""An exchange in which nothing comes back for this long has stopped."""
_GRACE_NS: Final = 5 * MS
"""Unknown firmware that speaks first within this time after bonding is the initiator."""
_EQUAL: Final = 1000
"""Number of messages that is enough of an initiator of which we know no count, where all are equal."""


class Exchange:
    """Run on a machine: two cores by name in ``programs``, and who plays each (an image, or None for Python).

    The one that comes first on the SoC's link has ``config``, the other ``peer_config`` (None: the mirror of that).

    A workload without messages asks for bonding alone; nothing is answered then. ``initiator`` is the core that sends
    first; None finds out: the stub ``initiator`` where it runs, else unknown firmware that speaks first, else Python.
    ``silence_ns``: virtual time without a message that ends the exchange (None: 1 s). ``stall``: the wall time without
    any progress that ends it (None: never). ``strict``: a warning is a problem. ``stale_memory``: what the regions hold
    when the cores start (:func:`icmsg.link.preconditions.fill_regions`); None leaves them as they are. ``release`` lets
    a network core run at once that firmware holds in reset (RESET.NETWORK.FORCEOFF).

    Raises:
        FirmwareError: an image does not fit its core.
        ConfigurationError: instance or workload cannot work.
    """

    def __init__(
        self,
        machine: Machine,
        programs: dict[str, Program],
        config: InstanceConfig,
        workload: Workload,
        *,
        initiator: str | None = None,
        bond_timeout_ns: int = BOND_TIMEOUT_NS,
        peer_config: InstanceConfig | None = None,
        release: bool = False,
        silence_ns: int | None = None,
        stall: Stall | None = None,
        strict: bool = False,
        stale_memory: StaleMemory | None = None,
    ) -> None:
        first, second = default_link(machine.soc, programs).cores
        check_workload(workload, config, first, second)
        self._machine = machine
        self._workload = workload
        self._bond_only = not workload.messages
        self._bond_timeout_ns = bond_timeout_ns
        self._release = release
        self._silence_ns: Final = silence_ns or STALL_NS
        self._after_bond_ns: Final = silence_ns or _GRACE_NS
        self._strict = strict
        self.configs = {first: config, second: peer_config or config.mirrored()}
        self._first, self._second = (machine.core(name) for name in self.configs)
        self._ctrl_c = CtrlC(terminate=True)
        self._problems: list[str] = []
        self._bond_ns: int | None = None
        self._faults = FaultLog(machine)
        self._restarts = Restarts(machine, (self._first, self._second))
        self._setup = ExchangeSetup(machine, programs, self.configs, workload, initiator, stale_memory)
        self._initiator = self._setup.initiator
        self._players = self._setup.players
        for name, player in self._players.items():
            player.peer_resets = partial(
                self._restarts.of, self._second if name == self._first.name else self._first
            )
        starter = self._players.get(self._initiator or "")
        self._sender = starter if isinstance(starter, Initiator) else None
        self._guess = self._sender is not None and initiator is None and bool(self._setup.unknown)
        self._reason = initiator_words(initiator, self._initiator, self._setup) if workload.messages else ""
        if workload.any_number:
            self._let_firmware_decide()
        listens = self._sender is not None and bool(self._setup.unknown)
        # A Python initiator knows what it sent and when; everybody else is watched from outside.
        observe_link(machine, self._first, self._second, config)
        self._watch = LinkWatch(
            machine,
            self._first,
            self._second,
            config,
            machine.core(self._initiator) if self._initiator and not listens else None,
            None if workload.any_number else workload.messages,
            restarts=True,
            booting=True,
            may_differ=len(self._setup.unknown) == len(self.configs),
            answer=workload.answer,
        )
        longest_ns = max(bond_timeout_ns, self._silence_ns)
        self._guard = ProgressGuard(machine, self._faults, self._token, longest_ns, stall)

    def _let_firmware_decide(self) -> None:
        if not self._setup.unknown or self._setup.is_stub(self._initiator):
            raise ConfigurationError(
                "--messages any is for firmware of yours that sends first; here the number is known: give it"
            )
        if self._sender is not None:
            self._sender.answer()
            self._sender, self._guess = None, False
            self._initiator = self._setup.unknown[0]
            self._reason = "messages of any number are asked for, so firmware has to send them"

    # Running

    def run(self, progress: Progress | None = None) -> ExchangeResult:
        """Boot, bond and exchange; what goes wrong on the machine is in the result's ``problems``.

        Raises:
            ConfigurationError: the two sides do not go together.
            KeyboardInterrupt: Ctrl-C or SIGTERM, between two slices; :meth:`partial` says how far it has come.
        """
        with self._ctrl_c:
            return self._run(progress)

    def partial(self, problem: str) -> ExchangeResult:
        """Return what there is of a run that was ended from outside for the reason ``problem``."""
        self._problems.insert(0, problem)
        return self._result()

    def lost(self, problem: str) -> ExchangeResult:
        """Return what is known of a run whose engine does not come back, without asking the engine."""
        return lost(self._machine, self._sender or self._watch, self._bond_ns, problem, self._problems)

    def _run(self, progress: Progress | None) -> ExchangeResult:
        try:
            self._setup.start(release=self._release)
            self._machine.run_until(self._is_bound, timeout_ns=self._bond_timeout_ns, what="bonding")
            self._bond_ns = self._machine.now_ns
            check_roles(self._initiator, {name: stats.program for name, stats in self._setup.stats()})
            if self._bond_only:
                # What firmware says about it, and what it breaks
                let_pass(self._machine, self._look, self._quiet_ns, self._after_bond_ns)
            else:
                self._exchange(progress)
        except ConfigurationError:
            raise
        except IcmsgError as error:
            self._problems += [str(error), *describe_held(self._machine)]
        return self._check_that_it_initiates(self._result())

    def _look(self) -> None:
        self._ctrl_c.check()
        self._watch.look()
        self._guard.look()

    def _token(self) -> tuple[object, ...]:
        return (  # whatever changes when the exchange gets on
            self._bond_ns,
            self._got(),
            self._watch.sent,
            *(player.endpoint.is_bound for player in self._players.values()),
            *(len(core.console.lines) for core in (self._first, self._second)),
        )

    def _is_bound(self) -> bool:
        self._look()
        return self._is_bound_now()

    def _is_bound_now(self) -> bool:
        return self._watch.is_bound and all(player.endpoint.is_bound for player in self._players.values())

    def _exchange(self, progress: Progress | None) -> None:
        if self._sender is not None:
            if self._setup.unknown:
                self._let_the_firmware_speak()
            if self._sender is not None:
                self._watch.stop()
                self._sender.begin()
        total = self._workload.messages
        while not self._finished():
            try:
                wait_for_more(self._machine, self._look, self._got, self._finished, total, self._patience())
            except StuckError:
                if self._knows_its_count():
                    raise
                break  # firmware that idles in a loop has said all it had to say
            if progress is not None:
                progress(self._got(), total)

    def _let_the_firmware_speak(self) -> None:
        """Firmware that we do not know may want to send first; then Python only sends back."""
        assert self._sender is not None

        def spoke() -> bool:
            self._look()
            return self._guess and self._watch.sent > 0

        try:
            self._machine.run_until(spoke, timeout_ns=_GRACE_NS)
        except VirtualTimeoutError:
            if self._guess:
                self._reason = "no firmware sent a message of its own within 5 ms after bonding"
            return
        sender, self._sender = self._sender, None
        self._initiator = self._setup.unknown[0]
        after = format_time(max(0, self._watch.last_ns - (self._bond_ns or 0)))
        self._reason = f"it sent a message of its own {after} after bonding"
        sender.answer(self._watch.early)

    def _check_that_it_initiates(self, result: ExchangeResult) -> ExchangeResult:
        """Firmware whose messages are what it got back just before may only echo: then it echoes anything."""
        watch = self._watch
        responder = next((one for one in self._players.values() if isinstance(one, Responder)), None)
        if responder is None or self._sender is not None or self._initiator not in self._setup.unknown:
            return result
        if watch.sent < 2 or not watch.only_plays_back or watch.last_echo is None:
            return result
        watch.stop()
        if not came_back(self._machine, responder, watch.last_echo, _GRACE_NS):
            return result  # what firmware says about our question, or does, is not of the exchange
        self._problems.append(playback_words(self._initiator, watch.last_echo, watch.got))
        return self._result()

    def _finished(self) -> bool:
        if self._sender is not None:
            return self._sender.got >= self._workload.messages
        if (stats := self._setup.initiator_stats(self._initiator)) is not None:
            return stats.state >= DONE
        enough = self._workload.messages
        if self._workload.any_number:  # equal messages without end may be an echo of ours
            enough = _EQUAL if self._watch.only_plays_back else self._watch.got + 1
        return self._watch.got >= enough or self._quiet_ns() > self._silence_ns

    def _quiet_ns(self) -> int:
        return self._machine.now_ns - max(self._watch.last_ns, self._bond_ns or 0)

    def _patience(self) -> int:
        return self._silence_ns + (0 if self._knows_its_count() else MS)

    def _knows_its_count(self) -> bool:
        return self._sender is not None or self._setup.is_stub(self._initiator)

    def _got(self) -> int:
        return self._sender.got if self._sender is not None else self._watch.got

    # Reporting

    def _result(self) -> ExchangeResult:
        counts = self._counts()
        notes = [own_words(self._watch)] if self._watch.sends_its_own else []
        if (ended := self._ended_by(counts)) is not None:
            notes.append(ended_words(ended))
        bound = self._bond_ns is not None and (ended is not None or self._is_bound_now())
        problems = [*self._problems, *map(str, self._watch.problems)]
        problems += [line for player in self._players.values() for line in player.troubles()]
        if self._bond_ns is not None:
            problems += describe_protection(self._machine, self.configs[self._first.name])
        if self._bond_ns is not None and not problems:
            silence_ns = None if self._knows_its_count() else self._silence_ns
            problems += shortcomings(counts, silence_ns) if not self._bond_only else []
        if self._bond_ns is not None and not bound:
            problems.append(unbound_words(self._restarts))
        faults = tuple(self._faults.records())
        problems = [*fault_words(self._machine, faults), *problems]
        warnings = tuple(str(warning) for warning in self._machine.warnings)
        if self._watch.early:
            warnings += (early_words(next(iter(self._setup.unknown), "a core"), self._watch.early),)
        if self._strict and warnings and not problems:
            problems += ["there are warnings, and --strict makes them failures", *warnings]
        if problems:
            problems += self._explain(bound=self._bond_ns is not None, mismatches=counts.mismatches)
        trips = counts.round_trips.summary_us()
        return ExchangeResult(
            bound=bound,
            messages_sent=counts.sent,
            messages_received=counts.got,
            bytes_received=counts.bytes_received,
            mismatches=counts.mismatches,
            bond_virtual_us=self._bond_ns / 1000 if self._bond_ns is not None else None,
            round_trip_virtual_us=trips,
            virtual_s=self._machine.now_ns / S,
            trace_sha256=self._machine.trace_sha256(),
            problems=tuple(dict.fromkeys(problems)),
            warnings=warnings,
            consoles={core.name: console_lines(core) for core in (self._first, self._second)},
            bond_only=self._bond_only,
            messages_expected=counts.expected,
            messages_unanswered=self._unanswered(),
            messages_lost=counts.lost,
            are_echoes=counts.are_echoes,
            initiator=None if self._bond_only else self._initiator or self._watch.initiator,
            initiator_reason=self._reason,
            restarts=self._restarts.by_name(),
            faults=faults,
            notes=tuple(notes),
            round_trip_note=None if self._players or trips["min"] is None else QUANTUM_NOTE,
        )

    def _ended_by(self, counts: Counts) -> str | None:
        """Return the core whose firmware has stopped its peer and does not open its side again: it ended the link."""
        if self._bond_ns is None or self._is_bound_now() or not self._workload.any_number:
            return None
        if not counts.got or not self._restarts.total:
            return None
        firmware = [core for core in (self._first, self._second) if core.image is not None]
        left = (c for c in firmware if not self._restarts.of(c) and not self._watch.has_opened(c))
        return next((core.name for core in left), None)

    def _unanswered(self) -> int:
        seen = sum(player.unanswered for player in self._players.values() if isinstance(player, Responder))
        return seen if self._players or not self._bond_only else self._watch.seen

    def _counts(self) -> Counts:
        if self._bond_only:
            return Counts(0, 0, 0, 0, 0, RoundTrips())
        watch, total = self._watch, self._workload.messages
        if (stats := self._setup.initiator_stats(self._initiator)) is not None:
            return Counts.of_stub(total, stats, watch)
        expected = None if self._workload.any_number else total
        if self._sender is None and watch.sends_its_own:
            return Counts.of_its_own(expected, watch)
        seen: Initiator | LinkWatch = self._sender if self._sender is not None else watch
        received = seen.got, seen.bytes_received, seen.mismatches
        sent = seen.sent - (watch.lost if seen is watch else 0)
        return Counts(expected, sent, *received, seen.round_trips, seen.lost)

    def _explain(self, *, bound: bool, mismatches: int) -> Iterator[str]:
        for name, stats in self._setup.stats():
            if (trouble := stats.trouble()) is not None:
                yield f"stub on {name}: {trouble}"
        if self._guess and self._sender is not None and 0 < mismatches == self._sender.got:
            unknown = self._setup.unknown[0]
            yield f"if the firmware on {unknown} sends first, say so: --initiator {unknown}"
        first, second, config = self._first, self._second, self.configs[self._first.name]
        instances = {name: player.played.instance for name, player in self._players.items()}
        yield from examine(self._machine, first, config, second, bound=bound, instances=instances).lines()
