"""What firmware prints and a peer answers reaches a terminal as text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from looped import for_each

from icmsg.cli.main import main
from icmsg.cli.monitor_command import Paint
from icmsg.engines.remote.transport import plain
from icmsg.machine.console import printable_lines

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = {
    "CSI": "\x1b[2J",
    "OSC": "\x1b]0;title\x07",
    "DCS": "\x1bP1$r\x1b\\",
    "C1": "\x9b31m",
    "NUL": "a\0b",
    "BS": "safe\b\b\b\bevil",
    "bidi": "\u202eabc",
    "CR in the middle": "good\rbad",
}


def acts(text: str) -> bool:
    return any(
        (ord(character) < 32 and character not in "\t\n") or 127 <= ord(character) < 160 for character in text
    )


@for_each("name", HOSTILE)
def test_what_a_terminal_would_act_on_is_shown(name: str) -> None:
    shown = printable_lines(f"one\r\n{HOSTILE[name]}\ttwo")
    assert not acts(shown)
    assert "\\x" in shown or "\\u" in shown
    assert shown.startswith("one\n")
    assert shown.endswith("\ttwo")


@for_each("name", HOSTILE)
def test_an_answer_of_a_monitor_is_text(name: str) -> None:
    assert not acts(plain(f"{HOSTILE[name]}\r\r\n"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_session_prints_text(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    script = tmp_path / "s.resc"
    script.write_text(
        f'mach create\necho "{HOSTILE[name]}"\nlog "{HOSTILE[name]}"\nno{HOSTILE[name]}such\n',
        encoding="utf-8",
    )
    assert main(["monitor", str(script), "-e", "quit"]) == 1
    printed = capsys.readouterr()
    assert not acts(printed.out + printed.err)


def test_colours_of_ours_are_sent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert Paint(sys.stdout)("a\x1b[1mb", "ERROR") == "\x1b[31ma\\x1b[1mb\x1b[0m"
