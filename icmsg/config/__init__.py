"""Typed configuration: the bottom layer, which knows neither hardware nor engines."""

from __future__ import annotations

from icmsg.config.icbmsg import ZEPHYR_DEFECTS, BlockLayout, Defect, Generation, IcbmsgConfig, Refused
from icmsg.config.icmsg_me import IcmsgMeConfig, Role
from icmsg.config.instance import (
    ZEPHYR_RX_READ_BUF_SIZE,
    InstanceConfig,
    Region,
    RegionLayout,
    Signalling,
    Unbound,
    Wire,
)

__all__ = [
    "ZEPHYR_DEFECTS",
    "ZEPHYR_RX_READ_BUF_SIZE",
    "BlockLayout",
    "Defect",
    "Generation",
    "IcbmsgConfig",
    "IcmsgMeConfig",
    "InstanceConfig",
    "Refused",
    "Region",
    "RegionLayout",
    "Role",
    "Signalling",
    "Unbound",
    "Wire",
]
