"""Traces opened in the tools that they are for: Perfetto's engine answers SQL, tshark dissects."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from test_trace_agreement import signals
from trace_processor import ask
from traced_runs import Run, traced_run

from icmsg.assets import stub
from icmsg.cli.trace_command import PLUGIN
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.link import default_link
from icmsg.link.played_instance import Peer
from icmsg.timers import MS, US
from icmsg.views import trace_to

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
ECHOES = 100
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")


@pytest.fixture(scope="module", params=["python-firmware", "firmware-firmware"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return traced_run(tmp_path_factory.mktemp("run"), request.param, (".pftrace.gz", ".pcapng"), ECHOES)


def lose_a_doorbell(folder: Path, *suffixes: str) -> None:
    """Send two messages to firmware; the doorbell of the second one is lost, so it stays in the ring."""
    with EmbeddedMachine() as machine:
        traces = [trace_to(machine, folder / f"lost{suffix}") for suffix in suffixes]
        machine.core("net").load(stub("echo", "net"))
        machine.core("net").start()
        peer = Peer(machine, machine.core("app"), default_link(machine.soc).configs["app"])
        peer.wait_for_bound()
        machine.run_for(100 * US)
        peer.send(b"arrives")
        assert peer.receive() == b"arrives"
        machine.models["ipcapp"].drop_next = 1  # type: ignore[attr-defined]
        peer.send(b"is lost")
        machine.run_for(MS)
        assert not peer.received
        for trace in traces:
            trace.close()


# Perfetto


def test_perfetto_says_how_many_messages_each_core_sent_and_received(run: Run) -> None:
    (sent, received, errors) = ask(
        run.file(".pftrace.gz").read_bytes(),
        "select count(*) from slice where name glob 'send #*'",
        "select count(distinct name) from slice where name glob 'received #*'",
        "select name, value from stats where severity = 'error' and value > 0",
    )
    assert sent == [(2 * ECHOES,)]
    assert received == [(2 * ECHOES,)]
    assert errors == []


def test_perfetto_follows_each_message_from_send_over_doorbell_to_received(run: Run) -> None:
    (steps,) = ask(
        run.file(".pftrace.gz").read_bytes(),
        "select a.name, b.name from flow join slice a on a.id = slice_out join slice b on b.id = slice_in",
    )
    onward: dict[str, set[str]] = {}
    for before, after in steps:
        onward.setdefault(before, set()).add(after)
    for sent in run.sent:
        title = f"#{sent.number}"
        rings = {name for name in onward[f"send {title}"] if title in name.split()}
        assert all(name.startswith("ring ") for name in rings)
        assert rings
        reached = set(rings)
        for ring in rings:
            for behind in onward[ring]:
                reached |= {behind, *onward.get(behind, ())}
        assert f"received {title}" in reached


def test_perfetto_has_times_and_fill_levels_of_the_ring(run: Run) -> None:
    (times, last, most) = ask(
        run.file(".pftrace.gz").read_bytes(),
        "select cast(substr(name, 7) as int), ts from slice where name glob 'send #*' order by 1",
        "select name, (select value from counter where track_id = t.id order by id desc limit 1) "
        "from counter_track t order by name",
        "select max(value) from counter",
    )
    assert times == [(sent.number, sent.time_ns) for sent in run.sent]
    assert last == [(f"{name} ipc0: bytes in the ring (of 2040)", 0) for name in ("app->net", "net->app")]
    assert 0 < most[0][0] < 2040


def test_perfetto_shows_when_firmware_runs_and_sleeps(run: Run) -> None:
    (total,) = ask(
        run.file(".pftrace.gz").read_bytes(),
        "select s.name, count(*), min(dur) from slice s join track t on t.id = track_id "
        "join track p on p.id = t.parent_id where t.name = 'activity' and p.name = 'net' "
        "and s.name in ('runs', 'sleeps') group by s.name order by s.name",
    )
    assert [name for name, _, _ in total] == ["runs", "sleeps"]
    assert all(count > 10 and shortest >= 0 for _, count, shortest in total)


def test_perfetto_shows_which_doorbell_was_lost_and_what_nobody_received(tmp_path: Path) -> None:
    lose_a_doorbell(tmp_path, ".pftrace")
    (problems,) = ask(
        (tmp_path / "lost.pftrace").read_bytes(),
        "select s.name, p.name from slice s join track t on t.id = track_id "
        "join track p on p.id = t.parent_id where t.name = 'problems' order by ts",
    )
    assert problems == [
        ("LOST doorbell #3", "app"),
        ("STALLED takes nothing for 1.000 ms, since #1: #3 waits", "net"),
        ("NOT RECEIVED #3", "net"),
    ]


# Wireshark


def tshark(path: Path | str, *options: str, data: bytes | None = None) -> str:
    command = ["tshark", "-X", f"lua_script:{PLUGIN}", "-r" if data is None else "-i", str(path), *options]
    done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr.decode()
    assert "Lua" not in done.stderr.decode()
    return done.stdout.decode()


@needs_tshark
def test_tshark_has_number_time_direction_and_payload_of_each_message(run: Run) -> None:
    fields = ("icmsg.number", "frame.time_epoch", "icmsg.direction", "icmsg.data", "icmsg.len")
    options = ["-T", "fields", *(word for field in fields for word in ("-e", field))]
    lines = tshark(run.file(".pcapng"), "-Y", "icmsg.number", *options).splitlines()
    found = [line.split("\t") for line in lines]
    assert found == [
        [
            str(sent.number),
            f"{sent.time_ns // 10**9}.{sent.time_ns % 10**9:09d}",
            sent.direction,
            sent.payload.hex(),
            str(len(sent.payload)),
        ]
        for sent in run.sent
    ]


@needs_tshark
def test_tshark_filters_by_number_magic_direction_and_contents(run: Run) -> None:
    def count(display: str) -> int:
        return len(tshark(run.file(".pcapng"), "-Y", display).splitlines())

    assert count("icmsg.number == 17") == 1
    assert count("icmsg.magic == 1") == 2
    assert count('frame.interface_name == "app->net" && icmsg.number') == ECHOES
    assert count('frame.comment contains "#17 "') == 1
    some = run.sent[0].payload
    alike = [sent for sent in run.sent if some in sent.payload]
    assert count(f"icmsg.data contains {some.hex(':')}") == len(alike)


@needs_tshark
def test_tshark_shows_faults_between_the_messages(tmp_path: Path) -> None:
    lose_a_doorbell(tmp_path, ".pcapng")
    lines = tshark(
        tmp_path / "lost.pcapng", "-Y", "icmsg.event", "-T", "fields", "-e", "icmsg.event"
    ).splitlines()
    assert lines == [
        "LOST doorbell of #3, channels 0x1",
        "STALLED net takes nothing for 1.000 ms, since #1: #3 waits",
        "NOT RECEIVED #3: still in the ring when the trace ended",
    ]
    expert = tshark(tmp_path / "lost.pcapng", "-q", "-z", "expert,warn,icmsg")
    assert "LOST doorbell of #3" in expert


@needs_tshark
def test_tshark_says_where_a_length_is_wrong(tmp_path: Path) -> None:
    lose_a_doorbell(tmp_path, ".pcapng")
    path = tmp_path / "lost.pcapng"
    path.write_bytes(path.read_bytes().replace(b"\0\7\0\0arrives", b"\0\6\0\0arrives", 1))
    assert len(tshark(path, "-Y", "icmsg.wrong_length").splitlines()) == 1


@needs_tshark
def test_tshark_reads_along_from_a_pipe_and_the_report_goes_to_stderr() -> None:
    command = [sys.executable, "-m", "icmsg", "run", "--json", "--messages", "5"]
    command += ["--trace", "-", "--trace-format", "pcapng"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=100)
    assert json.loads(done.stderr)["ok"] is True
    lines = tshark("-", "-Y", "icmsg.number", data=done.stdout).splitlines()
    assert len(lines) == 10


# Which ring was full, which side stalled


@pytest.fixture(scope="module")
def stalled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The traces of a run in which net is halted at 127 µs, and app fills its ring then: 19 messages of 100 bytes."""
    folder = tmp_path_factory.mktemp("stalled")
    with EmbeddedMachine() as machine:
        traces = [
            trace_to(machine, folder / f"x{suffix}") for suffix in (".txt", ".pftrace", ".pcapng", ".vcd")
        ]
        machine.core("net").load(stub("echo", "net"))
        machine.core("net").start()
        peer = Peer(machine, machine.core("app"), default_link(machine.soc).configs["app"])
        peer.wait_for_bound()
        machine.run_for(100 * US)
        machine.core("net").halt()
        for _ in range(19):
            peer.send(bytes(100))
        machine.run_for(MS)
        for trace in traces:
            trace.close()
    return folder


