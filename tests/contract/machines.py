"""The engines under test. A new engine joins by adding itself to MACHINES; nothing else in this folder changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fake_process import MachineOnTheFake, real_machine
from looped import examples as how_many
from remote_machines import NO_EXTENSIONS, OnTheEmbeddedMonitor, on_a_fake_of_renode, on_a_real_renode

from icmsg.engines.embedded.machine import EmbeddedMachine

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.machine import Machine


@dataclass(frozen=True)
class MachineUnderTest:
    """``make`` gives a machine of the nRF5340; ``slack_ns`` is how late it may see what a core does, ``hears``
    whether it sees what cores print, ``stops`` whether it is an engine and no imitation of one, which cannot stand in
    front of an instruction, and ``examples`` how many a generated test makes; where an access takes long,
    they are few, and short.
    """

    name: str
    make: Callable[[], Machine]
    slack_ns: int = 0
    hears: bool = True
    stops: bool = False
    examples: int = how_many(25)


MACHINES: Final = [
    MachineUnderTest("embedded", lambda: EmbeddedMachine(quantum_ns=1_000, latency_ns=1_000), stops=True),
    MachineUnderTest("renode over a fake of .NET", lambda: MachineOnTheFake(quantum_ns=1_000), 4_000),
    MachineUnderTest(
        "remote over the embedded Monitor", lambda: OnTheEmbeddedMonitor(quantum_ns=1_000), 4_000
    ),
    MachineUnderTest("remote over a fake of Renode's Monitor", on_a_fake_of_renode, 4_000, examples=8),
    MachineUnderTest(
        "remote over a Renode without our extensions",
        lambda: on_a_fake_of_renode(missing=NO_EXTENSIONS),
        4_000,
        hears=False,
        examples=5,
    ),
    MachineUnderTest("remote", lambda: on_a_real_renode(quantum_ns=1_000), 4_000, stops=True, examples=4),
    MachineUnderTest("renode", lambda: real_machine(quantum_ns=1_000), 4_000, stops=True, examples=8),
]

APP_IPC: Final = 0x5002_A000
APP_IPC_NS: Final = 0x4002_A000
NET_IPC: Final = 0x4101_2000
IRQ: Final = {"app": 42, "net": 18}
IPC: Final = {"app": APP_IPC, "net": NET_IPC}
MAILBOXES: Final = [("app", APP_IPC), ("app", APP_IPC_NS), ("net", NET_IPC)]
"""(core, base) of every place where a core sees its mailbox."""
