"""Variables, macros and aliases of the Monitor, and which of them a name means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.spelling import closest
from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.monitor.tokens import Token

ORIGIN: Final = "global.ORIGIN"
CWD: Final = "global.CWD"
_GLOBAL: Final = "global."
_DEEPEST: Final = 40


class Scope:
    """Scope of variables: each belongs to one of the machines, the selected one first, or is global."""

    def __init__(self, selected: Callable[[], str | None], machines: Callable[[], Iterable[str]]) -> None:
        self._selected = selected
        self._machines = machines

    @property
    def prefix(self) -> str:
        """The text in front of a name that says nothing else."""
        selected = self._selected()
        return _GLOBAL if selected is None else f"{_plain(selected)}."

    def full_name(self, name: str) -> str:
        """Return the name under which a variable is kept."""
        first, dot, _ = name.partition(".")
        if dot and (first == "global" or first in map(_plain, self._machines())):
            return name
        return self.prefix + name

    def candidates(self, name: str) -> tuple[str, ...]:
        """Return the names that ``name`` can mean, the first one first."""
        selected = self._selected()
        return name, *(() if selected is None else (f"{_plain(selected)}.{name}",)), _GLOBAL + name


class Collection:
    """All variables (macros, aliases) by their full names."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._values: dict[str, Token] = {}

    @property
    def names(self) -> list[str]:
        """The full names, in the order in which they were set."""
        return list(self._values)

    def short_names(self) -> list[str]:
        """Return what can be written behind ``$`` here and now."""
        prefixes = self._scope.prefix, _GLOBAL
        short = [
            name.removeprefix(prefix)
            for name in self._values
            for prefix in prefixes
            if name.startswith(prefix)
        ]
        return sorted({*short, *self._values})

    def set(self, name: str, value: Token) -> None:
        """Set a variable of the selected machine, or the one that the name says."""
        self._values[self._scope.full_name(name)] = value

    def clear(self) -> None:
        """Forget everything but the folders that the Monitor itself sets."""
        self._values = {name: value for name, value in self._values.items() if name in (ORIGIN, CWD)}

    def restore(self, full_name: str, value: Token | None) -> None:
        """Put back what :meth:`get` returned."""
        if value is None:
            self._values.pop(full_name, None)
        else:
            self._values[full_name] = value

    def get(self, name: str) -> Token | None:
        """Return the value, or None."""
        for candidate in self._scope.candidates(name):
            if candidate in self._values:
                return self._values[candidate]
        return None

    def value_of(self, token: Token) -> Token:
        """Return what a token stands for: itself, or the value of a variable.

        Raises:
            MonitorError: there is no such variable, or it stands for itself.
        """
        for _ in range(_DEEPEST):
            if token.kind != "VARIABLE":
                return token
            token = self.expand(str(token.value))
        raise MonitorError(f"variable {token.text} stands for itself")

    def expand(self, name: str) -> Token:
        """Return the value.

        Raises:
            MonitorError: there is no such variable; the text names a close one.
        """
        value = self.get(name)
        if value is None:
            known = [f"${short}" for short in self.short_names()]
            raise MonitorError(f"No such variable: ${name}{closest(f'${name}', known)}")
        return value

    def text_of(self, word: str) -> str:
        """Return the value of ``$name`` as text; MonitorError if there is no such variable."""
        return str(self.expand(word.removeprefix("$")).value)


def _plain(machine: str) -> str:
    return machine.replace("-", "_")
