"""Armv8-M as the slots of the embedded engine know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.core import FirmwareCore
from icmsg.engines.embedded.armv8m.nvic import INTERRUPTS, Nvic
from icmsg.engines.embedded.armv8m.scs_registers import SCS_BASE
from icmsg.engines.embedded.armv8m.system_control import SystemControl
from icmsg.engines.embedded.memory import PAGE, AddressSpace, IoRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.slot import Slot


class Armv8M:
    """A Cortex-M33; ``has_fpu`` whether it has an FPU and the DSP extension."""

    interrupts: Final = INTERRUPTS

    def __init__(self, *, has_fpu: bool) -> None:
        self._has_fpu = has_fpu

    def make_controller(self) -> Nvic:
        """Return an NVIC."""
        return Nvic()

    def make_registers(
        self, slot: Slot, space: AddressSpace, *, timer_hz: int, restart: Callable[[], None]
    ) -> SystemControl:
        """Return the System Control Space, with SysTick at ``timer_hz``."""
        assert isinstance(slot.nvic, Nvic)
        control = SystemControl(
            slot,
            slot.nvic,
            name=slot.name,
            ticks_per_cycle=slot.ticks_per_second // timer_hz,
            reset_requested=restart,
            has_fpu=self._has_fpu,
        )
        space.add(IoRange(SCS_BASE, SCS_BASE + PAGE, control, "SCS"))
        return control

    def make_processor(
        self,
        slot: Slot,
        *,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> FirmwareCore:
        """Return a core that runs firmware."""
        assert isinstance(slot.nvic, Nvic)
        assert isinstance(slot.control, SystemControl)
        return FirmwareCore(
            name=slot.name,
            space=slot.space,
            nvic=slot.nvic,
            control=slot.control,
            timers=slot.timers,
            ticks_per_instruction=slot.ticks_per_instruction,
            has_fpu=self._has_fpu,
            warn=warn,
            fault=fault,
            events=events,
        )
