from __future__ import annotations

import doctest
from typing import TYPE_CHECKING

import pytest

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.ipc import EndpointConfig
from icmsg.link.played_instance import PlayedInstance
from icmsg.machine.events import Event, EventKind
from icmsg.timers import MS
from icmsg.views import TextTrace, format_event, text
from icmsg.views.text import write_lines

if TYPE_CHECKING:
    from pathlib import Path

CORES = ["app", "net"]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_has_words(kind: EventKind) -> None:
    line = format_event(Event(1, kind, 0, 1, 2), CORES)
    assert line.startswith("       0.001 µs  app  ")
    assert len(line.split("app  ")[1]) > 4


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event(1_234_567, EventKind.DOORBELL, 1, 3, 0), "    1234.567 µs  net  rings mbox channel 3"),
        (
            Event(5_000, EventKind.PACKET_SENT, 0, 13, 0xAB),
            "       5.000 µs  app  sent 13 bytes, CRC-32 000000ab",
        ),
        (
            Event(0, EventKind.STATE, 0, 1, 0),
            "       0.000 µs  app  state 1 (INITIALIZING_SID_DISABLED or BUSY)",
        ),
        (Event(0, EventKind.STATE, 0, 0, 0), "       0.000 µs  app  state 0 (OFF)"),
        (Event(0, EventKind.STATE, 0, 99, 0), "       0.000 µs  app  state 99 (unknown)"),
        (Event(0, EventKind.CORE_RESET, 7, 0, 0), "       0.000 µs  core 7 reset"),
    ],
)
def test_a_line_has_time_core_and_what_happened(event: Event, line: str) -> None:
    assert format_event(event, CORES) == line


def test_bonding_with_firmware_reads_from_the_first_ring_to_the_bound_state(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        trace = TextTrace(machine)
        machine.core("net").load(stub("echo", "net"))
        machine.core("net").start()
        played = PlayedInstance(machine, machine.core("app"), APP)
        endpoint = played.instance.register_endpoint(EndpointConfig())
        machine.run_until(lambda: endpoint.is_bound, timeout_ns=10 * MS)
        text = trace.save(tmp_path / "new" / "trace.txt").read_text(encoding="utf-8")
    happened = [line.split("µs", 1)[1].strip() for line in text.splitlines()]
    assert happened[0] == "net  started"
    ring, bound = (
        happened.index("app  rings mbox channel 0"),
        happened.index("app  state 5 (CONNECTED_SID_DISABLED)"),
    )
    assert ring < bound


def test_only_the_last_events_are_kept_and_how_many_are_missing_is_said() -> None:
    with EmbeddedMachine() as machine:
        trace = TextTrace(machine, limit=2)
        for channel in range(5):
            machine.core("app").emit(EventKind.DOORBELL, channel)
        lines = trace.lines()
    assert lines[0] == "(3 earlier events are not kept)"
    assert [line[-1] for line in lines[1:]] == ["3", "4"]


def test_nothing_is_added_after_stop() -> None:
    with EmbeddedMachine() as machine:
        trace = TextTrace(machine)
        trace.stop()
        machine.core("app").emit(EventKind.DOORBELL, 1)
        assert trace.lines() == []


def test_a_trace_does_not_change_the_trace_hash() -> None:
    def run(*, traced: bool) -> str:
        with EmbeddedMachine() as machine:
            if traced:
                TextTrace(machine)
            machine.core("net").load(stub("echo", "net"))
            machine.core("net").start()
            machine.run_for(MS)
            return machine.trace_sha256()

    assert run(traced=True) == run(traced=False)


def test_the_example_in_the_module_runs() -> None:
    assert doctest.testmod(text, raise_on_error=False).failed == 0
    assert doctest.DocTestFinder().find(text, text.__name__)[0].examples


def test_a_saved_trace_replaces_a_link_and_follows_none(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "trace.txt").symlink_to(tmp_path / "mine")
    write_lines(tmp_path / "trace.txt", ["one", "two"])
    assert (tmp_path / "trace.txt").read_text() == "one\ntwo\n"
    assert (tmp_path / "mine").read_text() == "precious"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine", "trace.txt"]
