"""The two sides of an echo exchange: Python as an application that sends first or back, and firmware that is loaded."""

from __future__ import annotations

import errno
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import IcmsgError, IpcError
from icmsg.ipc import EndpointConfig
from icmsg.link.played_instance import PlayedInstance
from icmsg.link.preconditions import (
    StubFirmware,
    StubStats,
    check_image,
    check_regions,
    check_reply,
    fill_regions,
)
from icmsg.link.workload import RoundTrips, Workload, difference, unasked
from icmsg.machine.boot import start_firmware
from icmsg.machine.image import FirmwareImage
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from icmsg.config.instance import InstanceConfig
    from icmsg.ipc import BackendEndpoint
    from icmsg.ipc.clock import Clock
    from icmsg.link.preconditions import StaleMemory
    from icmsg.machine.machine import Core, Machine


_RETRY_NS: Final = 10 * US
"""Nobody signals that room was made in the buffer, so a sender looks again after this time."""
_KEPT: Final = 10
"""A peer gone wrong can cause an error per doorbell, without end."""


class Player:
    """An application on a Python-played core: opens its endpoint when it is made."""

    def __init__(self, played: PlayedInstance[Any], clock: Clock, endpoint: str = "ep0") -> None:
        self.bound_ns: int | None = None
        self.problems: Final[list[IcmsgError]] = []
        """The first of them; ``problem_count`` counts all."""
        self.problem_count = 0
        self.peer_resets: Callable[[], int] = lambda: 0
        """Number of resets of the peer's core; a session that ends with a reset is opened again, and no problem."""
        self._resets = 0
        self._clock = clock
        self.played: Final = played
        callbacks = EndpointConfig(
            name=endpoint,
            bound=self._bound,
            received=self.received,
            error=self._problem,
            unbound=self._unbound,
        )
        self.endpoint: Final[BackendEndpoint] = played.instance.register_endpoint(callbacks)

    def _bound(self) -> None:
        self.bound_ns = self._clock.now_ns()

    def _unbound(self) -> None:
        resets = self.peer_resets()
        self.lost_link()
        if resets == self._resets:
            self._problem(IpcError("the peer closed or restarted during the exchange", errno.ECONNRESET))
        else:  # as an application does that goes on with a peer that has started again
            self._clock.call_soon(self.endpoint.reopen)
        self._resets = resets

    def lost_link(self) -> None:
        """Forget what was under way when the peer went away."""

    def troubles(self) -> list[str]:
        """Return the problems in words."""
        more = self.problem_count - len(self.problems)
        return [*map(str, self.problems), *([f"… and {more} more errors"] if more else [])]

    def _problem(self, error: IcmsgError) -> None:
        self.problem_count += 1
        if len(self.problems) < _KEPT:
            self.problems.append(error)

    def received(self, data: bytes) -> None:
        """Take one message."""
        raise NotImplementedError

    def _try_send(self, data: bytes) -> bool:
        """Send; False if there is no room now."""
        try:
            self.endpoint.send(data)
        except IpcError as error:
            if error.errno != errno.ENOMEM or len(data) > self.endpoint.get_tx_buffer_size():
                raise
            return False
        return True


