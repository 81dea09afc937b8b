"""README and docs as data: pages, fenced blocks with the comments before them, headings, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\s*$")
_COMMENT = re.compile(r"^<!--\s*(.*?)\s*-->\s*$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_BAR = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"`+[^`]*`+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; ``line`` counts from 1, ``comments`` are the HTML comments directly before it."""

    page: str
    line: int
    language: str
    text: str
    comments: tuple[str, ...]
    answer: str | None
    """The ``text`` block directly behind it: what a Python block prints."""

    @property
    def not_run(self) -> str | None:
        """The reason why nobody runs it, from ``<!-- not run: reason -->``."""
        return self._comment("not run:")

    @property
    def exit_code(self) -> int:
        """What it ends with, from ``<!-- exit 2 -->``."""
        return int(self._comment("exit ") or 0)

    def _comment(self, start: str) -> str | None:
        return next(
            (text.removeprefix(start).strip() for text in self.comments if text.startswith(start)), None
        )

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file; ``name`` is its path in the checkout, ``prose`` what is outside of fenced blocks."""

    name: str
    prose: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def links(self) -> list[str]:
        return [target for line in self.prose for target in _LINK.findall(_CODE.sub("", line))]

    @property
    def anchors(self) -> set[str]:
        headings = [line.lstrip("#").strip() for line in self.prose if line.startswith("#")]
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def table(self, header: str) -> list[list[str]]:
        """Return the cells of the rows of all tables whose first column is called ``header``."""
        rows: list[list[str]] = []
        inside = False
        for line in self.prose:
            cells = [cell.strip() for cell in _BAR.split(line.strip("|"))] if line.startswith("|") else []
            if not cells or set(line) <= set("|-: "):
                inside = inside and bool(cells)
            elif inside:
                rows.append(cells)
            else:
                inside = cells[0] == header
        return rows


@cache
def pages() -> tuple[Page, ...]:
    """Return README.md and everything in docs/."""
    return tuple(read(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))))


def page(name: str) -> Page:
    return next(page for page in pages() if page.name == name)


def blocks(*languages: str) -> list[Block]:
    """Return all blocks in one of ``languages``."""
    return [block for page in pages() for block in page.blocks if block.language in languages]


def read(path: Path) -> Page:
    name = path.relative_to(ROOT).as_posix()
    prose: list[str] = []
    found: list[Block] = []
    comments: list[str] = []
    alone = False  # only blank lines since the last block
    lines = iter(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if fence := _FENCE.match(line):
            text = "".join(f"{inner}\n" for inner in _until_fence(lines))
            if alone and fence[1] == "text" and found[-1].language == "python":
                last = found.pop()
                found.append(Block(name, last.line, last.language, last.text, last.comments, text))
            else:
                found.append(Block(name, number, fence[1], text, tuple(comments), None))
            comments, alone = [], True
        elif comment := _COMMENT.match(line):
            comments.append(comment[1])
        elif line.strip():
            prose.append(line)
            comments, alone = [], False
        else:
            prose.append(line)
    return Page(name, tuple(prose), tuple(found))


def _until_fence(lines: enumerate[str]) -> list[str]:
    text: list[str] = []
    for _, line in lines:
        if _FENCE.match(line):
            return text
        text.append(line)
    raise AssertionError("a block is not closed")
