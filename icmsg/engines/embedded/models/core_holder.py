"""Base of the blocks by which one core holds another one in reset and lets it go.

The nRF5340's RESET: how the application core holds the network core in reset and lets it go.

CPURUN and INITPC of a VPR peripheral: how another core starts and stops the VPR core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.hw.exposed import BOOL, UINT32, VOID, exposed
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf54_peripherals import VPR
from icmsg.hw.nrf_peripherals import RESET

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.registers import RegisterBlock


class CoreHolder(RegisterModel):
    """A block of the core in ``slot``, which holds and releases the core in ``held``.

    After a reset it holds. Firmware that resets its own core, the one in ``slot``, puts the other into reset again;
    after power-up whoever starts that one decides (:mod:`icmsg.machine.force_off`).
    """

    irq: Final = None

    def __init__(self, block: RegisterBlock, slot: Slot, *, base: int, held: Slot) -> None:
        super().__init__(block, base=base, core=slot.name)
        self.held: Final = held
        self._holds = True

    def reset(self) -> None:
        """Reset the registers; the other core stays as it is."""
        super().reset()
        self._holds = True

    def set_holding(self, holds: bool, entry: int | None = None) -> None:
        """Hold the other core in reset, or let it go, to begin at byte address ``entry`` if one is given."""
        before, self._holds = self._holds, holds
        if holds:
            self.held.hold()
        elif before:
            self.held.release_reset(entry)

    @property
    def holds(self) -> bool:
        """True while the other core is held in reset."""
        return self.held.power is not None and self.held.power.is_held

    @property
    def played(self) -> bool:
        """True while somebody behind the Monitor plays the other core: nothing is started there."""
        return self.held.power is not None and self.held.power.is_played_elsewhere

    @played.setter
    def played(self, played: bool) -> None:
        if self.held.power is not None:
            self.held.power.is_played_elsewhere = played


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


_WAITING: Final = 0
_RUNNING: Final = 1
_SLEEPING: Final = 2
_ERROR: Final = 14


class NrfVprModel(CoreHolder):
    """The control of the VPR core in ``vpr``, as the core in ``slot`` has it."""

    def __init__(self, slot: Slot, *, base: int, vpr: Slot) -> None:
        super().__init__(VPR, slot, base=base, held=vpr)

    @on_write("CPURUN")
    def _run(self, _index: int, value: int) -> None:
        self.poke("CPURUN", value & 1)
        self.set_holding(not value & 1, self.peek("INITPC"))

    @on_read("VPRSTATUS")
    def _status(self, _index: int) -> int:
        power, core = self.held.power, self.held.firmware
        if power is None or power.is_halted:
            return _WAITING
        if core is None or not core.asleep:
            return _RUNNING
        return _SLEEPING if core.lock_up is None else _ERROR

    # What the Monitor knows beside the registers, as renode/NRF_VPR.cs has it

    @property
    @exposed(BOOL)
    def is_held(self) -> bool:
        """True while the VPR core is held in reset."""
        return self.holds

    @property
    @exposed(BOOL)
    def is_played(self) -> bool:
        """True while somebody behind the Monitor plays the VPR core: CPURUN does not start it."""
        return self.played

    @is_played.setter
    def is_played(self, played: bool) -> None:
        self.played = played
