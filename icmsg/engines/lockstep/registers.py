"""The registers of a core, read out of what Renode's Monitor prints."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROW: Final = re.compile(r"\|\s*(\w+)\s*\|(?:\s*\d+\s*\|)?\s*(0x[0-9A-Fa-f]+)")
_NUMBER: Final = re.compile(r"0x[0-9A-Fa-f]+")


class CoreRegisters:
    """Registers of core ``cpu``; ``command`` runs a command of the Monitor and returns what it prints.

    ``names`` are those that are shown, and Renode's for them.
    """

    def __init__(self, cpu: str, names: Mapping[str, str], command: Callable[[str], str]) -> None:
        self._cpu = cpu
        self._names = names
        self._command = command

    def number(self, member: str) -> int | None:
        """Return what Renode prints for a member of the core; None where that is no number."""
        found = _NUMBER.search(self._command(f"{self._cpu} {member}"))
        return int(found[0], 16) if found is not None else None

    def main(self) -> dict[str, int]:
        """Return those that are shown."""
        found = {name: self.number(member) for name, member in self._names.items()}
        return {name: number for name, number in found.items() if number is not None}

    def all(self) -> dict[str, int]:
        """Return what Renode tells of the registers; those that only a debugger sees are not among them."""
        found: dict[str, int] = {}
        with suppress(EngineError):
            for name, value in _ROW.findall(self._command(f"{self._cpu} GetRegistersValues")):
                found[name.upper()] = int(value, 16)
        return found if {"R4", "SP", "LR", "PC"} <= found.keys() else found | self.main()
