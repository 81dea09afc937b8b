"""Every command on a page works, and prints what the page says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from docs_pages import ROOT, Block, blocks
from docs_shell import Scratch, make_targets, steps
from docs_transcripts import matches
from looped import for_each

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest.mark import ParameterSet

SHELL = blocks("console", "sh")
PYTHON = blocks("python")
ROBOT = blocks("robotframework")
RUNNABLE = {"console", "sh", "python", "robotframework"}


def runnable(found: list[Block]) -> list[Block]:
    return [block for block in found if block.not_run is None]


def slow_if_long(found: list[Block]) -> list[ParameterSet]:
    return [
        pytest.param(block, marks=pytest.mark.slow if len(steps(block)) > 2 else (), id=str(block))
        for block in found
    ]


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


@pytest.mark.parametrize("block", slow_if_long(runnable(SHELL)))
def test_the_commands_of_a_block_work(block: Block, scratch: Scratch) -> None:
    assert steps(block), "a console block shows commands after '$ '; use text for output alone"
    for step in steps(block):
        if make_targets(step.command) is not None:
            continue  # they set up an environment of their own; the targets are checked below
        code, printed = scratch.run(step.command)
        assert code == block.exit_code, f"{step.command}\n{printed}"
        if step.printed is not None:
            assert matches(step.printed, printed), f"{step.command} printed:\n{printed}"


@for_each("block", SHELL, ids=str)
def test_make_targets_on_the_pages_exist(block: Block) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for step in steps(block):
        for target in make_targets(step.command) or ():
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"make {target}"


@pytest.mark.parametrize("name", dict.fromkeys(block.page for block in runnable(PYTHON)))
def test_python_on_a_page_runs_from_top_to_bottom(
    name: str, scratch: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scratch.folder)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in runnable(PYTHON):
        if block.page != name:
            continue
        exec(compile(block.text, str(block), "exec"), names)
        printed = capsys.readouterr().out
        assert block.answer is not None or not printed, f"{block} prints, and the page does not say what"
        if block.answer is not None:
            assert matches(block.answer, printed), f"{block} printed:\n{printed}"


@pytest.mark.parametrize("block", runnable(ROBOT), ids=str)
def test_robot_suites_on_a_page_pass(block: Block, scratch: Scratch) -> None:
    (scratch.folder / "suite.robot").write_text(block.text, encoding="utf-8")
    code, printed = scratch.run("python -m robot --output NONE --report NONE --log NONE suite.robot")
    assert code == 0, printed


def test_what_is_not_run_says_why() -> None:
    for block in (*SHELL, *PYTHON, *ROBOT):
        assert block.not_run is None or len(block.not_run) > 10, block


def test_there_is_something_to_run() -> None:
    assert len(runnable(SHELL)) > 5
    assert len(runnable(PYTHON)) > 3


@for_each(
    ("written", "printed", "same"),
    [
        ("bound after 1.00 µs", "bound after 22.50 µs", True),
        ("3 of 3 messages", "2 of 3 messages", False),
        ("first\n…\nlast", "first\nmore\nand more\nlast", True),
        ("first\n…\nlast", "first\nmore", False),
        ("a … c", "a b c", True),
        ("OK", "OK\nbut more", False),
        ('"wall_s": 0.2', '"wall_s": 17.5', True),
        ('"messages_sent": 3', '"messages_sent": 4', False),
    ],
)
def test_a_transcript_is_compared_but_for_times(written: str, printed: str, same: bool) -> None:
    assert matches(written, printed) is same
