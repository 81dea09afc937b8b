"""Messages that a played endpoint sends back, one behind the other, as soon as there is room."""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING, Final

from icmsg.errors import IpcError
from icmsg.machine.simtime import US

if TYPE_CHECKING:
    from icmsg.errors import IcmsgError
    from icmsg.ipc import BackendEndpoint
    from icmsg.ipc.clock import Clock

_LOOK_AGAIN_NS: Final = 10 * US
"""Nobody signals that room was made in the region."""


class SendingBack:
    """Queue of the messages that ``endpoint`` sends back; what is refused for good goes to ``errors``."""

    def __init__(self, clock: Clock, errors: list[IcmsgError]) -> None:
        self._clock = clock
        self._errors = errors
        self._waiting: Final[deque[bytes]] = deque()

    def add(self, endpoint: BackendEndpoint, data: bytes) -> None:
        """Send one message back, now or when there is room."""
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._send(endpoint)

    def _send(self, endpoint: BackendEndpoint) -> None:
        while self._waiting and endpoint.is_bound:
            try:
                endpoint.send(self._waiting[0])
            except IpcError as error:
                if error.errno == errno.ENOMEM and len(self._waiting[0]) <= endpoint.get_tx_buffer_size():
                    self._clock.call_later(_LOOK_AGAIN_NS, lambda: self._send(endpoint))
                    return
                self._errors.append(error)
            self._waiting.popleft()
