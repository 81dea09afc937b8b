"""An application at a backend with several endpoints, and what must hold whatever the peer does.

The peers are in :mod:`icbmsg` and :mod:`over_icmsg`.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from guarded_memory import GuardedMemory, Violation

from icmsg.errors import IcmsgError, IpcError, WireError
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, InterruptHandler, VirtualClock, backend_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from script import Script

NAMES = ("ep0", "ep1", "another", "\N{GREEK SMALL LETTER BETA}")
SIZES = (0, 1, 4, 13, 36, 60, 100, 200, 0x1_0001)
_REFUSALS = frozenset(
    (
        *(errno.EBUSY, errno.ENOENT, errno.ENOMEM, errno.EMSGSIZE, errno.EINVAL, errno.EBADMSG),
        *(errno.ENOTCONN, errno.EALREADY, errno.EAGAIN, errno.EIO),
    )
)
_MOST_WORK = 400
_MS = 1_000_000
_ROUNDS = 6
"""Messages of each endpoint to each side: more than a leak of blocks would let through."""


class SeveralGame(ABC):
    """One backend under test with its application; a subclass plays the peer."""

    binds_first = True
    """Whether nothing is delivered to an endpoint that is not bound."""

    def __init__(self, script: Script, config: Any, memory: GuardedMemory) -> None:
        self.script = script
        self.config = config
        self.memory = memory
        self.clock = VirtualClock()
        options = script.byte()
        self.own_end, self.peer_end = mailbox_pair(latch=bool(options & 1))
        observer = self._observe if options & 2 else None
        self.backend: Any = backend_for(memory, self.own_end, self.clock, config, observer=observer)  # type: ignore[arg-type]
        self.own_end.on_signal = InterruptHandler(self.own_end, self.backend).handle
        self.reactions = script.byte()
        self.endpoints: list[Any] = []
        self.bound: set[int] = set()
        """Endpoints by id that were told that they are bound."""
        self.arrived: list[tuple[str, bytes]] = []
        self.buffers: list[Any] = []
        self.held: list[Any] = []
        self.calls = 0

    def moves(self) -> tuple[Callable[[], None], ...]:
        """Return what can happen; the script chooses by number."""
        return (
            self.peer_overwrites,
            self.peer_rings,
            self.work,
            self.time_passes,
            self.register,
            self.send,
            self.application_calls,
        )

    def play(self) -> None:
        """Let the script choose moves until it is over, then let an honest peer take over."""
        moves = self.moves()
        while self.script:
            move = self.script.choose(moves)
            move()
            if move != self.peer_overwrites:
                self.memory.begin()
                self.check()
        self.recover()

    # What the backend tells.

    def _observe(self, kind: object, detail: object) -> None:
        str(kind), str(detail)

    def _callbacks(self, name: str) -> tuple[EndpointConfig, list[Any]]:
        """Return callbacks, and the list where their endpoint belongs as soon as it is registered."""
        holder: list[Any] = []
        config = EndpointConfig(
            name,
            bound=lambda: self._bound(self._of(holder)),
            received=lambda data: self._received(self._of(holder), data),
            unbound=lambda: self._unbound(self._of(holder)),
            error=self._error,
            prio=len(self.endpoints) & 1,
        )
        return config, holder

    def _bound(self, endpoint: Any) -> None:
        if id(endpoint) in self.bound:
            raise Violation(f"{endpoint.name} is bound twice")
        self.bound.add(id(endpoint))
        if self.reactions & 1:
            self._try(lambda: endpoint.send(b"from bound"))
        if self.reactions & 16:
            self._stop(self.backend.reset)

    def _received(self, endpoint: Any, data: bytes) -> None:
        if id(endpoint) not in self.bound and self.binds_first:
            raise Violation(f"{endpoint.name} received data before it was bound")
        if len(data) > self.longest_received:
            raise Violation(f"{len(data)} bytes were received")
        self.arrived.append((endpoint.name, data))
        if self.reactions & 2:
            self._try(lambda: endpoint.send(data))
        if self.reactions & 4 and hasattr(endpoint, "hold_rx_buffer"):
            self.held.append(endpoint.hold_rx_buffer())
        if self.reactions & 32:
            self._stop(self.backend.reset)

    def _unbound(self, endpoint: Any) -> None:
        if id(endpoint) not in self.bound:
            raise Violation(f"{endpoint.name} is unbound without having been bound")
        self.bound.discard(id(endpoint))
        if self.reactions & 8:
            self._try(endpoint.reopen)

    @staticmethod
    def _error(problem: IcmsgError) -> None:
        if not isinstance(problem, WireError | IpcError) or not str(problem):
            raise Violation(f"an error that does not say what is wrong: {problem!r}")

    def _of(self, holder: list[Any]) -> Any:
        """Return the endpoint of a callback, which may be called before its registration returns."""
        if not holder:
            holder.append(next(each for each in self.backend.endpoints if each not in self.endpoints))
        return holder[0]

    # What can happen.

    @abstractmethod
    def peer_overwrites(self) -> None:
        """Any bytes anywhere, at once or between two accesses of the next call."""

    def peer_rings(self) -> None:
        """Signal, on the right channel."""
        self.peer_end.ring(self.config.rx_channel)

    def work(self) -> None:
        """Run everything that is due."""
        for _ in range(_MOST_WORK + 2 * self.calls):
            if not self.clock.run_one():
                self.calls = 0
                return
        raise Violation("work without end: a hang")

    def time_passes(self) -> None:
        """Let 0 to 2.55 ms pass."""
        self.clock.advance(self.script.byte() * 10_000)

    def register(self) -> None:
        """Register another endpoint, which may be refused."""
        self.calls += 1
        config, holder = self._callbacks(self.script.choose(NAMES))
        endpoint = self._try(lambda: self.backend.register_endpoint(config))
        if endpoint is not None:
            holder[:] = [endpoint]
            self.endpoints.append(endpoint)

    def send(self) -> None:
        """Send something, which may be refused: then nothing has changed but what the peer gave back."""
        if self.endpoints:
            data = bytes([self.script.byte()]) * self.script.choose(SIZES)
            endpoint = self.script.choose(tuple(self.endpoints))
            before, rings = self.announced(), self.own_end.rings
            is_refused = self._try(lambda: endpoint.send(data)) is None
            has_changed = self.announced() != before or self.own_end.rings != rings
            if is_refused and has_changed and not self.memory.disturbed:
                raise Violation("a refused message has left something, or rang")

    def application_calls(self) -> None:
        """Anything else that an application may call, in any state."""
        self.calls += 1
        choice = self.script.byte()
        if choice % 8 == 0:
            self._stop(self.backend.reset)
        elif choice % 8 == 1:
            self._stop(self.backend.close)
        elif choice % 8 == 2:
            self._try(self.backend.open)
        elif self.endpoints:
            self.endpoint_call(self.script.choose(tuple(self.endpoints)), choice >> 3)

    def endpoint_call(self, endpoint: Any, choice: int) -> None:
        """Call anything of one endpoint."""
        if choice & 1:
            self._try(endpoint.deregister)
            if not getattr(endpoint, "is_registered", True):
                self.bound.discard(id(endpoint))
        else:
            self._try(endpoint.reopen)

    def _stop(self, call: Callable[[], None]) -> None:
        """Reset or close; what was handed out is worth nothing then."""
        if self._try(lambda: call() or True):
            self.endpoints.clear()
            self.bound.clear()
            self.buffers.clear()
            self.held.clear()

    def _try(self, call: Callable[[], Any]) -> Any:
        """Return what a call of the application returns, None where it is refused as documented."""
        try:
            return call()
        except IpcError as error:
            if error.errno not in _REFUSALS or not str(error):
                raise Violation(f"an error that is not documented: {error.errno_name} {error}") from error
            return None

    # What must hold.

    @property
    def longest_received(self) -> int:
        """The longest message that can arrive, in bytes."""
        return int(self.config.rx_layout.longest)

    @abstractmethod
    def announced(self) -> object:
        """Return what tells the peer of messages: equal before and after a refused one."""

    def check(self) -> None:
        """Check that what was told is what holds."""
        for endpoint in self.endpoints:
            if endpoint.is_bound != (id(endpoint) in self.bound):
                raise Violation(f"{endpoint.name} is not what it was told: bound {endpoint.is_bound}")

    def recover(self) -> None:
        """Both sides start over after a reset of the SoC; two endpoints bind, and exchange messages both ways."""
        self.reactions = 0
        self._stop(self.backend.reset)
        self.memory.begin()
        for region in (self.config.tx_region, self.config.rx_region):
            self.memory.poke(region.address, bytes(region.size))
        while self.clock.run_one():
            pass
        self.check()
        peer: Any = backend_for(self.memory.raw, self.peer_end, self.clock, self.config.mirrored())
        self.peer_end.on_signal = InterruptHandler(self.peer_end, peer).handle
        got: list[bytes] = []
        theirs = []
        self.backend.open()
        peer.open()
        for name in NAMES[:2]:
            self._ring_both()
            config, holder = self._callbacks(name)
            self.endpoints.append(self.backend.register_endpoint(config))
            holder[:] = self.endpoints[-1:]
            theirs.append(peer.register_endpoint(EndpointConfig(name, received=got.append)))
        self._ring_both()
        if not (self.backend.is_bound and peer.is_bound):
            raise Violation(f"no way back: {self.backend.state.name} and {peer.state.name}")
        self.arrived.clear()
        for _ in range(_ROUNDS):
            for endpoint, other in zip(self.endpoints, theirs, strict=True):
                self.memory.begin()
                endpoint.send(b"there")
                other.send(b"back")
                self._ring_both()
        expected = [(endpoint.name, b"back") for endpoint in self.endpoints] * _ROUNDS
        if self.arrived != expected or got != [b"there"] * len(expected):
            raise Violation(f"{len(self.arrived)} and {len(got)} of {len(expected)} messages have arrived")
        self.check()

    def _ring_both(self) -> None:
        for _ in range(3):
            self.memory.begin()
            self.peer_end.ring(self.config.rx_channel)
            self.own_end.ring(self.config.tx_channel)
            self.clock.advance(2 * _MS)
