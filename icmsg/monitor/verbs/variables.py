"""``icmsg var``: a variable of firmware, read or written by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.machine.c_composites import ArrayType
from icmsg.machine.c_types import bare
from icmsg.monitor.verbs.arguments import hex_bytes

if TYPE_CHECKING:
    from icmsg.machine.machine import Core


def show_variable(core: Core, name: str) -> list[str]:
    """Return what a variable of a core has."""
    return [f"{name} = {core.variable(name)}"]


def write_variable(core: Core, name: str, text: str) -> list[str]:
    """Put the value that a text says into a variable; say what was there."""
    variable = core.variable(name)
    kind = bare(variable.type)
    before = str(variable)
    is_bytes = isinstance(kind, ArrayType) and kind.is_bytes and text.startswith("hex:")
    variable.write(hex_bytes(text.removeprefix("hex:")) if is_bytes else text)
    return [f"{name} = {core.variable(name)} (was {before})"]
