from __future__ import annotations

import pytest
from looped import for_each

from icmsg.errors import PlatformError
from icmsg.soc.platform import parse_platform

A_BLOCK = "an indented block (or '{')"
A_LINE = "a new line (or ';')"
A_END = "the end of the block (or '}')"
AN_ENTRY = "an entry (name: Namespace.Type)"
AN_ITEM = "an attribute (name: value), a wire (-> destination@number), a section (init:)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "1:2: expected ':', found the end of the file"),
        ("a b: T", "1:3: expected ':', found 'b'"),
        ("a: T\nb\n", "2:2: expected ':', found the end of the file"),
        ("1: T", f"1:1: expected {AN_ENTRY}, 'using', {A_LINE} or the end of the file, found '1'"),
        ("a: T;", f"1:6: expected {AN_ENTRY}, found the end of the file"),
        ("a: T @", "1:7: expected where to register ('sysbus 0x1000', or 'none'), found the end of the file"),
        ("a: T @ { b, c }", f"1:11: expected a value, {A_LINE} or {A_END}, found ','"),
        ("a: T as b", "1:9: expected a text in double quotes, found 'b'"),
        ("a: T\n    x", "2:6: expected '->' or ':', found the end of the line"),
        ("a: T\n    x\nb: T", "2:6: expected '->' or ':', found the end of the line"),
        ("a: T\n    x:\nb: T", f"2:7: expected a value or {A_BLOCK}, found the end of the line"),
        ("a: T\n    x: 'b'", f"2:8: expected a value or {A_BLOCK}, found '''"),
        ("a: T\n    x: 1 two_3.four+5", f"2:10: expected {A_LINE} or {A_END}, found 'two_3.four'"),
        (
            "a: T\n    x: 1\n        y: 2",
            f"2:9: expected {A_LINE} or {A_END}, found a block that is indented deeper",
        ),
        ("a: T // c\n    x: [1\n", "2:10: expected ',' or ']', found the end of the line"),
        ("a: T // c\n        // d\n    ?", f"3:5: expected {AN_ITEM} or {A_END}, found '?'"),
        ("a: T\n    x: new\n", "2:11: expected a type (Namespace.Type), found the end of the line"),
        ("a: T\n    x: <1, 2", "2:13: expected '>', found the end of the line"),
        ("a: T\n    x: <-1, 2>", "2:9: expected a number, found '-'"),
        ("a: T\n    -> b", "2:9: expected '#' or '@', found the end of the line"),
        ("a: T\n    -> b@c", "2:10: expected a number, found 'c'"),
        ("a: T\n    IRQ -> b@1 | 2", "2:18: expected a name, found '2'"),
        ("a: T\n    [0-1] -> b@1", "2:16: expected '[', found '1'"),
        ("a: T\n    init: go", f"2:11: expected {A_BLOCK}, found 'go'"),
        ("a: T\n    init:\n        go {now}", f"3:12: expected {A_LINE} or {A_END}, found '{{'"),
        ("a: T\n    init:\n        x '''a\"b'''", f"3:15: expected {A_LINE} or {A_END}, found '\"b''''"),
        ("a: T\n    init:\n        x '''a\"b''' \"c\"", f"3:23: expected {A_LINE} or {A_END}, found '\"'"),
        (
            "using a",
            "1:7: expected a text in double quotes, found 'a'; a 'using' line is 'using \"path\"' and stands ",
        ),
        (
            'a: T\nusing "b"',
            "2:7: expected ':', found '\"b\"'; a 'using' line is 'using \"path\"' and stands before all",
        ),
    ],
)
def test_a_syntax_error_says_where_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(PlatformError) as caught:
        parse_platform(text, "f.repl")
    assert str(caught.value).startswith(f"f.repl:{message}")
    where = message.split(":")[:2]
    assert [str(caught.value.line), str(caught.value.column)] == where


@for_each(
    "text",
    [
        *(
            f"{word}: T"
            for word in ("none", "empty", "init", "reset", "preinit", "as", "new", "true", "True")
        ),
        "a: none",
        "a: N.new",
        "a: T @ empty",
        "a: T\n    empty: 1",
        "a: T\n    x: [prefixed]",
        "a: T\n    -> reset@1",
    ],
)
def test_a_keyword_as_a_name_is_refused(text: str) -> None:
    with pytest.raises(PlatformError, match="is a keyword of platform descriptions and cannot be a name"):
        parse_platform(text)


def test_a_name_may_begin_like_a_keyword() -> None:
    text = "initial: T { asked: 1; none_of: 2; truely: newest; Init: 3; resetValue: 4; addend -> none }; newest: L"
    with pytest.raises(PlatformError, match="'addend' cannot be an output"):
        parse_platform(text)
    platform = parse_platform(text.replace("addend", "Addend"))
    assert list(platform["initial"].attributes) == ["asked", "none_of", "truely", "Init", "resetValue"]
