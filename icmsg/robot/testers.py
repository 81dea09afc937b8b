"""The testers of peripherals by their numbers; failures as TestersProvider.cs of Renode 1.16.1 has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from icmsg.robot.renode_failures import keyword_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext

Tester = TypeVar("Tester")
Port = TypeVar("Port")


class Testers(Generic[Port, Tester]):
    """A tester for each peripheral, numbered as they are made; they go with their machines.

    ``find`` returns what of a machine can be tested, by its full names.
    """

    def __init__(self, context: KeywordContext, find: Callable[[str, Machine], Mapping[str, Port]]) -> None:
        self._context = context
        self._find: Final = find
        self._machines: list[Machine] = []
        self._testers: dict[tuple[str, str], Tester] = {}
        self._default: Tester | None = None

    def create(self, name: str, machine: str | None, make: Callable[[Port, Machine], Tester]) -> int:
        """Return the number of the tester of a peripheral, which is made if there is none."""
        where, owner = self._machine(name, machine)
        found: Mapping[str, Port] = {} if owner is None else self._find(where, owner)
        if owner is None or name not in found:
            raise keyword_exception(
                f"Peripheral for machine '{machine or ''}' not found or of wrong type: '{name}'. "
                f"Available peripherals: [{', '.join(found)}]"
            )
        self._forget_old()
        key = where, name
        if key not in self._testers:
            self._testers[key] = make(found[name], owner)
        return list(self._testers).index(key)

    def make_default(self, number: int | None) -> None:
        """Let a tester be the one that is meant where no number is given; None lets none be."""
        self._forget_old()
        if number is not None and number not in range(len(self._testers)):
            raise keyword_exception(
                f"Tester #{number} was not found. Create a tester before setting it as default"
            )
        self._default = None if number is None else list(self._testers.values())[number]

    def find(self, number: int | None) -> Tester:
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

    def _machine(self, peripheral: str, name: str | None) -> tuple[str, Machine | None]:
        machines = self._context.machines()
        if not machines:
            raise keyword_exception(
                f"There is no machine in the emulation. Could not create tester for peripheral: {peripheral}"
            )
        available = f"Available machines: [{', '.join(machines)}]"
        if name is None and len(machines) > 1:
            raise keyword_exception(f"No machine name provided. Don't know which one to choose. {available}")
        if name is not None and name not in machines:
            raise keyword_exception(f"Machine with name {name} not found. {available}")
        chosen = next(iter(machines)) if name is None else name
        return chosen, machines[chosen]

    def _forget_old(self) -> None:
        """Forget the testers of an emulation that is no more."""
        now = [machine for machine in self._context.machines().values() if machine is not None]
        if any(machine not in now for machine in self._machines):
            self._testers.clear()
            self._default = None
        self._machines = now
