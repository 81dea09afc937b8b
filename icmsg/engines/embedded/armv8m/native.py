"""A Cortex-M33 of unicorn."""

from __future__ import annotations

from typing import Final

import unicorn
from unicorn import arm_const

from icmsg.engines.embedded.emulator.native import EXECUTE, Model, NativeCore, PageHandler

CORTEX_M33: Final = Model(
    unicorn.UC_ARCH_ARM,
    unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS,
    arm_const.UC_CPU_ARM_CORTEX_M33,
    arm_const,
    "UC_ARM_REG_",
    loop=bytes.fromhex("00bffde7"),  # nop; b .-2
    start_bit=1,
)
_THUMB: Final = 1 << 24


class NativeArmCore(NativeCore):
    """A Cortex-M33; bit 0 of where a run begins says Thumb.

    The numbers of its exceptions are 8 = EXC_RETURN, 2 = SVC, and those of :class:`~.faults.Cause`.
    """

    def __init__(self) -> None:
        super().__init__(CORTEX_M33)

    def hook_pages(self, handler: PageHandler) -> None:
        """Ask ``handler`` about pages, as every core does."""
        state = self.registers("EPSR")

        def asked(address: int, access: int) -> tuple[int, int]:
            answer = handler(address, access)
            if access != EXECUTE:
                # unicorn has put the state of an IT block into EPSR, where the code that goes on does not expect it.
                state.write(_THUMB)
            return answer

        super().hook_pages(asked)
