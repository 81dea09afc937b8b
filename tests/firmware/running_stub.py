"""The images at work on the embedded engine: how tests load them, look into them, and play the other core."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from native_stub import words_of_struct

from icmsg.assets import stub
from icmsg.config.boards import BOARDS
from icmsg.ipc import EndpointConfig
from icmsg.link.played_instance import PlayedInstance

if TYPE_CHECKING:
    from icmsg.config.boards import Board
    from icmsg.config.instance import InstanceConfig, Unbound
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore

MS = 1_000_000
PARAMS = {name: offset for offset, name in words_of_struct("params.h", "icmsg_params")}
STATS = {name: offset for offset, name in words_of_struct("stats.h", "icmsg_stats")}
OFF, BUSY, READY, DONE, BAD_PARAMS, FAULT = 0, 1, 2, 3, 5, 6
CLOSE, CLOSE_AND_OPEN = 1, 2
APP_TO_NET, NET_TO_APP = 0x2007_0000, 0x2007_8000
OTHER = {"app": "net", "net": "app"}
MESSAGES = 200
"""Messages that an initiator sends here, where its image says 1000: the regions wrap a few times."""
DONE_LINE = f"initiator: done {MESSAGES} of {MESSAGES}, 0 mismatches"


def board_of(machine: EmbeddedMachine) -> Board:
    """Return the board whose roles are the names of the machine's cores."""
    return next(board for board in BOARDS.values() if set(board.roles) == set(machine.cores))


def other_of(machine: EmbeddedMachine, core: str) -> str:
    """Return the name of the other one of the two cores."""
    return next(name for name in machine.cores if name != core)


def instance_of(machine: EmbeddedMachine, core: str) -> InstanceConfig:
    """Return the instance that the stub for ``core`` has by default, without sessions."""
    app = board_of(machine).instance
    return app if core == "app" else app.mirrored()


def load(machine: EmbeddedMachine, core: str, program: str, **params: int) -> MachineCore:
    found = machine.core(core)
    image = found.load(stub(program, core, board_of(machine).name))
    if program.startswith("initiator") and "icbmsg" not in program:
        params = {"messages": MESSAGES, **params}
    for name, value in params.items():
        found.bus.write32(image.symbols["icmsg_params"] + PARAMS[name], value)
    return found


def stat(core: MachineCore, name: str) -> int:
    assert core.image is not None
    return core.bus.read32(core.image.symbols["icmsg_stats"] + STATS[name])


def stats(core: MachineCore, *names: str) -> list[int]:
    return [stat(core, name) for name in names]


def lines(core: MachineCore) -> list[str]:
    return [line.text for line in core.console.lines]


def start_pair(
    machine: EmbeddedMachine,
    mirrored: dict[str, int],
    programs: tuple[str, str] = ("initiator", "echo"),
    /,
    **work: int,
) -> tuple[MachineCore, MachineCore]:
    """Start an initiator on app and an echo on the other core.

    ``mirrored`` gives tx_size and rx_size of app, the rest as is.
    """
    swapped = {"tx_size": "rx_size", "rx_size": "tx_size"}
    app = load(machine, "app", programs[0], **mirrored, **work)
    swapped_params = {swapped.get(name, name): value for name, value in mirrored.items()}
    other = load(machine, other_of(machine, "app"), programs[1], **swapped_params)
    app.start()
    other.start()
    return app, other


def wait(
    machine: EmbeddedMachine, core: MachineCore, name: str, at_least: int, timeout_ms: int = 2000
) -> None:
    """Run until a counter of a stub is that high."""
    machine.run_until(
        lambda: stat(core, name) >= at_least, timeout_ns=timeout_ms * MS, what=f"{name} = {at_least}"
    )


def finish(machine: EmbeddedMachine, initiator: MachineCore, timeout_ms: int = 2000) -> None:
    machine.run_until(
        lambda: stat(initiator, "state") == DONE, timeout_ns=timeout_ms * MS, what="the last echo"
    )


def ring(machine: EmbeddedMachine, core: str) -> None:
    """Let a doorbell reach ``core`` that its peer did not ring."""
    other = other_of(machine, core)
    port, bus = machine.core(other).mailbox_port, machine.core(other).bus
    port.kind.force_ring(bus, port.tx_base, instance_of(machine, other).tx_channel)


def command(core: MachineCore, number: int) -> None:
    assert core.image is not None
    core.bus.write32(core.image.symbols["icmsg_command"], number)


def pending_command(core: MachineCore) -> int:
    assert core.image is not None
    return core.bus.read32(core.image.symbols["icmsg_command"])


def accounted(app: MachineCore, messages: int) -> None:
    """Every message came back or is counted as lost, and none was wrong."""
    sent, received, lost, mismatches, errors = stats(app, "sent", "received", "lost", "mismatches", "errors")
    assert (sent, received + lost, mismatches, errors) == (messages, messages, 0, 0)
    tail = f", {lost} lost" if lost else ""
    assert lines(app)[-1] == f"initiator: done {received} of {messages}, 0 mismatches{tail}"


class PlayedPeer:
    """Python as the application on ``core``: it opens again when it becomes unbound, and may send back what comes."""

    def __init__(
        self, machine: EmbeddedMachine, core: str, unbound: Unbound, *, echoes: bool = False
    ) -> None:
        config = instance_of(machine, core)
        config = dataclasses.replace(
            config, unbound=unbound, dcache_alignment=max(config.dcache_alignment, 8)
        )
        self.happened: list[str] = []
        self.received: list[bytes] = []
        self.errors: list[Exception] = []
        self._echoes = echoes
        self._machine = machine
        self._instance = PlayedInstance(machine, machine.core(core), config).instance

    def open(self) -> None:
        self.endpoint = self._instance.register_endpoint(
            EndpointConfig(
                bound=lambda: self.happened.append("bound"),
                unbound=self._unbound,
                received=self._received,
                error=self.errors.append,
            )
        )

    def _unbound(self) -> None:
        self.happened.append("unbound")
        self.endpoint.reopen()

    def _received(self, data: bytes) -> None:
        self.received.append(data)
        if self._echoes:
            self.endpoint.send(data)

    @property
    def is_bound(self) -> bool:
        return self._instance.is_bound

    @property
    def session_ids(self) -> tuple[int, int]:
        return self._instance.session_ids

    def wait_bound(self, times: int = 1) -> None:
        self._machine.run_until(
            lambda: self.is_bound and self.happened.count("bound") == times,
            timeout_ns=100 * MS,
            what=f"bound number {times}",
        )

    def round_trip(self, *messages: bytes) -> None:
        """Send messages to an echo and prove that they come back."""
        self.received.clear()
        for message in messages:
            self.endpoint.send(message)
        self._machine.run_until(
            lambda: len(self.received) >= len(messages), timeout_ns=100 * MS, what="the echoes"
        )
        assert self.received == list(messages)
