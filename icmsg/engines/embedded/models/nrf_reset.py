"""The nRF5340's RESET: how the application core holds the network core in reset and lets it go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.engines.embedded.models.core_holder import CoreHolder
from icmsg.hw.exposed import BOOL, UINT32, VOID, exposed
from icmsg.hw.model import on_write
from icmsg.hw.nrf_peripherals import RESET

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot


class NrfResetModel(CoreHolder):
    """RESET of the core in ``slot``, which holds and releases the core in ``network``; FORCEOFF is 1 after a reset."""

    def __init__(self, slot: Slot, *, base: int, network: Slot) -> None:
        super().__init__(RESET, slot, base=base, held=network)

    @on_write("NETWORK_FORCEOFF")
    def _force_off(self, _index: int, value: int) -> None:
        self.poke("NETWORK_FORCEOFF", value & 1)
        self.set_holding(bool(value & 1))

    # What the Monitor knows beside the registers, as renode/NRF_RESET.cs has it

    @exposed(VOID)
    def hold_network(self) -> None:
        """Hold the network core in reset, as firmware does with FORCEOFF = 1."""
        self.held.hold()

    @exposed(VOID)
    def release_network(self) -> None:
        """Let the network core start."""
        self.held.release_reset()

    @exposed(VOID)
    def restart_network(self) -> None:
        """Reset the network core with what belongs to it alone, as its watchdog does."""
        self.held.restart()

    @property
    @exposed(BOOL)
    def is_network_held(self) -> bool:
        """True while the network core is held in reset."""
        return self.holds

    @property
    @exposed(BOOL)
    def is_network_played(self) -> bool:
        """True while somebody behind the Monitor plays the network core: FORCEOFF does not start it."""
        return self.played

    @is_network_played.setter
    def is_network_played(self, played: bool) -> None:
        self.played = played

    @property
    @exposed(BOOL)
    def is_network_halted(self) -> bool:
        """True while the network core executes nothing."""
        return self.held.power is None or self.held.power.is_halted

    @property
    @exposed(UINT32)
    def network_vector_table(self) -> int:
        """The vector table from which the network core takes its stack pointer and its first instruction."""
        return self.held.control.vector_table if self.held.control is not None else 0

    @network_vector_table.setter
    def network_vector_table(self, address: int) -> None:
        if self.held.control is not None:
            self.held.control.vector_table = address
