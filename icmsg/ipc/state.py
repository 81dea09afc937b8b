"""The states of an instance, with Zephyr's names and numbers, and how bonding moves between them (protocol §2, §3).

Events of an instance, as an observer is told them: a kind, and a detail whose type follows from the kind.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import IcmsgError

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig


class LegacyState(IntEnum):
    """``enum icmsg_state`` of Zephyr 3.2 to 4.0 (``signalling="repeat"``)."""

    OFF = 0
    BUSY = 1
    READY = 2


class State(IntEnum):
    """``enum icmsg_state`` of Zephyr ≥ 4.1 (``signalling="ring-back"``)."""

    OFF = 0
    INITIALIZING_SID_DISABLED = 1
    INITIALIZING_SID_ENABLED = 2
    INITIALIZING_SID_DETECT = 3
    DISCONNECTED = 4
    CONNECTED_SID_DISABLED = 5
    CONNECTED_SID_ENABLED = 6


AnyState = LegacyState | State


class Input(Enum):
    """The inputs of bonding; everything else leaves the state as it is."""

    OPEN = "the endpoint is registered, or the instance opened again"
    MAGIC = "the peer's magic was taken"
    MAGIC_FIRST = "the first packet there is a magic: the peer knows no sessions"
    ACKNOWLEDGED = "the peer has acknowledged our session id, and we its"
    LEFT = "the peer's session id is another one than the one that was acknowledged"
    CLOSE = "the endpoint is deregistered, or the core was reset"


Transitions = Mapping[tuple[AnyState, Input], AnyState]
"""(state, input): the next state. What is not in a table does not happen."""

REPEAT: Final[Transitions] = {
    (LegacyState.OFF, Input.OPEN): LegacyState.BUSY,
    (LegacyState.BUSY, Input.MAGIC): LegacyState.READY,
    **{(state, Input.CLOSE): LegacyState.OFF for state in LegacyState},
}
"""Zephyr ≤ 4.0 (protocol §2.1)."""

RING_BACK: Final[Transitions] = {
    (State.OFF, Input.OPEN): State.INITIALIZING_SID_DISABLED,
    (State.INITIALIZING_SID_DISABLED, Input.MAGIC): State.CONNECTED_SID_DISABLED,
    **{(state, Input.CLOSE): State.OFF for state in State},
}
"""Zephyr ≥ 4.1, ``unbound = "disable"`` (protocol §2.2)."""

SESSIONS: Final[Transitions] = {
    **{(state, Input.OPEN): State.INITIALIZING_SID_ENABLED for state in State},
    (State.INITIALIZING_SID_ENABLED, Input.ACKNOWLEDGED): State.CONNECTED_SID_ENABLED,
    (State.CONNECTED_SID_ENABLED, Input.LEFT): State.DISCONNECTED,
    **{(state, Input.CLOSE): State.OFF for state in State},
}
"""``unbound = "enable"``, opened from any state (protocol §3.2 to §3.5)."""

DETECT: Final[Transitions] = {
    **SESSIONS,
    **{(state, Input.OPEN): State.INITIALIZING_SID_DETECT for state in State},
    (State.INITIALIZING_SID_DETECT, Input.ACKNOWLEDGED): State.CONNECTED_SID_ENABLED,
    (State.INITIALIZING_SID_DETECT, Input.MAGIC_FIRST): State.INITIALIZING_SID_DISABLED,
    (State.INITIALIZING_SID_DISABLED, Input.MAGIC): State.CONNECTED_SID_DISABLED,
}
"""``unbound = "detect"``: sessions, or magic with a peer that knows none (protocol §3.6)."""

BINDS: Final = frozenset((Input.MAGIC, Input.ACKNOWLEDGED))
"""The inputs behind which messages flow, until the next one."""


def transitions_of(config: InstanceConfig) -> Transitions:
    """Return the table by which an instance bonds."""
    if config.signalling == "repeat":
        return REPEAT
    return {"disable": RING_BACK, "enable": SESSIONS, "detect": DETECT}[config.unbound]


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
