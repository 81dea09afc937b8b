"""What an exchange sends: repeatable, within its sizes, and refused where it could never be sent."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import for_each

from icmsg.errors import ConfigurationError
from icmsg.link.workload import RoundTrips, Workload, difference, unasked

pure = settings(deadline=None)
sizes = st.tuples(st.integers(1, 300), st.integers(0, 300)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@pure
@given(messages=st.integers(1, 50), size=sizes, seed=st.integers(-(2**70), 2**70))
def test_payloads_are_the_same_every_time_and_keep_to_their_sizes(
    messages: int, size: tuple[int, int], seed: int
) -> None:
    workload = Workload(messages, *size, seed)
    payloads = list(workload.payloads())
    assert payloads == list(workload.payloads())
    assert len(payloads) == messages
    assert all(size[0] <= len(payload) <= size[1] for payload in payloads)


def test_every_size_comes_up_both_ends_included() -> None:
    found = {len(payload) for payload in Workload(2000, 3, 9).payloads()}
    assert found == set(range(3, 10))


@pytest.mark.parametrize(("one", "other"), [(1, 2), (1, -1), (0, 1 << 32), (5, -5)])
def test_seeds_that_differ_send_other_bytes(one: int, other: int) -> None:
    assert list(Workload(seed=one).payloads()) != list(Workload(seed=other).payloads())


@for_each(
    ("values", "said"),
    [
        ({"messages": -1}, "-1 messages: send 1…4294967295"),
        ({"messages": 1 << 32}, "4294967296 messages: send 1…4294967295"),
        ({"window": 0}, "window 0: let 1…4294967295 messages be under way"),
        ({"window": 1 << 32}, "window 4294967296: let 1…4294967295"),
        ({"size_min": 0}, "sizes 0:100: use MIN:MAX with 1 ≤ MIN ≤ MAX ≤ 65535 bytes"),
        ({"size_min": 9, "size_max": 8}, "sizes 9:8: use MIN:MAX"),
        ({"size_max": 65536}, "sizes 1:65536: use MIN:MAX"),
    ],
)
def test_what_cannot_be_sent_is_refused(values: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Workload(**values)


def test_a_difference_is_told_by_its_first_byte_or_by_the_length() -> None:
    assert difference(7, b"abcd", b"abXY") == "echo 7 differs at byte 2: 0x63 was sent, 0x58 came back"
    assert difference(1, b"abcd", b"abc") == "echo 1 has 3 bytes, 4 were sent"
    assert unasked(bytes(range(20))).startswith("20 bytes came that nobody had sent: 00 01 02")


@pure
@given(durations=st.lists(st.integers(0, 10**12), min_size=1))
def test_round_trips_are_summed_up_as_sorted_durations_say(durations: list[int]) -> None:
    trips = RoundTrips()
    for duration in durations:
        trips.add(duration)
    summary = trips.summary_us()
    ordered = sorted(durations)
    assert list(summary) == ["min", "median", "p99", "max"]
    assert summary["min"] == ordered[0] / 1000
    assert summary["max"] == ordered[-1] / 1000
    values = [value for value in summary.values() if value is not None]
    assert values == sorted(values)
    assert all(math.isclose(value * 1000, round(value * 1000)) for value in values)
    above = sum(duration / 1000 > values[2] for duration in durations)
    assert above <= max(1, len(durations) * 0.02)


def test_where_nothing_came_back_there_are_no_durations() -> None:
    assert RoundTrips().summary_us() == {"min": None, "median": None, "p99": None, "max": None}
