"""Returns of an endpoint: messages that it sent, and what came back of them from a peer that sends back.

>>> returns = Returns()
>>> for number in (1, 2):
...     returns.sent(bytes([number]))
>>> for _ in range(2):
...     returns.received(bytes([2]))
>>> returns.overwritten()
(1, 2)
"""

from __future__ import annotations

from collections import deque
from typing import Final

_KEPT: Final = 64


class Returns:
    """The last messages of both directions of one endpoint, whose ends are counted from 1."""

    def __init__(self) -> None:
        self._sent: Final[deque[bytes]] = deque(maxlen=_KEPT)
        self._received: Final[deque[bytes]] = deque(maxlen=_KEPT)
        self._sent_count = self._received_count = 0

    def sent(self, data: bytes) -> None:
        """Take one that this side sent."""
        self._sent.append(data)
        self._sent_count += 1

    def received(self, data: bytes) -> None:
        """Take one that came."""
        self._received.append(data)
        self._received_count += 1

    def overwritten(self) -> tuple[int, int] | None:
        """Return (the message that did not come back, the later one that came in its place and once more).

        None where nothing looks so: what came is no echo, or all of it is there.
        """
        if len(set(self._sent)) < len(self._sent):
            return None  # they cannot be told apart
        first = self._sent_count - len(self._sent)
        came = list(self._received)
        offset = self._received_count - len(came)
        for place, data in enumerate(self._sent):
            number = first + place
            if number < offset or number >= self._received_count or data in came:
                continue
            instead = came[number - offset]
            if instead in self._sent and came.count(instead) > 1 and self._sent.index(instead) > place:
                return number + 1, first + self._sent.index(instead) + 1
        return None
