"""Reader of names, numbers and values in lark's tree: the part of the reader that knows nothing of entries."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lark import Token, Transformer, v_args

from icmsg.limits import DIGITS
from icmsg.soc.platform.values import EMPTY, AddressRange, EnumMember, Place, Reference, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lark.tree import Meta

#: The words that cannot be names, in Renode 1.16.1 (``prefixed``) or later (``True``, ``False``).
KEYWORDS = frozenset(
    [
        "using",
        "prefixed",
        "new",
        "as",
        "preinit",
        "init",
        "reset",
        "local",
        "true",
        "false",
        "True",
        "False",
        "none",
        "empty",
    ]
)
#: What Renode puts before the name of a type that it does not know otherwise.
NAMESPACE = "Antmicro.Renode.Peripherals."

_LARGEST_NUMBER = 2**64 - 1
_ESCAPED = re.compile(r'\\(["\\])')


def unescape(text: str) -> str:
    r"""Return ``text`` with ``\"`` and ``\\`` for what they stand for."""
    return _ESCAPED.sub(r"\1", text)


class ValueReader(Transformer[Token, Any]):
    """Reads values. Each method without underscore reads the rule of ``repl.lark`` with its name."""

    # ruff: noqa: D102 - a rule's name says what is read, the grammar what it looks like

    def __init__(self, file: str) -> None:
        super().__init__(visit_tokens=False)
        self._file = file

    def _place(self, token: Token | Meta) -> Place:
        return Place(self._file, token.line or 1)

    def _name(self, token: Token) -> str:
        for part in token.split("."):
            if part in KEYWORDS:
                raise self._place(token).error(
                    f"'{part}' is a keyword of platform descriptions and cannot be a name; choose another "
                    "name"
                )
        return str(token)

    def _type(self, token: Token) -> str:
        return self._name(token).removeprefix(NAMESPACE)

    def _number(self, token: Token) -> int:
        digits = token.replace("_", "")
        if len(digits) > DIGITS:
            raise self._place(token).error(f"a number of {len(digits)} digits does not fit into 64 bits")
        value = int(digits, 16 if digits.startswith("0x") else 10)
        if value > _LARGEST_NUMBER:
            raise self._place(token).error(f"{token} does not fit into 64 bits")
        return value

    def string(self, parts: list[Token]) -> str:
        token = parts[0]
        return unescape(token[1:-1]) if token.type == "STRING" else token[3:-3].replace("\\'''", "'''")

    def address_range(self, parts: list[Token]) -> AddressRange:
        start, end = self._number(parts[0]), self._number(parts[-1])
        if parts[1].type == "PLUS":
            end += start
        if end < start:
            raise self._place(parts[0]).error(
                f"the range ends at 0x{end:X}, before its start 0x{start:X}; write <start, end> or <start, "
                "+size>"
            )
        return AddressRange(start, end - start)

    def number(self, parts: list[Token]) -> int | float:
        token = parts[-1]
        value = float(token.replace("_", "")) if token.type == "FRACTION" else self._number(token)
        return -value if len(parts) > 1 else value

    def enum(self, parts: list[Token]) -> EnumMember:
        type_name, _, member = self._type(parts[0]).rpartition(".")
        return EnumMember(type_name or None, member)

    def boolean(self, parts: list[Token]) -> bool:
        return parts[0].lower() == "true"

    def reference(self, parts: list[Token]) -> Reference:
        return Reference(self._name(parts[0]), self._place(parts[0]))

    def none(self, _parts: list[Token]) -> None:
        return None

    def empty(self, _parts: list[Token]) -> Value:
        return EMPTY

    def sequence(self, parts: list[Value]) -> tuple[Value, ...]:
        return tuple(parts)

    def pair(self, parts: list[Value]) -> list[Value]:
        return parts

    @v_args(meta=True)
    def mapping(self, meta: Meta, pairs: Sequence[Any]) -> MappingProxyType[Value, Value]:
        result: dict[Value, Value] = dict(pairs)
        if len(result) < len(pairs):
            raise self._place(meta).error("a key stands twice in this dictionary; take one away")
        return MappingProxyType(result)
