"""Traces of links with several endpoints, in every format: names, numbers, blocks, control messages, receipts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from command import icmsg
from report_page import ReportPage

from icmsg.config.boards import NRF5340
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.endpoints.link import EndpointsLink
from icmsg.link.endpoints.peer import EndpointsPeer
from icmsg.views import trace_to
from icmsg.views.recent import RecentTrace

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.link.endpoints import SeveralConfig

Capture = pytest.CaptureFixture[str]
BACKENDS = ("icbmsg", "icbmsg-rework", "icmsg-me")
SUFFIXES = (".txt", ".html", ".pcapng", ".pftrace", ".vcd")
MESSAGES = 20
_SENT = re.compile(r"(\w+) +sent #(\d+) (\w+):(\d+) to (\w+) (at|in) (.*?), (\d+) bytes")
_RECEIVED = re.compile(r"received #(\d+) ")
_IN_USE = re.compile(r"(\w+) +has (\d+) of (\d+) blocks in use")


def run(capsys: Capture, folder: Path, backend: str, *more: str) -> str:
    """Run and trace an exchange at two endpoints, and return the text."""
    files = [word for suffix in SUFFIXES for word in ("--trace", str(folder / f"run{suffix}"))]
    given = ("--backend", backend, "--endpoints", "ep0,log", "--messages", str(MESSAGES), "--json")
    found = icmsg(capsys, "run", *given, *files, *more)
    assert (found.code, found.err) == (0, "")
    traced = found.json["trace_sha256"]
    assert traced == icmsg(capsys, "run", *given, *more).json["trace_sha256"], "tracing changes nothing"
    return (folder / "run.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_message_has_its_endpoint_its_number_and_its_receipt(
    capsys: Capture, tmp_path: Path, backend: str
) -> None:
    text = run(capsys, tmp_path, backend)
    sent = _SENT.findall(text)
    assert [int(each[1]) for each in sent] == list(range(1, 4 * MESSAGES + 1)), "each way at two endpoints"
    for name in ("ep0", "log"):
        own = [int(each[3]) for each in sent if each[2] == name]
        assert own == list(range(1, 2 * MESSAGES + 1)), "each endpoint counts for itself"
    assert sorted(map(int, _RECEIVED.findall(text))) == list(range(1, 4 * MESSAGES + 1))
    assert "NOT RECEIVED" not in text
    assert {each[5] for each in sent} == {"at" if backend == "icmsg-me" else "in"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_runs_have_the_same_bytes(capsys: Capture, tmp_path: Path, backend: str) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
        run(capsys, folder, backend)
    for suffix in SUFFIXES:
        one, other = ((folder / f"run{suffix}").read_bytes() for folder in folders)
        assert one == other, suffix


@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework"])
def test_blocks_in_use_are_the_fill_level_and_come_back(
    capsys: Capture, tmp_path: Path, backend: str
) -> None:
    text = run(capsys, tmp_path, backend, "--size", "200:400", "--window", "1")
    levels = [(core, int(used), int(count)) for core, used, count in _IN_USE.findall(text)]
    assert {(core, count) for core, _, count in levels} == {("app", 16), ("net", 18)}
    assert max(used for _, used, _ in levels) >= 4, "a message takes several blocks"
    places = [each[6] for each in _SENT.findall(text)]
    assert any(" to " in place for place in places)
    if backend == "icbmsg":
        last = {core: used for core, used, _ in levels}
        assert last["app"] == 0
    vcd = (tmp_path / "run.vcd").read_text(encoding="utf-8")
    assert re.search(r"\$var string 1 \S+ endpoint \$end", vcd)
    assert re.search(r"^slog:\d+ ", vcd, re.MULTILINE)


def test_control_messages_are_there_in_words(capsys: Capture, tmp_path: Path) -> None:
    text = run(capsys, tmp_path, "icbmsg")
    assert re.search(r'net +to app: BOUND for endpoint 1 at block 1: "log"', text)
    assert re.search(r"app +to net: RELEASE_BOUND of endpoint 1, block 1", text)
    text = run(capsys, tmp_path, "icbmsg-rework")
    assert re.search(r"app +to net: opens: 16 tx and 18 rx blocks", text)
    assert "to net: names endpoint 1, hash 0x0b873f21" in text
    assert "of 16 blocks in use" in text


def test_packets_are_written_as_they_lie_in_ring_and_blocks(capsys: Capture, tmp_path: Path) -> None:
    text = run(capsys, tmp_path, "icbmsg")
    _, number, name, own, _, _, place, size = next(each for each in _SENT.findall(text) if each[2] == "log")
    data = (tmp_path / "run.pcapng").read_bytes()
    at = data.index(f"#{number} {name}:{own} in {place}".encode())
    header = bytes((0, 3, 0, 0, 0, 1, int(place.split()[1]), 0)) + int(size).to_bytes(4, "little")
    assert header in data[data.rindex(b"icbmsg\0\0", 0, at) : at]
    run(capsys, tmp_path, "icbmsg-rework")
    assert b"icbmsgrw" in (tmp_path / "run.pcapng").read_bytes()
    run(capsys, tmp_path, "icmsg-me")
    assert b"icmsg_me" in (tmp_path / "run.pcapng").read_bytes()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_report_decodes_endpoints_blocks_and_queues(
    capsys: Capture, tmp_path: Path, backend: str
) -> None:
    run(capsys, tmp_path, backend)
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    rows = ReportPage(tmp_path / "run.html").records("endpoints")
    assert [(row["endpoint"], row["direction"]) for row in rows] == [
        ("ep0", "app->net"), ("log", "app->net"), ("ep0", "net->app"), ("log", "net->app"),
    ]  # fmt: skip
    assert {(row["sent"], row["received"]) for row in rows} == {("20", "20")}
    assert "endpoints: ep0 bound" in page
    if backend != "icmsg-me":
        assert "16 blocks of " in page
        assert "blocks (" in page, "the unit of the fill level"
        assert "ICBMsg on nrf5340.repl" in page
    if backend == "icbmsg-rework":
        assert "messages sent, " in page


def played(machine: EmbeddedMachine, config: SeveralConfig) -> tuple[EndpointsPeer, EndpointsPeer]:
    app = EndpointsPeer(machine, machine.core("app"), config, ["ep0", "log"])
    net = EndpointsPeer(machine, machine.core("net"), config.mirrored(), ["ep0", "log"])
    app.wait_for_bound()
    net.wait_for_bound()
    return app, net


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_trace_that_begins_late_knows_the_names(tmp_path: Path, backend: str) -> None:
    config: SeveralConfig = IcmsgMeConfig(NRF5340.instance, role="initiator")
    if backend != "icmsg-me":
        from dataclasses import replace

        config = replace(NRF5340.icbmsg, generation="rework" if backend == "icbmsg-rework" else "4.1")
    with EmbeddedMachine() as machine:
        app, net = played(machine, config)
        app.endpoint("ep0").send(b"before")
        net.endpoint("ep0").receive()
        with trace_to(machine, tmp_path / "late.txt", [EndpointsLink.of("app", "net", config)]):
            app.endpoint("log").send(b"hello")
            net.endpoint("log").receive()
            net.endpoint("log").send(b"back")
            app.endpoint("log").receive()
    text = (tmp_path / "late.txt").read_text(encoding="utf-8")
    assert [each[:4] for each in _SENT.findall(text)] == [("app", "1", "log", "1"), ("net", "2", "log", "2")]
    assert _RECEIVED.findall(text) == ["1", "2"]


def test_recent_things_follow_what_a_test_plays_instead_of_the_default_link(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        recent = RecentTrace(machine)
        recent.follow("app", "net", NRF5340.icbmsg, ["ep0"])
        recent.follow("net", "app", NRF5340.icbmsg.mirrored(), ["log"])
        app, net = played(machine, NRF5340.icbmsg)
        app.endpoint("log").send(b"hello")
        net.endpoint("log").receive()
        text = recent.save(tmp_path / "recent.txt").read_text(encoding="utf-8")
        page = recent.save(tmp_path / "recent.html", "a <test>").read_text(encoding="utf-8")
    assert text.count("# ") == 2
    assert "sent #1 log:1 to net in block 0, 5 bytes" in text
    assert "<title>a &lt;test&gt;</title>" in page


def test_recent_things_of_one_instance_stay_when_another_is_played(tmp_path: Path) -> None:
    from dataclasses import replace

    from icmsg.config import Region
    from icmsg.link.played_instance import Peer

    other = replace(
        NRF5340.instance,
        tx_region=Region(0x2007_1000, 0x800),
        rx_region=Region(0x2007_9000, 0x800),
        name="ipc1",
    )
    with EmbeddedMachine() as machine:
        recent = RecentTrace(machine)
        app, net = (Peer(machine, machine.core(core), config) for core, config in
                    (("app", NRF5340.instance), ("net", NRF5340.instance.mirrored())))  # fmt: skip
        recent.follow("app", "net", NRF5340.instance)
        app.wait_for_bound()
        app.send(b"first")
        net.receive()
        recent.follow("app", "net", other)
        recent.follow("net", "app", other.mirrored())
        text = recent.save(tmp_path / "recent.txt").read_text(encoding="utf-8")
    assert "sent #1 to net" in text
    assert "# app->net ipc1: " in text
