"""Parser of one platform file: from its text over lark's tree to the syntax tree of the description."""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import lark
from lark import Token, Transformer, Tree, v_args
from lark.exceptions import UnexpectedInput, VisitError

from icmsg.files import DIGITS
from icmsg.soc.platform.description import (
    EMPTY,
    AddressRange,
    Attribute,
    Connection,
    Entry,
    EnumMember,
    InlineObject,
    IrqAttribute,
    Output,
    Place,
    PlatformFile,
    Point,
    Reference,
    Section,
    Using,
    Value,
    is_property,
)
from icmsg.soc.platform.source import explain, to_braces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lark.tree import Meta


@functools.lru_cache(
    maxsize=64
)  # a description is made for every machine; the tree that is returned cannot change
def parse(text: str, file: str) -> PlatformFile:
    """Return the syntax tree of ``text``; ``file`` is what places and errors call it.

    Raises :class:`~icmsg.errors.PlatformError` with the line, and for syntax the column and what was
    expected.
    """
    braces = to_braces(text, file)
    try:
        tree = platform_parser().parse(braces)
    except UnexpectedInput as error:
        raise explain(error, text, braces, file) from None
    return read(tree, file)


GRAMMAR = Path(__file__).with_name("repl.lark")
TABLES = Path(__file__).with_name("repl.tables")


@functools.cache  # it depends on the grammar alone
def platform_parser() -> lark.Lark:
    """Return the parser, which keeps no state from one text to the next.

    To build its tables takes several times as long as to read a platform file, so they are part of the package. They
    hold for one grammar and one release of lark; with any other the parser is built from the grammar, which is slower
    and otherwise the same.
    """
    grammar = GRAMMAR.read_text(encoding="utf-8")
    if TABLES.is_file():
        with TABLES.open("rb") as tables:
            if tables.readline() == made_for(grammar):
                return lark.Lark.load(tables)
    return build(grammar)


def build(grammar: str) -> lark.Lark:
    """Return a parser of ``grammar``, without any tables."""
    return lark.Lark(grammar, parser="lalr", propagate_positions=True)


def write_tables() -> None:
    """Write the tables for the grammar as it is now and the lark that is installed, after a change of the grammar.

    ::

        python -c "from icmsg.soc.platform.parser import write_tables; write_tables()"
    """
    grammar = GRAMMAR.read_text(encoding="utf-8")
    with TABLES.open("wb") as tables:
        tables.write(made_for(grammar))
        build(grammar).save(tables)


def made_for(grammar: str) -> bytes:
    """Return the first line of tables that hold for ``grammar``: the release of lark and the grammar's digest."""
    return f"lark {lark.__version__} {hashlib.sha256(grammar.encode()).hexdigest()}\n".encode()


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


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def read(tree: Tree[Token], file: str) -> PlatformFile:
    """Return the syntax tree of ``file``.

    Raises :class:`~icmsg.errors.PlatformError` for what the grammar cannot tell: keywords as names, numbers
    that do not fit, ranges that end before they start, and wires with more inputs than outputs.
    """
    try:
        result = _Reader(file).transform(tree)
    except VisitError as error:
        raise error.orig_exc from None
    assert isinstance(result, PlatformFile)
    return result


class _Target(NamedTuple):
    name: str
    local: int | None
    inputs: list[int]


