"""Every form of value, as one attribute of one entry."""

from __future__ import annotations

import pytest
from looped import for_each

from icmsg.errors import PlatformError
from icmsg.soc.platform import (
    EMPTY,
    AddressRange,
    Connection,
    EnumMember,
    InlineObject,
    Place,
    Reference,
    Value,
    parse_platform,
)

HERE = Place("anywhere", 1)


def value_of(text: str) -> Value:
    return parse_platform(f"a: N.T\n    X: {text}\nother: T")["a"].attributes["X"]


@for_each(
    ("text", "value"),
    [
        ("0", 0),
        ("007", 7),
        ("400_000_000", 400_000_000),
        ("-5", -5),
        ("- 5", -5),
        ("0xFFFF_ffff", 0xFFFF_FFFF),
        ("-0x10", -16),
        ("0xFFFFFFFFFFFFFFFF", 2**64 - 1),
        ("2.475", 2.475),
        ("-1_0.5", -10.5),
        ("true", True),
        ("True", True),
        ("false", False),
        ("False", False),
        ('""', ""),
        ('"cortex-m33"', "cortex-m33"),
        ('"say \\"hi\\" \\\\ // {;}"', 'say "hi" \\ // {;}'),
        ("'''one line'''", "one line"),
        ("'''\nif a:\n    b = \"{\"\n'''", '\nif a:\n    b = "{"\n'),
        ("'''a '' \\''' b'''", "a '' ''' b"),
        ("<0x100, 0x180>", AddressRange(0x100, 0x80)),
        ("<16, +0x10>", AddressRange(16, 16)),
        ("<0, 0>", AddressRange(0, 0)),
        ("other", Reference("other", HERE)),
        ("sysbus", Reference("sysbus", HERE)),
        (".Reset", EnumMember(None, "Reset")),
        ("Mode.Reset", EnumMember("Mode", "Reset")),
        (
            "Antmicro.Renode.Peripherals.CPU.Endianess.LittleEndian",
            EnumMember("CPU.Endianess", "LittleEndian"),
        ),
        ("empty", EMPTY),
        ("[]", ()),
        ("[1, 0x2,]", (1, 2)),
        ("[[1], [other, empty]]", ((1,), (Reference("other", HERE), EMPTY))),
        ("{}", {}),
        ('{"left": 0; "right": 3.3}', {"left": 0, "right": 3.3}),
        ("{other: 1; .Off: [2];}", {Reference("other", HERE): 1, EnumMember(None, "Off"): (2,)}),
        ("\n        1: 2\n        3: 4", {1: 2, 3: 4}),
    ],
)
def test_a_value_is_read_as_what_it_says(text: str, value: Value) -> None:
    read = value_of(text)
    assert read == value
    assert type(read) is type(value) or isinstance(value, dict)


def test_an_inline_object_keeps_attributes_wires_and_commands() -> None:
    expected = InlineObject(
        "Foo.Bar",
        {"size": 4, "Inner": InlineObject("Baz", {}, (), (), HERE)},
        (Connection("IRQ", None, "other", 3, None, HERE),),
        ("go 1",),
        HERE,
    )
    in_braces = (
        "new Antmicro.Renode.Peripherals.Foo.Bar { size: 4; Inner: new Baz; IRQ -> other@3; init: { go 1 } }"
    )
    in_lines = """new Foo.Bar
        size: 4
        Inner: new Baz
        IRQ -> other@3
        init:
            go 1"""
    assert value_of(in_braces) == value_of(in_lines) == expected


def test_none_in_an_inline_object_leaves_the_attribute_out() -> None:
    value = value_of("new T { a: none; b: 1 }")
    assert isinstance(value, InlineObject)
    assert value.attributes == {"b": 1}


def test_values_know_their_line() -> None:
    platform = parse_platform("a: T\n    X: '''\n'''\n    Y: new U\n        Z: a\n", "f.repl")
    inner = platform["a"].attributes["Y"]
    assert isinstance(inner, InlineObject)
    reference = inner.attributes["Z"]
    assert isinstance(reference, Reference)
    assert (str(inner.place), str(reference.place)) == ("f.repl:4", "f.repl:5")


@for_each(
    ("text", "line", "message"),
    [
        ("0x1_0000_0000_0000_0000", 2, "does not fit into 64 bits"),
        (
            "<0x20, 0x10>",
            2,
            "the range ends at 0x10, before its start 0x20; write <start, end> or <start, +size>",
        ),
        ("nobody", 2, "the reference 'nobody' does not exist"),
        ("[1, [nobody]]", 2, "the reference 'nobody' does not exist"),
        ("{nobody: 1}", 2, "the reference 'nobody' does not exist"),
        ("new T { a: nobody }", 2, "the reference 'nobody' does not exist"),
        ("new T { -> nobody@1 }", 2, "the wire's destination 'nobody' does not exist"),
        ("new T { b: new U { -> nobody@1 } }", 2, "the wire's destination 'nobody' does not exist"),
        ("{1: 2; 1: 3}", 2, "a key stands twice in this dictionary"),
        ("new T { a: 1; a: 2 }", 2, "'a' stands twice in this object"),
        ("new T { init: { a }; init: { b } }", 2, "'init' stands twice in this object"),
        ("new T { reset: { a } }", 2, "an object without a name can have an 'init:' section only"),
        ("new new", 2, "'new' is a keyword"),
        ("A.none", 2, "'none' is a keyword"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(PlatformError, match=r"^<string>:") as caught:
        value_of(text)
    assert message in str(caught.value)
    assert caught.value.line == line
