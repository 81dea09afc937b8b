"""A core in the Monitor, whoever executes it, or nobody.

A core in the Monitor: the members of Renode's cores that scripts and people use.

A core in the Monitor that this engine does not execute: it is halted, and stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.foreign_cores import refusal
from icmsg.errors import MonitorError
from icmsg.hw.exposed import BOOL, INT32, REGISTER, STRING, TABLE, UINT32, UINT64, VOID, exposed

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.monitor.objects.cpu_registers import CpuKind
    from icmsg.soc.platform import Peripheral


_HERTZ_PER_MIPS: Final = 1_000_000


class CpuObject:
    """Core in the Monitor; ``warn`` writes a line into the log.

    ``kind`` is what it is; ``set_mips`` changes its speed, ``started`` notes that the emulation is started.
    """

    def __init__(
        self,
        core: MachineCore,
        control: CoreControl,
        kind: CpuKind,
        number: int,
        warn: Callable[[str], None],
        set_mips: Callable[[int], None],
        started: Callable[[], None],
    ) -> None:
        self._core: Final = core
        self._control: Final = control
        self._kind: Final = kind
        self._number = number
        self._warn = warn
        self._set_mips = set_mips
        self._started = started

    @property
    @exposed(REGISTER, name="PC")
    def pc(self) -> int:
        """The program counter; 0 until time has passed, unless it was set."""
        return self._register("PC")

    @pc.setter
    def pc(self, value: int) -> None:
        self._write("PC", value)

    def _write(self, name: str, value: int) -> None:
        if self._kind.architecture == "arm-m" and name == "PC" and value % 2 == 0:
            self._warn(f"Patching PC 0x{value:X} for Thumb mode.")
        self._control.write_register(name, value)

    @property
    @exposed(REGISTER, name="SP")
    def sp(self) -> int:
        """The stack pointer that is in use."""
        return self._register("SP")

    @sp.setter
    def sp(self, value: int) -> None:
        self._control.write_register("SP", value)

    @property
    @exposed(BOOL)
    def is_halted(self) -> bool:
        """True while the core executes nothing; so it is where Python plays it."""
        return self._control.is_halted

    @is_halted.setter
    def is_halted(self, halted: bool) -> None:
        self._control.is_halted = halted

    @property
    @exposed(UINT64)
    def executed_instructions(self) -> int:
        """Instructions since the core was started."""
        return self._core.instructions

    @property
    @exposed(UINT32)
    def performance_in_mips(self) -> int:
        """Millions of instructions per second of virtual time."""
        return self._control.instruction_hz // _HERTZ_PER_MIPS

    @performance_in_mips.setter
    def performance_in_mips(self, mips: int) -> None:
        if mips < 1:
            raise MonitorError("PerformanceInMips is a whole number from 1 on")
        if mips != self.performance_in_mips:
            self._set_mips(mips)

    @property
    @exposed(UINT32)
    def id(self) -> int:
        """The number of the core."""
        return self._number

    @property
    @exposed(STRING)
    def model(self) -> str:
        """The kind of core."""
        return self._kind.model

    @property
    @exposed(STRING)
    def architecture(self) -> str:
        """The architecture."""
        return self._kind.architecture

    @exposed(VOID)
    def reset(self) -> None:
        """Reset the core alone; if it runs, it starts from its vector table."""
        self._control.reset()

    @exposed(UINT64, count=INT32)
    def step(self, count: int = 1) -> int:
        """Execute instructions in mode SingleStep, and return the program counter behind them.

        The emulation is started from then on, as in Renode.
        """
        if self._control.is_halted:
            self._warn("Ignoring stepping on a halted CPU")
        else:
            self._started()
            self._control.step(count)
        return self._register("PC")

    @exposed(REGISTER, register=STRING)
    def get_register(self, register: str) -> int:
        """Return a core register by its name."""
        return self._register(self._kind.engine_name(register))

    @exposed(REGISTER, name="GetRegister", register=INT32)
    def get_register_by_number(self, register: int) -> int:
        """Return a core register by its number."""
        return self._register(self._kind.name_of(register))

    @exposed(VOID, register=STRING, value=REGISTER)
    def set_register(self, register: str, value: int) -> None:
        """Set a core register by its name."""
        self._write(self._kind.engine_name(register), value)

    @exposed(VOID, name="SetRegister", register=INT32, value=REGISTER)
    def set_register_by_number(self, register: int, value: int) -> None:
        """Set a core register by its number."""
        self._write(self._kind.name_of(register), value)

    @exposed(REGISTER, register=INT32)
    def get_register_unsafe(self, register: int) -> int:
        """Return a core register by its number."""
        return self._register(self._kind.name_of(register))

    @exposed(VOID, register=INT32, value=REGISTER)
    def set_register_unsafe(self, register: int, value: int) -> None:
        """Set a core register by its number."""
        self._write(self._kind.name_of(register), value)

    @exposed(UINT64, name="GetRegisterUlong", register=INT32)
    def get_register_number(self, register: int) -> int:
        """Return a core register as a number."""
        return self._register(self._kind.name_of(register))

    @exposed(TABLE)
    def get_registers_values(self) -> list[tuple[str, str, str]]:
        """Return all core registers."""
        values = self._kind.values(self._control)
        rows = [(" Name ", " Index ", " Value ")]
        for name, number in self._kind.numbers.items():
            rows.append((f" {self._kind.known(name)} ", f" {number} ", f" 0x{values.get(name, 0):X} "))
        return rows

    @exposed(STRING)
    def get_registers(self) -> str:
        """Return the names of the core registers."""
        names = [self._kind.known(name) for name in self._kind.numbers]
        rows = (
            "".join(f"{name}, " for name in names[first : first + 10]) for first in range(0, len(names), 10)
        )
        return "\n".join(["[", *rows, "]"])

    def _register(self, name: str) -> int:
        return self._kind.values(self._control).get(name, 0)


class ForeignCpu:
    """The core that ``item`` of the platform file describes."""

    def __init__(self, item: Peripheral) -> None:
        self.refusal: Final = refusal(item)
        """Text for who wants anything else of it."""

    @property
    @exposed(BOOL)
    def is_halted(self) -> bool:
        """True, always: the core executes nothing."""
        return True

    @is_halted.setter
    def is_halted(self, value: bool) -> None:
        if not value:
            raise MonitorError(self.refusal)
