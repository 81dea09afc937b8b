"""``icmsg run --coverage``: which lines of firmware a run has reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icmsg.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence

ECHO = Path(__file__).parents[1] / "views" / "covered" / "echo-net.elf"


def run(*options: str) -> int:
    return main(["run", "--messages", "3", "--net", str(ECHO), *options])


def test_the_file_has_what_was_reached_and_the_sum_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a folder" / "run.info"
    assert run("--coverage", str(path), "--json") == 0
    text = path.read_text(encoding="utf-8")
    assert "FNDA:1,link_send" in text
    assert "FNDA:0,stats_error" in text
    printed = capsys.readouterr()
    assert json.loads(printed.out)["ok"]
    lines = [row for row in text.splitlines() if row.startswith("DA:")]
    reached = [row for row in lines if not row.endswith(",0")]
    assert f"coverage: {len(reached)} of {len(lines)} lines reached: {path}" in printed.err


def test_an_image_without_lines_beside_one_with_lines_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--app", "initiator", "--coverage", str(tmp_path / "run.info")) == 0
    assert "initiator-app.elf: build it with -g" in capsys.readouterr().err


def test_the_hash_is_that_of_a_run_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hashes = set()
    for options in ((), ("--coverage", str(tmp_path / "run.info"))):
        assert run("--json", *options) == 0
        hashes.add(json.loads(capsys.readouterr().out)["trace_sha256"])
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--net", "echo"], "there is nothing about lines in echo-net.elf: build it with -g"),
        (["--net", "python"], "--coverage needs a core that runs firmware"),
    ],
)
def test_what_cannot_be_covered_is_said_before_anything_runs(
    options: Sequence[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--coverage", str(tmp_path / "run.info"), *options) == 2
    printed = capsys.readouterr()
    assert why in printed.err
    assert not printed.out
    assert not (tmp_path / "run.info").exists()
