"""The nRF5340's RESET: how the application core holds the network core in reset and lets it go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.exposed import BOOL, UINT32, VOID, exposed
from icmsg.hw.model import RegisterModel, on_write
from icmsg.hw.nrf_reset import RESET

if TYPE_CHECKING:
    from icmsg.cosim.embedded.slot import Slot


class NrfResetModel(RegisterModel):
    """RESET of the core in ``slot``, which holds and releases the core in ``network``.

    FORCEOFF is 1 after a reset. Firmware that resets its own core, the application core, puts the network core into
    reset again; after power-up whoever starts the network core decides (:mod:`icmsg.cosim.force_off`).
    """

    irq: Final = None

    def __init__(self, slot: Slot, *, base: int, network: Slot) -> None:
        super().__init__(RESET, base=base, core=slot.name)
        self._slot = slot
        self.network: Final = network
        self._forced = True

    def reset(self) -> None:
        """Reset the registers; the network core stays as it is."""
        super().reset()
        self._forced = True

    @on_write("NETWORK_FORCEOFF")
    def _force_off(self, _index: int, value: int) -> None:
        before, self._forced = self._forced, bool(value & 1)
        self.poke("NETWORK_FORCEOFF", value & 1)
        if self._forced:
            self.network.hold()
        elif before:
            self.network.let_go()

    # What the Monitor knows beside the registers, as renode/NRF_RESET.cs has it

    @exposed(VOID)
    def hold_network(self) -> None:
        """Hold the network core in reset, as firmware does with FORCEOFF = 1."""
        self.network.hold()

    @exposed(VOID)
    def release_network(self) -> None:
        """Let the network core start."""
        self.network.let_go()

    @exposed(VOID)
    def restart_network(self) -> None:
        """Reset the network core with what belongs to it alone, as its watchdog does."""
        self.network.restart()

    @property
    @exposed(BOOL)
    def is_network_held(self) -> bool:
        """True while the network core is held in reset."""
        return self.network.power is not None and self.network.power.is_held

    @property
    @exposed(BOOL)
    def is_network_played(self) -> bool:
        """True while somebody behind the Monitor plays the network core: FORCEOFF does not start it."""
        return self.network.power is not None and self.network.power.is_played_elsewhere

    @is_network_played.setter
    def is_network_played(self, played: bool) -> None:
        if self.network.power is not None:
            self.network.power.is_played_elsewhere = played

    @property
    @exposed(BOOL)
    def is_network_halted(self) -> bool:
        """True while the network core executes nothing."""
        return self.network.power is None or self.network.power.is_halted

    @property
    @exposed(UINT32)
    def network_vector_table(self) -> int:
        """The vector table from which the network core takes its stack pointer and its first instruction."""
        return self.network.control.vector_table if self.network.control is not None else 0

    @network_vector_table.setter
    def network_vector_table(self, address: int) -> None:
        if self.network.control is not None:
            self.network.control.vector_table = address
