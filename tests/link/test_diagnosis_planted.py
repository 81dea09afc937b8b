"""Mistakes planted into firmware: each is named, and no sentence is said where it is not so.

Each case gives all findings, so that every sentence is seen to be absent wherever it is false.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from planted_files import PLANT_ENUM, Mistake, Plant, planted

from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import IcmsgError, VirtualTimeoutError
from icmsg.ipc import EndpointConfig
from icmsg.link.diagnosis.observations import observe_link
from icmsg.link.played_instance import Peer, PlayedInstance
from icmsg.timers import MS

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.link.diagnosis.diagnosis import Diagnosis

SIZES = (14, 50, 20, 61, 65, 30, 97, 12)
M = Mistake


class Case(NamedTuple):
    plant: Plant
    findings: dict[str, str]
    """By id: a part of the text."""
    messages: int = 6
    burst: bool = False


LATCHED = "channel 0 is latched at net and the line is up, but "
CASES = (
    Case(Plant(), {}),
    Case(Plant(M.WFE_ALWAYS), {}),
    Case(Plant(M.TRUNCATED), {}),
    Case(Plant(M.OFF_BY_ONE), {}),
    Case(
        Plant(M.NO_SEND_CNF),
        {"channel-not-connected": "but SEND_CNF[1] of net is 0: the ring signals nothing"},
    ),
    Case(
        Plant(M.NO_RECEIVE_CNF),
        {"channel-not-received": "but net does not receive it: RECEIVE_CNF[0] of net is 0x0000"},
    ),
    Case(
        Plant(M.NO_INTEN),
        {
            "channel-not-enabled": "channel 0 is latched at net, but INTEN of net is 0x0000 and does not enable it"
        },
    ),
    Case(
        Plant(M.NO_NVIC),
        {"interrupt-not-enabled": f"{LATCHED}interrupt 18 is not enabled in the NVIC of net"},
    ),
    Case(
        Plant(M.WRONG_IRQ),
        {"interrupt-not-enabled": "interrupt 18 is not enabled in the NVIC of net (enabled: 19)"},
    ),
    Case(
        Plant(M.MASKED_BASEPRI),
        {"interrupt-masked": f"{LATCHED}BASEPRI of net is 0x40 and holds interrupt 18 (priority 0x80) back"},
    ),
    Case(
        Plant(M.MASKED_PRIMASK),
        {
            "interrupts-masked": "core net runs with PRIMASK set, at PC 0x0100",
            "taken-not-answered": "net took 3 messages of app and answered 2 of them; it rang mbox channel 1 4 times",
        },
    ),
    Case(
        Plant(M.STUCK_IN_HANDLER),
        {
            "in-handler": "core net is in the handler of interrupt 30, at PC 0x010001",
            "taken-not-answered": "net took 3",
        },
    ),
    Case(Plant(M.NO_WR_IDX), {"wr-idx-not-written": "lies in its tx-region, but its wr_idx is 0"}),
    Case(Plant(M.NO_RD_IDX), {"rd-idx-not-published": "net has sent 6 messages, but its rd_idx is still 0"}),
    Case(
        Plant(M.MISSPELT),
        {"magic-misspelt": "31 69 34 |Em1l1K0rn31i4|, the right one is |Em1l1K0rn3li4|"},
    ),
    Case(Plant(M.MAGIC_SHORT), {"magic-length": "net wrote 12 as length of the magic, which has 13 bytes"}),
    Case(Plant(M.LE_WRITE), {"length-byte-order": "0x0D00 is 13 with its bytes swapped"}),
    Case(Plant(M.LE_READ), {"length-read-swapped": "as if the magic had 3328 bytes"}),
    Case(
        Plant(M.LENGTH_HEADER),
        {"length-includes-header": "net wrote 17 as length of the magic, which has 13 bytes"},
    ),
    Case(
        Plant(M.NO_RING_MESSAGE),
        {
            "not-rung": "net wrote a packet and has not rung mbox channel 1 for it: all of its 2 doorbells came before"
        },
    ),
    Case(
        Plant(M.EARLY),
        {"sent-before-bound": "net sent a message before it had taken the magic of the other side"},
    ),
    Case(
        Plant(M.SMALL_DROP),
        {
            "taken-not-answered": "net took 5 messages of app and answered 4 of them",
            "longer-than-answered": "65 bytes was taken and has no answer; the longest that net answered has 61",
        },
    ),
    Case(
        Plant(M.SMALL_STOP),
        {
            "packet-left": "1 packet waits for net, its event is cleared and it sleeps: it was rung and left",
            "longer-than-answered": "65 bytes waits and has no answer; the longest that net answered has 61",
        },
    ),
    Case(
        Plant(M.SILENT),
        {"taken-not-answered": "net took 1 message of app and answered none; it rang mbox channel 1 2 times"},
    ),
    Case(Plant(M.EVERY_OTHER), {"taken-not-answered": "net took 1 message of app and answered none"}),
    Case(
        Plant(M.ONE_PER_RING),
        {
            "one-packet-per-doorbell": "packets wait for net, its event is cleared and it sleeps: does it take one"
        },
        burst=True,
    ),
    Case(
        Plant(M.NULL_CALL),
        {
            "fault": "exception 3: a branch to an address without the Thumb bit",
            "in-fault-handler": "core net is in its HardFault",
        },
    ),
    Case(
        Plant(M.UNALIGNED_JUMP),
        {
            "fault": "exception 3: a branch to an address without the Thumb bit",
            "in-fault-handler": "core net is in its HardFault",
        },
    ),
    Case(
        Plant(M.SESSION),
        {
            "does-not-fit": "as app sees it: peer is enable, you are disable: set unbound to the same on both sides"
        },
    ),
    Case(
        Plant(M.ICBMSG),
        {"icbmsg": "looks like ICBMsg: the first message of net is 02 00 05, a control message (BOUND of"},
        messages=0,
    ),
    Case(
        Plant(M.STOP_BEFORE_OPEN),
        {"not-opened": "net has set up no mbox channel and written nothing: it has not opened its side"},
    ),
    Case(
        Plant(M.SWALLOWS_MAGIC),
        {"woken-and-not-taken": "its event is cleared and it sleeps: it was rung and did not take the magic"},
    ),
    Case(
        Plant(tx=0x2007_0000, rx=0x2007_8000),
        {
            "regions-swapped": "net writes into the region that app writes, at 0x20070009 in put+0x",
            "rung-before-listening": "app rang mbox channel 0 before net received it, or net cleared the event unseen",
        },
    ),
    Case(
        Plant(tx=0x2007_9000),
        {"region-elsewhere": "0x20079008 looks like the magic in another region: is the tx-region of net at"},
    ),
    Case(Plant(rx=0x2007_1000), {"woken-and-not-taken": "does it read another region?"}),
    Case(
        Plant(alignment=32),
        {
            "does-not-fit": "peer uses dcache-alignment 32, you use 0",
            "rung-before-listening": "app rang mbox channel 0 before",
        },
    ),
    Case(Plant(tx_channel=3), {"wrong-channel": "net rings mbox channel 3, app listens to 1"}),
    Case(Plant(rx_channel=3), {"listens-elsewhere": "app rings mbox channel 0, net listens to 3"}),
    Case(
        Plant(tx_channel=0, rx_channel=1),
        {"wrong-channel": "net rings mbox channel 0, app listens to 1"},
    ),
)


def name_of(case: Case) -> str:
    return re.sub(r"\W+", "-", str(case.plant))


def converse(folder: Path, case: Case) -> Diagnosis:
    """Bond and send, as far as it goes."""
    with EmbeddedMachine() as machine:
        net = machine.core("net")
        net.load(planted(folder, case.plant))
        peer = Peer(machine, machine.core("app"), APP)
        net.start()
        try:
            machine.run_until(lambda: peer.is_bound, timeout_ns=10 * MS)
            machine.run_for(MS)
            for number in range(case.messages):
                peer.send(bytes([number + 1]) * SIZES[number % len(SIZES)])
                if not case.burst:
                    machine.run_until(lambda: bool(peer.received), timeout_ns=5 * MS)
                    peer.received.clear()
            machine.run_for(5 * MS)
        except VirtualTimeoutError:
            pass
        except IcmsgError as error:
            pytest.fail(str(error))
        return peer.examine()


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_mistake_is_named_and_nothing_is_said_that_is_not_so(tmp_path: Path, case: Case) -> None:
    found = {finding.id: finding.text for finding in converse(tmp_path, case).findings}
    assert found.keys() == case.findings.keys()
    for name, part in case.findings.items():
        assert part in found[name]


def test_a_larger_and_a_smaller_region_are_asked_about(tmp_path: Path) -> None:
    for size, name in ((0x1000, "index-beyond"), (0x400, "region-smaller")):
        found = {
            each.id: each.text
            for each in converse(tmp_path, Case(Plant(size=size), {}, messages=45)).findings
        }
        assert name in found
        assert found[name].endswith(f"is the region {'larger' if size > 0x800 else 'smaller'} on net?")


def test_a_doorbell_that_somebody_lost_is_no_ones_mistake(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        net = machine.core("net")
        net.load(planted(tmp_path, Plant()))
        peer = Peer(machine, machine.core("app"), APP)
        net.start()
        peer.wait_for_bound()
        machine.run_for(MS)
        machine.models["ipcapp"].drop_next = 1  # type: ignore[attr-defined]  # of the mailbox
        peer.send(b"hello")
        machine.run_for(MS)
        found = {finding.id: finding.text for finding in peer.examine().findings}
        assert found == {"doorbell-lost": "1 doorbell of app lost: a fault was injected"}


def test_faults_come_first_and_all_of_them(tmp_path: Path) -> None:
    diagnosis = converse(tmp_path, Case(Plant(M.OVERFLOW), {}))
    lines = diagnosis.lines()
    faults = [finding.text for finding in diagnosis.findings if finding.id == "fault"]
    assert len(faults) == 2
    assert lines[:2] == faults
    assert not any("exception" in line for line in lines[3:])


def test_restarts_are_counted(tmp_path: Path) -> None:
    found = {each.id: each.text for each in converse(tmp_path, Case(Plant(M.RESET_AGAIN, at=1), {})).findings}
    assert re.fullmatch(r"core net was reset \d+ times", found["core-reset"])


def test_the_mistakes_are_those_of_the_source() -> None:
    assert [mistake.name for mistake in Mistake] == PLANT_ENUM


def test_stores_are_watched_until_both_are_bound_and_change_nothing(tmp_path: Path) -> None:
    hashes = set()
    for observed in (True, False):
        with EmbeddedMachine() as machine:
            app, net = machine.core("app"), machine.core("net")
            net.load(planted(tmp_path, Plant()))
            if observed:
                observer = observe_link(machine, app, net, APP)
                assert observe_link(machine, net, app, APP.mirrored()) is observer
            played = PlayedInstance(machine, app, APP)
            endpoint = played.instance.register_endpoint(EndpointConfig())
            net.start()
            machine.run_until(lambda endpoint=endpoint: endpoint.is_bound, timeout_ns=MS)
            machine.run_for(MS)
            endpoint.send(b"one more doorbell")
            machine.run_for(MS)
            assert not net._watches
            hashes.add(machine.trace_sha256())
    assert len(hashes) == 1
