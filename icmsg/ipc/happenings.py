"""What an instance did, as typed events: whoever listens to one gets these objects, in the order of what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icmsg.errors import IcmsgError
    from icmsg.ipc.state import LegacyState, State


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The instance is in another state."""

    state: LegacyState | State


@dataclass(frozen=True, slots=True)
class Sent:
    """A message lies in the TX buffer; its ring follows."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A message was taken; the endpoint's callback follows."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message was to be sent while the peer is gone, and was dropped as Zephyr does."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Rang:
    """The instance rings its peer on this mbox channel."""

    channel: int


@dataclass(frozen=True, slots=True)
class Bound:
    """Both sides are ready; the endpoint's callback follows."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """The peer is gone; the endpoint's callback follows."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer did something wrong; the endpoint's callback follows."""

    error: IcmsgError


Happening = StateChanged | Sent | Received | Dropped | Rang | Bound | Unbound | Failed
Listener = Callable[[Happening], None]
"""Called with everything that an instance does."""

Observer = Callable[[str, object], None]
"""A listener in the words of release 0.1: a kind and its detail, as :func:`in_words` gives them."""


def in_words(happening: Happening) -> tuple[str, object]:
    """Return a happening as an :data:`Observer` is told it.

    ``"state"`` (new state), ``"sent"``, ``"received"`` and ``"dropped"`` (the payload), ``"ring"`` (the channel),
    ``"bound"`` and ``"unbound"`` (None), ``"error"`` (the exception).

    >>> in_words(Sent(b"hello")), in_words(Bound())
    (('sent', b'hello'), ('bound', None))
    """
    match happening:
        case StateChanged(state):
            return "state", state
        case Sent(payload):
            return "sent", payload
        case Received(payload):
            return "received", payload
        case Dropped(payload):
            return "dropped", payload
        case Rang(channel):
            return "ring", channel
        case Bound():
            return "bound", None
        case Unbound():
            return "unbound", None
        case Failed(error):
            return "error", error
