"""Whatever is typed: an answer or a refusal, never a traceback."""

from __future__ import annotations

from contextlib import suppress
from shutil import copytree
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.assets import asset
from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = asset("renode").parent


def _words() -> tuple[list[str], list[str]]:
    """Return the first words that mean something, and all members of all devices."""
    with EmbeddedMonitor(_ROOT) as monitor:
        monitor.execute("include @renode/machine.resc")
        devices = monitor.emulation.device_names()
        members = {
            f"{name} {member}"
            for name in devices
            if (device := monitor.emulation.device(name)) is not None
            for member in device.members
        }
        return sorted({*monitor.complete(""), *devices}), sorted(members)


FIRST, MEMBERS = _words()
# What changes the world outside, or takes long, is left out.
FIRST = [
    word for word in FIRST if word not in ("logFile", "logF", "logNetwork", "logN", "quit", "q", "sleep")
]
ARGUMENTS = st.sampled_from(
    ["0", "1", "-1", "4", "0x20070000", "0x5002A510", "0xFFFFFFFFFFFFFFFF", "1e3", "1.5", "true", "false", "null",
     '"0.000001"', '"text"', "'x'", '""', "00:00:00.000001", "@renode/machine.resc", "@nowhere", "@renode/NRF_IPC.cs",
     "@firmware_stubs/prebuilt/echo-net.elf", "$x", "$quantum", "$reset", "$ORIGIN/a", "cpuapp", "cpunet", "ipcapp",
     "sysbus", "cpu=cpunet", "context=cpuapp", "=", "[1, 2]", "[", "]", "<0, 4>", "<0 4>", "<4, 0>", "`echo 1`",
     "`nothing`", ";", "#", ":", '"""', "app", "net", "set", "create", "-n", "-", "?", "icmsg", "hex:00", "--packets"]
)  # fmt: skip
LINES = st.builds(
    lambda first, rest: " ".join([first, *rest]),
    st.sampled_from([*FIRST, *MEMBERS, "nothing", "$x", "12"]),
    st.lists(ARGUMENTS, max_size=4),
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMonitor]:
    """Yield a Monitor over a copy of the package's files: some lines write where an argument names one."""
    root = tmp_path_factory.mktemp("package")
    for folder in ("renode", "platforms", "firmware_stubs/prebuilt"):
        copytree(_ROOT / folder, root / folder)
    with EmbeddedMonitor(root) as monitor:
        monitor.execute("include @renode/machine.resc")
        yield monitor


@settings(
    max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(LINES)
def test_every_line_is_answered_or_refused(one: EmbeddedMonitor, line: str) -> None:
    if one.machine is None or one.is_started:
        for name in list(one.emulation.machines):
            one.execute(f'mach rem "{name}"')
        one.execute("pause; using sysbus; path reset; include @renode/machine.resc")
    with suppress(MonitorError):
        assert isinstance(one.execute(line), str)
    while one.prompt == ">":
        one.execute('"""')
    assert one.complete(line) is not None
