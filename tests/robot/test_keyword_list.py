"""The keywords are an interface: what suites of others call must not change by accident."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from keyword_pages import GROUPS, HTML, TABLE, data, html, keywords, made_by, page_with_table
from robot.version import VERSION

from icmsg.robot import IcmsgLibrary

APPROVED = Path(__file__).with_name("keywords.txt")


def spelled() -> list[str]:
    return [f"{each.name}    {'    '.join(map(str, each.args))}".rstrip() for each in keywords()]


def test_the_keywords_are_those_that_were_approved() -> None:
    """After a change on purpose write the new line into keywords.txt."""
    assert spelled() == APPROVED.read_text(encoding="utf-8").splitlines()


def test_every_keyword_is_documented_and_belongs_to_a_group() -> None:
    for each in keywords():
        assert each.doc, each.name
        assert set(each.tags) & set(GROUPS), each.name


def test_every_argument_has_a_type() -> None:
    library = IcmsgLibrary()
    for name in library.get_keyword_names():
        types = library.get_keyword_types(name)
        arguments = inspect.signature(library.keywords[name]).parameters
        missing = [argument for argument in arguments if argument not in types]
        assert missing == [], name


def test_the_table_on_the_page_is_current() -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert page_with_table(text) == text, "run `make keywords`"


@pytest.mark.skipif(
    made_by(HTML.read_text(encoding="utf-8")) != VERSION,
    reason=f"the page is made by another Robot than {VERSION}",
)
def test_the_reference_is_current() -> None:
    assert data(HTML.read_text(encoding="utf-8")) == data(html()), "run `make keywords`"


def test_the_reference_says_nothing_about_the_machine_on_which_it_was_made() -> None:
    text = HTML.read_text(encoding="utf-8")
    assert str(Path.cwd().anchor) + "work" not in text
    assert data(text)["source"] == ""
