"""The Monitor page: what it shows is what a session prints, and no verb, command or option is left out."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

import pytest
from docs_pages import Block, blocks, page
from docs_shell import Scratch
from docs_transcripts import matches

from icmsg.cli.main import build_parser
from icmsg.cli.monitor_session import embedded_session
from icmsg.errors import IcmsgError
from icmsg.monitor.embedded import COMMANDS
from icmsg.monitor.verbs.settings import LinkSettings
from icmsg.monitor.verbs.syntax import VERBS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = page("docs/monitor.md")
_TYPED = re.compile(r"^(\(\w+\)) (.*)$", re.MULTILINE)


def typed_again(block: Block) -> str:
    """Return the transcript of a session in which the commands of ``block`` are typed."""
    screen: list[str] = []

    def show(text: str) -> None:
        screen.extend(text.splitlines())

    session = embedded_session(screen.append, lambda line, _level: screen.append(line))
    try:
        for _, command in _TYPED.findall(block.text):
            screen.append(f"{session.prompt} {command}")
            try:
                session.execute(command, show)
            except IcmsgError as error:
                show(str(error))
    finally:
        session.close()
    return "\n".join(screen)


@pytest.mark.parametrize("block", blocks("monitor"), ids=str)
def test_a_session_typed_from_the_page_shows_what_the_page_shows(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Scratch(tmp_path).folder)
    printed = typed_again(block)
    assert matches(block.text, printed), printed


def test_there_are_sessions() -> None:
    assert len(blocks("monitor")) >= 5


def _names(header: str) -> list[str]:
    return [re.findall(r"`([^`]+)`", row[0])[0] for row in PAGE.table(header)]


def test_every_verb_is_on_the_page_as_it_is_called() -> None:
    usages = [verb.usage.removeprefix("icmsg ") for verb in VERBS.values()]
    assert [name.replace("\\|", "|") for name in _names("Verb")] == usages


def test_every_command_of_the_monitor_is_on_the_page_with_its_short_name() -> None:
    assert {
        code[0]: tuple(re.findall(r"`([^`]+)`", row[1]))
        for row in PAGE.table("Command")
        if (code := re.findall(r"`([^`]+)`", row[0]))
    } == {command.name: command.alternatives[:1] for command in COMMANDS}


def test_every_option_is_on_the_page() -> None:
    actions = build_parser()._actions
    commands = next(
        dict(action.choices) for action in actions if isinstance(action, argparse._SubParsersAction)
    )
    options = [
        action.option_strings[-1] if action.option_strings else action.metavar
        for action in commands["monitor"]._actions
        if action.dest != "help"
    ]
    assert _names("Option") == options


def test_everything_that_config_takes_is_on_the_page() -> None:
    text = "\n".join(PAGE.prose)
    assert [name for name in LinkSettings().names if f"`{name}=" not in text] == []
