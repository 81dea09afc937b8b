"""Two bellboards, each registered for both cores: sites, models and the bus of each core."""

from __future__ import annotations

from typing import Final

from mailbox_sites import DoorBus, PartsBus, Rises, Site

from icmsg.hw.mailboxes.nrf_bellboard import NrfBellboard, NrfBellboardModel

APP: Final = 0x5F09_A000
RAD: Final = 0x5F09_B000
EVERY: Final = 0xFFFF_FFFF


class Sides:
    """The two cores; with ``runs`` each executes something, so that what is delivered waits for its time."""

    def __init__(self, *, runs: bool = False) -> None:
        self.app, self.rad = Site("app", runs=runs), Site("rad", runs=runs)
        self.app_bell = NrfBellboardModel(self.app, base=APP)
        self.rad_bell = NrfBellboardModel(self.rad, base=RAD, peer=self.app_bell)
        self.app_bus, self.rad_bus = (
            PartsBus(
                {
                    (APP, APP + 0x1000): DoorBus(self.app_bell.seen_from(site), APP),
                    (RAD, RAD + 0x1000): DoorBus(self.rad_bell.seen_from(site), RAD),
                }
            )
            for site in (self.app, self.rad)
        )
        self.rises = Rises(*self.app_bell.outputs.items())

    def drivers(self) -> tuple[NrfBellboard, NrfBellboard]:
        """Return the mailbox of each core."""
        return (
            NrfBellboard(self.app_bus, APP, tx_base=RAD, tx_channels=EVERY, rx_channels=EVERY),
            NrfBellboard(self.rad_bus, RAD, tx_base=APP, tx_channels=EVERY, rx_channels=EVERY),
        )
