"""The page about an SoC of one's own quotes its files as they are, and names every part of a mailbox's kind."""

from __future__ import annotations

import pytest
from docs_pages import ROOT, Block, page

PAGE = page("docs/bring-your-own-soc.md")
FILES = sorted(path for path in (ROOT / "examples" / "trio").iterdir() if path.is_file())
QUOTES = [block for block in PAGE.blocks if block.language == "text"][1:]  # the first one is the picture


def lines(text: str) -> list[str]:
    """Return the lines without blank ones, comments, indentation and columns."""
    stripped = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("//")]


@pytest.mark.parametrize("block", QUOTES, ids=str)
def test_what_the_page_shows_of_a_file_stands_there(block: Block) -> None:
    found = [
        path.name for path in FILES if set(lines(block.text)) <= set(lines(path.read_text(encoding="utf-8")))
    ]
    assert found != []


def test_there_are_quotes_of_platform_devicetree_and_mailbox() -> None:
    assert len(QUOTES) == 4


def test_the_robot_suite_on_the_page_is_the_one_that_runs() -> None:
    suite = lines((ROOT / "examples" / "trio" / "trio.robot").read_text(encoding="utf-8"))
    (shown,) = [block for block in PAGE.blocks if block.language == "robotframework"]
    assert [line for line in lines(shown.text) if line not in suite] == []


def test_addresses_in_the_picture_are_those_of_the_files() -> None:
    import re

    picture = next(block for block in PAGE.blocks if block.language == "text").text
    files = "".join(path.read_text(encoding="utf-8") for path in FILES if path.suffix in {".repl", ".ld"})
    addresses = re.findall(r"0x[0-9A-F]{8}", picture)
    assert len(addresses) >= 8
    assert [address for address in addresses if address not in files] == []
