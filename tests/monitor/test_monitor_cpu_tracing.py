"""Members of a core in the Monitor that show what it executes, and Renode's hooks, which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from pathlib import Path

START = "include @renode/app-python.resc"


def entered(monitor: EmbeddedMonitor) -> list[str]:
    begin = "cpunet: Entering function "
    messages = [entry.message for entry in monitor.log.last(1000)]
    return [text.removeprefix(begin) for text in messages if text.startswith(begin)]


def test_the_functions_that_a_core_enters_are_in_the_log(monitor: EmbeddedMonitor) -> None:
    monitor.execute(f"{START}; cpunet LogFunctionNames true; icmsg bond; cpunet LogFunctionNames false")
    names = entered(monitor)
    assert any(name.startswith("link_bond (entry) at 0x") for name in names)
    assert any(name.startswith("link_bond+0x") for name in names)
    monitor.execute('icmsg send "hello"; icmsg recv')
    assert entered(monitor) == names


def test_the_log_takes_prefixes_and_leaves_duplicates_out(monitor: EmbeddedMonitor) -> None:
    monitor.execute(f'{START}; cpunet LogFunctionNames true "mbox_ uarte_line" true; icmsg bond')
    names = entered(monitor)
    assert names
    assert all(name.startswith(("mbox_", "uarte_line")) for name in names)


def test_collapsed_stacks_are_written_by_name(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    path = tmp_path / "stacks of net.txt"
    monitor.execute(f"{START}; cpunet EnableProfilerCollapsedStack {typed(path)}; icmsg bond")
    assert path.read_text(encoding="utf-8") == ""
    monitor.execute("cpunet FlushProfiler")
    flushed = path.read_text(encoding="utf-8")
    monitor.execute("cpunet DisableProfiler")
    rows = path.read_text(encoding="utf-8").splitlines()
    assert set(flushed.splitlines()) < set(rows)
    total = sum(int(row.rpartition(" ")[2]) for row in rows)
    assert total == monitor.machine.core("net").instructions
    assert any("link_bond" in row for row in rows)


def test_the_end_of_the_machine_writes_the_stacks(tmp_path: Path) -> None:
    path = tmp_path / "stacks.txt"
    with EmbeddedMonitor() as monitor:
        monitor.execute(f"{START}; cpunet EnableProfilerCollapsedStack {typed(path)}; icmsg bond")
    assert "main" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("cpunet DisableProfiler", "The profiler is not enabled on this core"),
        ("cpunet FlushProfiler", "The profiler is not enabled on this core"),
        ('cpunet EnableProfilerCollapsedStack "x" true', "leave the other parameters out"),
    ],
)
def test_what_is_refused_says_what_there_is_instead(soc: EmbeddedMonitor, command: str, why: str) -> None:
    with pytest.raises(MonitorError, match=why):
        soc.execute(command)


def test_a_profiler_that_cannot_write_is_not_enabled(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = typed(tmp_path / "file" / "x")
    with pytest.raises(MonitorError, match="cannot be written"):
        soc.execute(f"cpunet EnableProfilerCollapsedStack {path}")
    with pytest.raises(MonitorError, match="not enabled"):
        soc.execute("cpunet DisableProfiler")


def test_a_second_profiler_of_a_core_is_refused(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    soc.execute(f"cpunet EnableProfilerCollapsedStack {typed(tmp_path / 'a')}")
    with pytest.raises(MonitorError, match="DisableProfiler first"):
        soc.execute(f"cpunet EnableProfilerCollapsedStack {typed(tmp_path / 'b')}")
