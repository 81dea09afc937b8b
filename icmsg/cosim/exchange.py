"""The main job: boot both cores, bond, exchange messages, check every echo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.cosim.diagnosis import console_lines, examine
from icmsg.cosim.exchange_result import ExchangeResult
from icmsg.cosim.interruption import CtrlC
from icmsg.cosim.link_observer import observe_link
from icmsg.cosim.players import Initiator
from icmsg.cosim.preconditions import check_roles, check_workload
from icmsg.cosim.sides import Side, Sides
from icmsg.cosim.simtime import MS, S
from icmsg.cosim.stub_firmware import DONE
from icmsg.cosim.watch import LinkWatch
from icmsg.cosim.workload import RoundTrips
from icmsg.errors import ConfigurationError, IcmsgError, VirtualTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.instance import InstanceConfig
    from icmsg.cosim.machine import Machine
    from icmsg.cosim.workload import Workload

Progress = Callable[[int, int], None]
"""(echoes so far, echoes expected)"""

BOND_TIMEOUT_NS: Final = 2 * S
STALL_NS: Final = 1 * S
"""An exchange in which nothing comes back for this long has stopped."""
_GRACE_NS: Final = 5 * MS
"""Unknown firmware that speaks first within this time after bonding is the initiator."""
_QUIET_NS: Final = 50 * MS
"""An initiator of which we know no count has finished when it is silent for this long."""
_STEPS: Final = 200


class _Counts(NamedTuple):
    """What whoever sent first has counted, or what was seen of it from outside."""

    expected: int
    sent: int
    got: int
    bytes_received: int
    mismatches: int
    round_trips: RoundTrips


class Exchange:
    """One run on a machine with the cores ``app`` and ``net``; ``config`` is the app's instance and
    ``peer_config`` the net's (None: the mirror of the app's).

    A workload without messages asks for bonding alone.
    ``initiator`` is the name of the core that sends first; None finds out: the stub ``initiator`` where it runs,
    else unknown firmware that speaks first, else Python.

    Raises:
        FirmwareError: an image does not fit its core.
        ConfigurationError: instance or workload cannot work.
    """

    def __init__(
        self,
        machine: Machine,
        sides: dict[str, Side],
        config: InstanceConfig,
        workload: Workload,
        *,
        initiator: str | None = None,
        bond_timeout_ns: int = BOND_TIMEOUT_NS,
        peer_config: InstanceConfig | None = None,
    ) -> None:
        check_workload(workload, config)
        self._machine = machine
        self._workload = workload
        self._bond_only = not workload.messages
        self._bond_timeout_ns = bond_timeout_ns
        self._configs = {"app": config, "net": peer_config or config.mirrored()}
        self._first, self._second = (machine.core(name) for name in self._configs)
        self._ctrl_c = CtrlC()
        self._problems: list[str] = []
        self._sides = Sides(machine, sides, self._configs, workload, initiator)
        self._initiator = self._sides.initiator
        self._players = self._sides.players
        starter = self._players.get(self._initiator or "")
        self._sender = starter if isinstance(starter, Initiator) else None
        self._guess = self._sender is not None and initiator is None and bool(self._sides.unknown)
        # A Python initiator knows what it sent and when; everybody else is watched from outside.
        observe_link(machine, self._first, self._second, config)
        self._watch = LinkWatch(
            machine,
            self._first,
            self._second,
            config,
            machine.core(self._initiator) if self._initiator and not self._guess else None,
            workload.messages,
        )

    # Running

    def run(self, progress: Progress | None = None) -> ExchangeResult:
        """Boot, bond and exchange; what goes wrong on the machine is in the result's ``problems``.

        Raises:
            ConfigurationError: the two sides do not go together.
            KeyboardInterrupt: Ctrl-C, between two slices.
        """
        with self._ctrl_c:
            return self._run(progress)

    def _run(self, progress: Progress | None) -> ExchangeResult:
        bond_ns = None
        try:
            self._sides.start()
            self._machine.run_until(self._is_bound, timeout_ns=self._bond_timeout_ns, what="bonding")
            bond_ns = self._machine.now_ns
            check_roles(self._initiator, {name: stats.program for name, stats in self._sides.stats()})
            if self._bond_only:
                self._machine.run_for(_GRACE_NS)  # what firmware says about it, and what it breaks at once
            else:
                self._exchange(progress)
        except ConfigurationError:
            raise
        except IcmsgError as error:
            self._problems.append(str(error))
        return self._result(bond_ns)

    def _is_bound(self) -> bool:
        self._ctrl_c.check()
        self._watch.look()
        if self._players:
            return all(player.endpoint.is_bound for player in self._players.values())
        return self._watch.is_bound

    def _exchange(self, progress: Progress | None) -> None:
        if self._guess:
            self._let_the_firmware_speak()
        if self._sender is not None:
            self._watch.stop()
            self._sender.begin()
        total = self._workload.messages
        step = max(1, total // _STEPS)
        while not self._finished():
            before = self._got()
            goal = min(before + step, total) if before < total else before + 1
            what = f"echo {before + 1} of {total}" if before < total else "the end of the exchange"

            def moved(goal: int = goal) -> bool:
                self._ctrl_c.check()
                self._watch.look()
                return self._got() >= goal or self._finished()

            self._machine.run_until(moved, timeout_ns=self._patience(), what=what)
            if progress is not None:
                progress(self._got(), total)

    def _let_the_firmware_speak(self) -> None:
        """Firmware that we do not know may want to send first; then Python only sends back."""
        try:
            self._machine.run_until(lambda: self._watch.sent > 0, timeout_ns=_GRACE_NS)
        except VirtualTimeoutError:
            return
        self._sender = None
        self._initiator = self._sides.unknown[0]

    def _finished(self) -> bool:
        if self._sender is not None:
            return self._sender.got >= self._workload.messages
        stats = self._sides.initiator_stats(self._initiator)
        if stats is not None:
            return stats.state >= DONE
        return self._watch.got >= self._workload.messages or self._is_quiet()

    def _is_quiet(self) -> bool:
        watch = self._watch
        return 0 < watch.sent == watch.got and self._machine.now_ns - watch.last_ns > _QUIET_NS

    def _patience(self) -> int:
        knows_its_count = self._sender is not None or self._sides.is_stub(self._initiator)
        return STALL_NS if knows_its_count else 2 * _QUIET_NS + STALL_NS

    def _got(self) -> int:
        return self._sender.got if self._sender is not None else self._watch.got

    # Reporting

    def _result(self, bond_ns: int | None) -> ExchangeResult:
        counts = self._counts()
        problems = [*self._problems, *map(str, self._watch.problems)]
        problems += [line for player in self._players.values() for line in player.troubles()]
        if bond_ns is not None and not problems and (counts.got != counts.expected or counts.mismatches):
            problems.append(
                f"{counts.got} of {counts.expected} echoes came back, {counts.mismatches} of them wrong"
            )
        if problems:
            problems += self._explain(bound=bond_ns is not None, mismatches=counts.mismatches)
        return ExchangeResult(
            bound=bond_ns is not None,
            messages_sent=counts.sent,
            messages_received=counts.got,
            bytes_received=counts.bytes_received,
            mismatches=counts.mismatches,
            bond_virtual_us=bond_ns / 1000 if bond_ns is not None else None,
            round_trip_virtual_us=counts.round_trips.summary_us(),
            virtual_s=self._machine.now_ns / S,
            trace_sha256=self._machine.trace_sha256(),
            problems=tuple(dict.fromkeys(problems)),
            warnings=tuple(str(warning) for warning in self._machine.warnings),
            consoles={core.name: console_lines(core) for core in (self._first, self._second)},
            bond_only=self._bond_only,
        )

    def _counts(self) -> _Counts:
        if self._bond_only:
            return _Counts(0, 0, 0, 0, 0, RoundTrips())
        watch, total = self._watch, self._workload.messages
        stats = self._sides.initiator_stats(self._initiator)
        if stats is not None:
            mismatches = max(watch.mismatches, stats.mismatches)
            return _Counts(
                total, stats.sent, stats.received, stats.bytes_received, mismatches, watch.round_trips
            )
        seen: Initiator | LinkWatch = self._sender if self._sender is not None else watch
        expected = total if self._sender is not None else seen.sent
        return _Counts(expected, seen.sent, seen.got, seen.bytes_received, seen.mismatches, seen.round_trips)

    def _explain(self, *, bound: bool, mismatches: int) -> Iterator[str]:
        for name, stats in self._sides.stats():
            if (trouble := stats.trouble()) is not None:
                yield f"stub on {name}: {trouble}"
        if self._guess and self._sender is not None and 0 < mismatches == self._sender.got:
            unknown = self._sides.unknown[0]
            yield f"if the firmware on {unknown} sends first, say so: --initiator {unknown}"
        config = self._configs[self._first.name]
        instances = {name: player.played.instance for name, player in self._players.items()}
        yield from examine(
            self._machine, self._first, config, self._second, bound=bound, instances=instances
        ).lines()
