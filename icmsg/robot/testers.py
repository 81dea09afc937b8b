"""Renode's testers by number, states between tests, and failures with Renode's texts.

The testers of peripherals by their numbers; failures as TestersProvider.cs of Renode 1.16.1 has them.

Failures with the texts that Renode's Remote library gives: the name of its exception, then its message.

Renode's keywords Provides and Requires: a state that several tests start from.

Renode saves the emulation, or runs the keywords again. Here they are always run again: two runs are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar

from robot.api.deco import keyword

from icmsg.errors import IcmsgError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.errors import MonitorError
    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext


_DOTNET_NAMES: Final = {
    AssertionError: "AssertionException",
    AttributeError: "MissingMemberException",
    Exception: "PythonException",
    FileNotFoundError: "FileNotFoundException",
    ImportError: "ImportException",
    ModuleNotFoundError: "ImportException",
    IndexError: "IndexOutOfRangeException",
    KeyError: "KeyNotFoundException",
    NameError: "UnboundNameException",
    RuntimeError: "RuntimeException",
    SyntaxError: "SyntaxErrorException",
    ZeroDivisionError: "DivideByZeroException",
}
"""Exceptions of .NET that IronPython has for those of Python; any other has its name with ``Exception`` behind it."""


def keyword_exception(text: str) -> AssertionError:
    """Return the failure for a keyword that cannot do what it was asked for."""
    return AssertionError(f"KeywordException: {text}")


def tester_failed(text: str) -> AssertionError:
    """Return the failure of a terminal tester."""
    return AssertionError(f"InvalidOperationException: Terminal tester failed!\n\n{text}")


def unregister(failing: list[tuple[str, bool]], pattern: str, *, regex: bool) -> None:
    """Take a text, or an expression, out of those that must not come; AssertionError if it is not there."""
    if (pattern, regex) not in failing:
        raise AssertionError("RecoverableException: Unable to unregister failing string, entry not found")
    failing.remove((pattern, regex))


def python_exception(error: MonitorError) -> AssertionError:
    """Return the failure for what went wrong in Python, which is the cause of ``error``."""
    cause = error.__cause__
    if cause is None or isinstance(cause, IcmsgError):
        return keyword_exception(str(error))
    word = _DOTNET_NAMES.get(type(cause)) or f"{type(cause).__name__}Exception"
    return AssertionError(f"{word}: {str(error).removeprefix(f'{type(cause).__name__}: ')}")


class Call(NamedTuple):
    """Keyword with its arguments, as Robot has converted them."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


_NOT_REPEATED: Final = {
    "provides",
    "requires",
    "reset_emulation",
    "close_machine",
    "save_trace",
    "save_coverage",
}


class StateKeywords:
    """Remembers the keywords since the last reset."""

    def __init__(
        self, context: KeywordContext, run: Callable[[str, Sequence[Any], Mapping[str, Any]], Any]
    ) -> None:
        self._context = context
        self._run = run
        self._calls: list[Call] = []
        self._states: dict[str, list[Call]] = {}

    def remember(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Take note of a keyword that has passed."""
        if name in {"reset_emulation", "close_machine"}:
            self._calls.clear()
        elif name not in _NOT_REPEATED:
            self._calls.append(Call(name, tuple(args), dict(kwargs)))

    @keyword(tags=["renode"])
    def provides(
        self,
        state: str,
        type: Literal["Serialization", "Reexecution"] = "Serialization",  # noqa: A002, ARG002 - Renode's name
    ) -> None:
        """Gives a name to the state that the keywords of this test have made; `Requires` makes it again."""
        self._states[state] = list(self._calls)

    @keyword(tags=["renode"])
    def requires(self, state: str) -> None:
        """Makes a state that an earlier test of this suite provides, by running its keywords again."""
        if state not in self._states:
            raise keyword_exception(f"Required state {state} not found.")
        self._context.clear()
        self._calls.clear()
        for call in self._states[state]:
            self._run(call.name, call.args, call.kwargs)
        self._calls = list(self._states[state])


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
