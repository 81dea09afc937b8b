"""Verdict on an exchange beside its messages, in words: restarts, faults, hangs, and what is missing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import EngineError, VirtualTimeoutError
from icmsg.link.diagnosis.diagnosis import console_lines, is_fault
from icmsg.machine.events import Event, EventKind
from icmsg.machine.machine import fault_name
from icmsg.timers import MS, S, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from icmsg.link.endpoints.link import EndpointResult
    from icmsg.link.players import ExchangeSetup, Initiator, Responder
    from icmsg.link.watch import LinkWatch
    from icmsg.link.workload import Counts
    from icmsg.machine.machine import Core, CoreFaultRecord, FaultLog, Machine


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """Result of an exchange; times are virtual microseconds. ``problems`` says why it is not :attr:`ok`, in words."""

    bound: bool
    """True if both sides were bound at the end; a link that its own firmware ended after the last message counts."""
    messages_sent: int
    messages_received: int
    bytes_received: int
    mismatches: int
    bond_virtual_us: float | None
    round_trip_virtual_us: dict[str, float | None]
    virtual_s: float
    trace_sha256: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    """Warnings about what firmware did that nothing models; an exchange may be ok nevertheless."""
    consoles: dict[str, list[str]]
    bond_only: bool = False
    """Nothing was to be exchanged, so nothing is counted."""
    messages_expected: int | None = None
    """The number of messages asked for; None where nobody knows it."""
    messages_unanswered: int = 0
    """Messages that a core which Python plays received and did not send back."""
    messages_lost: int = 0
    """Messages whose echo a restart of a core has prevented."""
    are_echoes: bool = True
    """True if what came back are echoes; else both cores sent messages of their own."""
    initiator: str | None = None
    initiator_reason: str = ""
    restarts: dict[str, int] = field(default_factory=dict)
    """Resets of each core after it had started."""
    faults: tuple[CoreFaultRecord, ...] = ()
    notes: tuple[str, ...] = ()
    """Remarks that a reader of the figures should know; nothing that is wrong."""
    round_trip_note: str | None = None
    """A remark on what the smallest round trip does not say."""
    endpoints: tuple[EndpointResult, ...] = ()
    """The same for each endpoint, of a backend with several; the numbers above are their sums then."""

    @property
    def ok(self) -> bool:
        """True if both sides were bound, everything that was asked for came back, and nothing faulted."""
        return (
            self.bound
            and not self.problems
            and not self.mismatches
            and not self.faults
            and (
                self.bond_only
                or (
                    self.messages_received > 0
                    and (self.messages_received == self.messages_sent or not self.are_echoes)
                    and self.messages_expected in (None, self.messages_received)
                )
            )
        )


def lost(
    machine: Machine,
    seen: Initiator | LinkWatch | Counts,
    bond_ns: int | None,
    problem: str,
    earlier: Sequence[str] = (),
) -> ExchangeResult:
    """Return the result of a run whose engine has gone, from what is known without asking it.

    ``earlier`` are the problems of before; ``problem`` is left out where it only repeats one.
    """
    repeats = any(one in problem for one in earlier)
    return ExchangeResult(
        bound=False,
        messages_sent=seen.sent,
        messages_received=seen.got,
        bytes_received=seen.bytes_received,
        mismatches=seen.mismatches,
        bond_virtual_us=bond_ns / 1000 if bond_ns is not None else None,
        round_trip_virtual_us=seen.round_trips.summary_us(),
        virtual_s=machine.now_ns / S,
        trace_sha256="",
        problems=(*earlier,) if repeats else (problem, *earlier),
        warnings=(),
        consoles={core.name: console_lines(core) for core in machine.cores.values()},
    )


QUANTUM_NOTE: Final = (
    "with firmware on both cores the smallest round trip depends on how far one core may get ahead of the other "
    "(--quantum-us), not on the SoC"
)
_FAULT_EXCEPTIONS: Final = range(2, 8)
_IPSR: Final = 0x1FF
_FATAL: Final = "ZEPHYR FATAL ERROR"
"""Text that Zephyr prints for a fault, a failed assertion and a panic, before it halts the core."""


class Restarts:
    """Counts how often each of ``cores`` was reset after it had started."""

    def __init__(self, machine: Machine, cores: Iterable[Core]) -> None:
        self._cores: Final = tuple(cores)
        self._counts = {core.index: 0 for core in self._cores}
        self._started: set[int] = set()
        machine.events.add_sink(self._on_event, (EventKind.CORE_STARTED, EventKind.CORE_RESET))

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.CORE_STARTED:
            self._started.add(event.core)
        elif event.core in self._started and event.core in self._counts:
            self._counts[event.core] += 1

    def of(self, core: Core) -> int:
        """Return the restarts of one core."""
        return self._counts[core.index]

    @property
    def total(self) -> int:
        """The restarts of all cores."""
        return sum(self._counts.values())

    def by_name(self) -> dict[str, int]:
        """Return the restarts by the cores' names."""
        return {core.name: self.of(core) for core in self._cores}


