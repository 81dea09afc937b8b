"""Events of an instance, as an observer is told them: a kind, and a detail whose type follows from the kind."""

from __future__ import annotations

import enum
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from icmsg.errors import IcmsgError


class Happened(str, enum.Enum):
    """Kind of an event; the comment gives the detail. A kind is also its word, ``Happened.SENT == "sent"``."""

    STATE = "state"  # the instance is in another state: a member of its enum of states
    SENT = "sent"  # a message lies in the TX buffer, its ring follows: the payload
    RECEIVED = "received"  # a message was taken, the endpoint's callback follows: the payload
    DROPPED = "dropped"  # a message was to be sent while the peer is gone: the payload
    RING = "ring"  # the instance rings its peer: the mbox channel
    BOUND = "bound"  # both sides are ready, the endpoint's callback follows: None
    UNBOUND = "unbound"  # the peer is gone, the endpoint's callback follows: None
    ERROR = "error"  # the peer did something wrong, the endpoint's callback follows: the exception

    __str__ = str.__str__


# The members by themselves: to look one up in its enum takes longer than to tell it.
STATE, SENT, RECEIVED, DROPPED, RING, BOUND, UNBOUND, ERROR = Happened


class AtEndpoint(NamedTuple):
    """Detail of an event at one of several endpoints."""

    endpoint: str
    """The endpoint's name."""
    detail: bytes | IcmsgError | None
    """The same that a backend with one endpoint tells by itself."""


Detail = IntEnum | bytes | int | IcmsgError | AtEndpoint | None
Observer = Callable[[Happened, Detail], None]
"""Called with everything that an instance does, in order; it may take ``(str, object)`` as well."""
