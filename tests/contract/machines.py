"""The engines under test. A new engine joins by adding itself to MACHINES; nothing else in this folder changes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

# The fake of Renode stands beside the tests of its engine.
sys.path.insert(0, str(Path(__file__).parent.parent / "renode"))

from fake_process import MachineOnTheFake, real_machine

from icmsg.cosim.embedded.machine import EmbeddedMachine

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.machine import Machine


@dataclass(frozen=True)
class MachineUnderTest:
    """``make`` gives a machine of the nRF5340; ``slack_ns`` is how late it may see what a core does."""

    name: str
    make: Callable[[], Machine]
    slack_ns: int = 0


MACHINES: Final = [
    MachineUnderTest("embedded", lambda: EmbeddedMachine(quantum_ns=1_000, latency_ns=1_000)),
    MachineUnderTest("renode over a fake of .NET", lambda: MachineOnTheFake(quantum_ns=1_000), 4_000),
    MachineUnderTest("renode", lambda: real_machine(quantum_ns=1_000), 4_000),
]

APP_IPC: Final = 0x5002_A000
APP_IPC_NS: Final = 0x4002_A000
NET_IPC: Final = 0x4101_2000
IRQ: Final = {"app": 42, "net": 18}
IPC: Final = {"app": APP_IPC, "net": NET_IPC}
MAILBOXES: Final = [("app", APP_IPC), ("app", APP_IPC_NS), ("net", NET_IPC)]
"""(core, base) of every place where a core sees its mailbox."""
