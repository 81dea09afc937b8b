"""The texts in the source, with ``…`` for everything that is put in when they are shown."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

from docs_pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def normal(text: str) -> str:
    """Return a text with one ``…`` for each run of values, and one blank for each run of blanks."""
    return re.sub(r"…+", "…", re.sub(r"\s+", " ", text))


@cache
def texts() -> tuple[str, ...]:
    """Return every text of the package, of its west command and of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = [re.sub(r"\$\([^)]*\)", "…", line) for line in makefile.splitlines()]
    for path in sorted([*(ROOT / "icmsg").rglob("*.py"), *(ROOT / "zephyr").glob("*.py")]):
        found += [text for node in ast.walk(_tree(path)) if (text := _template(node)) not in ("…", "", None)]
    return tuple(dict.fromkeys(map(normal, found)))


def errors_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of every error that a module makes."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and node.args and _makes_an_error(node.func):
            text = normal(_template(node.args[0]) or "…")
            if re.search(r"\w", text):
                yield node.lineno, text


def _makes_an_error(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name.endswith(("Error", "Fault", "error"))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _template(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part if isinstance(value, ast.Constant) and (part := _template(value)) is not None else "…"
            for value in node.values
        )
    return None
