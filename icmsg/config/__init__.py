"""Typed configuration: the bottom layer, which knows neither hardware nor engines."""

from __future__ import annotations

from icmsg.config.instance import (
    ZEPHYR_RX_READ_BUF_SIZE,
    InstanceConfig,
    Region,
    Signalling,
    Unbound,
)
from icmsg.config.layout import RegionLayout, Wire

__all__ = [
    "ZEPHYR_RX_READ_BUF_SIZE",
    "InstanceConfig",
    "Region",
    "RegionLayout",
    "Signalling",
    "Unbound",
    "Wire",
]
