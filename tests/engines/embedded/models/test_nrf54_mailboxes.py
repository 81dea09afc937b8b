"""VEVIF and bellboards on a machine: the nRF5340 with other mailboxes, Python and firmware on either core."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from rig import ENABLE_IRQS, Rig

from icmsg.assets import platform_file
from icmsg.errors import BusError, PlatformError
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.exchange import Exchange
from icmsg.link.link import default_link
from icmsg.link.played_instance import PlayedMailbox
from icmsg.link.workload import Workload
from icmsg.machine.events import EventKind
from icmsg.monitor import EmbeddedMonitor
from icmsg.monitor.search_path import platform_commands
from icmsg.soc.platform import parse_platform
from icmsg.wire.pbuf import PbufWriter

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.config.instance import InstanceConfig
    from icmsg.soc.platform import PlatformDescription

VEVIF = """
vevifnet: Miscellaneous.NRF_VEVIF_CSR @ sysbus new Bus.BusPointRegistration { address: 0x51010000; cpu: cpunet }
    tasks: 0x007F0000
    events: 0x00100000
    16 -> nvicnet@40
    21 -> nvicnet@45
clicints: Memory.ArrayMemory @ sysbus new Bus.BusRangeRegistration { address: 0xF0001000; size: 0x1000; cpu: cpunet }
    size: 0x1000
vevifapp: Miscellaneous.NRF_VEVIF @ {
        sysbus new Bus.BusRangeRegistration { address: 0x5004C000; size: 0x800; cpu: cpuapp };
        sysbus new Bus.BusRangeRegistration { address: 0x4004C000; size: 0x800; cpu: cpuapp }
    }
    peer: vevifnet
    IRQ -> nvicapp@60
"""
BELLS = """
bellapp: Miscellaneous.NRF_BELLBOARD @ {
        sysbus new Bus.BusRangeRegistration { address: 0x5F09A000; size: 0x1000; cpu: cpuapp };
        sysbus new Bus.BusRangeRegistration { address: 0x5F09A000; size: 0x1000; cpu: cpunet }
    }
    [0-3] -> nvicapp@[56-59]
bellnet: Miscellaneous.NRF_BELLBOARD @ {
        sysbus new Bus.BusRangeRegistration { address: 0x5F09B000; size: 0x1000; cpu: cpuapp };
        sysbus new Bus.BusRangeRegistration { address: 0x5F09B000; size: 0x1000; cpu: cpunet }
    }
    peer: bellapp
    [0-3] -> nvicnet@[56-59]
