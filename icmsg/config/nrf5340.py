"""The ICMsg instance of Zephyr's nRF5340 boards: regions in the shared SRAM, channels of the IPC peripheral.

Source: the upstream ICMsg sample's devicetree overlays (protocol §5). The stubs in ``firmware_stubs`` use the same.
"""

from __future__ import annotations

from typing import Final

from icmsg.config.instance import InstanceConfig, Region

NRF5340: Final = "nrf5340"
"""How the SoC is called."""

APP: Final = InstanceConfig(
    tx_region=Region(0x2007_0000, 0x800),
    rx_region=Region(0x2007_8000, 0x800),
    tx_channel=0,
    rx_channel=1,
    name="ipc0",
)
"""As the application core sees it; ``APP.mirrored()`` is the network core's."""
