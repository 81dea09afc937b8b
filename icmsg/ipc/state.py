"""The states of an instance, with Zephyr's names and numbers (protocol §2.1, §3.6)."""

from __future__ import annotations

from enum import IntEnum


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
