"""Random platform descriptions, and three ways to write the same one down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from icmsg.soc.platform import EMPTY, AddressRange, EnumMember, InlineObject, Place, Reference, Value

NOWHERE = Place("expected", 1)


@dataclass(frozen=True)
class WrittenWire:
    left: str
    right: str


@dataclass(frozen=True)
class WrittenEntry:
    name: str
    type: str
    points: tuple[str, ...]
    alias: str | None
    attributes: Mapping[str, Value]
    wires: tuple[WrittenWire, ...]
    sections: Mapping[str, tuple[str, ...]]


words = st.text("aZ_9", max_size=4).map("n".__add__) | st.text("éxY_0", max_size=3).map("U".__add__)
types = st.lists(words, min_size=1, max_size=3).map(".".join)
addresses = st.integers(0, 2**64 - 1)
plain_text = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=12)
# '''…''' cannot hold a backslash, nor end with an apostrophe.
long_text = st.text(st.sampled_from('ab {};"/*#\n'), max_size=12).map(lambda text: f"{text}\n{text}")
floats = st.decimals(-1000, 1000, places=3, allow_nan=False).map(float)
enums = st.builds(EnumMember, st.none() | types, words)
ranges = st.builds(AddressRange, st.integers(0, 2**32), st.integers(0, 2**32))


def scalars(names: list[str]) -> st.SearchStrategy[Value]:
    references = st.builds(Reference, st.sampled_from(names), st.just(NOWHERE))
    return st.one_of(
        st.integers(-(2**63), 2**64 - 1),
        floats,
        st.booleans(),
        plain_text,
        long_text,
        enums,
        ranges,
        references,
    )


def values(names: list[str]) -> st.SearchStrategy[Value]:
    def containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
        objects = st.builds(
            lambda type_, attributes: InlineObject(type_, attributes, (), (), NOWHERE),
            types,
            st.dictionaries(words, inner, max_size=3),
        )
        keys = st.integers(2, 99) | plain_text | enums
        lists = st.lists(inner | st.just(EMPTY), max_size=3).map(tuple)
        return objects | lists | st.dictionaries(keys, inner, max_size=3)

    return st.recursive(scalars(names), containers, max_leaves=6)


@st.composite
def entries(draw: st.DrawFn) -> list[WrittenEntry]:
    """Entries that refer to each other, but by properties only: so no order of creation can be impossible."""
    names = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    references = [*names, "sysbus"]
    result = []
    for number, name in enumerate(names):
        attributes: dict[str, Value] = draw(
            st.dictionaries(words.map(str.capitalize), values(references), max_size=4)
        )
        attributes |= draw(st.dictionaries(words.map(str.lower), st.integers(0, 9), max_size=2))
        points = draw(st.lists(st.sampled_from([0, 4, 8]), max_size=3, unique=True))
        result.append(
            WrittenEntry(
                name,
                draw(types),
                tuple(draw(point_texts(number * 0x100 + 16 * offset)) for offset in points),
                draw(st.none() | words) if points and len(names) == 1 else None,
                attributes,
                tuple(draw(wires(names))),
                draw(
                    st.dictionaries(st.sampled_from(["preinit", "init", "reset"]), command_lists, max_size=2)
                ),
            )
        )
    return result


def point_texts(address: int) -> st.SearchStrategy[str]:
    return st.sampled_from(
        [
            f"sysbus {address}",
            f"sysbus 0x{address:x}",
            f"sysbus <0x{address:X}, +0x8>",
            f"sysbus <{address}, {address + 4}>",
            f"sysbus new Bus.BusPointRegistration {{ address: {address} }}",
            f'sysbus new Bus.BusMultiRegistration {{ address: {address}; size: 16; region: "r;{{" }}',
        ]
    )


command_lists = st.lists(
    st.sampled_from(
        ["IsHalted true", 'Tag <0x0, 0x4> "a;{b}"', 'Foo `sysbus GetSymbolAddress "v"`', "sysbus http://x"]
    ),
    min_size=1,
    max_size=3,
).map(tuple)


def wires(names: list[str]) -> st.SearchStrategy[list[WrittenWire]]:
    destination = st.sampled_from(names)
    single = st.builds(lambda left, name, pin: WrittenWire(left, f"{name}@{pin}"), outputs, destination, pins)
    fan_out = st.builds(
        lambda left, name, pin: WrittenWire(left, f"{name}@{pin} | {name}#2@0x{pin:X}"),
        outputs,
        destination,
        pins,
    )
    group = st.builds(
        lambda name, pin: WrittenWire("[0x64-0x65, Z]", f"{name}@[7-8, {pin}]"), destination, pins
    )
    return st.lists(single | fan_out | group, max_size=3, unique_by=lambda wire: wire.left)


outputs = st.sampled_from(["", "IRQ", "0", "17", "Line2"])
pins = st.integers(0, 200)


def value_text(value: Value) -> str:
    """Return ``value`` in brace form."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.3f}"
        case str():
            return _quoted(value)
        case AddressRange(start, size):
            return f"<{start}, +0x{size:x}>"
        case Reference(name):
            return name
        case EnumMember(type_, member):
            return f"{type_ or ''}.{member}"
        case tuple():
            return f"[{', '.join(map(value_text, value))}]"
        case InlineObject(type_, attributes):
            return f"new {type_} " + _braces(
                [f"{name}: {value_text(inner)}" for name, inner in attributes.items()]
            )
        case Mapping():
            return _braces([f"{value_text(key)}: {value_text(inner)}" for key, inner in value.items()])
    return "empty" if value is EMPTY else str(value)


