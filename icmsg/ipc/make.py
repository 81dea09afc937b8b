"""Choice of a backend by the type of its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.ipc.icbmsg.classic import IcbmsgInstance
from icmsg.ipc.icbmsg.rework import IcbmsgReworkInstance
from icmsg.ipc.icmsg_me import IcmsgMeInstance
from icmsg.ipc.instance import IcmsgInstance

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig
    from icmsg.hw.bus import Bus
    from icmsg.hw.mailbox import Mailbox
    from icmsg.ipc.backend import Backend, SeveralEndpoints
    from icmsg.ipc.clock import Clock
    from icmsg.ipc.happened import Observer


@overload
def backend_for(
    bus: Bus, mailbox: Mailbox, clock: Clock, config: InstanceConfig, *, observer: Observer | None = None
) -> Backend: ...
@overload
def backend_for(
    bus: Bus,
    mailbox: Mailbox,
    clock: Clock,
    config: IcbmsgConfig | IcmsgMeConfig,
    *,
    observer: Observer | None = None,
) -> SeveralEndpoints: ...
def backend_for(
    bus: Bus,
    mailbox: Mailbox,
    clock: Clock,
    config: InstanceConfig | IcbmsgConfig | IcmsgMeConfig,
    *,
    observer: Observer | None = None,
) -> Backend:
    """Return the backend of one side, off; ConfigurationError for a region that ``bus`` does not reach."""
    if isinstance(config, IcbmsgConfig):
        if config.generation == "rework":
            return IcbmsgReworkInstance(bus, mailbox, clock, config, observer=observer)
        return IcbmsgInstance(bus, mailbox, clock, config, observer=observer)
    if isinstance(config, IcmsgMeConfig):
        return IcmsgMeInstance(bus, mailbox, clock, config, observer=observer)
    return IcmsgInstance(bus, mailbox, clock, config, observer=observer)
