"""The terminal testers of one machine by their numbers; failures as TestersProvider.cs of Renode 1.16.1 has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.robot.renode_failures import keyword_exception
from icmsg.robot.terminal_tester import TerminalTester

if TYPE_CHECKING:
    from icmsg.machine.machine import Core, Machine
    from icmsg.robot.context import KeywordContext


class Testers:
    """A tester for each UART, numbered as they are made; they go with their machine."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._machine: Machine | None = None
        self._testers: dict[str, TerminalTester] = {}
        self._default: TerminalTester | None = None

    def create(self, uart: str, machine: str | None, timeout_ns: int) -> int:
        """Return the number of the tester of a UART, which is made if there is none."""
        core = self._core_with(uart, machine)
        self._forget_old()
        if core.name not in self._testers:
            self._testers[core.name] = TerminalTester(self._context.machine, core.console, timeout_ns)
        return list(self._testers).index(core.name)

    def make_default(self, number: int | None) -> None:
        """Let a tester be the one that is meant where no number is given; None lets none be."""
        self._forget_old()
        if number is not None and number not in range(len(self._testers)):
            raise keyword_exception(
                f"Tester #{number} was not found. Create a tester before setting it as default"
            )
        self._default = None if number is None else list(self._testers.values())[number]

    def find(self, number: int | None) -> TerminalTester:
        """Return a tester by number, or the one that is meant where none is given."""
        self._forget_old()
        testers = list(self._testers.values())
        if number is not None:
            if number not in range(len(testers)):
                raise keyword_exception(
                    f"Tester for given ID={number} was not found. Did you forget to create the tester?"
                )
            return testers[number]
        if self._default is not None:
            return self._default
        if len(testers) != 1:
            raise keyword_exception(
                "There is more than one tester available - please specify ID of the desired tester."
                if testers
                else "There are no testers available."
            )
        return testers[0]

    def core_of(self, tester: TerminalTester) -> str:
        """Return the name of the core whose UART a tester listens to."""
        return next(name for name, each in self._testers.items() if each is tester)

    def _core_with(self, uart: str, machine: str | None) -> Core:
        found = self._context.monitor.machine
        if found is None:
            raise keyword_exception(
                f"There is no machine in the emulation. Could not create tester for peripheral: {uart}"
            )
        cores = found.soc.cores.values()
        uarts = {f"sysbus.{core.uart}": found.core(core.name) for core in cores if core.uart is not None}
        if uart not in uarts:
            raise keyword_exception(
                f"Peripheral for machine '{machine or ''}' not found or of wrong type: '{uart}'. "
                f"Available peripherals: [{', '.join(uarts)}]"
            )
        return uarts[uart]

    def _forget_old(self) -> None:
        """Forget the testers of another machine."""
        machine = self._context.monitor.machine
        if machine is not self._machine:
            self._machine = machine
            self._testers.clear()
            self._default = None
