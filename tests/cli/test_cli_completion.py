"""`icmsg --print-completion`: the shell completes commands, options, choices and files."""

from __future__ import annotations

import shutil
import subprocess
from shlex import quote
from typing import TYPE_CHECKING

import pytest
from command import icmsg

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def script(tmp_path: Path, capsys: Capture) -> Path:
    """The script for bash, in a file."""
    printed = icmsg(capsys, "--print-completion", "bash")
    assert (printed.code, printed.err) == (0, "")
    path = tmp_path / "icmsg.bash"
    path.write_text(printed.out, encoding="utf-8")
    return path


def completed(script: Path, *words: str) -> set[str]:
    """Return what bash offers behind ``words``, the last of which is being typed."""
    call = f"""
        set -u; . {quote(str(script))}
        complete -p icmsg | sed 's/.*-F //; s/ .*//' > icmsg.bash.function
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}; COMPREPLY=()
        set +u; $(cat icmsg.bash.function) icmsg '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", call], cwd=script.parent, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return {line.strip() for line in done.stdout.split("\n") if line.strip()}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("icmsg", "do"), {"doctor"}),
        (("icmsg", "run", "--mess"), {"--messages"}),
        (("icmsg", "run", "--unbound", "d"), {"disable", "detect"}),
        (("icmsg", "check", "a.dts", "icms"), {"icmsg.bash", "icmsg.bash.function"}),
    ],
)
def test_bash_completes(script: Path, words: tuple[str, ...], offered: set[str]) -> None:
    assert completed(script, *words) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_with_every_command(capsys: Capture, tmp_path: Path, shell: str) -> None:
    printed = icmsg(capsys, "--print-completion", shell)
    assert (printed.code, printed.err) == (0, "")
    for command in ("run", "monitor", "doctor"):
        assert command in printed.out
    if shutil.which(shell):
        path = tmp_path / "script"
        path.write_text(printed.out, encoding="utf-8")
        subprocess.run([shell, "-n", path], check=True)


def test_another_shell_is_refused_with_those_there_are(capsys: Capture) -> None:
    refused = icmsg(capsys, "--print-completion", "cmd.exe")
    assert refused.code == 2
    assert "bash" in refused.err
