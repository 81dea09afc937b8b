"""Members of a core in the Monitor that say how Renode executes it, and where an address lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.hw.exposed import INT32, UINT64, VOID, Kind, exposed

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine_core import MachineCore

_MODE: Final = Kind("ExecutionMode", members=("Continuous", "SingleStep"))
_ACCESS: Final = Kind("MpuAccess", members=("Read", "Write", "InstructionFetch"))
_BLOCK: Final = 0x7FF
"""Instructions of a block of Renode's translation, unless a script says otherwise."""
_MPU_CONTROL: Final = 0xD94
"""Offset of MPU_CTRL in the system control space (Armv8-M)."""


class CpuModes:
    """Execution of one core; ``is_started`` tells whether the emulation is not paused, ``log`` takes a line.

    ``has_mpu`` tells whether the core is an Armv8-M, whose system control space has an MPU.
    """

    def __init__(
        self,
        core: MachineCore,
        control: CoreControl,
        *,
        has_mpu: bool,
        is_started: Callable[[], bool],
        log: Callable[[str], None],
    ) -> None:
        self._core: Final = core
        self._control: Final = control
        self._has_mpu: Final = has_mpu
        self._is_started = is_started
        self._log = log
        self._block = _BLOCK
        self._told = False

    @exposed(VOID)
    def pause(self) -> None:
        """Do nothing while the emulation is paused, as every core is then."""
        self._refuse_while_started("Pause", "true")

    @exposed(VOID)
    def resume(self) -> None:
        """Do nothing while the emulation is paused: the core goes on with it."""
        self._refuse_while_started("Resume", "false")

    def _refuse_while_started(self, member: str, halted: str) -> None:
        if self._is_started():
            raise MonitorError(
                f"the embedded engine has no {member} for one core while the emulation runs: use IsHalted {halted}"
            )

    @property
    @exposed(_MODE)
    def execution_mode(self) -> str:
        """The way in which the core executes: all the time, or what ``Step`` asks for.

        Whether time passes meanwhile is a matter of ``emulation SingleStepBlocking``.
        """
        return "SingleStep" if self._control.single_step else "Continuous"

    @execution_mode.setter
    def execution_mode(self, mode: str) -> None:
        self._control.single_step = mode == "SingleStep"

    @property
    @exposed(INT32)
    def maximum_block_size(self) -> int:
        """The number of instructions that Renode translates at once; of no effect here, where slices are exact."""
        return self._block

    @maximum_block_size.setter
    def maximum_block_size(self, size: int) -> None:
        if size < 1:
            raise MonitorError("a block has at least one instruction")
        self._block = size
        if not self._told:
            self._told = True
            self._log(
                "MaximumBlockSize has no effect on the embedded engine: time is exact to the instruction"
            )

    @exposed(UINT64, logical_address=UINT64, access_type=_ACCESS)
    def translate_address(self, logical_address: int, access_type: str) -> int:
        """Return the physical address, which is the logical one: these cores have no MMU."""
        if self._has_mpu and self._core.system_control.read32(_MPU_CONTROL) & 1:
            raise MonitorError(
                f"the MPU of this core is enabled, and whether it lets a {access_type} at 0x{logical_address:X} pass "
                "only firmware sees; the address itself is not translated"
            )
        return logical_address
