"""The former place of :mod:`icmsg.hw.mailboxes.nrf_ipc`; it goes with release 0.3."""

from icmsg.hw.mailboxes.nrf_ipc import (
    ALL_CHANNELS as ALL_CHANNELS,
)
from icmsg.hw.mailboxes.nrf_ipc import (
    CHANNELS as CHANNELS,
)
from icmsg.hw.mailboxes.nrf_ipc import (
    IPC as IPC,
)
from icmsg.hw.mailboxes.nrf_ipc import (
    NrfIpc as NrfIpc,
)
from icmsg.hw.mailboxes.nrf_ipc import (
    read_state as read_state,
)
