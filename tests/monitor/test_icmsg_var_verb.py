"""``icmsg var``: variables of firmware by name, typed by a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from verbs_on_a_machine import Session

    from icmsg.monitor import EmbeddedMonitor

IMAGE = Path(__file__).parents[1] / "machine" / "variables" / "clang-dwarf5-O2.elf"


@pytest.fixture
def running(session: Session) -> Session:
    core = session.running.core("app")
    core.load(IMAGE)
    core.start()
    session.running.run_for(100_000)
    return session


def test_a_variable_is_shown_by_name_and_member(running: Session) -> None:
    assert running.type("var app stats.received") == "stats.received = 7"
    assert running.type("var app buf[3]") == "buf[3] = 4"
    assert running.type("var app head->next->value") == "head->next->value = 22"
    assert running.type("var app stats.state") == "stats.state = STATE_BOUND"


def test_a_variable_is_written_and_what_was_there_is_said(running: Session) -> None:
    assert running.type("var app stats.received 0x20") == "stats.received = 32 (was 7)"
    assert running.type("var app stats.state STATE_OPEN") == "stats.state = STATE_OPEN (was STATE_BOUND)"
    assert running.type("var app stats.name 'a b'") == 'stats.name = "a b" (was "echo")'
    assert (
        running.type("var app buf hex:0A0b") == "buf = {10, 11, 0 (6 times)} (was {1, 2, 3, 4, 5, 6, 7, 8})"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("var app", "too few words; usage: icmsg var CORE NAME"),
        ("var ap stats", "no core 'ap'; the platform has app, net"),
        ("var net stats", "core net has no image"),
        ("var app statz", "there is no variable statz; did you mean stats"),
        ("var app stats.sent 40000", "from -32768 to 32767"),
        ("var app buf hex:0g", "0g"),
        ("var app limit 3", "limit is const"),
    ],
)
def test_a_mistake_is_refused_with_what_to_write(running: Session, line: str, why: str) -> None:
    with pytest.raises(MonitorError, match=why):
        running.type(line)


def test_the_monitor_takes_brackets_arrows_and_stars_as_they_are(soc: EmbeddedMonitor) -> None:
    soc.execute(f"sysbus LoadELF {typed(IMAGE)} cpu=cpuapp; cpuapp IsHalted false; emulation RunFor '0.0001'")
    printed = soc.execute("icmsg var app buf[3]; icmsg var app *head; icmsg var cpuapp head->next->value 5")
    assert printed.splitlines() == [
        "buf[3] = 4",
        f"*head = {{value = 11, next = 0x{soc.machine.core('app').variable('second').address:08X} <second>}}",
        "head->next->value = 5 (was 22)",
    ]
