"""Harts as the slots of the embedded engine know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.riscv.hart import Hart
from icmsg.engines.embedded.riscv.local_interrupts import LocalInterrupts
from icmsg.errors import BusError
from icmsg.hw.model import SizedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.riscv.hart_types import HartType
    from icmsg.engines.embedded.slot import Slot

RESET_VECTOR: Final = 0x1000
"""Address at which a hart begins that was told nothing else, as in Renode."""


class HartStart(SizedModel):
    """The address at which a hart begins, ``vector_table``; it has no registers on the bus."""

    def __init__(self) -> None:
        self.vector_table = RESET_VECTOR

    def set_speed(self, times: int) -> None:
        """Do nothing: the core has no timer."""

    def reset(self) -> None:
        """Do nothing: it stays where it was set."""

    def _read(self, offset: int, size: int) -> int:
        raise BusError("a hart has no registers on the bus", address=offset, width=8 * size)

    def _write(self, offset: int, size: int, value: int) -> None:
        del value
        self._read(offset, size)


class RiscV32:
    """A hart of the type ``kind``; ``hart`` is its mhartid."""

    def __init__(self, kind: HartType, *, hart: int) -> None:
        self._kind: Final = kind
        self._hart: Final = hart
        self.interrupts: Final = kind.inputs
        self.time: Callable[[], int] | None = None
        """Value of the register time: that of the timer that the platform file names."""

    def make_controller(self) -> LocalInterrupts:
        """Return the controller in the hart."""
        return self._kind.make_controller()

    def make_registers(
        self,
        slot: Slot,  # noqa: ARG002 - it has none on the bus
        space: AddressSpace,  # noqa: ARG002
        *,
        timer_hz: int,  # noqa: ARG002 - nor a timer
        restart: Callable[[], None],  # noqa: ARG002 - nor can it reset itself
    ) -> HartStart:
        """Return where the hart begins."""
        return HartStart()

    def make_processor(
        self,
        slot: Slot,
        *,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> Hart:
        """Return a hart that runs firmware."""
        assert isinstance(slot.nvic, LocalInterrupts)
        registers = slot.control
        assert isinstance(registers, HartStart)
        return Hart(
            self._kind,
            name=slot.name,
            space=slot.space,
            interrupts=slot.nvic,
            entry=lambda: registers.vector_table,
            hart=self._hart,
            time=lambda: 0 if self.time is None else self.time(),
            ticks_per_instruction=slot.ticks_per_instruction,
            timers=slot.timers,
            warn=warn,
            fault=fault,
            events=events,
        )
