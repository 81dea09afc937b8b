"""The event stream: its hash stands for everything that happened, and sinks see all of it."""

from __future__ import annotations

import hashlib
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.cosim.events import Event, EventKind, EventStream

pure = settings(deadline=None)
words = st.integers(0, 0xFFFFFFFF)
records = st.tuples(st.integers(0, 2**63), st.sampled_from(EventKind), st.integers(0, 3), words, words)


@pure
@given(events=st.lists(records, max_size=30), other=records, at=st.integers(0, 30))
def test_the_hash_is_that_of_all_records_in_order(
    events: list[tuple[int, EventKind, int, int, int]], other: tuple[int, EventKind, int, int, int], at: int
) -> None:
    stream = EventStream(1_000_000_000)
    for event in events:
        stream.emit(*event)
        stream.hexdigest()  # to ask in between changes nothing
    expected = b"".join(pack("<QBBII", *event) for event in events)
    assert stream.hexdigest() == hashlib.sha256(expected).hexdigest()
    assert stream.count == len(events)
    changed = EventStream(1_000_000_000)
    for event in [*events[:at], other, *events[at:]]:
        changed.emit(*event)
    assert changed.hexdigest() != stream.hexdigest()


def test_sinks_get_nanoseconds_until_they_are_removed() -> None:
    stream = EventStream(64_000_000)
    seen: list[Event] = []
    also: list[Event] = []
    remove = stream.add_sink(seen.append)
    stream.add_sink(also.append)
    stream.emit(64, EventKind.DOORBELL, 1, 7)
    remove()
    remove()
    stream.emit(65, EventKind.INTERRUPT, 0, 42)
    assert seen == [Event(1000, EventKind.DOORBELL, 1, 7, 0)]
    assert also == [*seen, Event(1015, EventKind.INTERRUPT, 0, 42, 0)]


def test_a_sink_may_remove_itself_and_others_while_it_is_called() -> None:
    stream = EventStream(1)
    seen: list[str] = []

    def first(_event: Event) -> None:
        seen.append("first")
        remove_first()

    remove_first = stream.add_sink(first)
    stream.add_sink(lambda _event: seen.append("second"))
    stream.emit(0, EventKind.STATE, 0)
    stream.emit(1, EventKind.STATE, 0)
    assert seen == ["first", "second", "second"]


def test_many_events_do_not_pile_up_in_memory() -> None:
    stream = EventStream(1)
    for time in range(20_000):
        stream.emit(time, EventKind.DOORBELL, 0)
    expected = b"".join(pack("<QBBII", time, 1, 0, 0, 0) for time in range(20_000))
    assert len(stream._buffer) < 1 << 16
    assert stream.hexdigest() == hashlib.sha256(expected).hexdigest()


def test_numbers_of_kinds_never_change() -> None:
    """They are hashed and written to files."""
    numbers = {
        "DOORBELL": 1,
        "INTERRUPT": 2,
        "PACKET_SENT": 3,
        "PACKET_RECEIVED": 4,
        "STATE": 5,
        "CORE_STARTED": 6,
        "CORE_HALTED": 7,
        "CORE_RESET": 8,
        "CONSOLE": 9,
        "FAULT": 10,
        "WARNING": 11,
    }
    assert {name: EventKind[name].value for name in numbers} == numbers