class Responder(Player):
    """Sends every message back, in order; one that does not answer only counts them in ``unanswered``.

    With ``answer`` it sends what that makes of a message.
    """

    def __init__(
        self,
        played: PlayedInstance[Any],
        clock: Clock,
        endpoint: str = "ep0",
        *,
        answers: bool = True,
        answer: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.heard = 0
        """Number of messages that came, whatever became of them."""
        self.echoed = 0
        self.bytes_echoed = 0
        self.unanswered = 0
        self._answers = answers
        self._answer = answer
        self._probe: bytes | None = None
        self.probe_came_back = False
        self._waiting: deque[bytes] = deque()
        super().__init__(played, clock, endpoint)

    def probe(self, data: bytes) -> None:
        """Send a message and answer nothing any more: a peer that plays back what it gets returns it."""
        self._answers = False
        self._waiting.clear()
        self._probe = data
        self._try_send(data)

    def received(self, data: bytes) -> None:
        """Send the message back, now or when there is room."""
        self.heard += 1
        if not self._answers:
            self.unanswered += 1
            self.probe_came_back = self.probe_came_back or data == self._probe
            return
        if self._answer is not None:
            data = self._answer(data)
        if self._waiting or not self._try_send(data):
            if not self._waiting:
                self._clock.call_later(_RETRY_NS, self._again)
            self._waiting.append(data)
        else:
            self.echoed += 1
            self.bytes_echoed += len(data)

    def lost_link(self) -> None:
        """Forget what was to be sent back."""
        self._waiting.clear()

    def _again(self) -> None:
        while self._waiting and self._try_send(self._waiting[0]):
            self.echoed += 1
            self.bytes_echoed += len(self._waiting.popleft())
        if self._waiting:
            self._clock.call_later(_RETRY_NS, self._again)


class Initiator(Responder):
    """Sends a workload, at most its window ahead of the echoes, and compares every echo.

    Until :meth:`begin` or :meth:`answer` it keeps what comes: a peer that turns out to speak first is answered then,
    and what any other one has said unasked is not played back to it.
    """

    def __init__(
        self, played: PlayedInstance[Any], clock: Clock, workload: Workload, endpoint: str = "ep0"
    ) -> None:
        self.sent = 0
        self.got = 0
        self.lost = 0
        self.bytes_received = 0
        self.mismatches = 0
        self.round_trips: Final = RoundTrips()
        self._workload = workload
        self._begun = False
        self._kept: deque[bytes] | None = deque()
        self._waits_for_room = False
        self._payloads: Iterator[bytes] = workload.payloads()
        self._next: bytes | None = None
        self._expected: deque[tuple[bytes, int]] = deque()
        super().__init__(played, clock, endpoint, answer=workload.answer)

    def begin(self) -> None:
        """Send the first messages; the endpoint is bound."""
        self._begun = True
        if self._kept is not None:
            self.unanswered += len(self._kept)
            self._kept = None
        self._fill()

    def answer(self, early: int = 0) -> None:
        """Send back what was kept but the first ``early`` messages, and what comes: the peer sends first."""
        kept, self._kept = list(self._kept or ()), None
        self.unanswered += min(early, len(kept))
        self.heard -= len(kept[early:])
        for data in kept[early:]:
            super().received(data)

    def lost_link(self) -> None:
        """Count what was under way as lost; after bonding again it is sent once more."""
        super().lost_link()
        lost = [payload for payload, _ in self._expected]
        self._expected.clear()
        self.lost += len(lost)
        self.sent -= len(lost)
        again = [*lost, self._next] if self._next is not None else lost
        self._payloads, self._next = chain(again, self._payloads), None

    def _bound(self) -> None:
        super()._bound()
        if self._begun:
            self._fill()

    def received(self, data: bytes) -> None:
        """Compare an echo with what was sent, then go on."""
        if not self._begun:
            if self._kept is None:
                super().received(data)
            else:
                self.heard += 1
                self._kept.append(data)
            return
        self.heard += 1
        self.got += 1
        self.bytes_received += len(data)
        if not self._expected:
            self.mismatches += 1
            self._problem(IcmsgError(unasked(data)))
            return
        expected, sent_ns = self._expected.popleft()
        if data != (expected if self._answer is None else self._answer(expected)):
            self.mismatches += 1
            if self.mismatches == 1:
                self._problem(IcmsgError(difference(self.got, expected, data, self._answer)))
        self.round_trips.add(self._clock.now_ns() - sent_ns)
        self._fill()

    def _fill(self) -> None:
        if not self.endpoint.is_bound:
            return
        while len(self._expected) < self._workload.window_at(self.sent):
            if self._next is None:
                self._next = next(self._payloads, None)
                if self._next is None:
                    return
            if not self._try_send(self._next):
                if not self._waits_for_room:
                    self._waits_for_room = True
                    self._clock.call_later(_RETRY_NS, self._look_again)
                return
            self._expected.append((self._next, self._clock.now_ns()))
            self._next = None
            self.sent += 1

    def _look_again(self) -> None:
        self._waits_for_room = False
        self._fill()


_HEAD_START_NS: Final = 1 * MS
Program = FirmwareImage | None
"""Program of a core: an image, or None for Python."""


class ExchangeSetup:
    """Both cores, set up but not started; ``configs`` gives the instance of each.

    ``initiator`` is who sends first as far as it is known: what was asked for, else the stub that does, else Python.

    With ``stale_memory`` the regions hold something, and firmware starts before Python opens its side: a side that is
    opened first cannot be misled.

    Raises:
        FirmwareError: an image does not fit its core.
        ConfigurationError: an instance cannot work on its core.
    """

    def __init__(
        self,
        machine: Machine,
        programs: Mapping[str, Program],
        configs: Mapping[str, InstanceConfig],
        workload: Workload,
        initiator: str | None,
        stale_memory: StaleMemory | None = None,
    ) -> None:
        self._machine = machine
        self._workload = workload
        self._configs = configs
        self._stubs: dict[str, StubFirmware] = {}
        for name, config in configs.items():
            check_regions(machine, machine.core(name), config)
        images = {name: image for name, image in programs.items() if image is not None}
        self._firmware: Final = [name for name in configs if name in images]
        for name, image in images.items():
            self._load(machine.core(name), image)
        python = [name for name, image in programs.items() if image is None]
        starting = [name for name, stub in self._stubs.items() if stub.starts]
        self.initiator: Final[str | None] = initiator or next(iter(starting + python), None)
        self._running = False
        if stale_memory is not None:
            first = next(iter(configs))
            fill_regions(machine.core(first).bus, configs[first], stale_memory, workload.seed)
            self.start()
            if python:
                machine.run_for(_HEAD_START_NS)
        self.players: Final = {name: self._open(machine.core(name)) for name in python}
        self.unknown: Final = [name for name in images if name not in self._stubs]
        """Cores with firmware of which nothing is known."""

    def _load(self, core: Core, image: FirmwareImage) -> None:
        config, work = self._configs[core.name], self._workload
        core.load(image)
        check_image(core, image, config)
        if StubFirmware.is_stub(image):
            check_reply(work, core.name)
            stub = self._stubs[core.name] = StubFirmware(image, core.bus)
            stub.set_instance(config)
            stub.set_work(
                messages=max(work.messages, 1),  # a stub that sends has no other way to start
                size_min=work.size_min,
                size_max=work.size_max,
                seed=work.seed,
                window=work.window or 1,
            )

    def _open(self, core: Core) -> Player:
        played = PlayedInstance(self._machine, core, self._configs[core.name])
        if core.name == self.initiator and self._workload.messages:
            return Initiator(played, self._machine.clock, self._workload)
        answers, answer = bool(self._workload.messages), self._workload.answer
        return Responder(played, self._machine.clock, answers=answers, answer=answer)

    def start(self, *, release: bool = False) -> None:
        """Let the firmware run, if it does not yet; ``release``: also where another core holds it in reset."""
        if not self._running:
            self._running = True
            start_firmware(self._machine, self._firmware, release=release)

    def is_stub(self, core: str | None) -> bool:
        """Tell whether a firmware stub runs on ``core``."""
        return core in self._stubs

    def stats(self) -> Iterator[tuple[str, StubStats]]:
        """Yield the counters of every stub that has come so far as to have some."""
        for name, stub in self._stubs.items():
            if (stats := stub.stats()) is not None:
                yield name, stats

    def initiator_stats(self, core: str | None) -> StubStats | None:
        """Return the counters of the stub on ``core`` if it is one that sends first."""
        stub = self._stubs.get(core or "")
        return stub.stats() if stub is not None and stub.starts else None
