"""1000 echoes in every format: counts, payloads and times are those of the event stream, and so of each other."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import vcd.reader
from pcapng import FileScanner
from pcapng.blocks import EnhancedPacket
from traced_runs import MESSAGES, PAIRINGS, Run, Sent, traced_run

from icmsg.views.recording import suffixes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
HEADER = 4
EXPORTED = 16
"""Bytes in front of a packet that name its dissector."""


@pytest.fixture(scope="module", params=PAIRINGS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return traced_run(tmp_path_factory.mktemp("run"), request.param, suffixes())


def test_the_stream_has_two_packets_for_each_echo(run: Run) -> None:
    assert Counter(sent.direction for sent in run.sent) == {"app->net": MESSAGES, "net->app": MESSAGES}


def nanoseconds(us: str) -> int:
    whole, fraction = us.split(".")
    return int(whole) * 1000 + int(fraction)


def test_text_has_the_numbers_times_and_payloads_of_the_stream(run: Run) -> None:
    line = r" *([\d.]+) µs  (\w+) +sent #(\d+) to (\w+) at index \d+, \d+ bytes: ([0-9a-f ]+)"
    found = re.findall(line, run.file(".txt").read_text(encoding="utf-8"))
    assert run.sent == [
        Sent(int(number), nanoseconds(us), f"{writer}->{reader}", bytes.fromhex(payload))
        for us, writer, number, reader, payload in found
    ]


def test_text_has_each_message_as_received_once_and_in_the_order_in_which_it_was_sent(run: Run) -> None:
    text = run.file(".txt").read_text(encoding="utf-8")
    received = [int(number) for number in re.findall(r"received #(\d+),", text)]
    assert sorted(received) == list(range(1, 2 * MESSAGES + 1))
    for direction in ("app->net", "net->app"):
        numbers = [sent.number for sent in run.sent if sent.direction == direction]
        wanted = set(numbers)
        assert [number for number in received if number in wanted] == numbers
    assert "NOT RECEIVED" not in text


def test_what_python_has_received_has_the_time_of_its_event(run: Run) -> None:
    text = run.file(".txt").read_text(encoding="utf-8")
    times = [nanoseconds(us) for us in re.findall(r" *([\d.]+) µs  app +received #\d+,", text)]
    assert not run.received_by_python or times == run.received_by_python


@pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning")  # of the library
def test_pcapng_has_the_numbers_times_and_payloads_of_the_stream(run: Run) -> None:
    found = []
    with run.file(".pcapng").open("rb") as stream:
        for block in FileScanner(stream):
            if isinstance(block, EnhancedPacket) and block.options["opt_comment"].startswith("#"):
                time_ns = (block.timestamp_high << 32) + block.timestamp_low
                number = int(block.options["opt_comment"].split()[0].lstrip("#"))
                packet = block.packet_data[EXPORTED:]
                assert int.from_bytes(packet[:2], "big") == len(packet) - HEADER
                assert block.interface.link_type == 252
                found.append(Sent(number, time_ns, block.interface.options["if_name"], packet[HEADER:]))
    assert found == run.sent


def test_vcd_has_the_numbers_and_times_of_the_stream(run: Run) -> None:
    changes = signals(run.file(".vcd"))
    for direction in ("app->net", "net->app"):
        scope = direction.replace("->", "_to_")
        wanted = {}
        for sent in run.sent:
            if sent.direction == direction:
                wanted[sent.time_ns] = sent.number  # of several at one time the last one stays
        seen = {time: value for time, value in changes[scope, "sent"] if value}
        assert seen == wanted
        channel = 0 if direction == "app->net" else 1
        rings = [time for time, _, rung in sorted(run.doorbells) if rung == channel]
        assert [time for time, _ in changes[scope, "ring"]] == rings
        assert changes[scope, "received"][-1][1] == max(wanted.values())
        assert changes[scope, "fill"][-1][1] == 0


def signals(path: Path) -> dict[tuple[str, str], list[tuple[int, int | str]]]:
    """Return time and value of each change by scope and name, as another reader than ours sees them."""
    names: dict[str, tuple[str, str]] = {}
    changes: dict[tuple[str, str], list[tuple[int, int | str]]] = {}
    scope, now = "", -1
    with path.open("rb") as stream:
        for token in vcd.reader.tokenize(stream):
            kind = token.kind
            if kind is vcd.reader.TokenKind.SCOPE:
                scope = token.scope.ident
            elif kind is vcd.reader.TokenKind.VAR:
                names[token.var.id_code] = (scope, token.var.reference)
                changes[scope, token.var.reference] = []
            elif kind is vcd.reader.TokenKind.CHANGE_TIME:
                assert token.time_change > now, "time goes back"
                now = token.time_change
            elif kind in (
                vcd.reader.TokenKind.CHANGE_VECTOR,
                vcd.reader.TokenKind.CHANGE_SCALAR,
                vcd.reader.TokenKind.CHANGE_STRING,
            ):
                change = token.data
                changes[names[change.id_code]].append((now, change.value))
    return changes


def test_perfetto_has_the_numbers_times_and_payloads_of_the_stream(run: Run) -> None:
    messages = pytest.importorskip(
        "perfetto.protos.perfetto.trace.perfetto_trace_pb2", reason="needs pip install icmsg[perfetto]"
    )
    trace = messages.Trace.FromString(run.file(".pftrace").read_bytes())
    parents: dict[int, str] = {}
    sent, received = [], []
    for packet in trace.packet:
        assert packet.trusted_packet_sequence_id == 1
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            parents[track.uuid] = parents.get(track.parent_uuid) or track.name.split()[0]
            continue
        event = packet.track_event
        notes = {note.name: note.string_value or note.int_value for note in event.debug_annotations}
        writer = parents[event.track_uuid]
        if event.name.startswith("send #"):
            reader = "net" if writer == "app" else "app"
            payload = bytes.fromhex(notes["payload"])
            sent.append(Sent(notes["msg"], packet.timestamp, f"{writer}->{reader}", payload))
            assert list(event.flow_ids) == [notes["msg"]]
        elif event.name.startswith("received #"):
            received += event.terminating_flow_ids
    assert sent == run.sent
    assert sorted(received) == [each.number for each in run.sent]


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_two_runs_give_identical_files(pairing: str, tmp_path: Path) -> None:
    first, second = (traced_run(tmp_path / name, pairing, suffixes(), 100) for name in ("first", "second"))
    assert first.trace_sha256 == second.trace_sha256
    for suffix in (*suffixes(), ".gtkw"):
        assert first.file(suffix).read_bytes() == second.file(suffix).read_bytes(), suffix


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_a_trace_changes_no_hash(pairing: str, tmp_path: Path) -> None:
    traced, plain = (traced_run(tmp_path, pairing, these, 50) for these in (suffixes(), ()))
    assert traced.trace_sha256 == plain.trace_sha256
