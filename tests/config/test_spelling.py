"""A misspelled word gets the one that was probably meant, and nothing that is only a guess."""

from __future__ import annotations

from icmsg.errors import closest

MODES = ("disable", "enable", "detect")


def test_the_most_similar_word_is_named_whatever_its_case() -> None:
    assert closest("detct", MODES) == "; did you mean detect?"
    assert closest("ENABEL", MODES) == "; did you mean enable?"


def test_a_word_like_none_of_them_gets_no_advice() -> None:
    assert closest("xyzzy", MODES) == ""
    assert closest("enable", ()) == ""
    assert closest("uptime", ("trimnet", "runMacro")) == ""
