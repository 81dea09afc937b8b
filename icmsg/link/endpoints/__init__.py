"""Several endpoints over one link: exchanges, peers and the diagnosis of the backends that have them.

What is here relies on :class:`icmsg.ipc.SeveralEndpoints` alone: ICBMsg of all generations, and icmsg_me.
"""

from __future__ import annotations

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig

SeveralConfig = IcbmsgConfig | IcmsgMeConfig
"""Configuration of a backend with several endpoints."""
