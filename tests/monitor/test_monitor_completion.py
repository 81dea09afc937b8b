"""What the end of a line can become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.monitor import EmbeddedMonitor


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("perip", ["peripherals"]),
        ("  mac", ["  mach", "  machine", "  macro"]),
        ("mach clear; pau", ["mach clear; pause"]),
        ("mach cl", ["mach clear"]),
        ("mach set ", ['mach set "nrf5340"']),
        ("help lo", ["help Load", "help log", "help logFile", "help logLevel", "help logNetwork"]),
        ("ipcapp Get", ["ipcapp GetStatus"]),
        ("sysbus.ipcn", ["sysbus.ipcnet"]),
        ("sysbus ReadB", ["sysbus ReadByte", "sysbus ReadBytes"]),
        ("sysbus ReadByte 0 cpua", ["sysbus ReadByte 0 cpuapp"]),
        ("logLevel 1 uart", ["logLevel 1 uartapp", "logLevel 1 uartnet"]),
        ("echo $quan", ["echo $quantum"]),
        ("runMacro $re", ["runMacro $reset"]),
        ("icmsg du", ["icmsg dump"]),
        ("icmsg reset n", ["icmsg reset net"]),
        ("include @renode/net", ["include @renode/net-python.resc"]),
        ("include @platf", ["include @platforms/"]),
        ("zzz", []),
        ("ipcapp zzz", []),
        ("include @nowhere/", []),
    ],
)
def test_completions(soc: EmbeddedMonitor, line: str, found: list[str]) -> None:
    assert soc.complete(line) == found


def test_an_empty_line_can_become_every_command_and_device(soc: EmbeddedMonitor) -> None:
    assert {"mach", "ipcapp", "sysbus", "icmsg", "machine", "emulation", "start"} <= set(soc.complete(""))


def test_paths_with_spaces_are_escaped(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    (tmp_path / "a b.resc").write_text("")
    assert monitor.complete(f"include {typed(tmp_path)}/a") == [f"include {typed(tmp_path)}/a\\ b.resc"]
    assert monitor.complete(f"include {typed(tmp_path)}/a\\ ") == [f"include {typed(tmp_path)}/a\\ b.resc"]
