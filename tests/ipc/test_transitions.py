"""Bonding moves as its tables say, and the tables are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.config.boards import DEFAULT
from icmsg.ipc.backend import (
    BINDS,
    DETECT,
    REPEAT,
    RING_BACK,
    SESSIONS,
    Input,
    LegacyState,
    State,
    transitions_of,
)

if TYPE_CHECKING:
    from icmsg.ipc.backend import AnyState, Transitions

TABLES = {"repeat": REPEAT, "disable": RING_BACK, "enable": SESSIONS, "detect": DETECT}


def reached(table: Transitions, off: AnyState) -> set[AnyState]:
    found, left = {off}, [off]
    while left:
        here = left.pop()
        for (state, _), after in table.items():
            if state is here and after not in found:
                found.add(after)
                left.append(after)
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_state_can_be_closed_and_ends_off(name: str) -> None:
    table = TABLES[name]
    off = LegacyState.OFF if name == "repeat" else State.OFF
    for state in reached(table, off):
        assert table[state, Input.CLOSE] is off


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("repeat", {"OFF", "BUSY", "READY"}),
        ("disable", {"OFF", "INITIALIZING_SID_DISABLED", "CONNECTED_SID_DISABLED"}),
        ("enable", {"OFF", "INITIALIZING_SID_ENABLED", "CONNECTED_SID_ENABLED", "DISCONNECTED"}),
        (
            "detect",
            {
                "OFF",
                "INITIALIZING_SID_DETECT",
                "INITIALIZING_SID_DISABLED",
                "CONNECTED_SID_DISABLED",
                "CONNECTED_SID_ENABLED",
                "DISCONNECTED",
            },
        ),
    ],
)
def test_a_mode_reaches_the_states_that_zephyr_has_for_it(name: str, states: set[str]) -> None:
    off = LegacyState.OFF if name == "repeat" else State.OFF
    assert {state.name for state in reached(TABLES[name], off)} == states


def test_messages_flow_in_the_states_that_zephyr_calls_connected_and_in_no_other() -> None:
    for table in TABLES.values():
        bound = {after.name for (_, what), after in table.items() if what in BINDS}
        others = {after.name for (_, what), after in table.items() if what not in BINDS}
        assert all(name == "READY" or name.startswith("CONNECTED") for name in bound)
        assert not any(name == "READY" or name.startswith("CONNECTED") for name in others)


def test_an_instance_has_the_table_of_its_mode() -> None:
    from dataclasses import replace

    base = DEFAULT.instance
    assert transitions_of(base) is RING_BACK
    assert transitions_of(replace(base, signalling="repeat")) is REPEAT
    assert transitions_of(replace(base, unbound="enable", dcache_alignment=8)) is SESSIONS
    assert transitions_of(replace(base, unbound="detect", dcache_alignment=8)) is DETECT
