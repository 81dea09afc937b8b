"""The shape of the package: every layer knows only those below it, every library has one home, modules stay small.

Read from the sources, imports for type checking and inside functions included.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from looped import Cases, for_each

import icmsg

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(icmsg.__file__).parent

LAYERS: Final = (
    ("errors", "files", "former_paths"),
    ("timers",),
    ("assets", "config"),
    ("hw",),
    ("wire",),
    ("ipc",),
    ("soc",),
    ("machine",),
    ("engines.lockstep",),
    ("engines.embedded", "engines.renode", "engines.remote"),
    ("engines",),
    ("link",),
    ("gdb",),
    ("views", "monitor"),
    ("cli", "robot", "pytest_plugin", "__main__"),
)
"""From the bottom to the top; parts of one layer do not know each other."""

NEIGHBOURS: Final = {("monitor", "views"), ("__main__", "cli"), ("", "former_paths")}
"""Parts of one layer that know each other all the same, in one direction."""

HOMES: Final = {
    "unicorn": ("engines.embedded",),
    "pyrenode3": ("engines.renode",),
    "clr": ("engines.renode",),
    "System": ("engines.renode",),
    "lark": ("soc", "config", "monitor"),
    "elftools": ("machine",),
    "yaml": ("config",),
    "rich": ("cli",),
    "prompt_toolkit": ("cli",),
    "shtab": ("cli",),
    "platformdirs": ("engines.renode",),
    "robot": ("robot",),
    "robotlibcore": ("robot",),
    "pytest": ("pytest_plugin",),
    # Virtual time only, but for guards against what never ends; and nothing random that was not asked for.
    "time": ("cli", "link", "machine", "engines.remote", "engines.renode"),
    "datetime": ("cli", "robot"),
    "random": ("link", "machine", "engines.embedded"),
    "secrets": (),
    "uuid": (),
    "asyncio": (),
}
"""Libraries, and the only parts that know them."""

LONGEST: Final = 400
LONGER: Final[dict[str, tuple[int, str]]] = {}


SHARED_CLASS_NAMES: Final[dict[str, str]] = {}
"""Names of classes that several modules define, and why."""


class Import(NamedTuple):
    """``module`` imports ``target``; ``deferred`` if not while it is loaded itself."""

    module: str
    target: str
    line: int
    deferred: bool


def module_name(path: Path) -> str:
    parts = ("icmsg", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """Return the part of the package that ``module`` belongs to, as :data:`LAYERS` calls it."""
    names = module.split(".")[1:]
    if names[:1] == ["engines"] and ".".join(names[:2]) in {part for layer in LAYERS for part in layer}:
        return ".".join(names[:2])
    return names[0] if names else ""


def imports_of(path: Path, modules: set[str]) -> Iterator[Import]:
    name = module_name(path)
    waiting: list[tuple[ast.AST, bool]] = [(parsed(path), False)]
    while waiting:
        node, deferred = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno, deferred)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            base = node.module or ""
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(name, inner if inner in modules else base, node.lineno, deferred)
        later = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            later = True
        for field in (
            "body",
            "orelse",
            "finalbody",
            "handlers",
            "cases",
        ):  # the statements; no other node has any
            inside = getattr(node, field, ())
            if isinstance(inside, list):  # of a lambda or a conditional expression it is an expression
                waiting += [(child, later) for child in inside]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports() -> list[Import]:
    return [found for path in PATHS for found in imports_of(path, MODULES)]


PATHS: Final = sorted(path for path in ROOT.rglob("*.py") if "_data" not in path.parts)
MODULES: Final = {module_name(path) for path in PATHS}
RANK: Final = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}


def test_every_part_has_its_layer() -> None:
    parts = {part_of(module) for module in MODULES} - {""}
    assert parts <= set(RANK), "a new part of the package needs its place in LAYERS"
    assert {"errors", "hw", "wire", "ipc", "soc", "machine", "engines.embedded", "link", "cli"} <= parts
    assert len(imports()) > 300


def test_no_layer_knows_one_above_it() -> None:
    wrong = []
    for found in imports():
        if not found.target.startswith("icmsg."):
            continue
        own, other = part_of(found.module), part_of(found.target)
        allowed = own == other or RANK[other] < RANK.get(own, -1) or (own, other) in NEIGHBOURS
        if not allowed:
            wrong.append(f"{found.module}:{found.line} imports {found.target}")
    assert wrong == []


@for_each("library", HOMES)
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    users = {part_of(found.module) for found in imports() if found.target.split(".")[0] == library}
    assert users <= set(HOMES[library])


def test_the_layers_without_an_engine_need_nothing_but_python() -> None:
    third_party = {"unicorn", "lark", "elftools", "rich", "robot", "clr", "pyrenode3", "pytest"}
    bare = {"errors", "assets", "hw", "wire", "ipc"}
    wrong = [
        found
        for found in imports()
        if part_of(found.module) in bare and found.target.split(".")[0] in third_party
    ]
    assert wrong == []


def test_loading_a_module_never_comes_back_to_it() -> None:
    graph: dict[str, set[str]] = {}
    for found in imports():
        if not found.deferred and found.target in MODULES:
            graph.setdefault(found.module, set()).add(found.target)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def test_a_module_is_small_or_has_a_reason() -> None:
    with Cases() as cases:
        for path in PATHS:
            name = path.relative_to(ROOT).as_posix()
            most, _reason = LONGER.get(name, (LONGEST, ""))
            with cases.case(name):
                lines = len(path.read_text(encoding="utf-8").splitlines())
                assert lines <= most, "give what does not belong together modules of their own"


def test_no_module_is_named_for_being_convenient() -> None:
    poor = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "tools"}
    assert [path for path in PATHS if poor & set(path.stem.lower().split("_"))] == []
    assert [path for path in PATHS if poor & {part.lower() for part in path.relative_to(ROOT).parts}] == []


def test_a_class_name_is_defined_once() -> None:
    homes: dict[str, list[str]] = {}
    for path in PATHS:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(homes) > 300
    several = {name: found for name, found in homes.items() if len(found) > 1}
    assert several.keys() == SHARED_CLASS_NAMES.keys(), several


def test_annotations_are_lazy() -> None:
    """Python 3.10 could not load newer ones otherwise."""
    late = "from __future__ import annotations"
    annotated = [path for path in PATHS if "def " in path.read_text(encoding="utf-8")]
    assert len(annotated) > 50
    assert [path for path in annotated if late not in path.read_text(encoding="utf-8")] == []


def test_no_two_test_modules_have_one_name() -> None:
    """Pytest could not load the second one."""
    names = [path.name for path in (ROOT.parent / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)


def test_what_the_fast_suite_leaves_out_exists() -> None:
    tests = ROOT.parent / "tests"
    listed = re.findall(
        r'^    "([\w/.]+)": "', (tests / "conftest.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(listed) > 10
    assert [name for name in listed if not (tests / name).exists()] == []