FULL = "FULL app->net is almost full: 1872 of 2036 bytes in use"
STALLED = "takes nothing for 1.000 ms, since magic: 19 messages wait, #1 first"


def test_text_names_the_ring_that_was_full_and_the_side_that_stalled(stalled: Path) -> None:
    lines = (stalled / "x.txt").read_text(encoding="utf-8").splitlines()
    assert f"     127.523 µs  app  {FULL}" in lines
    assert f"    1127.523 µs  net  STALLED {STALLED}" in lines


def test_perfetto_has_both_among_the_problems_the_stall_for_as_long_as_it_lasted(stalled: Path) -> None:
    (problems,) = ask(
        (stalled / "x.pftrace").read_bytes(),
        "select p.name, s.name, ts, dur from slice s join track t on t.id = track_id "
        "join track p on p.id = t.parent_id where t.name = 'problems' and s.name not glob 'NOT*' order by ts",
    )
    assert [(core.split()[0], name, ts, dur) for core, name, ts, dur in problems] == [
        ("app", FULL, 127_523, 0),
        ("net", f"STALLED {STALLED}", 127_523, MS),
    ]


@needs_tshark
def test_tshark_shows_both(stalled: Path) -> None:
    command = ["tshark", "-X", f"lua_script:{PLUGIN}", "-r", str(stalled / "x.pcapng"), "-Y", "icmsg.event"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
    assert FULL in shown
    assert f"STALLED net {STALLED}" in shown


def test_a_waveform_has_both_as_events_of_the_direction(stalled: Path) -> None:
    changes = signals(stalled / "x.vcd")
    assert [time for time, _ in changes["app_to_net", "full"]] == [127_523]
    assert [time for time, _ in changes["app_to_net", "stalled"]] == [1_127_523]
    assert changes["net_to_app", "full"] == changes["net_to_app", "stalled"] == []


@needs_tshark
def test_what_was_taken_before_the_end_is_not_said_to_be_left(tmp_path: Path) -> None:
    traced_run(tmp_path, "firmware-firmware", (".pcapng",), 20)
    command = [
        "tshark",
        "-X",
        f"lua_script:{PLUGIN}",
        "-r",
        str(tmp_path / "run.pcapng"),
        "-Y",
        "icmsg.event",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout == ""
