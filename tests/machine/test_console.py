"""A core's console: lines as they end, however the bytes come."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.machine.console import Console, ConsoleLine

pure = settings(deadline=None)


@pure
@given(
    data=st.binary(max_size=60).map(lambda text: text.replace(b"z", b"\r\n").replace(b"y", b"\n")),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_however_the_bytes_are_cut_the_lines_are_the_same(data: bytes, cuts: list[int]) -> None:
    whole, pieces = Console(), Console()
    whole.feed(data, 5)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        pieces.feed(data[start:end], 5)
    assert pieces.lines == whole.lines
    assert pieces.partial == whole.partial
    assert len(whole.lines) == data.count(b"\n")


def test_both_line_ends_count_and_the_time_is_that_of_the_end() -> None:
    console = Console()
    console.feed(b"one\r\ntw", 10)
    console.feed(b"o\nthree", 20)
    assert console.lines == [ConsoleLine(10, "one"), ConsoleLine(20, "two")]
    assert console.partial == "three"
    assert console.text == "one\ntwo\nthree"


def test_bytes_that_are_no_text_are_shown() -> None:
    console = Console()
    console.feed(b"\xff\xc3\xb6k\n", 0)
    assert console.lines[0].text == "\\xffök"


def test_a_character_cut_in_two_is_whole_in_its_line() -> None:
    console = Console()
    console.feed(b"\xc2", 0)
    console.feed(b"\xb5s\n", 0)
    assert console.lines[0].text == "µs"


def test_the_colours_of_a_log_are_left_out_also_where_they_are_cut() -> None:
    console = Console()
    console.feed(b"\x1b[0m<inf> up\x1b[1;3", 0)
    console.feed(b"1m!\x1b[0m\n\x1b[32mnext", 0)
    assert console.lines[0].text == "<inf> up!"
    assert console.partial == "next"


def test_brackets_that_belong_to_no_control_sequence_stay() -> None:
    console = Console()
    console.feed(b"[00:00:01.000] a[0m\n", 0)
    assert console.lines[0].text == "[00:00:01.000] a[0m"


def test_what_a_terminal_would_act_on_is_shown_and_the_colours_of_zephyr_are_left_out() -> None:
    console = Console()
    console.feed("\x1b[1;31mrot\x1b[0m \x1b]0;title\x07 a\x08b \x00 \x9b2J \tä→\u202e\n".encode(), 1)
    assert console.lines[0].text == r"rot \x1b]0;title\x07 a\x08b \x00 \x9b2J " + "\tä→" + r"\u202e"