class _Reader(ValueReader):
    # Each method reads the rule of repl.lark with its name, from what the rule's parts were read to.

    def start(self, parts: list[Using | Entry]) -> PlatformFile:
        return PlatformFile(
            self._file,
            tuple(part for part in parts if isinstance(part, Using)),
            tuple(part for part in parts if isinstance(part, Entry)),
        )

    def using(self, parts: list[Token]) -> Using:
        return Using(unescape(parts[1][1:-1]), self._place(parts[0]))

    def entry(self, parts: Sequence[Any]) -> Entry:
        local, name, type_name, points, alias, body = parts
        return Entry(
            name=self._name(name),
            type=type_name,
            local=local,
            points=points,
            alias=alias,
            attributes=tuple(part for part in body if isinstance(part, Attribute)),
            wires=tuple(part for part in body if isinstance(part, IrqAttribute)),
            sections=tuple(part for part in body if isinstance(part, Section)),
            place=self._place(name),
        )

    def local(self, parts: list[Token]) -> bool:
        return bool(parts)

    def type_name(self, parts: list[Token]) -> str | None:
        return self._type(parts[0]) if parts else None

    def alias(self, parts: list[Token]) -> str | None:
        return unescape(parts[0][1:-1]) if parts else None

    def body(self, parts: list[Any]) -> list[Any]:
        return parts

    def place(self, parts: list[Point | Token]) -> tuple[Point, ...] | None:
        return tuple(part for part in parts if isinstance(part, Point)) if parts else None

    def registration(self, parts: Sequence[Any]) -> Point:
        return Point(self._name(parts[0]), parts[1] if len(parts) > 1 else None, self._place(parts[0]))

    def attribute(self, parts: Sequence[Any]) -> Attribute:
        return Attribute(self._name(parts[0]), parts[1], self._place(parts[0]))

    def section(self, parts: list[Token]) -> Section:
        commands = [str(part).strip() for part in parts if part.type == "STATEMENT"]
        return Section(
            kind=str(parts[0]),  # type: ignore[arg-type]  # the terminal has only these
            add=any(part.type == "ADD" for part in parts),
            # As in Renode, the Monitor gets quoted texts without their backslashes.
            lines=tuple(_QUOTED.sub(lambda quoted: unescape(quoted[0]), command) for command in commands),
            place=self._place(parts[0]),
        )

    def inline_object(self, parts: Sequence[Any]) -> InlineObject:
        new, type_name, body = parts
        place = self._place(new)
        attributes = [part for part in body if isinstance(part, Attribute)]
        sections = [part for part in body if isinstance(part, Section)]
        names = [attribute.name for attribute in attributes] + [section.kind for section in sections]
        repeated = next((name for number, name in enumerate(names) if name in names[:number]), None)
        if repeated is not None:
            raise place.error(f"'{repeated}' stands twice in this object; take one away")
        if any(section.kind != "init" for section in sections):
            raise place.error(
                "an object without a name can have an 'init:' section only; move the commands there"
            )
        return InlineObject(
            type=self._type(type_name),
            attributes=MappingProxyType(
                {part.name: part.value for part in attributes if part.value is not None}
            ),
            connections=tuple(
                wire for part in body if isinstance(part, IrqAttribute) for wire in part.connections
            ),
            init=tuple(line for section in sections for line in section.lines),
            place=place,
        )

    # Wires.

    def wire(self, parts: Sequence[Any]) -> IrqAttribute:
        arrow = next(part for part in parts if isinstance(part, Token) and part.type == "ARROW")
        place = self._place(arrow)
        outputs: tuple[Output, ...] = (None,) if parts[0] is arrow else tuple(self._outputs(parts[0]))
        targets = [part for part in parts if isinstance(part, _Target)]
        return IrqAttribute(
            outputs, tuple(wire for target in targets for wire in _connect(outputs, target, place)), place
        )

    def outputs(self, parts: list[Token | list[Output]]) -> list[Output]:
        return [output for part in parts for output in self._outputs(part)]

    def _outputs(self, part: Token | list[Output]) -> list[Output]:
        if not isinstance(part, Token):
            return part
        name = self._name(part)
        if not is_property(name):
            raise self._place(part).error(
                f"'{name}' cannot be an output: an output is a number or a property, and properties begin "
                f"with an upper-case letter; write '{name.upper()}' or as the model spells it"
            )
        return [name]

    def target(self, parts: tuple[_Target, list[int]]) -> _Target:
        return parts[0]._replace(inputs=parts[1])

    def group(self, parts: Sequence[Any]) -> _Target:
        receiver, *inputs = parts
        return _Target(receiver.name, receiver.local, [number for some in inputs for number in some])

    def receiver(self, parts: list[Token]) -> _Target:
        return _Target(self._name(parts[0]), self._number(parts[1]) if len(parts) > 1 else None, [])

    def pins(self, parts: list[Token]) -> list[int]:
        first, last = self._number(parts[0]), self._number(parts[-1])
        if len(parts) > 1 and first == last:
            raise self._place(parts[0]).error(f"the range {first}-{last} is one number; write {first}")
        step = 1 if first <= last else -1
        return list(range(first, last + step, step))


def _connect(outputs: Sequence[Output], target: _Target, place: Place) -> list[Connection]:
    if len(outputs) != len(target.inputs):
        raise place.error(
            f"{len(outputs)} on the left of '->', but {len(target.inputs)} on the right, at '{target.name}'; "
            "write as many outputs as inputs"
        )
    return [
        Connection(
            source=output if isinstance(output, str) else None,
            index=output if isinstance(output, int) else None,
            destination=target.name,
            irq=number,
            local=target.local,
            place=place,
        )
        for output, number in zip(outputs, target.inputs, strict=True)
    ]
