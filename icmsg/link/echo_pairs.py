"""Messages of one side, and what comes back for each: counted, compared and timed, whoever saw them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError
from icmsg.link.workload import RoundTrips, difference, unasked

if TYPE_CHECKING:
    from collections.abc import Callable


class EchoPairs:
    """Pairs of messages and their echoes, in order; of a sender without end ``limit`` of them are counted.

    With ``answer`` an echo is what that makes of the message.
    """

    def __init__(self, limit: int | None = None, answer: Callable[[bytes], bytes] | None = None) -> None:
        self.lost = 0
        """Messages whose echo a reset has prevented."""
        self.only_plays_back = True
        """True while each message but the first of who initiates is the echo that it had got just before."""
        self.sent = 0
        self.got = 0
        self.bytes_received = 0
        self.mismatches = 0
        self.round_trips: Final = RoundTrips()
        self.first_difference: IcmsgError | None = None
        """Difference of the first message that is no echo."""
        self.last_echo: bytes | None = None
        """Message that was sent back last; None after a reset."""
        self._cut = 0
        self._limit = limit
        self._answer = answer
        self._expected: deque[tuple[bytes, int]] = deque()

    @property
    def are_all_different(self) -> bool:
        """True if none of several echoes equals what was sent, and they are not just cut off."""
        return 1 < self.got == self.mismatches != self._cut

    def message(self, packet: bytes, time_ns: int) -> None:
        """Take a message of who initiates."""
        if self.sent != self._limit:
            if self.sent and packet != self.last_echo:
                self.only_plays_back = False
            self.sent += 1
            self._expected.append((packet, time_ns))

    def echo(self, packet: bytes, time_ns: int) -> None:
        """Take a message of the other side."""
        if self.got == self._limit:
            return
        self.got += 1
        self.last_echo = packet
        self.bytes_received += len(packet)
        if not self._expected:
            self._differs(b"", packet, IcmsgError(unasked(packet)))
            return
        sent, sent_ns = self._expected.popleft()
        if packet != (sent if self._answer is None else self._answer(sent)):
            self._differs(sent, packet, IcmsgError(difference(self.got, sent, packet, self._answer)))
        self.round_trips.add(max(0, time_ns - sent_ns))

    def give_up(self) -> None:
        """Count what is under way as lost: a core was reset."""
        self.lost += len(self._expected)
        self._expected.clear()
        self.last_echo = None

    def _differs(self, sent: bytes, packet: bytes, error: IcmsgError) -> None:
        self.mismatches += 1
        self._cut += bool(sent) and (sent.startswith(packet) or packet.startswith(sent))
        self.first_difference = self.first_difference or error
