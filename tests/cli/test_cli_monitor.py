"""``icmsg monitor`` where nobody types: scripts, -e and standard input, exit codes, colours."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import Outcome, icmsg, process

from icmsg.assets import asset
from icmsg.cli.monitor_command import Paint
from icmsg.engines.lockstep.monitor_text import written_path

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = written_path(str(asset("renode/app-python.resc")))


class Pipe(io.StringIO):
    """Standard input that is no terminal."""


def typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, *arguments: str
) -> Outcome:
    monkeypatch.setattr(sys, "stdin", Pipe(text))
    engine = () if "--engine" in arguments else ("--engine", "embedded")
    return icmsg(capsys, "monitor", *engine, *arguments)


def test_a_session_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = typed(
        capsys,
        monkeypatch,
        f"include {MACHINE}\nicmsg bond\n\n# a comment\nicmsg send hello; icmsg recv\n",
        "--hide-log",
    )
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("app is bound (CONNECTED_SID_DISABLED) after ")
    assert lines[1] == "app->net 5 bytes: 68 65 6c 6c 6f |hello|"
    assert lines[2].startswith("net->app 5 bytes: 68 65 6c 6c 6f |hello|, after ")


def test_a_script_then_the_commands_in_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "with a space.resc"
    script.write_text(
        f'$greeting="hello from a script"\ninclude {MACHINE}\necho $greeting\n', encoding="utf-8"
    )
    done = typed(
        capsys,
        monkeypatch,
        "this is not read",
        str(script),
        "-e",
        "icmsg bond; icmsg send $greeting",
        "-e",
        "icmsg recv",
    )
    assert (done.code, done.err) == (0, "")
    assert "hello from a script" in done.out
    assert done.out.count("  68 65 6c 6c 6f 20 66 72 6f 6d 20 61 20 73 63 72  |hello from a scr|") == 2


def test_a_script_is_followed_by_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = typed(capsys, monkeypatch, "mach\nquit\nnever\n", str(asset("renode/machine.resc")))
    assert (done.code, done.err) == (0, "")
    assert "nrf5340" in done.out
    assert done.out.endswith("Renode is quitting\n")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("icmsg statsu", "icmsg has no verb 'statsu'; did you mean status?"),
        ("icmsg status", "there is no machine: make one with include @renode/nrf5340.resc"),
        ("icmsg send 'x", "a quote is not closed: 'x"),
        ("icmsg send $x", "No such variable: $x"),
        ("include @none.resc", "none.resc"),
        ("sysbsu ReadDoubleWord 0x20070000", "sysbsu"),
    ],
)
@pytest.mark.parametrize("way", ["-e", "stdin"])
def test_the_first_error_ends_it_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, told: str, way: str
) -> None:
    lines = ["echo 'before'", command, "echo 'after'"]
    if way == "stdin":
        done = typed(capsys, monkeypatch, "\n".join(lines))
    else:
        done = typed(capsys, monkeypatch, "", *(part for line in lines for part in ("-e", line)))
    assert done.code == 1
    assert done.out == "before\n"
    assert told in done.err
    assert "Traceback" not in done.err


def test_a_script_that_fails_ends_with_exit_code_1_and_says_where(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "broken.resc"
    script.write_text("mach create\nmachine LoadPlatform @x\n", encoding="utf-8")
    done = typed(capsys, monkeypatch, "", str(script))
    assert done.code == 1
    assert "broken.resc:2" in done.err


def test_the_log_shows_consoles_and_watched_packets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = ("-e", f"include {MACHINE}", "-e", "icmsg watch; icmsg bond")
    shown = typed(capsys, monkeypatch, "", *commands).out.splitlines()
    assert any(line.endswith("echo: up") and "uartnet" in line for line in shown)
    assert any("] app->net the magic, 13 bytes" in line for line in shown)
    hidden = typed(capsys, monkeypatch, "", "--hide-log", *commands).out.splitlines()
    assert not any("uartnet" in line for line in hidden)
    assert any("] app->net the magic, 13 bytes" in line for line in hidden)


def test_as_a_process_without_any_input(tmp_path: Path) -> None:
    done = process("monitor", "--engine", "embedded", "-e", "echo 'there'", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, "there\n", "")
    assert process("monitor", "--engine", "embedded", "-e", "icmsg xyz", cwd=tmp_path).code == 1


def test_the_renode_engine_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from icmsg.engines import choice as engines
    from icmsg.errors import EngineNotAvailableError

    def missing() -> str:
        raise EngineNotAvailableError("pyrenode3 is not installed")

    monkeypatch.setattr(engines, "_load_renode", missing)
    done = typed(capsys, monkeypatch, "", "--engine", "renode")
    assert done.code == 2
    assert "pyrenode3 is not installed" in done.err


def test_bytes_that_are_no_text_are_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "icmsg", "monitor", "--engine", "embedded"],
        input=b'echo "\xff"\n',
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"\\xff", b"")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "plain", "environment", "coloured"),
    [
        (Terminal(), False, {}, True),
        (Terminal(), True, {}, False),
        (Terminal(), False, {"NO_COLOR": "1"}, False),
        (Terminal(), False, {"TERM": "dumb"}, False),
        (io.StringIO(), False, {}, False),
    ],
)
def test_colours_only_where_somebody_sees_them(
    stream: io.StringIO,
    plain: bool,
    environment: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (Paint(stream, plain=plain)("refused", "ERROR") == "\x1b[31mrefused\x1b[0m") == coloured