"""


CHANNELS = {"VEVIF": (21, 20), "bellboards": (12, 18)}
"""The channels on which the application core sends and receives."""
PLATFORMS = {"VEVIF": VEVIF, "bellboards": BELLS}
IRQ = {"VEVIF": 60, "bellboards": 56}
VPR, CSRS = 0x5004_C000, 0x5101_0000
APP_BELL, NET_BELL = 0x5F09_A000, 0x5F09_B000

both = pytest.mark.parametrize("kind", PLATFORMS)


@cache
def platform(mailboxes: str) -> PlatformDescription:
    """Return the shipped platform with other mailboxes, and cores that take a cycle an instruction."""
    text = platform_file("nrf5340").read_text(encoding="utf-8")
    text = re.sub(r"^ipc(app|net): .*?\n\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = text.replace("    clocked: cpuapp\n    clockedNvic: nvicapp\n", "")
    return parse_platform(text + mailboxes, "made-up.repl")


def config_of(rig: Rig, kind: str) -> InstanceConfig:
    tx, rx = CHANNELS[kind]
    return replace(default_link(rig.machine.soc).configs["app"], tx_channel=tx, rx_channel=rx)


def count(rig: Rig, kind: EventKind, core: int) -> dict[int, int]:
    return dict(rig.machine.events.counts(kind, core))


@both
def test_two_cores_that_python_plays_exchange_messages(kind: str) -> None:
    with Rig(platform=platform(PLATFORMS[kind])) as rig:
        programs: dict[str, None] = {"app": None, "net": None}
        result = Exchange(rig.machine, programs, config_of(rig, kind), Workload(messages=50, window=4)).run()
        assert result.problems == ()
        assert result.messages_received == 50
        tx, rx = CHANNELS[kind]
        assert list(count(rig, EventKind.DOORBELL, 0)) == [tx]
        assert list(count(rig, EventKind.DOORBELL, 1)) == [rx]
        assert list(count(rig, EventKind.INTERRUPT, 0)) == [IRQ[kind]]


@both
def test_two_runs_give_the_same_trace_whatever_the_steps(kind: str) -> None:
    hashes = set()
    for window in (1, 1, 1):
        with Rig(platform=platform(PLATFORMS[kind])) as rig:
            programs: dict[str, None] = {"app": None, "net": None}
            workload = Workload(messages=20, window=window)
            hashes.add(Exchange(rig.machine, programs, config_of(rig, kind), workload).run().trace_sha256)
    assert len(hashes) == 1


def test_a_bellboard_belongs_to_the_core_its_lines_go_to_and_is_rung_by_who_writes() -> None:
    with Rig(platform=platform(BELLS)) as rig:
        app, net = rig.machine.core("app"), rig.machine.core("net")
        assert (app.mailbox_port.base, app.mailbox_port.tx_base) == (APP_BELL, NET_BELL)
        assert (net.mailbox_port.base, net.mailbox_port.tx_base) == (NET_BELL, APP_BELL)
        net.bus.write32(APP_BELL + 4 * 18, 1)
        app.bus.write32(NET_BELL + 4 * 12, 1)
        app.bus.write32(APP_BELL + 4 * 3, 1)
        assert count(rig, EventKind.DOORBELL, 0) == {12: 1, 3: 1}
        assert count(rig, EventKind.DOORBELL, 1) == {18: 1}
        net.bus.write32(NET_BELL + 0x334, 1 << 12)
        assert count(rig, EventKind.INTERRUPT, 1) == {59: 1}
        rig.machine.core("net").reset()
        assert net.bus.read32(NET_BELL + 0x100 + 4 * 12) == 0
        assert net.bus.read32(APP_BELL + 0x100 + 4 * 18) == 1


def test_a_ring_on_a_wire_that_is_not_there_is_an_error_for_python_and_a_warning_for_firmware() -> None:
    with Rig(platform=platform(VEVIF)) as rig:
        with pytest.raises(BusError, match=r"TASKS_TRIGGER\[3\] has no wire in this SoC"):
            rig.machine.core("app").bus.write32(VPR + 4 * 3, 1)
        rig.boot(f"reset:\n ldr r0, ={VPR + 12:#x}\n movs r1, #1\n str r1, [r0]\nloop: b loop")
        rig.run(100)
        assert [warning.what for warning in rig.machine.warnings] == [
            "refused write (VPR.TASKS_TRIGGER[3] has no wire in this SoC; tasks that have one: 16, 17, 18, 19, 20, "
            "21, 22)"
        ]


# Firmware at the side of the VPR rings on event 20 as Zephyr's driver does with the work-around for errata 16.
ERRATA_SENDER = f"""
reset:
 ldr r0, ={CSRS + 0x7E20:#x}
 ldr r1, =0x100000
 movs r5, #0
ring:
 str r1, [r0, #4]
wait:
 ldr r2, [r0]
 tst r2, r1
 beq wait
 str r1, [r0, #8]
 adds r5, #1
 ldr r4, =PAUSE
pause: subs r4, #1
 bne pause
 cmp r5, #RINGS
 bne ring
done: b done
"""
NORMAL_SENDER = re.sub(r"wait:.*?#8\]\n", "", ERRATA_SENDER, flags=re.DOTALL)
ERRATA_RECEIVER = f"""
reset:
 movs r6, #0
 ldr r0, ={VPR + 0x304:#x}
 mvn r1, #0
 str r1, [r0]
{ENABLE_IRQS}
loop: wfi
 b loop
irq_60:
 adds r6, #1
 bx lr
"""
NORMAL_RECEIVER = f"""
reset:
 movs r6, #0
 ldr r0, ={VPR + 0x304:#x}
 ldr r1, =0x100000
 str r1, [r0]
{ENABLE_IRQS}
 ldr r2, ={VPR + 0x100 + 4 * 20:#x}
 movs r3, #0
loop: wfi
 b loop
irq_60:
 movs r1, #20  @ what Zephyr does before the driver's turn
entry: subs r1, #1
 bne entry
 ldr r1, [r2]
 cmp r1, #0
 beq nothing
 str r3, [r2]
 adds r6, #1
nothing:
 bx lr
"""


@pytest.mark.parametrize("quantum_ns", [100, 500, 100_000])
@pytest.mark.parametrize(
    ("sender", "receiver", "heard"),
    [
        (ERRATA_SENDER, ERRATA_RECEIVER, 40),
        (NORMAL_SENDER, NORMAL_RECEIVER, 40),
        (NORMAL_SENDER, ERRATA_RECEIVER, 1),
        (ERRATA_SENDER, NORMAL_RECEIVER, 0),
    ],
    ids=["errata 16 in both", "in none", "in the receiver", "in the sender"],
)
def test_each_ring_of_firmware_interrupts_where_both_images_have_the_work_around_or_none(
    sender: str, receiver: str, heard: int, quantum_ns: int
) -> None:
    with Rig(platform=platform(VEVIF), quantum_ns=quantum_ns) as rig:
        app = rig.boot(receiver)
        rig.run(200)
        net = rig.boot(sender.replace("PAUSE", "2000").replace("RINGS", "40"), "net")
        rig.run(1_000_000)
        assert net.registers["R5"] == 40
        assert app.registers["R6"] == heard
        assert count(rig, EventKind.DOORBELL, 1) == {20: 40}


@pytest.mark.parametrize("sender", [ERRATA_SENDER, NORMAL_SENDER], ids=["errata 16", "normal"])
@pytest.mark.parametrize("latency_ns", [100, 1000, 3000])
def test_python_beside_the_vpr_hears_every_ring_of_firmware(sender: str, latency_ns: int) -> None:
    with Rig(platform=platform(VEVIF), latency_ns=latency_ns) as rig:
        app = rig.machine.core("app")
        mailbox = PlayedMailbox(app, tx_channels=1 << 21, rx_channels=1 << 20)
        mailbox.driver.enable(20)
        heard = []
        mailbox.handler._rang[20] = lambda: heard.append(rig.machine.now_ns)
        rig.boot(sender.replace("PAUSE", "500").replace("RINGS", "10"), "net")
        rig.run(100_000)
        assert len(heard) == 10


@pytest.mark.parametrize("receiver", [ERRATA_RECEIVER, NORMAL_RECEIVER], ids=["errata 16", "normal"])
def test_firmware_beside_the_vpr_hears_every_ring_of_python(receiver: str) -> None:
    with Rig(platform=platform(VEVIF)) as rig:
        app = rig.boot(receiver)
        mailbox = PlayedMailbox(rig.machine.core("net"), tx_channels=1 << 20, rx_channels=1 << 21)
        for rings in range(1, 11):
            rig.run(500)
            mailbox.driver.ring(20)
            rig.run(500)
            assert app.registers["R6"] == rings


def findings(rig: Rig, config: InstanceConfig) -> dict[str, str]:
    """Return what is found out about a link on which the VPR's side has written a packet."""
    app, net = rig.machine.core("app"), rig.machine.core("net")
    writer = PbufWriter(net.bus, config.rx_region.address, config.rx_layout)
    writer.tx_init()
    writer.write(b"hello")
    return {each.id: each.text for each in examine(rig.machine, app, config, net).findings}


def test_an_event_that_no_side_clears_is_the_diagnosis_of_images_of_which_one_has_the_work_around() -> None:
    with Rig(platform=platform(VEVIF)) as rig:
        rig.boot(ERRATA_RECEIVER)
        rig.run(200)
        rig.boot(NORMAL_SENDER.replace("PAUSE", "500").replace("RINGS", "3"), "net")
        rig.run(10_000)
        assert findings(rig, config_of(rig, "VEVIF"))["event-not-cleared"] == (
            "app has taken interrupt 60 and EVENTS_TRIGGERED[20] is still set, so no further ring interrupts it: who "
            "clears it? The work-around for errata 16 of the nRF54L must be in both images or in none"
        )


def test_images_that_both_have_the_work_around_are_not_suspected() -> None:
    with Rig(platform=platform(VEVIF)) as rig:
        rig.boot(ERRATA_RECEIVER)
        rig.run(200)
        rig.boot(ERRATA_SENDER.replace("PAUSE", "500").replace("RINGS", "3"), "net")
        rig.run(10_000)
        assert "event-not-cleared" not in findings(rig, config_of(rig, "VEVIF"))


@both
def test_firmware_that_has_not_opened_its_side_is_diagnosed_although_the_wires_are_there(kind: str) -> None:
    with Rig(platform=platform(PLATFORMS[kind])) as rig:
        rig.boot("reset:\n b reset")
        port = rig.machine.core("net").mailbox_port
        port.kind.force_ring(rig.machine.core("net").bus, port.tx_base, CHANNELS[kind][1])
        rig.run(100)
        assert findings(rig, config_of(rig, kind))["not-opened"].startswith("app has set up no mbox channel")


def test_a_ring_without_a_wire_is_the_diagnosis_of_a_sender_with_another_mask() -> None:
    with Rig(platform=platform(VEVIF)) as rig:
        rig.boot(ERRATA_RECEIVER)
        sender = NORMAL_SENDER.replace("0x100000", "0x200000")
        rig.boot(sender.replace("PAUSE", "500").replace("RINGS", "3"), "net")
        rig.run(10_000)
        config = replace(config_of(rig, "VEVIF"), rx_channel=21, tx_channel=20)
        assert findings(rig, config)["channel-not-connected"] == (
            "net rings mbox channel 21, but the wire of EVENTS[21] of net is 0: the ring signals nothing"
        )


def test_the_verbs_ring_and_status_say_it_in_the_mailboxes_words(tmp_path: Path) -> None:
    text = platform_file("nrf5340").read_text(encoding="utf-8")
    text = re.sub(r"^ipc(app|net): .*?\n\n", "", text, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "vevif.repl"
    path.write_text(text + VEVIF, encoding="utf-8")
    with EmbeddedMonitor() as monitor:
        for command in platform_commands(path):
            monitor.execute(command)
        assert monitor.execute("icmsg ring app 21") == (
            "app rings 21: latched in vevifnet, whose interrupt is not enabled"
        )
        assert monitor.execute("icmsg ring app 3").startswith("app rings 3: VPR.TASKS_TRIGGER[3] has no wire")
        assert monitor.execute("icmsg ring net 3") == (
            "net rings 3: app has not connected this channel, so nothing is latched"
        )
        assert monitor.execute("vevifnet LatchedEvents") == "0x00200000"
        assert monitor.execute("vevifapp GetStatus").startswith(
            "INTEN=0x00000000 EVENTS=0x00000000 IRQ=0 sent=2"
        )
        monitor.execute("vevifapp DropNext 1")
        assert "faults: drop the next 1" in monitor.execute("vevifapp GetStatus")


def test_a_wrong_peer_is_an_error_at_its_line() -> None:
    with pytest.raises(PlatformError, match="peer must be the NRF_VEVIF_CSR of the VPR"):
        Rig(platform=platform(VEVIF.replace("    peer: vevifnet\n", "")))
