from __future__ import annotations

import pytest
from looped import for_each

from icmsg.errors import PlatformError
from icmsg.soc.platform.source import to_braces


@for_each(
    ("text", "expected"),
    [
        ("", ""),
        ("\n  \n", "\n  \n"),
        ("a: T", "a: T"),
        ("a: T\nb: T", "a: T;\nb: T"),
        ("a: T\n\n\nb: T\n", "a: T;\n\n\nb: T\n"),
        ("a: T\n    x: 1", "a: T{\n    x: 1}"),
        ("a: T\n    x: 1\n    y: 2\nb: T", "a: T{\n    x: 1;\n    y: 2};\nb: T"),
        ("a: T\n    init:\n        go\n", "a: T{\n    init:{\n        go}}\n"),
        ("a: T\n    init:\n        go\nb: T", "a: T{\n    init:{\n        go}};\nb: T"),
        ("a: T { x: 1;\n  y: 2\n }\nb: T", "a: T { x: 1;\n  y: 2\n };\nb: T"),
        ("a: T @ {\n        sysbus 1 }\n    x: 1", "a: T @ {\n        sysbus 1 }{\n    x: 1}"),
        ("\r\na: T\r\n    x: 1\r\n", "\na: T{\n    x: 1}\n"),
    ],
)
def test_indentation_becomes_braces_at_the_end_of_lines(text: str, expected: str) -> None:
    assert to_braces(text, "f") == expected


@for_each(
    ("text", "expected"),
    [
        ("// all\na: T // rest", "      \na: T        "),
        ("a: T /* b */ @ c", "a: T         @ c"),
        ("a: T /* from\nhere\n to */\nb: T", "a: T        ;\n    \n      \nb: T"),
        ("a: {\n/* x\ny */ b: 1 }", "a: {\n    \n     b: 1 }"),
        ('a: T\n    x: "// no /* comment */ {"', 'a: T{\n    x: "// no /* comment */ {"}'),
        ("a: T\n    x: '''// no\n/* comment \" {'''", "a: T{\n    x: '''// no\n/* comment \" {'''}"),
        ("a: T\n    init:\n        get http://x/y", "a: T{\n    init:{\n        get http://x/y}}"),
        ('a: T\n    x: "\\"// no"', 'a: T{\n    x: "\\"// no"}'),
        ("a: T\n    x: '''\\'''// no'''", "a: T{\n    x: '''\\'''// no'''}"),
    ],
)
def test_comments_become_spaces_and_texts_stay(text: str, expected: str) -> None:
    assert to_braces(text, "f") == expected


@for_each(
    ("text", "where", "message"),
    [
        ("    a: T", "1:1", "the first line with text cannot be indented"),
        ("a: T\n   x: 1", "2:4", "indented by 3 spaces"),
        ("a: T\n\tx: 1", "2:1", "a tab in the indentation; write four spaces"),
        ("a: T\n    x: 1\n    \ty: 1", "3:5", "a tab in the indentation"),
        ("a: T\n\n        x: 1", "3:1", "indented 2 levels deeper"),
        ('a: T\n    x: "b\n', "2:8", 'this " is never closed; write the closing " on the same line'),
        ("a: T\n    x: '''b\n\n", "2:8", "this ''' is never closed"),
        ('a: T\n    x: "a\\n"', "2:10", 'a backslash in "…" can only be part of \\" or \\\\'),
        ("a: T\n    x: '''a\n b\\n'''", "3:3", "a backslash in '''…''' can only be part of \\'''"),
        ("a: T\n/* b", "2:1", "this /* is never closed"),
        ("a: T\n/* b */x", "2:1", "a comment at the start of a line must take the whole line"),
        ("a: T {\n    x: { 1: 2\n}", "1:6", "this '{' is never closed"),
        ("a: T\n}", "2:1", "this '}' closes nothing"),
        ("a: T\n    /* b */ x: 1", "2:5", "a comment at the start of a line must take the whole line"),
        ("a: T\n/* b\n*/ x: T", "3:3", "only spaces can follow a comment of several lines"),
    ],
)
def test_layout_that_means_nothing_is_refused_where_it_stands(text: str, where: str, message: str) -> None:
    with pytest.raises(PlatformError) as caught:
        to_braces(text, "f.repl")
    assert str(caught.value).startswith(f"f.repl:{where}: ")
    assert message in str(caught.value)
