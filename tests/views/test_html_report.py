"""The report for a browser: one file that says what the event stream said, and in which nothing hostile acts."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from report_page import ReportPage
from traced_runs import PAIRINGS, traced_run
from typed_paths import typed

from icmsg.assets import stub
from icmsg.cli.main import main
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import IpcError
from icmsg.hw.mailboxes.nrf_ipc import NrfIpcModel
from icmsg.link.played_instance import Peer
from icmsg.machine.events import EventKind
from icmsg.monitor import EmbeddedMonitor
from icmsg.timers import MS
from icmsg.views import trace_to
from icmsg.views.recent import RecentTrace
from icmsg.views.report.diagram import AROUND, AROUND_ALL, FIRST, LAST, PROBLEMS, KeptRows
from icmsg.views.report.markup import escaped, visible

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = b"</script><script>alert(1)</script><!--\x00\x1b[31m\"'&"


def test_the_page_is_one_file_that_loads_nothing_and_runs_its_own_script_alone(tmp_path: Path) -> None:
    run = traced_run(tmp_path, "python-firmware", (".html",), 3)
    page = ReportPage(run.file(".html"))
    (script,), (style,) = page.bodies["script"], page.bodies["style"]
    policy = next(given["content"] for tag, given in page.tags if "http-equiv" in given)
    for name, text in (("script", script), ("style", style)):
        assert f"{name}-src 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    for _, given in page.tags:
        assert not {"src", "style", "srcset", "xlink:href"} & given.keys()
        assert not [name for name in given if name.startswith("on")]
        assert given.get("href", "#").startswith("#")
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_leads_to_something_and_no_name_is_there_twice(tmp_path: Path) -> None:
    page = ReportPage(lossy(tmp_path / "x.html"))
    names = [given["id"] for _, given in page.tags if "id" in given]
    assert len(names) == len(set(names))
    assert {given["href"][1:] for _, given in page.tags if "href" in given} <= set(names)
    assert [name for name in page.sections if name] == [
        "summary",
        "problems",
        "sequence",
        "levels",
        "doorbells",
        "regions",
        "consoles",
        "diagnosis",
    ]


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_counts_are_those_of_the_event_stream(tmp_path: Path, pairing: str) -> None:
    run = traced_run(tmp_path, pairing, (".html",), 300)
    page = ReportPage(run.file(".html"))
    for record in page.records("directions"):
        payloads = [sent.payload for sent in run.sent if sent.direction == record["direction"]]
        assert int(record["sent"]) == int(record["received"]) == len(payloads) == 300
        assert int(record["bytes"]) == sum(map(len, payloads))
        assert (record["lost"], record["waiting"]) == ("0", "0")
    for record in page.records("doorbell-rows"):
        rung = [each for each in run.doorbells if each[1:] == (record["core"], int(record["channel"]))]
        assert int(record["rung"]) == len(rung)
        assert int(record["for new packets"]) + int(record["for none"]) == len(rung)
    assert "300 round trips of app" in page.sections["summary"]
    assert "600 of 600 received" in page.sections["summary"]
    assert "None was seen." in page.sections["problems"]


def test_a_run_s_report_is_in_the_summary(tmp_path: Path) -> None:
    assert main(["run", "--messages", "3", "--trace", str(tmp_path / "x.html")]) == 0
    summary = ReportPage(tmp_path / "x.html").sections["summary"]
    assert "runOK" in summary
    assert "boundafter 27.523 µs" in summary
    assert "3 round trips of app12.500 µs on average8.571 µs to 19.929 µs, #1 took longest" in summary
    assert "engine embedded, seed 1" in summary


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_equal_runs_give_equal_bytes(tmp_path: Path, pairing: str) -> None:
    pages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pages.append(traced_run(tmp_path / name, pairing, (".html",), 200).file(".html").read_bytes())
    assert pages[0] == pages[1]


def test_the_same_run_of_the_command_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        assert main(["run", "--messages", "20", "--trace", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_long_run_is_folded_and_its_page_does_not_grow(tmp_path: Path) -> None:
    sizes = []
    for messages in (500, 1500):
        run = traced_run(tmp_path, "python-firmware", (".html",), messages)
        page = ReportPage(run.file(".html"))
        sizes.append(len(page.text))
        shown = [given for tag, given in page.tags if tag == "g" and "id" in given]
        assert len(shown) == FIRST + LAST
        sent = page.rows("sent")
        assert sent[0] < FIRST < sent[-1]
        assert "rows folded, messages #" in page.sections["sequence"]
        assert f"#{2 * messages} " in page.sections["sequence"]
    assert max(sizes) < 400_000


def lose_next(machine: EmbeddedMachine) -> None:
    """Lose the next doorbell of core app."""
    model = machine.models["ipcapp"]
    assert isinstance(model, NrfIpcModel)
    model.drop_next = 1


def lossy(path: Path) -> Path:
    """Write a report of a run in whose middle a doorbell is lost, which delays a message until the next one."""
    with EmbeddedMachine() as machine, trace_to(machine, path):
        machine.core("net").load(stub("echo", "net"))
        machine.core("net").start()
        peer = Peer(machine, machine.core("app"), APP)
        peer.wait_for_bound()
        machine.run_for(1 * MS)
        for number in range(300):
            if number == 150:
                lose_next(machine)
                peer.send(HOSTILE)
                machine.run_for(1 * MS)
            peer.send(b"%d" % number)
            peer.receive()
        peer.receive()
    return path


def test_a_lost_doorbell_is_in_the_middle_of_a_folded_run(tmp_path: Path) -> None:
    page = ReportPage(lossy(tmp_path / "x.html"))
    (lost,) = page.rows("lost")
    (problem,) = page.records("problem-rows")
    assert (problem["core"], problem["what"]) == (
        "app",
        "doorbell 0 LOST for #301; #301 was received all the same, 1.004 ms after it was sent",
    )
    assert f'href="#row-{lost}"' in page.text
    around = [row for row in range(lost - AROUND, lost + AROUND + 1) if f'id="row-{row}"' in page.text]
    assert len(around) == 2 * AROUND + 1
    assert len([given for _, given in page.tags if given.get("class") == "fold"]) == 2
    records = {record["core"]: record for record in page.records("doorbell-rows")}
    assert (records["app"]["lost"], records["net"]["lost"]) == ("1", "0")
    assert "#301 took longest" in page.sections["summary"]


def test_every_problem_that_is_listed_is_in_the_diagram(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine, trace_to(machine, tmp_path / "x.html"):
        machine.core("net").load(stub("echo", "net"))
        machine.core("net").start()
        peer = Peer(machine, machine.core("app"), APP)
        peer.wait_for_bound()
        for number in range(PROBLEMS + 10):
            lose_next(machine)
            for _ in range(10):
                peer.send(b"%d" % number)
                machine.run_for(20_000)
    page = ReportPage(tmp_path / "x.html")
    listed = {given["href"][1:] for tag, given in page.tags if given.get("href", "").startswith("#row-")}
    assert len(listed) == PROBLEMS
    assert listed <= {given["id"] for _, given in page.tags if "id" in given}
    assert "… and 10 more" in page.sections["problems"]
    assert len(page.text) < 1_500_000


def test_a_message_that_nobody_takes_says_whether_its_doorbell_was_lost(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine, trace_to(machine, tmp_path / "x.html"):
        machine.core("net").load(stub("echo", "net"))
        machine.core("net").start()
        peer = Peer(machine, machine.core("app"), APP)
        peer.wait_for_bound()
        machine.run_for(1 * MS)
        lose_next(machine)
        peer.send(b"unheard")
        machine.run_for(1 * MS)
    page = ReportPage(tmp_path / "x.html")
    assert "#1 not received: still in the ring when the trace ended; its doorbell was lost" in page.text
    assert [record["waiting"] for record in page.records("directions")] == ["1", "0"]
    assert "1 pending" in page.sections["regions"]
    assert "75 6e 68 65 61 72 64  unheard" in page.sections["regions"]


def test_problems_name_the_lost_doorbell_the_full_ring_and_the_side_that_stalled(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine, trace_to(machine, tmp_path / "x.html"):
        net = machine.core("net")
        net.load(stub("echo", "net"))
        net.start()
        peer = Peer(machine, machine.core("app"), APP)
        peer.wait_for_bound()
        machine.run_for(1 * MS)
        lose_next(machine)
        peer.send(b"late")
        machine.run_for(1 * MS)
        peer.send(b"next")
        machine.run_for(1 * MS)
        net.halt()
        for _ in range(31):
            peer.send(bytes(60))
        with pytest.raises(IpcError):
            peer.send(bytes(60))
        machine.run_for(2 * MS)
    words = [record["what"] for record in ReportPage(tmp_path / "x.html").records("problem-rows")]
    assert re.fullmatch(
        r"doorbell 0 LOST for #1; #1 was received all the same, 1\.\d+ ms after it was sent", words[0]
    )
    assert words[1] == "app->net almost full for the first time: 1856 of 2036 bytes"
    assert re.fullmatch(
        r"31 messages, #5 to #35, not received: still in the ring when the trace ended; "
        r"net has taken none for 2\.99\d ms, since #2",
        words[2],
    )
    assert len(words) == 3


def test_nothing_that_firmware_prints_or_sends_becomes_markup(tmp_path: Path) -> None:
    image = stub("echo", "net").read_bytes()
    for said, hostile in ((b": up", b"<b>\x1b"), (b": bound", b"</pre>&")):
        assert said in image
        image = image.replace(said, hostile)
    (tmp_path / "<i>&.elf").write_bytes(image)
    with EmbeddedMachine() as machine, trace_to(machine, tmp_path / "x.html") as trace:
        machine.core("net").load(tmp_path / "<i>&.elf")
        machine.core("net").start()
        peer = Peer(machine, machine.core("app"), APP)
        peer.wait_for_bound()
        peer.send(HOSTILE)
        peer.receive()
        trace.note(machine.now_ns, 0, "<svg onload=x>\u202e\u2028\ud800")
    page = ReportPage(tmp_path / "x.html")
    assert len(page.bodies["script"]) == 1
    assert "echo<b>\\x1b" in page.sections["consoles"]
    assert "echo</pre>&" in page.sections["consoles"]
    assert "</script><script" in page.sections["sequence"]
    assert "<i>&.elf" in page.sections["summary"]
    assert "<svg onload=x>\\u{202e}\\u{2028}\\u{d800}" in page.sections["sequence"]
    assert not [tag for tag, given in page.tags if tag in ("i", "b") and given.keys() - {"class"}]
    assert not set(page.text) & {chr(code) for code in (*range(10), *range(11, 32), 127)}


def test_characters_that_cannot_be_seen_are_shown() -> None:
    assert visible("a\x00\x1b\tb\u202ec\u2066\ufeff") == "a␀␛␉b\\u{202e}c\\u{2066}\\u{feff}"
    assert escaped("<\"'&é→") == "&lt;&quot;&#x27;&amp;é→"


def test_a_fault_and_what_was_seen_around_it_are_listed(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine, trace_to(machine, tmp_path / "x.html"):
        machine.events.emit(16, EventKind.FAULT, 1, 3, 0x1234)
    page = ReportPage(tmp_path / "x.html")
    assert [(each["core"], each["what"]) for each in page.records("problem-rows")] == [
        ("net", "fault exception 3 at PC 0x00001234")
    ]
    assert [record["faults"] for record in page.records("cores")] == ["0", "1"]


def test_a_ring_of_the_last_things_makes_a_page_too(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        recent = RecentTrace(machine, limit=200)
        machine.core("net").load(stub("echo", "net"))
        machine.core("net").start()
        peer = Peer(machine, machine.core("app"), APP)
        peer.wait_for_bound()
        for _ in range(100):
            peer.send(b"hello")
            peer.receive()
        page = ReportPage(recent.save(tmp_path / "x.html"))
        assert (tmp_path / "x.html").read_bytes() == recent.save(tmp_path / "y.html").read_bytes()
    assert [record["played by"] for record in page.records("cores")] == ["Python", "echo-net.elf"]
    assert "#200 5 B 68 65 6c 6c 6f" in page.sections["sequence"]
    assert {record["waiting"] for record in page.records("directions")} == {"0"}


def test_the_monitor_writes_one(tmp_path: Path) -> None:
    with EmbeddedMonitor(tmp_path) as monitor:
        monitor.execute("include @renode/machine.resc")
        monitor.execute(
            f"icmsg trace {typed(tmp_path / 'x.html')}; emulation RunFor '0.001'; icmsg trace off"
        )
    assert "1.000 ms" in ReportPage(tmp_path / "x.html").sections["summary"]


def test_rows_that_are_kept_are_bounded_whatever_happens() -> None:
    rows = KeptRows()
    for number in range(20_000):
        rows.add(number, 0, "lost", is_problem=number % 3 == 0)
    kept = [row.serial for stretch in rows.stretches() for row in stretch.rows]
    assert kept == sorted(set(kept))
    assert kept[:FIRST] == list(range(FIRST))
    assert kept[-LAST:] == list(range(20_000 - LAST, 20_000))
    assert len(kept) <= FIRST + LAST + AROUND_ALL + 2 * AROUND + 1
