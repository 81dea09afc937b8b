"""The trace of a test: what firmware puts into a followed region is in it once, with its bytes."""

from __future__ import annotations

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.ipc import MAGIC
from icmsg.link.link import Link, follow_link
from icmsg.link.played_instance import Peer
from icmsg.machine.boot import start_firmware
from icmsg.robot.report import EventRecorder
from icmsg.timers import MS


def test_packets_of_firmware_are_lines_and_those_of_python_are_left_to_its_instances() -> None:
    with EmbeddedMachine() as machine:
        recorder = EventRecorder()
        recorder.listen(machine)
        follow_link(machine, Link.of("app", "net", APP))
        machine.core("net").load(stub("echo", "net"))
        start_firmware(machine, ["net"])
        app = Peer(machine, machine.core("app"), APP)
        app.wait_for_bound()
        app.send(b"hello")
        machine.run_for(MS)
        app.core.bus.write32(APP.tx_region.address + APP.tx_layout.wr_idx_offset, 2)
        app.played.mailbox.ring(APP.tx_channel)
        lines = [line.split("µs", 1)[1].strip() for line in recorder.lines()]
    assert [line for line in lines if "sends" in line] == [
        f"net  {APP.name} sends {MAGIC!r}",
        f"net  {APP.name} sends b'hello'",
    ]
    assert [line for line in lines if "tx-region" in line] == [
        f"app  tx-region of {APP.name}: wr_idx 0x00000002 is not a multiple of 4"
    ]
    assert not any(" ends" in line for line in lines)


def test_without_anybody_who_follows_a_link_the_trace_has_no_packets_of_firmware() -> None:
    with EmbeddedMachine() as machine:
        recorder = EventRecorder()
        recorder.listen(machine)
        machine.core("net").load(stub("echo", "net"))
        start_firmware(machine, ["net"])
        Peer(machine, machine.core("app"), APP).wait_for_bound()
        assert not [line for line in recorder.lines() if "sends" in line]
