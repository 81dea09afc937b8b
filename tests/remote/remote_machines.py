"""Machines of the remote engine over everything that answers like Renode's Monitor."""

from __future__ import annotations

import renode_monitor

from icmsg.assets import asset
from icmsg.cosim.remote.machine import RemoteMachine
from icmsg.monitor.embedded import EmbeddedMonitor

NO_BLOCKS = frozenset({"icmsg_read", "icmsg_write"})
"""A Renode that did not include ``icmsg_monitor.py``, and cannot."""
NO_EXTENSIONS = NO_BLOCKS | renode_monitor.EXTENSIONS
"""A Renode that has nothing but the platform's own models."""


def on_a_fake_of_renode(*, quantum_ns: int = 1_000, missing: frozenset[str] = frozenset()) -> RemoteMachine:
    """Return a machine over a Monitor that runs nothing yet."""
    monitor = renode_monitor.with_machine(missing=missing)
    return RemoteMachine(monitor, quantum_ns=quantum_ns)


class OnTheEmbeddedMonitor(RemoteMachine):
    """Brings its own Monitor, in which the shipped script has made the machine, and takes it away when it is closed."""

    def __init__(self, **times: int) -> None:
        self._monitor = EmbeddedMonitor()
        self._monitor.execute(f"include @{asset('renode') / 'machine.resc'}")
        super().__init__(self._monitor, **times)

    def close(self) -> None:
        super().close()
        self._monitor.close()
