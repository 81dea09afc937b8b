"""The event stream: its hash stands for everything that happened, and sinks see all of it."""

from __future__ import annotations

import hashlib
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.machine.events import HAPPENED, SEEN, TRACE_VERSION, Event, EventKind, EventStream

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
        "SIGNAL_LOST": 12,
        "PACKETS": 13,
        "REGION": 14,
        "SESSION": 15,
        "INTERRUPT_END": 16,
        "INTERRUPT_TAKEN": 17,
        "SLEEP": 18,
    }
    assert {kind.name: kind.value for kind in EventKind} == numbers


def test_the_version_of_the_hash_stands_for_these_kinds_and_these_bytes() -> None:
    """Whoever changes what is hashed, or how, gives the version another number."""
    assert TRACE_VERSION == 1
    assert [kind.value for kind in HAPPENED] == [*range(1, 13)]
    assert set(HAPPENED) | SEEN == set(EventKind)
    stream = EventStream(1_000_000_000)
    for kind in HAPPENED:
        stream.emit(1000 * kind, kind, kind % 2, kind, 0xFFFFFFFF)
    assert stream.hexdigest() == "8c7ae436981626a4490d65d18499dee160ec426c934a41752c05649741f9c9be"


def test_what_is_only_seen_is_neither_hashed_nor_counted_and_reaches_who_asks_for_it() -> None:
    stream = EventStream(1_000_000_000)
    happened: list[Event] = []
    seen: list[Event] = []
    stream.add_sink(happened.append)
    stream.add_sink(seen.append, SEEN)
    before = stream.hexdigest()
    told = [Event(5, kind, 0, 1, 2) for kind in sorted(SEEN)]
    for event in told:
        stream.tell(event)
    assert (stream.hexdigest(), stream.count) == (before, 0)
    assert (happened, seen) == ([], told)
    assert stream.counts(EventKind.PACKETS, 0) == {}


def test_what_a_sink_ahead_of_the_others_tells_comes_before_the_event_to_everybody() -> None:
    stream = EventStream(1)
    orders: tuple[list[EventKind], list[EventKind]] = ([], [])
    stream.add_sink(lambda event: orders[0].append(event.kind), EventKind)
    stream.add_sink(
        lambda event: stream.tell(event._replace(kind=EventKind.PACKETS)), (EventKind.DOORBELL,), ahead=True
    )
    stream.add_sink(lambda event: orders[1].append(event.kind), EventKind)
    stream.emit(0, EventKind.DOORBELL, 0)
    assert orders[0] == orders[1] == [EventKind.PACKETS, EventKind.DOORBELL]


def test_a_switch_knows_whether_anybody_listens() -> None:
    stream = EventStream(1)
    wanted: list[bool] = []
    stream.when_wanted(EventKind.INTERRUPT_END, wanted.append)
    one = stream.add_sink(lambda _event: None, (EventKind.INTERRUPT_END,))
    other = stream.add_sink(lambda _event: None, EventKind)
    stream.add_sink(lambda _event: None)
    one()
    one()
    assert wanted == [False, True]
    other()
    assert wanted == [False, True, False]
    assert not stream.wants(EventKind.INTERRUPT_END)