def initiator_words(asked: str | None, initiator: str | None, setup: ExchangeSetup) -> str:
    """Return why ``initiator`` counts as the side that sends first, before anything has run."""
    if asked is not None:
        return "as asked for"
    if initiator is None:
        return "it sent the first message after bonding"
    return (
        "its stub sends first"
        if setup.is_stub(initiator)
        else "Python sends where the other side only echoes"
    )


def own_words(watch: LinkWatch) -> str:
    """Return that the messages of the core that does not initiate are no echoes."""
    return (
        f"{watch.follower} sends messages of its own, whose contents were not judged: none of {watch.got} equals what "
        f"{watch.initiator} had sent ({watch.first_difference})"
    )


def ended_words(name: str) -> str:
    """Return that core ``name`` has ended the link itself."""
    return f"{name} restarted its peer after the last message and did not open its side again"


def unbound_words(restarts: Restarts) -> str:
    """Return why the two sides, which were bound, are not any more."""
    times = [
        f"core {name} restarted {'once' if number == 1 else f'{number} times'}"
        for name, number in restarts.by_name().items()
        if number
    ]
    what = " and ".join(times) or "a side has closed its session"
    return f"not bound at the end: {what}, and they did not bond again"


def shortcomings(counts: Counts, silence_ns: int | None) -> Iterator[str]:
    """Yield what is missing; ``silence_ns`` is the silence that ended an exchange whose number nobody knew."""
    if silence_ns is not None:
        silence = f"a silence of {format_time(silence_ns)} of virtual time; a longer one: --silence-ms"
        if counts.expected is None and not counts.got:
            yield f"no message came back before {silence}"
            return
        if counts.expected is not None and counts.got < counts.expected:
            yield (
                f"{counts.got} of {counts.expected} messages came back before {silence}; "
                "as many as firmware sends: --messages any"
            )
            return
    expected = counts.sent if counts.expected is None else counts.expected
    if counts.got != expected or counts.mismatches:
        yield f"{counts.got} of {expected} echoes came back, {counts.mismatches} of them wrong"


def fault_words(machine: Machine, faults: Iterable[CoreFaultRecord]) -> Iterator[str]:
    """Yield a line for each fault, in the words of its warning, and for a core that ends in a handler or locked up.

    Also what Zephyr itself says of a panic or a failed assertion, which are no faults of the core.
    """
    told = [warning for warning in machine.warnings if is_fault(warning)]
    for fault in faults:
        words = [str(warning) for warning in told if (warning.core, warning.pc) == (fault.core, fault.pc)]
        yield from words or [
            f"core {fault.core} took {fault_name(fault.exception)} at PC 0x{fault.pc:08X} ({fault.place})"
        ]
    for core in machine.cores.values():
        if locked_up := getattr(core, "lock_up", ""):
            yield locked_up
            continue
        number = core.registers.get("XPSR", 0) & _IPSR
        if core.image is not None and number in _FAULT_EXCEPTIONS:
            yield f"core {core.name} is in the handler of exception {number} at the end"
        fatal = next((line.text for line in core.console.lines if _FATAL in line.text), None)
        if core.image is not None and fatal is not None:
            yield f"the firmware of {core.name} has given up: {fatal.strip()}"


def early_words(who: str, number: int) -> str:
    """Return that ``who`` sent ``number`` messages too early."""
    many = "1 message" if number == 1 else f"{number} messages"
    return f"{who} sent {many} before bonding was over; nothing of it was answered or counted"


def came_back(machine: Machine, responder: Responder, played: bytes, within_ns: int) -> bool:
    """Ask whether the peer of ``responder`` returns what it never sent: then it echoes, and initiates nothing."""
    responder.probe(bytes(byte ^ 0xFF for byte in played))
    try:
        machine.run_until(lambda: responder.probe_came_back, timeout_ns=within_ns)
    except VirtualTimeoutError:
        return False
    return True


def playback_words(who: str, played: bytes, times: int) -> str:
    """Return that ``who`` echoes: the same bytes went to and fro ``times`` times."""
    return (
        f"{who} only plays back what it gets: the same {len(played)} bytes ({played[:16].hex(' ')}) went to and fro "
        f"{times} times, and what Python sent then came back, too; nobody initiates: "
        "name the other side with --initiator"
    )


