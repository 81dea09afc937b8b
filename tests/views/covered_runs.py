"""Exchanges with the stub ``echo`` that was built with debug information, on both architectures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.link import default_link
from icmsg.link.played_instance import Peer

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parent / "covered"
SOURCES = "/home/user/firmware_stubs/src"
CORES = {"net": "nrf5340", "flpr": "nrf54l15"}


def exchange(core: str, prepare: Callable[[EmbeddedMachine], object], messages: int = 20) -> str:
    """Bond with ``echo`` on a core and have messages echoed; return the trace hash. ``prepare`` comes before all."""
    with EmbeddedMachine(platform_file(CORES[core])) as machine:
        target = machine.core(core)
        target.load(IMAGES / f"echo-{core}.elf")
        prepare(machine)
        target.start()
        peer = Peer(machine, machine.core("app"), default_link(machine.soc).configs["app"])
        peer.wait_for_bound()
        for size in range(1, messages + 1):
            peer.send(bytes(size))
            assert peer.receive() == bytes(size)
        return machine.trace_sha256()
