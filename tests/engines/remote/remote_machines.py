"""Machines of the remote engine over everything that answers like Renode's Monitor."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import pytest
import renode_monitor
from typed_paths import typed

from icmsg.assets import asset, platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.choice import remote_engine
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.monitor import TelnetMonitor
from icmsg.engines.renode.locate import GET_RENODE, find_renode
from icmsg.errors import EngineError, EngineNotAvailableError
from icmsg.monitor.embedded import EmbeddedMonitor
from icmsg.pytest_plugin.hooks import not_available

ADDRESS = "ICMSG_RENODE_MONITOR"
NO_BLOCKS = frozenset({"icmsg_read", "icmsg_write"})
"""A Renode that did not include ``icmsg_monitor.py``, and cannot."""
NO_EXTENSIONS = NO_BLOCKS | renode_monitor.EXTENSIONS
"""A Renode that has nothing but the platform's own models."""
_START_S: Final = 150
_TURN_S: Final = 240
_STARTED: Final[list[subprocess.Popen[bytes]]] = []
"""Kept, since each has the pipe whose end ends it."""


def on_a_fake_of_renode(*, quantum_ns: int = 1_000, missing: frozenset[str] = frozenset()) -> RemoteMachine:
    """Return a machine over a Monitor that runs nothing yet."""
    monitor = renode_monitor.with_machine(missing=missing)
    return RemoteMachine(monitor, quantum_ns=quantum_ns)


class OnTheEmbeddedMonitor(RemoteMachine):
    """Brings its own Monitor, in which a shipped script has made the machine, and takes it away when it is closed.

    Of another SoC than the nRF5340 both cores are halted in it, with their default images loaded. ``platform`` is a
    file of the nRF5340 with something more.
    """

    def __init__(self, soc: str = DEFAULT.name, platform: Path | None = None, **times: int) -> None:
        self._monitor = EmbeddedMonitor()
        platform = platform or platform_file(soc)
        if soc == DEFAULT.name:
            self._monitor.execute(f"$platform=@{typed(platform)}")
            self._monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
        else:
            self._monitor.execute("$apphalted=true; $radhalted=true")
            self._monitor.execute(f"include {typed(asset('renode') / f'{soc}.resc')}")
        super().__init__(self._monitor, platform, **times)

    def close(self) -> None:
        super().close()
        self._monitor.close()


class OnARealRenode(RemoteMachine):
    """Brings its own connection, over which a shipped script makes the machine, and hangs up when it is closed.

    The port serves one client at a time: tests of several processes wait for each other there.
    """

    def __init__(self, host: str, port: int, platform: Path | None = None, **times: int) -> None:
        self._monitor = TelnetMonitor(host, port, connect_s=_TURN_S)
        self._monitor.execute("Clear")
        platform = platform or platform_file(DEFAULT.name)
        self._monitor.execute(f"$platform=@{typed(platform)}")  # a variable outlives Clear
        self._monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
        super().__init__(self._monitor, platform, **times)

    def _close(self) -> None:
        super()._close()
        self._monitor.close()


def on_a_real_renode(platform: Path | None = None, **times: int) -> OnARealRenode:
    """Return a machine in the Renode whose Monitor is at ``ICMSG_RENODE_MONITOR`` (HOST:PORT), else in one of our own.

    Where there is no Renode the test is skipped, and fails with ICMSG_REQUIRE_RENODE=1.
    """
    try:
        host, port = _address()
    except EngineNotAvailableError as error:
        not_available(error)
    return OnARealRenode(host, port, platform, **times)


def _address() -> tuple[str, int]:
    if (address := os.environ.get(ADDRESS)) is not None:
        return remote_engine(address).address or ("", 0)
    found = find_renode()
    launcher = found and (found.binary or shutil.which("renode"))
    if launcher is None:
        raise EngineNotAvailableError(
            f"none was found that can be started, and {ADDRESS} names none; {GET_RENODE}"
        )
    return "127.0.0.1", _own_renode(Path(launcher))


@functools.cache
def _own_renode(launcher: Path) -> int:
    """Start a Renode that listens, one for all tests of this process, and return its port.

    The shell before it ends it, and whatever its launcher has started, when this process ends, however that happens.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    # Renode deletes what others have in the folder for such files.
    folder = tempfile.mkdtemp(prefix="icmsg-renode-")
    options = ("--disable-xwt", "--hide-log", "--config", f"{folder}/config", "-P", str(port))
    shell = subprocess.Popen(
        ["sh", "-c", '"$@" & read _; rm -r "$TMPDIR"; kill 0', "sh", str(launcher), *options],
        env=os.environ | {"TMPDIR": folder},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _STARTED.append(shell)
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        with contextlib.suppress(EngineError):
            TelnetMonitor(port=port, connect_s=_START_S).close()
            return port
        time.sleep(0.5)
    pytest.fail(f"{launcher} -P {port} answers nothing within {_START_S} s", pytrace=False)
