"""The tables in the package are only a faster way to the same parser."""

from __future__ import annotations

from pathlib import Path

import lark
import pytest

from icmsg.soc.platform import parse_platform, parser
from icmsg.soc.platform.source import to_braces

FILES = sorted((Path(__file__).parent / "files").glob("*.repl"))
SHIPPED = Path(__file__).parents[3] / "platforms" / "nrf5340.repl"


def test_the_tables_in_the_package_are_those_of_the_grammar() -> None:
    digest = parser.made_for(parser.GRAMMAR.read_text(encoding="utf-8")).split()[-1]
    with parser.TABLES.open("rb") as file:
        first_line = file.readline()
    assert first_line.split()[-1] == digest, "repl.lark has changed: write the tables anew (see tables.py)"


def test_the_kept_and_the_built_parser_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Written here, so that this holds for the lark that is installed, whatever the package was made with.
    monkeypatch.setattr(parser, "TABLES", tmp_path / "repl.tables")
    parser.write_tables()
    parser.platform_parser.cache_clear()
    kept, built = parser.platform_parser(), parser.build(parser.GRAMMAR.read_text(encoding="utf-8"))
    parser.platform_parser.cache_clear()
    for path in [*FILES, SHIPPED]:
        text = to_braces(path.read_text(encoding="utf-8"), str(path))
        assert kept.parse(text) == built.parse(text)


@pytest.mark.parametrize("content", [None, b"", b"lark 0.0.1 0000\nnot a table", b"rubbish without a line"])
def test_tables_of_another_release_or_none_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "repl.tables").write_bytes(content)
    monkeypatch.setattr(parser, "TABLES", tmp_path / "repl.tables")
    parser.platform_parser.cache_clear()
    try:
        assert isinstance(parser.platform_parser(), lark.Lark)
        assert parse_platform("a: T\n    x: 1")["a"].attributes == {"x": 1}
    finally:
        parser.platform_parser.cache_clear()