_EVERY: Final = 8
"""The run is looked at after so many slices."""
_QUIET_NS: Final = 2 * MS
"""Virtual time without progress after which cores may have stopped for good."""
_FINISH_NS: Final = 5 * MS
_FINISHES: Final = 200
_FAULTS: Final = 1000
"""A fault that came so often at one place is a loop."""
_STEPS: Final = 200
"""Progress is told about so often in a run."""


def let_pass(machine: Machine, look: Callable[[], None], quiet_ns: Callable[[], int], ns: int) -> None:
    """Run until no message has come for ``ns``: ``quiet_ns()`` says for how long none has."""

    def silent() -> bool:
        look()
        return quiet_ns() > ns

    while not silent():
        with suppress(VirtualTimeoutError):  # something came meanwhile
            machine.run_until(silent, timeout_ns=ns + 1)


def wait_for_more(
    machine: Machine,
    look: Callable[[], None],
    got: Callable[[], int],
    is_over: Callable[[], bool],
    total: int,
    patience_ns: int,
) -> None:
    """Run until a further part of ``total`` has come back, or ``is_over()``; VirtualTimeoutError if nothing does."""
    before = got()
    goal = min(before + max(1, total // _STEPS), total) if before < total else before + 1
    what = f"echo {before + 1} of {total}" if before < total else "the end of the exchange"

    def moved() -> bool:
        look()
        return got() >= goal or is_over()

    try:
        machine.run_until(moved, timeout_ns=patience_ns, what=what)
    except VirtualTimeoutError:
        if got() == before:
            raise


def let_finish(machine: Machine, cores: Sequence[Core]) -> None:
    """Let firmware print its last lines: until nothing has come for 5 ms of virtual time, at most a second."""
    before = 0
    for _ in range(_FINISHES):
        printed = sum(len(core.console.text) for core in cores)
        if printed == before:
            return
        before = printed
        machine.run_for(_FINISH_NS)


class Stall(NamedTuple):
    """``seconds`` of wall time without progress end a run; ``clock`` gives the wall time in seconds."""

    seconds: float
    clock: Callable[[], float]


class HangError(EngineError):
    """Firmware hangs; the text says how."""


class StuckError(HangError):
    """No core can change anything any more before the wait is over."""


class ProgressGuard:
    """Raises :class:`HangError` from :meth:`look`: firmware that hangs is recognised and named instead of waited for.

    What can be proved ends a run, at a virtual time that is the same every time: a core that takes the same fault or
    interrupt again and again, and cores none of which can change anything any more before the wait is over. Anything
    else ends after some wall time without progress, if that is asked for: a run that gets on never looks at that
    clock's value.

    ``token()`` changes whenever the run gets on; ``longest_ns`` is the longest wait of the run.
    """

    def __init__(
        self,
        machine: Machine,
        faults: FaultLog,
        token: Callable[[], tuple[object, ...]],
        longest_ns: int,
        stall: Stall | None,
    ) -> None:
        self._machine = machine
        self._faults = faults
        self._token = token
        self._longest_ns = longest_ns
        self._stall = stall
        self._looks = 0
        self._last: tuple[object, ...] | None = None
        self._since_ns = 0
        self._since_s = 0.0

    def look(self) -> None:
        """Call it after every slice; mostly it does nothing.

        Raises:
            HangError: firmware hangs, or there was no progress for too long.
        """
        self._looks += 1
        if self._looks % _EVERY:
            return
        token = self._token()
        if token != self._last:
            self._last, self._since_ns = token, self._machine.now_ns
            self._since_s = self._stall.clock() if self._stall is not None else 0.0
            return
        if self._faults.repeated >= _FAULTS:
            raise HangError(self._fault_loop())
        if self._machine.now_ns - self._since_ns >= _QUIET_NS:
            self._check_hangs()
        if self._stall is not None and self._stall.clock() - self._since_s > self._stall.seconds:
            raise HangError(
                f"no packet, no console line and no new state of the link for {self._stall.seconds:g} s of wall time; "
                "a longer wait: --stall-timeout"
            )

    def _check_hangs(self) -> None:
        hangs = self._machine.hangs(self._longest_ns)
        if hangs:
            kind = HangError if any(hang.is_storm for hang in hangs) else StuckError
            raise kind("; ".join(hang.text for hang in hangs))

    def _fault_loop(self) -> str:
        worst = max(self._faults.records(), key=lambda fault: fault.count)
        return (
            f"core {worst.core} takes {fault_name(worst.exception)} again and again at PC 0x{worst.pc:08X} "
            f"({worst.place})"
        )
