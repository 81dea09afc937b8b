"""Lines with verbs: semicolons, quotes, comments, variables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples, for_each

from icmsg.errors import MonitorError
from icmsg.monitor.verbs.syntax import is_verb, split_commands, words_of


@for_each(
    ("line", "commands"),
    [
        ("icmsg status", ["icmsg status"]),
        (" start ;; icmsg status ; ", ["start", "icmsg status"]),
        ('icmsg send "a;b" net; pause', ['icmsg send "a;b" net', "pause"]),
        ("icmsg send 'a;b'", ["icmsg send 'a;b'"]),
        ("icmsg status # what is it", ["icmsg status"]),
        ("icmsg send a#b", ["icmsg send a#b"]),
        ("# icmsg status", []),
        ('icmsg send "# no comment"', ['icmsg send "# no comment"']),
        ("icmsg send 'open; quit", ["icmsg send 'open", "quit"]),
        ("", []),
    ],
)
def test_a_line_is_taken_apart(line: str, commands: list[str]) -> None:
    assert split_commands(line) == commands


@for_each(
    ("command", "words"),
    [
        ("icmsg send hex:0c net", ["icmsg", "send", "hex:0c", "net"]),
        ("icmsg dump app->net", ["icmsg", "dump", "app->net"]),
        ("icmsg send 0x0c", ["icmsg", "send", "0x0c"]),
        ("icmsg config tx-region=0x20000000:0x800", ["icmsg", "config", "tx-region=0x20000000:0x800"]),
        ('icmsg config app-dts=@"a b/app.dts"', ["icmsg", "config", "app-dts=@a b/app.dts"]),
        (r"icmsg config app-dts=@a\ b/app.dts", ["icmsg", "config", "app-dts=@a b/app.dts"]),
        (r'icmsg send "say \"hi\" \\"', ["icmsg", "send", 'say "hi" \\']),
        ("icmsg send ''", ["icmsg", "send", ""]),
        ("icmsg send $text '$text'", ["icmsg", "send", "<$text>", "$text"]),
    ],
)
def test_words_are_what_was_meant(command: str, words: list[str]) -> None:
    assert words_of(command, lambda name: f"<{name}>") == words


@pytest.mark.parametrize("command", ["icmsg send 'x", 'icmsg send x"', 'icmsg send "x\\"'])
def test_an_open_quote_is_refused(command: str) -> None:
    with pytest.raises(MonitorError, match="a quote is not closed"):
        words_of(command)


@pytest.mark.parametrize(
    ("command", "verb"),
    [("icmsg", True), (" icmsg status", True), ("icmsg_status", False), ("echo icmsg", False), ("", False)],
)
def test_a_verb_is_the_first_word(command: str, verb: bool) -> None:
    assert is_verb(command) is verb


@settings(max_examples=examples(200))
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1, max_size=5))
def test_any_text_in_quotes_comes_back(texts: list[str]) -> None:
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]
    line = f"icmsg {' '.join(quoted)}"
    assert split_commands(f"pause;{line};start") == ["pause", line, "start"]
    assert words_of(line) == ["icmsg", *texts]


@settings(max_examples=examples(200))
@given(st.text())
def test_any_line_is_taken_apart_or_refused_with_words(line: str) -> None:
    for command in split_commands(line):
        check(command)


def check(command: str) -> None:
    try:
        words_of(command)
    except MonitorError:
        assert any(quote in command for quote in "\"'`")
