"""What an instance does, as an observer is told it: a kind, and a detail whose type follows from the kind."""

from __future__ import annotations

import enum
from collections.abc import Callable

from icmsg.errors import IcmsgError
from icmsg.ipc.state import LegacyState, State


class Happened(str, enum.Enum):
    """What happened; the comment gives the detail. A kind is also its word, ``Happened.SENT == "sent"``."""

    STATE = "state"  # the instance is in another state: a State or LegacyState
    SENT = "sent"  # a message lies in the TX buffer, its ring follows: the payload
    RECEIVED = "received"  # a message was taken, the endpoint's callback follows: the payload
    DROPPED = "dropped"  # a message was to be sent while the peer is gone: the payload
    RING = "ring"  # the instance rings its peer: the mbox channel
    BOUND = "bound"  # both sides are ready, the endpoint's callback follows: None
    UNBOUND = "unbound"  # the peer is gone, the endpoint's callback follows: None
    ERROR = "error"  # the peer did something wrong, the endpoint's callback follows: the exception

    __str__ = str.__str__


Detail = LegacyState | State | bytes | int | IcmsgError | None
Observer = Callable[[Happened, Detail], None]
"""Called with everything that an instance does, in order; it may take ``(str, object)`` as well."""
