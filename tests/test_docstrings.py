"""The first words of docstrings: a noun, or a verb."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import icmsg

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(icmsg.__file__).parent

QUESTIONS: Final = "how that what when where whether which who whom whose why"
PRONOUNS: Final = "he it she there these they those we you"
CLAUSES: Final = (
    "after although and are because before being but if is or since so than though until was were while"
)
PREPOSITIONS: Final = (
    "about above along among around as at behind below beside between by during for from in inside into of on onto"
    " outside over through to toward towards under up upon with within without"
)
ADVERBS: Final = "also here just now only then"
REFUSED: Final = frozenset(f"{QUESTIONS} {PRONOUNS} {CLAUSES} {PREPOSITIONS} {ADVERBS}".split())


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring: of modules, classes, functions, and below constants and fields."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value


def refused(text: str) -> str | None:
    """Return the first word of a docstring if it is neither a noun, with its article, nor a verb."""
    word = re.match(r"\s*([A-Za-z]+)(?:'[a-z]+)?(?![-\w])", text)
    return word[1] if word is not None and word[1].lower() in REFUSED else None


def faults(root: Path) -> list[str]:
    """Return ``FILE:LINE: …`` for each docstring below ``root`` that begins with another word."""
    return [
        f"{path.relative_to(root.parent)}:{line}: begins with {word!r}, not with a noun or a verb"
        for path in sorted(root.rglob("*.py"))
        for line, text in sorted(docstrings(path.read_text(encoding="utf-8")))
        if (word := refused(text)) is not None
    ]


def test_every_docstring_begins_with_a_noun_or_a_verb() -> None:
    found = faults(ROOT)
    assert not found, "\n".join(found)


def test_docstrings_of_every_kind_are_found_with_file_and_line(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "module.py").write_text(
        '"""What it is."""\n'
        "LIMIT = 3\n"
        '"""So many."""\n'
        "class Thing:\n"
        '    """\n    Who asks.\n    """\n'
        "    field: int = 0\n"
        '    """Whether it is."""\n'
        "    def __init__(self):\n"
        "        self.one = 1\n"
        '        """It\'s one."""\n'
        "    async def wait(self):\n"
        '        """while it lasts."""\n',
        encoding="utf-8",
    )
    words = {1: "What", 3: "So", 5: "Who", 9: "Whether", 12: "It", 14: "while"}
    assert faults(package) == [
        f"package/module.py:{line}: begins with {word!r}, not with a noun or a verb"
        for line, word in words.items()
    ]


def test_nouns_and_verbs_are_accepted() -> None:
    texts = (
        "The whole.",
        "A part.",
        "Return it.",
        "True while it lasts.",
        "Its name.",
        "``is``",
        "Up-buffer 0.",
        "Whatnot.",
    )
    assert [text for text in texts if refused(text)] == []
