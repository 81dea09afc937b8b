"""The ICMsg instance of Zephyr's nRF5340 boards: regions in the shared SRAM, channels of the IPC peripheral.

Source: the upstream ICMsg sample's devicetree overlays (protocol §5). The stubs in ``firmware_stubs`` use the same.
"""

from __future__ import annotations

from typing import Final

from icmsg.config.instance import InstanceConfig, Region

NRF5340: Final = "nrf5340"
"""How the SoC is called."""

CHANNELS: Final = 16
"""Of the IPC peripheral."""
_REGIONS_OF_CORES: Final = {"app": range(0x0100_0000), "net": range(0x0100_0000, 0x0200_0000)}


def core_of_address(address: int) -> str | None:
    """Return whose flash (with FICR and UICR) a byte address belongs to; None for RAM and everything else.

    Source: Product Specification, "Memory".
    """
    return next((core for core, places in _REGIONS_OF_CORES.items() if address in places), None)


APP: Final = InstanceConfig(
    tx_region=Region(0x2007_0000, 0x800),
    rx_region=Region(0x2007_8000, 0x800),
    tx_channel=0,
    rx_channel=1,
    name="ipc0",
)
"""As the application core sees it; ``APP.mirrored()`` is the network core's."""
