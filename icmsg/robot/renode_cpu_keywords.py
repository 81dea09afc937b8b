"""Renode's own keywords about cores, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of CpuKeywords.cs of Renode 1.16.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from icmsg.errors import MonitorError, VirtualTimeoutError
from icmsg.robot.renode_failures import keyword_exception

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class RenodeCpuKeywords:
    """Registers of cores, as the Monitor shows them."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["renode"])
    def pc_should_be_equal(self, value: int, machine: str | None = None, cpuName: str | None = None) -> None:
        """Fails if a core is at another address; ``cpuName`` as in the platform file, where there are several."""
        actual = self._read(f"{self._cpu(machine, cpuName)} PC")
        if actual != value:
            raise keyword_exception(f"PC value assertion failed, actual: 0x{actual:x}, expected: 0x{value:x}")

    @keyword(tags=["renode"])
    def register_should_be_equal(
        self,
        register: str,
        value: int,
        machine: str | None = None,
        cpuName: str | None = None,
        message: str | None = None,
    ) -> None:
        """Fails if a register of a core, by number or name, holds another value."""
        name = register if register.isdigit() else f'"{register}"'
        actual = self._read(f"{self._cpu(machine, cpuName)} GetRegister {name}")
        if actual != value:
            prefix = f"{message}: " if message is not None else ""
            raise keyword_exception(
                f"{prefix}Register {register} value assertion failed, actual: 0x{actual:x}, expected: 0x{value:x}"
            )

    @keyword(tags=["renode"])
    def run_until_breakpoint(
        self,
        timeout: float,
        machine: str | None = None,
        cpuName: str | None = None,
        address: int | None = None,
    ) -> None:
        """Runs until a core comes to ``address``, and stands before that instruction; ``timeout`` is in seconds.

        Renode also stops at breakpoints of its GDB server: outside renode-test the address is needed.
        """
        if address is None:
            raise keyword_exception(
                "Run Until Breakpoint needs address= outside renode-test: no other breakpoints are known there"
            )
        cpu = self._cpu(machine, cpuName)
        core = self._context.core(self._context.core_name(cpu.rpartition(".")[2]))
        run_to = getattr(core, "run_to", None)
        if run_to is None:
            raise keyword_exception("Run Until Breakpoint works on the embedded engine and under renode-test")
        try:
            run_to(address, timeout_ns=round(timeout * 1e9), times=1)
        except VirtualTimeoutError:
            raise keyword_exception(
                f"Breakpoint hasn't been hit in excepted time of {timeout:g} seconds."
            ) from None

    def _read(self, command: str) -> int:
        try:
            value = int(self._context.execute(command), 0)
        except MonitorError as error:
            raise keyword_exception(str(error)) from None
        logger.info(f"{command}: 0x{value:x}")
        return value

    def _cpu(self, machine: str | None, name: str | None) -> str:
        """Return the name of a core in the Monitor, whose machine is selected then."""
        machines = self._context.machines()
        available = f"Available machines: [{', '.join(machines)}]"
        if not machines:
            raise keyword_exception("There are no machines in the emulation.")
        if machine is None and len(machines) > 1:
            raise keyword_exception(
                f"There is more than 1 machine and no machine name was specified. {available}"
            )
        if machine is not None and machine not in machines:
            raise keyword_exception(f"Machine with name {machine} not found. {available}")
        chosen = machine or next(iter(machines))
        owner = machines[chosen]
        cpus = [core.cpu for core in owner.soc.cores.values()] if owner is not None else []
        if not cpus:
            raise keyword_exception("This machine has no CPUs.")
        if name is None and len(cpus) > 1:
            raise keyword_exception(f"This machine has {len(cpus)} CPUs and no CPU name was specified")
        if name is not None and name not in cpus:
            raise keyword_exception(
                f"This machine has no CPU named: {name}, available are: {', '.join(cpus)}"
            )
        if len(machines) > 1:
            self._context.execute(f'mach set "{chosen}"')
        return f"sysbus.{name or cpus[0]}"
