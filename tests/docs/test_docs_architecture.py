"""The picture of the layers is the picture of the code: names exist, and imports only go down."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from docs_pages import ROOT, page
from looped import Cases

if TYPE_CHECKING:
    from pathlib import Path

PAGE = page("docs/architecture.md")
PACKAGE = ROOT / "icmsg"
ENTRY_POINTS = {"icmsg/__init__.py", "icmsg/__main__.py"}
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.relative_to(ROOT).as_posix() not in ENTRY_POINTS
)


@cache
def layers() -> list[list[str]]:
    """Return the layers as the page has them, from the top: paths such as ``icmsg/ipc``."""
    return [re.findall(r"`([^`]+)`", row[0]) for row in PAGE.table("Layer")]


def layer_of(path: str) -> int:
    for index, members in enumerate(layers()):
        if any(path == member or path.startswith(f"{member}/") for member in members):
            return index
    raise AssertionError(f"{path} is in no layer of {PAGE.name}: give it a place there")


def imports(path: Path) -> set[str]:
    """Return the paths of what a module imports from the package, also only for typing."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "icmsg" else []
            found.update(names or [node.module])
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    paths = {name.replace(".", "/") for name in found if name.startswith("icmsg.")}
    return {f"{name}.py" if (ROOT / f"{name}.py").exists() else name for name in paths}


def test_there_are_layers_and_modules() -> None:
    assert len(layers()) > 5
    assert len(MODULES) > 50


def test_a_module_imports_only_from_its_layer_and_below() -> None:
    with Cases() as cases:
        for path in MODULES:
            name = path.relative_to(ROOT).as_posix()
            with cases.case(name):
                for imported in imports(path):
                    if (ROOT / imported).exists():  # else a name of the package itself, such as its version
                        assert layer_of(imported) >= layer_of(name), (
                            f"it imports {imported} from a layer above"
                        )


def test_every_path_on_the_page_exists() -> None:
    text = "\n".join(PAGE.prose)
    paths = re.findall(
        r"`((?:icmsg|platforms|firmware_stubs|robot_tests|tests|benchmarks|examples|docs)/[^`]*)`", text
    )
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    ("table", "folder"), [("Part", "engines/embedded"), ("Part of the Monitor", "monitor")]
)
def test_every_module_in_the_table_of_a_package_exists(table: str, folder: str) -> None:
    names = [name for row in PAGE.table(table) for name in re.findall(r"`([^`]+)`", row[1])]
    assert names
    assert [name for name in names if not (PACKAGE / folder / name).exists()] == []


def test_every_package_has_a_section() -> None:
    headings = " ".join(line for line in PAGE.prose if line.startswith("### "))
    packages = [path.parent.relative_to(ROOT).as_posix() for path in PACKAGE.glob("*/__init__.py")]
    assert len(packages) > 5
    assert [name for name in packages if f"`{name}`" not in headings] == []
