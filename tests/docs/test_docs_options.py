"""Every option, JSON key and exit code is on the page, and nothing else."""

from __future__ import annotations

import argparse
import json
import re
from typing import TYPE_CHECKING

from docs_pages import page

from icmsg.cli.arguments import MISTAKE
from icmsg.cli.main import BROKEN_PIPE, INTERRUPTED, TERMINATED, build_parser, main

if TYPE_CHECKING:
    import pytest

PAGE = page("docs/getting-started.md")


def commands() -> dict[str, argparse.ArgumentParser]:
    actions = build_parser()._actions
    return next(dict(action.choices) for action in actions if isinstance(action, argparse._SubParsersAction))


def options() -> dict[str, argparse.Action]:
    return {
        action.option_strings[-1]: action
        for action in commands()["run"]._actions
        if action.option_strings and action.dest != "help"
    }


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_option_of_the_run_command_is_on_the_page() -> None:
    assert [code(row[0])[0] for row in PAGE.table("Option")] == list(options())


def test_the_defaults_on_the_page_are_those_of_the_command() -> None:
    for row in PAGE.table("Option"):
        action = options()[code(row[0])[0]]
        if action.default not in (None, False):
            assert row[1].strip("`") == str(action.default), row[0]


def test_every_json_key_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json", "--messages", "2"]) == 0
    printed = json.loads(capsys.readouterr().out)
    named = [name for row in PAGE.table("Key") for name in code(row[0])]
    assert sorted(named) == sorted(printed)


def test_the_exit_codes_are_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    named = {int(row[0]) for row in PAGE.table("Exit code")}
    assert named == {0, 1, MISTAKE, INTERRUPTED, BROKEN_PIPE, TERMINATED}
    assert main(["run", "--messages", "-1"]) == MISTAKE
    assert "icmsg: error: " in capsys.readouterr().err


def test_every_command_is_on_a_page() -> None:
    text = "\n".join(block.text for block in PAGE.blocks)
    assert [name for name in commands() if f"icmsg {name}" not in text] == []


def test_the_options_and_fixtures_of_the_pytest_plugin_are_on_its_page(pytester: pytest.Pytester) -> None:
    pages = page("docs/pytest.md")
    printed = pytester.runpytest_inprocess("--fixtures", "-p", "no:xdist").stdout.str()
    fixtures = set(re.findall(r"^(icmsg_\w+)", printed, re.MULTILINE))
    assert {code(row[0])[0] for row in pages.table("Fixture")} == fixtures
    printed = pytester.runpytest_inprocess("--help", "-p", "no:xdist").stdout.str()
    assert {code(row[0])[0].split()[0] for row in pages.table("Option")} == set(
        re.findall(r"^ +(--icmsg-[\w-]+)", printed, re.MULTILINE)
    )
