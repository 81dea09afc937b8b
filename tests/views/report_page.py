"""A report, parsed as a browser would: elements, tables and texts by their places."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_VOID: Final = frozenset(("meta", "br", "hr", "img", "link", "input"))
_SELF_CLOSED: Final = frozenset(("line", "path", "rect", "circle"))


class ReportPage(HTMLParser):
    """The page; a tag that closes another than the one that is open is an AssertionError."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: Final = path.read_text(encoding="utf-8")
        self.tags: Final[list[tuple[str, dict[str, str]]]] = []
        self.tables: Final[dict[str, list[list[str]]]] = {}
        """Cells of the tables that have a name, row by row, the head first."""
        self.sections: Final[dict[str, str]] = {}
        """The text of each section."""
        self.bodies: Final[dict[str, list[str]]] = {"script": [], "style": [], "title": []}
        self._open: Final[list[str]] = []
        self._table: list[list[str]] | None = None
        self._section = ""
        self.feed(self.text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "section":
            self._section = given["id"]
        elif tag == "table":
            self._table = self.tables[given["id"]] = []
        elif tag == "tr" and self._table is not None:
            self._table.append([])
        elif tag in ("td", "th") and self._table:
            self._table[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _SELF_CLOSED
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "table":
            self._table = None

    def handle_data(self, data: str) -> None:
        self.sections[self._section] = self.sections.get(self._section, "") + data
        inside = self._open[-1] if self._open else ""
        if inside in self.bodies:
            self.bodies[inside].append(data)
        if self._table and any(tag in self._open for tag in ("td", "th")):
            self._table[-1][-1] += data

    def rows(self, kind: str) -> list[int]:
        """The serial numbers of the rows of one kind in the diagram."""
        return [
            int(given["id"].removeprefix("row-"))
            for tag, given in self.tags
            if tag == "g" and given.get("class", "").split()[:2] == ["row", kind]
        ]

    def records(self, table: str) -> list[dict[str, str]]:
        """The rows of a table by the names of its columns."""
        head, *rows = self.tables[table]
        return [dict(zip(head, row, strict=True)) for row in rows]
