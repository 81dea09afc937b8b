"""Tokens of the Monitor: kinds and values as in Renode's list, whatever stands beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import icmsg.monitor
from icmsg.monitor.tokens import commands, logical_lines, tokenize

GRAMMAR = Path(icmsg.monitor.__file__).with_name("monitor.lark").read_text(encoding="utf-8")

WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True).filter(
    lambda word: not re.match(r"true|false|True|False|null", word)
)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\"'\\`"), max_size=12)
PIECES = st.one_of(
    WORDS.map(lambda word: ("LITERAL", word, word)),
    WORDS.map(lambda word: ("VARIABLE", f"${word}", word)),
    TEXTS.map(lambda text: ("STRING", f'"{text}"', text)),
    TEXTS.map(lambda text: ("STRING", f"'{text}'", text)),
    TEXTS.map(lambda text: ("EXECUTION", f"`{text}`", text)),
    st.integers(0, (1 << 63) - 1).map(lambda number: ("HEX", f"0x{number:x}", number)),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda number: ("INTEGER", str(number), number)),
    st.integers(-99, 99).map(lambda number: ("FLOAT", f"{number}.25", float(f"{number}.25"))),
    st.booleans().map(lambda truth: ("BOOLEAN", str(truth).lower(), truth)),
    st.sampled_from([("EQUAL", "=", "="), ("DEFAULT", "?=", "?="), ("COMMA", ",", ","), ("SPLIT", ";", ";")]),
    st.just(("NULL", "null", None)),
    st.from_regex(r"[a-z/][a-z/. ]{0,10}", fullmatch=True).map(
        lambda path: ("PATH", "@" + path.replace(" ", "\\ "), path)
    ),
)


@given(st.lists(PIECES, max_size=8), st.sampled_from([" ", "  ", "\t"]))
def test_pieces_between_spaces_are_the_tokens_they_are_written_as(
    pieces: list[tuple[str, str, object]], space: str
) -> None:
    found, end, problem = tokenize(space.join(text for _, text, _ in pieces))
    assert end is None, problem
    assert [(token.kind, token.text, token.value) for token in found] == pieces


@given(st.text(max_size=40))
def test_every_text_is_read_or_has_a_place_where_no_token_fits(text: str) -> None:
    found, end, _ = tokenize(text)
    assert end is None or 0 <= end <= len(text)
    assert all(token.text in text for token in found)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("# all of it; even this", ["COMMENT"]),
        (":name: a header", ["HEADER"]),
        ("a :b", ["LITERAL", "HEADER"]),
        ("a:b", ["LITERAL"]),
        ("x=1", ["LITERAL", "EQUAL", "INTEGER"]),
        ("$x?=1", ["VARIABLE", "DEFAULT", "INTEGER"]),
        ("12abc", ["INTEGER", "LITERAL"]),
        ("trueish", ["BOOLEAN", "LITERAL"]),
        ("1:02 0:1:2.5", ["TIME", "TIME"]),
        ("1.5 1. -2.5e3", ["FLOAT", "FLOAT", "FLOAT"]),
        ("1e3", ["INTEGER"]),
        ("<0, 0x10> <0x10 4>", ["ABSOLUTE_RANGE", "RELATIVE_RANGE"]),
        ("[1, 2]", ["LEFT_BRACE", "INTEGER", "COMMA", "INTEGER", "RIGHT_BRACE"]),
        ("@a\\ b;c", ["PATH", "SPLIT", "LITERAL"]),
        ('"""\na\n"""', ["MULTILINE"]),
        ('"""', ["TERMINATOR"]),
        ("?", ["LITERAL"]),
        ("mach-0 -1", ["LITERAL", "INTEGER"]),
    ],
)
def test_kinds(text: str, kinds: list[str]) -> None:
    found = tokenize(text)
    assert found.end is None
    assert [token.kind for token in found.tokens] == kinds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0xffffffffffffffff", -1),
        ("1e3", 1000),
        ("<2, 5>", (2, 4)),
        ("<2 5>", (2, 5)),
        (r'"a \" b"', 'a " b'),
        (r"'it\'s'", "it's"),
        ('"""a"b"""', 'a"b'),
        ("@a\\ b", "a b"),
        ("-1", -1),
    ],
)
def test_values(text: str, value: object) -> None:
    assert [token.value for token in tokenize(text).tokens] == [value]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<5, 3>", "Could not create range; the start address can't be higher than the end address.\n"
                   "Use '<5 3>' without a comma if the second argument is size."),
        ("0x1ffffffffffffffff", "0x1ffffffffffffffff is too large for a number of 64 bits"),
        ("9223372036854775808", "9223372036854775808 is too large for a number of 64 bits"),
        ("1e99", "1e99 is too large for a number of 64 bits"),
        ("15e-1", "15e-1 is no whole number"),
    ],
)  # fmt: skip
def test_a_token_that_means_nothing_says_why(text: str, problem: str) -> None:
    found = tokenize(f"a {text}")
    assert (found.end, found.problem) == (2, problem)


def test_the_order_of_the_grammar_is_the_order_of_the_tokens() -> None:
    """The number behind a name decides which of two tokens that fit counts, so it must go down."""
    numbers = [int(number) for number in re.findall(r"^[A-Z_]+\.(\d+):", GRAMMAR, re.MULTILINE)]
    assert len(numbers) == 24
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == len(numbers)


def test_commands_are_what_is_between_semicolons_without_comments() -> None:
    groups = commands(tokenize("a 1; ; b # c").tokens)
    assert [[token.text for token in group] for group in groups] == [["a", "1"], ["b"]]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb", [(1, "a"), (2, "b")]),
        ('macro reset\n"""\n x\n y\n"""\nz', [(1, 'macro reset\n"""\n x\n y\n"""'), (6, "z")]),
        ('set x """\na\n"""', [(1, 'set x """\na\n"""')]),
        ('set x """a"""\nb', [(1, 'set x """a"""'), (2, "b")]),
        ("", []),
        ("a\r\nb\r\n", [(1, "a"), (2, "b")]),
    ],
)
def test_text_between_three_quotes_belongs_to_one_command(text: str, lines: list[tuple[int, str]]) -> None:
    assert list(logical_lines(text)) == lines
