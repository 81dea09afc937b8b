"""Channels of a mailbox of which an SoC has wired some."""

from __future__ import annotations

from icmsg.errors import ConfigurationError
from icmsg.hw.mailbox import channels_in

_ALL_CHANNELS = (1 << 32) - 1


def wired_channels(name: str, channels: int, wired: int) -> int:
    """Return those of a mask of channels that have a wire; ``name`` is whose they are, "tx" or "rx".

    Raises:
        ConfigurationError: none has.
    """
    if not 0 <= channels <= _ALL_CHANNELS:
        return channels  # ChannelStates refuses it
    if channels and not channels & wired:
        can = ", ".join(map(str, channels_in(wired))) or "none"
        raise ConfigurationError(
            f"{name}-channel {', '.join(map(str, channels_in(channels)))} has no wire in this VPR; channels that have "
            f"one: {can}"
        )
    return channels & wired
