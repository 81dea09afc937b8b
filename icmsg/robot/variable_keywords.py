"""Keywords about variables of firmware by their names in C."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.errors import FirmwareError
from icmsg.machine.c_composites import ArrayType, StructType
from icmsg.machine.c_types import CType, EnumValue, Value, bare
from icmsg.robot.values import CoreName

if TYPE_CHECKING:
    from icmsg.machine.variables import Variable
    from icmsg.robot.context import KeywordContext


class VariableKeywords:
    """Variables of the image that a core runs; it needs debug information."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["firmware"])
    def read_variable(self, core: CoreName, name: str) -> object:
        """Returns a variable of a core's firmware: ``stats.received``, ``buf[3]``, ``p->x``, ``*p``, ``file.c::name``.

        A number, a truth value; the name of an enumerator; a string for an array of characters, up to the first NUL;
        bytes for an array of bytes; a list, or a dictionary of the members.
        """
        variable = self._context.core(core).variable(name)
        return _plain(variable.type, variable.value)

    @keyword(tags=["firmware"])
    def write_variable(self, core: CoreName, name: str, value: object) -> None:
        """Puts a value into a variable: a number, the name of an enumerator, ``true``, a text for characters.

        Fails if the value is of another type or out of range, or the variable is constant.
        """
        self._context.core(core).variable(name).write(value)

    @keyword(tags=["firmware"])
    def variable_should_be(self, core: CoreName, name: str, value: object) -> None:
        """Fails if a variable has another value.

        | Variable Should Be | net | stats.received | 5 |
        | Variable Should Be | net | link.state | STATE_BOUND |
        """
        variable = self._context.core(core).variable(name)
        if not _is(variable, value):
            raise self._context.failure(f"{name} of {core} is {variable}, expected {value}")

    @keyword(tags=["firmware"])
    def wait_for_variable(
        self, core: CoreName, name: str, value: object, timeout: timedelta | None = None
    ) -> None:
        """Runs until a variable has this value; a pointer on the way to it may still be NULL."""
        found = self._context.core(core)
        found.variable(re.split(r"\.|->|\[", name.lstrip("* "), maxsplit=1)[0] if "::" not in name else name)
        last = ""

        def satisfied() -> bool:
            nonlocal last
            try:
                variable = found.variable(name)
                last = f"it is {variable}"
                return _is(variable, value)
            except FirmwareError as error:
                last = str(error)
                return False

        try:
            self._context.wait(satisfied, timeout, f"{name} of {core} becoming {value}")
        except AssertionError as error:
            first, *others = str(error).splitlines()
            raise AssertionError("\n".join([f"{first}; {last}", *others])) from None


def _plain(type_: CType, value: Value) -> object:
    """Return a value as Robot has values."""
    kind = bare(type_)
    if isinstance(kind, ArrayType):
        if kind.is_text:
            return bytes(value).split(b"\0")[0].decode("utf-8", "backslashreplace")
        return value if kind.is_bytes else [_plain(kind.element, each) for each in value]
    if isinstance(kind, StructType):
        members = {name: kind.member(name) for name in kind.names()}
        return {name: _plain(found.type, value[name]) for name, found in members.items() if found is not None}
    return value.name if isinstance(value, EnumValue) else value


def _is(variable: Variable, value: object) -> bool:
    """Return whether a variable has a value, which may be a text that says it; FirmwareError if it says none."""
    plain = _plain(variable.type, variable.value)
    if value in (plain, str(plain), str(variable)):
        return True
    kind = bare(variable.type)
    if isinstance(kind, StructType) or (isinstance(kind, ArrayType) and not kind.is_text):
        return False
    return bool(kind.decode(kind.encode(value, variable.path)) == variable.value)
