"""Text from a terminal taken apart, with the bytes that Renode's sources say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icmsg.engines.remote.connection import TelnetDecoder, prompt_at_end, read_answer, without_sequences

OPTIONS = bytes([255, 253, 0, 255, 253, 31, 255, 251, 1, 255, 251, 3, 255, 252, 34])
SUBNEGOTIATION = bytes([255, 250, 31, 0, 80, 0, 24, 255, 240])


@given(st.lists(st.integers(0, 60), max_size=8))
def test_telnet_commands_go_in_whatever_pieces_they_come(cuts: list[int]) -> None:
    data = b"ab" + OPTIONS + b"c" + SUBNEGOTIATION + bytes([255, 255]) + b"d" + bytes([255, 241]) + b"e"
    decoder, places = TelnetDecoder(), sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert b"".join(map(decoder.decode, pieces)) == b"abc\xffde"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\x1b[91m(monitor) \x1b[0m", "monitor"),
        ("x\n\r\x1b[33m(nrf5340) \x1b[0m", "nrf5340"),
        ("x\n\r\x1b[;133m(nrf5340) \x1b[0m", "nrf5340"),
        ("x\n\r(my machine) ", "my machine"),
        ("no line end\x1b[33m(nrf5340) \x1b[0m", "nrf5340"),
        ("no line end(nrf5340) ", None),
        ("(nrf5340) and more", None),
        ("(nrf5340)", None),
        ("x\n\r\x1b[33m(nrf5340) ", "nrf5340"),
        ("a" * 1000 + "(nrf5340) ", None),
        ("a" * 1000 + "\r\n(nrf5340) ", "nrf5340"),
        ("", None),
    ],
)
def test_a_prompt_is_known_by_its_line_or_its_colour(text: str, name: str | None) -> None:
    assert prompt_at_end(text) == name


def test_the_prompt_of_before_is_known_anywhere() -> None:
    assert prompt_at_end("no line end(nrf5340) ", "nrf5340") == "nrf5340"
    assert prompt_at_end("no line end(other) ", "nrf5340") is None


@pytest.mark.parametrize(
    ("body", "text", "failed"),
    [
        ("0x0A\r\r\n", "0x0A", False),
        ("\x1b[91mNo such command or device: x\r\n\x1b[0m", "No such command or device: x", True),
        ("\x1b[;031mMachine foo not found.\r\n\x1b[0m", "Machine foo not found.", True),
        ("No such command or device: x\r\n", "No such command or device: x", True),
        (
            "There was an error executing command 'x y': \r\nWhy\r\n",
            "There was an error executing command 'x y': \nWhy",
            True,
        ),
        # lastLog writes the lines of errors in red, a character at a time.
        (
            "".join(f"\x1b[91m{one}\x1b[0m" for one in "12:00 [ERROR] bad") + "\n\r",
            "12:00 [ERROR] bad",
            False,
        ),
        ("it is not: No such command or device\r\n", "it is not: No such command or device", False),
        ("\x1b[32mgreen\x1b[0m\r\n", "green", False),
    ],
)
def test_an_error_is_known_by_its_colour_or_its_words(body: str, text: str, failed: bool) -> None:
    answer = read_answer("x y", f"x y\n\r{body}\x1b[33m(nrf5340) \x1b[0m")
    assert answer is not None
    assert (answer.text, answer.failed, answer.prompt) == (text, failed, "nrf5340")


def test_an_answer_is_waited_for() -> None:
    whole = "x\n\r0x0A\r\r\n\x1b[33m(nrf5340) "
    assert [read_answer("x", whole[:size]) for size in range(len(whole))] == [None] * len(whole)
    assert read_answer("x", whole) is not None


def test_movements_in_the_echo_of_a_long_line_are_no_part_of_it() -> None:
    answer = read_answer("long line", "long \x1b[1B\x1b[1Gline\n\r1\r\n(m) ")
    assert answer is not None
    assert answer.text == "1"


@pytest.mark.parametrize("text", ["other\n\r(m) ", "x and more\n\r(m) "])
def test_an_echo_of_something_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="echo"):
        read_answer("x", text)


@pytest.mark.parametrize("text", ["\x1b[0m", "\x1b[;031m", "\x1b[2J", "\x1b[?25l", "\x1b[12;40H", "\x1bM"])
def test_sequences_are_no_text(text: str) -> None:
    assert without_sequences(f"a{text}b") == "ab"
