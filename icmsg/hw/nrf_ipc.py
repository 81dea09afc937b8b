"""The former place of :mod:`icmsg.hw.mailboxes.nrf_ipc`; it goes with release 0.3."""

from icmsg.hw.mailboxes.nrf_ipc import ALL_CHANNELS, CHANNELS, IPC, NrfIpc, read_state

__all__ = ["ALL_CHANNELS", "CHANNELS", "IPC", "NrfIpc", "read_state"]
