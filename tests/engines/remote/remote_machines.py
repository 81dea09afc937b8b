"""Machines of the remote engine over everything that answers like Renode's Monitor."""

from __future__ import annotations

import os

import renode_monitor
from typed_paths import typed

from icmsg.assets import asset, platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.choice import remote_engine
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.telnet import TelnetMonitor
from icmsg.engines.remote.telnet_machine import TelnetMachine
from icmsg.errors import EngineNotAvailableError
from icmsg.monitor.embedded import EmbeddedMonitor
from icmsg.pytest_plugin.availability import not_available

ADDRESS = "ICMSG_RENODE_MONITOR"
NO_BLOCKS = frozenset({"icmsg_read", "icmsg_write"})
"""A Renode that did not include ``icmsg_monitor.py``, and cannot."""
NO_EXTENSIONS = NO_BLOCKS | renode_monitor.EXTENSIONS
"""A Renode that has nothing but the platform's own models."""


def on_a_fake_of_renode(*, quantum_ns: int = 1_000, missing: frozenset[str] = frozenset()) -> RemoteMachine:
    """Return a machine over a Monitor that runs nothing yet."""
    monitor = renode_monitor.with_machine(missing=missing)
    return RemoteMachine(monitor, quantum_ns=quantum_ns)


class OnTheEmbeddedMonitor(RemoteMachine):
    """Brings its own Monitor, in which a shipped script has made the machine, and takes it away when it is closed.

    Of another SoC than the nRF5340 both cores are halted in it, with their default images loaded.
    """

    def __init__(self, soc: str = DEFAULT.name, **times: int) -> None:
        self._monitor = EmbeddedMonitor()
        if soc == DEFAULT.name:
            self._monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
        else:
            self._monitor.execute("$apphalted=true; $radhalted=true")
            self._monitor.execute(f"include {typed(asset('renode') / f'{soc}.resc')}")
        super().__init__(self._monitor, platform_file(soc), **times)

    def close(self) -> None:
        super().close()
        self._monitor.close()


def on_a_real_renode(**times: int) -> TelnetMachine:
    """Return a machine in the Renode whose Monitor is at ``ICMSG_RENODE_MONITOR`` (HOST:PORT).

    Without one the test is skipped, and fails with ICMSG_REQUIRE_RENODE=1.
    """
    address = os.environ.get(ADDRESS)
    if address is None:
        not_available(
            EngineNotAvailableError(f"start it with `renode -P 1234`, and set {ADDRESS}=127.0.0.1:1234")
        )
    host, port = remote_engine(address).address or ("", 0)
    with TelnetMonitor(host, port) as monitor:
        monitor.execute("Clear")
        monitor.execute(f"include {typed(asset('renode') / 'machine.resc')}")
    return TelnetMachine(host, port, **times)
