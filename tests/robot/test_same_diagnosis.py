"""``icmsg run``, pytest, Robot and the Monitor say the same about the same firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from planted_files import Mistake, Plant, planted
from robot_runs import run_test

from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.errors import MonitorError, VirtualTimeoutError
from icmsg.link.exchange import Exchange
from icmsg.link.played_instance import Peer
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.monitor import EmbeddedMonitor
from icmsg.timers import MS

if TYPE_CHECKING:
    from pathlib import Path

CASES = {
    Plant(
        Mistake.NO_SEND_CNF
    ): "net rings mbox channel 1, but SEND_CNF[1] of net is 0: the ring signals nothing",
    Plant(tx_channel=3): "net rings mbox channel 3, app listens to 1",
    Plant(Mistake.LE_WRITE): (
        "net wrote 0x0D00 as length of the magic: 0x0D00 is 13 with its bytes swapped; lengths are big-endian"
    ),
    Plant(Mistake.STOP_BEFORE_OPEN): (
        "net has set up no mbox channel and written nothing: it has not opened its side"
    ),
}


def by_run(elf: Path) -> str:
    with EmbeddedMachine() as machine:
        sides = {"app": None, "net": FirmwareImage.load(elf)}
        return "\n".join(Exchange(machine, sides, APP, Workload(messages=1)).run().problems)


def by_peer(elf: Path) -> str:
    with EmbeddedMachine() as machine:
        machine.core("net").load(elf)
        peer = Peer(machine, machine.core("app"), APP)
        machine.core("net").start()
        with pytest.raises(VirtualTimeoutError) as error:
            peer.wait_for_bound(10 * MS)
        return str(error.value)


def by_monitor(elf: Path) -> str:
    with EmbeddedMonitor() as monitor:
        monitor.execute(f"$netelf={monitor_path(elf)}")
        monitor.execute("include @renode/app-python.resc")
        with pytest.raises(MonitorError, match="did not happen"):
            monitor.execute("icmsg bond app --timeout 0.01")
        return " ".join(line.strip() for line in monitor.execute("icmsg status").splitlines())


def by_robot(elf: Path) -> str:
    folder = elf.parent / "suite"
    folder.mkdir()
    steps = (
        "Create Machine",
        f"Run Firmware    net    {elf}",
        "Play Core    app",
        "Wait For Bound    app    10 ms",
    )
    outcome = run_test(folder, *steps)
    assert not outcome.passed
    return outcome.message


@pytest.mark.parametrize(("plant", "sentence"), CASES.items())
def test_the_same_case_gives_the_same_diagnosis_everywhere(
    tmp_path: Path, plant: Plant, sentence: str
) -> None:
    elf = planted(tmp_path, plant)
    for way in (by_run, by_peer, by_monitor, by_robot):
        assert sentence in way(elf), way.__name__
