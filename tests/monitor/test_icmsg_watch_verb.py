"""Live lines: what passes between two cores, whoever plays them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from icmsg.link.preconditions import StubFirmware
from icmsg.monitor.verbs import IcmsgVerbs

if TYPE_CHECKING:
    from verbs_on_a_machine import Session

    from icmsg.monitor import EmbeddedMonitor

MS = 1_000_000


def bare(session: Session) -> list[str]:
    """Return the lines without their times, which never go back."""
    times = [float(line[1 : line.index("]")]) for line in session.lines]
    assert times == sorted(times)
    assert all(re.match(r"\[\d+\.\d{9}\] ", line) for line in session.lines)
    return [line.split("] ", 1)[1] for line in session.lines]


def test_bonding_and_messages_between_python_and_firmware(session: Session) -> None:
    session.type("watch")
    session.boot("net", "echo")
    session.type("bond")
    session.type("send hello")
    session.type("recv")
    magic = "the magic, 13 bytes |Em1l1K0rn3li4|"
    lines = bare(session)
    assert lines[0] == "net starts"
    assert [line for line in lines if "->" in line] == [
        f"app->net {magic}",
        f"net->app {magic}",
        "app->net 5 bytes: 68 65 6c 6c 6f |hello|",
        "net->app 5 bytes: 68 65 6c 6c 6f |hello|",
    ]
    assert lines.index("app is INITIALIZING_SID_DISABLED") < lines.index("app is CONNECTED_SID_DISABLED")


def test_firmware_on_both_cores(session: Session) -> None:
    session.type("watch on")
    for core, firmware in (("net", "echo"), ("app", "initiator")):
        session.boot(core, firmware)
    image = session.running.core("app").image
    assert image is not None
    StubFirmware(image, session.running.core("app").bus).set_work(
        messages=5, size_min=30, size_max=40, seed=1, window=1
    )
    session.running.run_for(20 * MS)
    lines = bare(session)
    sent = [line.removeprefix("app->net ") for line in lines if line.startswith("app->net ")]
    assert len(sent) == 6
    assert sent == [line.removeprefix("net->app ") for line in lines if line.startswith("net->app ")]
    assert all(
        re.fullmatch(r"\d\d bytes: (?:[0-9a-f]{2} ){6}\.\.\. \|.{16}\.\.\.\|", line) for line in sent[1:]
    )
    assert max(map(len, session.lines)) <= 80


def test_sessions_are_told_by_who_publishes_them(session: Session) -> None:
    session.type("config unbound=enable")
    session.boot("net", "echo-enable")
    session.running.run_for(MS)
    session.type("watch")
    session.type("bond")
    session.type("reset net")
    session.running.run_for(MS)
    lines = bare(session)
    assert [line for line in lines if "session" in line] == [
        "app has session 2, acknowledges nobody yet",
        "net has session 1, acknowledges 2",
        "app has session 2, acknowledges 1",
        "net has session 3, acknowledges nobody yet",
    ]
    assert lines[-1] == "app is DISCONNECTED"
    assert "net is reset" in lines


def test_doorbells_without_news_are_counted_not_repeated(session: Session) -> None:
    session.boot("net", "echo")
    session.running.run_for(MS // 2)
    session.type("watch")
    session.running.run_for(10 * MS)
    assert bare(session) == ["net rings 1, nothing new"]
    session.type("ring net 3")
    assert bare(session)[1:] == ["net rings 1, nothing new, 9 more until here", "net rings 3, nothing new"]


def test_a_restarted_writer_and_a_broken_index_are_told_once(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    session.type("send hello")
    session.type("watch")
    session.type("unbound")
    session.type("reset net")
    session.running.run_for(MS)
    session.type("bond")
    assert [line for line in bare(session) if line.startswith("app->net ")] == [
        "app->net initialised again",
        "app->net the magic, 13 bytes |Em1l1K0rn3li4|",
    ]
    session.lines.clear()
    session.type("write app 4 ffffffff")
    for _ in range(3):
        session.type("ring app 0")
    assert bare(session)[:2] == [
        "app->net wr_idx 0xFFFFFFFF is not a multiple of 4",
        "app rings 0, nothing new",
    ]


def test_watching_spsc_pbuf(session: Session) -> None:
    session.type("config release=3.5")
    session.type("watch")
    session.type("bond app net")
    for number in range(200):
        session.type(f"send hex:{number:02x}{'00' * 40} net")
        session.type("recv app")
    sent = [line for line in bare(session) if line.startswith("net->app 41 bytes")]
    assert [line.split()[3] for line in sent] == [f"{number:02x}" for number in range(200)]
    assert not [line for line in bare(session) if "again" in line]


def test_a_lost_doorbell_is_told(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @renode/app-python.resc")
    lines: list[str] = []
    watching = IcmsgVerbs(lambda: monitor.machine, lines.append)
    watching.execute(["watch"])
    monitor.execute('icmsg bond\nemulation RunFor "0.001"\nipcapp DropNext 1\nicmsg send x')
    assert [line.split("] ")[1] for line in lines[-2:]] == [
        "app->net 1 byte: 78 |x|",
        "app's ring of 0 is lost",
    ]


@pytest.mark.parametrize("word", ["off", "false"])
def test_it_ends_when_it_is_told_to(session: Session, word: str) -> None:
    assert session.type("watch true") == "watching: a line for each doorbell and what came with it"
    assert session.type(f"watch {word}") == "no longer watching"
    session.boot("net", "echo")
    session.running.run_for(MS)
    assert session.lines == []


def test_it_goes_on_with_the_instance_that_is_set(session: Session) -> None:
    session.type("watch")
    session.type("config unbound=enable")
    session.type("bond app net")
    assert "app has session 1, acknowledges nobody yet" in bare(session)
