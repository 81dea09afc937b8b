"""What a release is made of beside the wheel: workflow, manual page, the Pythons that are named."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import symtable
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import icmsg

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest needs it there

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml")) + sorted(
    (ROOT / "project_template" / ".github" / "workflows").glob("*.yml")
)

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a target of the Makefile with the programs of this environment, which has what it installs first."""
    programs = Path(sys.executable).parent
    ready = [f"--old-file={programs.parent}/{name}" for name in (".installed", ".installed-dev")]
    command = ["make", *ready, *arguments, f"VENV={programs.parent}"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def pythons() -> list[str]:
    """Return the releases of Python that the package says it runs on."""
    named = (
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", name) for name in PROJECT["classifiers"]
    )
    return [found[1] for found in named if found is not None]


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_every_module_is_python_3_10() -> None:
    for path in sorted((ROOT / "icmsg").rglob("*.py")):
        ast.parse(path.read_text(encoding="utf-8"), filename=str(path), feature_version=(3, 10))


def taken_names(table: symtable.SymbolTable) -> list[str]:
    """Return names that a comprehension gives to its values and a function around it passes to one inside."""
    taken = []
    for inner in table.get_children():
        if inner.get_name() in ("listcomp", "setcomp", "dictcomp") and table.get_type() == "function":
            own = {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_local()}
            around = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_free()}
            taken += [f"{name} in line {inner.get_lineno()}" for name in sorted(own & around)]
        taken += taken_names(inner)
    return taken


@pytest.mark.slow
def test_no_comprehension_takes_a_name_from_a_function_inside() -> None:
    """CPython 3.12 to 3.14 unbind it for that function, too, where they compile the comprehension in line."""
    source = (
        "def a(b):\n def c():\n  d = [b for b in ()]\n  def e():\n   return b\n  return e, d\n return c\n"
    )
    if sys.version_info < (3, 12):  # from then on no table tells it, and what does it fails
        assert taken_names(symtable.symtable(source, "", "exec")) == ["b in line 3"]
    for folder in ("icmsg", "tests", "docs", "examples", "fuzz", "project_template", "zephyr"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert not taken_names(symtable.symtable(path.read_text(encoding="utf-8"), str(path), "exec")), (
                path
            )


def test_a_release_is_tried_on_every_python_that_is_named() -> None:
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    assert release["jobs"]["try"]["strategy"]["matrix"]["python"] == pythons()
    assert pythons()[0] == PROJECT["requires-python"].removeprefix(">=")


def test_nothing_is_published_that_was_not_built_and_tried() -> None:
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    jobs = release["jobs"]
    assert (jobs["try"]["needs"], jobs["publish"]["needs"], jobs["announce"]["needs"]) == (
        "build",
        "try",
        "publish",
    )
    assert release["permissions"] == {"contents": "read"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_make_target_of_a_workflow_exists(workflow: Path) -> None:
    makefile = (
        MAKEFILE
        if workflow.is_relative_to(ROOT / ".github")
        else (workflow.parents[2] / "Makefile").read_text(encoding="utf-8")
    )
    for step in steps(workflow):
        for line in step.get("run", "").splitlines():
            for words in re.findall(r"\bmake ((?:-C \S+ )?)([a-z -]+)", line):
                if "project" not in words[0]:
                    for target in words[1].split():
                        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_a_commit_with_its_version_beside_it(workflow: Path) -> None:
    """A tag can be moved to what nobody has read; one version of each action is used everywhere."""
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used
    everywhere = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
        assert set(re.findall(rf"uses: ({action.partition('@')[0]}@.*)", everywhere)) == {action}


def test_there_are_urls_of_no_made_up_host() -> None:
    assert "urls" not in PROJECT


@needs_make
def test_a_tag_that_is_not_the_version_is_refused() -> None:
    assert make("check-tag", f"TAG=v{icmsg.__version__}").returncode == 0
    refused = make("check-tag", "TAG=v99.0.0")
    assert refused.returncode != 0
    assert "the tag v99.0.0 is not v and the version" in refused.stderr


def test_the_version_stands_in_two_places_and_is_the_same() -> None:
    assert PROJECT["version"] == icmsg.__version__


@needs_make
@pytest.mark.slow
def test_the_manual_page_has_every_command_and_is_the_same_every_time(tmp_path: Path) -> None:
    from icmsg.cli.main import build_parser

    done = make("man", f"DIST={tmp_path / 'first'}", SOURCE_DATE_EPOCH="1700000000")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "first" / "icmsg.1").read_text(encoding="utf-8")
    assert page.startswith('.TH ICMSG "1" "2023')
    plain = page.replace("\\-", "-")
    commands = next(action for action in build_parser()._actions if action.dest == "command").choices
    assert commands
    for name in commands:
        assert f"COMMAND \\fI\\,'icmsg {name}'" in plain, name
    assert (
        make("man", f"DIST={tmp_path / 'second'}", SOURCE_DATE_EPOCH="1700000000", COLUMNS="200").returncode
        == 0
    )
    assert (tmp_path / "second" / "icmsg.1").read_bytes() == (tmp_path / "first" / "icmsg.1").read_bytes()
    if shutil.which("groff"):
        checked = subprocess.run(
            ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", tmp_path / "first" / "icmsg.1"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert [line for line in checked.stderr.splitlines() if "error" in line] == []