def _quoted(text: str) -> str:
    if "\n" in text:
        return f"'''{text}'''"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _braces(items: list[str], separator: str = "; ") -> str:
    return f"{{ {separator.join(items)} }}"


def _head(entry: WrittenEntry) -> str:
    head = f"{entry.name}: {entry.type}"
    if len(entry.points) == 1:
        head += f" @ {entry.points[0]}"
    elif entry.points:
        head += f" @ {_braces(list(entry.points))}"
    return f'{head} as "{entry.alias}"' if entry.alias else head


def in_one_line(entries: list[WrittenEntry]) -> str:
    """Braces and semicolons, no line break that is not in a text."""
    return "; ".join(f"{_head(entry)} {_braces(_items(entry))}" for entry in entries)


def in_braces(entries: list[WrittenEntry]) -> str:
    """Braces over many lines, indented as nobody should, with comments."""
    return "\n\n".join(
        f"{_head(entry)} {{ // {entry.name}\n   " + ";\n /* ; { */ ".join(_items(entry)) + "\n  }"
        for entry in entries
    )


def _items(entry: WrittenEntry) -> list[str]:
    return [
        *(f"{name}: {value_text(value)}" for name, value in entry.attributes.items()),
        *(f"{wire.left} -> {wire.right}" for wire in entry.wires),
        *(f"{kind}: {_braces(list(lines))}" for kind, lines in entry.sections.items()),
    ]


def indented(entries: list[WrittenEntry]) -> str:
    """Indentation wherever it is possible."""
    lines: list[str] = []
    for entry in entries:
        lines += [_head(entry) + "  // a comment", ""]
        for name, value in entry.attributes.items():
            lines += _indented_value(f"    {name}:", value)
        for wire in entry.wires:
            lines.append("    " + f"{wire.left} -> {wire.right}".lstrip() + " /* a comment */")
        for kind, commands in entry.sections.items():
            lines += [f"    {kind}:", *(f"        {command}" for command in commands)]
    return "\n".join(lines) + "\n\n"


def _indented_value(prefix: str, value: Value) -> list[str]:
    margin = " " * (len(prefix) - len(prefix.lstrip()) + 4)
    if isinstance(value, InlineObject) and value.attributes:
        lines = [f"{prefix} new {value.type}"]
        for name, inner in value.attributes.items():
            lines += _indented_value(f"{margin}{name}:", inner)
        return lines
    if isinstance(value, Mapping) and value:
        lines = [prefix]
        for key, inner in value.items():
            lines += _indented_value(f"{margin}{value_text(key)}:", inner)
        return lines
    return [f"{prefix} {value_text(value)}"]
