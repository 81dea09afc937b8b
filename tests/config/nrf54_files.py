"""The files in data/nrf54: one chip's cores each, as a build writes their zephyr.dts; and checks of them.

``l15_*`` have two cores with VEVIF between them, ``h20_*`` and ``nrf9280_*`` several with bellboards, and instances
that lead to cores of which there is no file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from config_files import DATA

from icmsg.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    Capture = pytest.CaptureFixture[str]

FILES = DATA / "nrf54"
L15 = ("l15_app", "l15_flpr")
H20 = ("h20_app", "h20_rad")


def source(name: str, *changes: tuple[str, str]) -> str:
    """Return the text of a file; every change has to change something."""
    text = (FILES / f"{name}.dts").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def write(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Write a changed file into ``folder``."""
    path = folder / f"{name}.dts"
    path.write_text(source(name, *changes), encoding="utf-8")
    return path


def check(capsys: Capture, *arguments: str | Path, platform: str | None = "none") -> dict[str, Any]:
    """Return the object that ``icmsg check`` prints; ``code`` is its exit code."""
    capsys.readouterr()
    given = [str(argument) for argument in arguments]
    if platform is not None:
        given += ["--platform", platform]
    code = main(["check", *given, "--release", "4.1", "--json"])
    captured = capsys.readouterr()
    assert captured.out, captured.err
    found: dict[str, Any] = json.loads(captured.out)
    return found | {"code": code}


def refused(capsys: Capture, *arguments: str | Path) -> str:
    """Return what ``icmsg check`` says of a mistake."""
    capsys.readouterr()
    assert main(["check", *map(str, arguments), "--platform", "none"]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err


def codes(found: dict[str, Any], *severities: str) -> list[str]:
    """Return the codes of errors (or of other severities), in the order of the report."""
    wanted = severities or ("error",)
    return [finding["code"] for finding in found["findings"] if finding["severity"] in wanted]


def messages(found: dict[str, Any]) -> str:
    """Return the texts of all errors."""
    return "\n".join(each["message"] for each in found["findings"] if each["severity"] == "error")
