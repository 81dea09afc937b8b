"""Times as a person would say them."""

from __future__ import annotations

import pytest

from icmsg.timers import MS, NS, US, S, format_time


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (0, "0 ns"),
        (999 * NS, "999 ns"),
        (US, "1.000 µs"),
        (18_406, "18.406 µs"),
        (3 * MS + 250 * US, "3.250 ms"),
        (2 * S, "2.000 s"),
        (-5 * MS, "-5.000 ms"),
        (100_000 * S, "100000.000 s"),
    ],
)
def test_a_time_is_said_in_its_unit(time: int, said: str) -> None:
    assert format_time(time) == said
