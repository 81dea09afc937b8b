"""Regions of an instance, as the core that uses them reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.bus import BlockCheck

if TYPE_CHECKING:
    from icmsg.config.instance import Region
    from icmsg.hw.bus import Bus


class HasRegions(Protocol):
    """The configuration of one side of any backend."""

    @property
    def name(self) -> str:
        """The instance's name in messages."""

    @property
    def tx_region(self) -> Region:
        """The region that this side writes."""

    @property
    def rx_region(self) -> Region:
        """The region that this side reads."""


def check_regions(bus: Bus, config: HasRegions) -> None:
    """Refuse regions that the bus does not have; without an access, which the peer or a test might see.

    Raises :class:`ConfigurationError`.
    """
    if isinstance(bus, BlockCheck):
        _check(bus, config, "tx-region", config.tx_region)
        _check(bus, config, "rx-region", config.rx_region)


def _check(bus: BlockCheck, config: HasRegions, name: str, region: Region) -> None:
    try:
        bus.check_block(region.address, region.size)
    except BusError as error:
        raise ConfigurationError(
            f"{config.name}: the {name} {region} is not memory that this core can reach: {error}"
        ) from error
