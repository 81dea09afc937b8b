"""The names of one SoC, of its cores and of its mailbox stand where they are defined, and nowhere else."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from looped import Cases

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "icmsg"
NAMES = re.compile(r"(?<!\.)\b(nrf5340(?! PS)|nrf_ipc|app|net)\b", re.IGNORECASE)  # PS is a manual's name
AT_HOME = (
    "config/boards.py",
    "hw/mailboxes/",
    "config/nrf5340.py",  # a former place, which goes with release 0.3
)
FORMER = {"app", "net"}
"""Names of fields that were public in release 0.1."""


def modules() -> list[Path]:
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.relative_to(PACKAGE).as_posix().startswith(AT_HOME)
    ]


def docstrings(tree: ast.Module) -> set[int]:
    """Return the ids of the nodes that only people read."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def names_in(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield from (f"line {node.lineno}: {node.value!r}" for _ in NAMES.findall(node.value)[:1])
        name = (
            node.id if isinstance(node, ast.Name)
            else node.arg if isinstance(node, ast.arg)
            else node.name if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name not in FORMER
            else ""
        )  # fmt: skip
        if NAMES.fullmatch(name):
            yield f"line {getattr(node, 'lineno', '?')}: {name}"


def test_no_module_names_an_soc() -> None:
    with Cases() as cases:
        for path in modules():
            with cases.case(path.relative_to(PACKAGE).as_posix()):
                assert list(names_in(path)) == []
