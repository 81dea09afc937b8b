"""Bonding, sending and receiving by hand, with firmware or with Python at the other end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from verbs_on_a_machine import Session

    from icmsg.monitor import EmbeddedMonitor

BOUND = "app is bound (CONNECTED_SID_DISABLED) after "


def test_the_halted_core_bonds_and_messages_come_back(session: Session) -> None:
    session.boot("net", "echo")
    assert session.type("bond").startswith(BOUND)
    assert session.type('send "hello"') == "app->net 5 bytes: 68 65 6c 6c 6f |hello|"
    assert session.type("recv").startswith("net->app 5 bytes: 68 65 6c 6c 6f |hello|, after ")
    lines = session.type("status").splitlines()
    assert "memory says bound: each side has taken the other's magic" in lines
    assert "app: played by Python, CONNECTED_SID_DISABLED" in lines
    assert "ipcapp: INTEN=0x0002 EVENTS=0x0000 IRQ=0" in lines


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("hex:0001ff", "00 01 ff |...|"),
        ("0x41", "41 |A|"),
        ("text:0x41", "30 78 34 31 |0x41|"),
        ("'µ'", "c2 b5 |..|"),
    ],
)
def test_bytes_and_text(session: Session, words: str, text: str) -> None:
    session.boot("net", "echo")
    session.type("bond app")
    assert session.type(f"send {words} app").endswith(text)
    assert f"{text}, after" in session.type("recv app")


def test_a_long_message_is_shown_whole(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    assert session.type(f"send {'abcdefgh' * 5}").splitlines() == [
        "app->net 40 bytes",
        "  61 62 63 64 65 66 67 68 61 62 63 64 65 66 67 68  |abcdefghabcdefgh|",
        "  61 62 63 64 65 66 67 68 61 62 63 64 65 66 67 68  |abcdefghabcdefgh|",
        "  61 62 63 64 65 66 67 68                          |abcdefgh|",
    ]
    assert len(session.type("recv").splitlines()) == 4


def test_python_plays_both_cores(session: Session) -> None:
    assert (
        session.type("bond app net")
        .splitlines()[1]
        .startswith("net is bound (CONNECTED_SID_DISABLED) after ")
    )
    session.type("send ping app")
    session.type("send pong net")
    assert session.type("recv app").startswith("net->app 4 bytes: 70 6f 6e 67 |pong|")
    assert session.type("recv net").startswith("app->net 4 bytes: 70 69 6e 67 |ping|")
    with pytest.raises(
        MonitorError, match=r"which core\? Python plays app and net: icmsg bond first, or name it"
    ):
        session.type("send who")


def test_a_peer_that_never_comes_is_explained_and_may_come_later(session: Session) -> None:
    with pytest.raises(MonitorError) as refused:
        session.type("bond app --timeout 5ms")
    lines = str(refused.value).splitlines()
    assert lines[0] == "bound on app did not happen within 5.000 ms of virtual time"
    assert lines[1] == "app (Python) is INITIALIZING_SID_DISABLED"
    assert any("app wrote the magic, net has not taken it" in line for line in lines)
    session.boot("net", "echo")
    assert session.type("bond app").startswith(BOUND)


def test_a_peer_with_sessions_is_explained_to_who_has_none(session: Session) -> None:
    session.boot("net", "echo-enable")
    session.type("config dcache-alignment=8")
    with pytest.raises(
        MonitorError, match="as app sees it: peer is enable, you are disable: set unbound to the same"
    ):
        session.type("bond --timeout 0.005")


def test_no_message_is_a_refusal_that_shows_both_regions(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    with pytest.raises(MonitorError) as refused:
        session.type("recv --timeout 1ms")
    assert "a message for app did not happen within 1.000 ms" in str(refused.value)
    assert "console of net: echo: up | echo: bound" in str(refused.value)


def test_sessions_notice_a_restart_and_bond_again(session: Session) -> None:
    session.type("config unbound=enable")
    session.boot("net", "echo-enable")
    session.running.run_for(1_000_000)
    assert "session 2, the peer's is 1" in session.type("bond")
    assert session.type("reset net") == "net is reset; both regions keep their contents"
    session.running.run_for(1_000_000)
    lines = session.type("status").splitlines()
    assert "app: played by Python, DISCONNECTED, session 2, the peer's is 1" in lines
    assert "  app has session 2, acknowledges 1; net has 3 now: app has to open again" in lines
    assert session.type("send lost").startswith(
        "dropped, as Zephyr does: app is unbound; icmsg bond app opens"
    )
    assert "session 4, the peer's is 3" in session.type("bond")
    session.running.run_for(1_000_000)  # until the peer is bound, too
    assert session.type("unbound") == "app is closed; net becomes unbound when it takes the doorbell"
    session.running.run_for(1_000_000)
    assert "  net has session 1, acknowledges nobody yet" in session.type("status").splitlines()
    with pytest.raises(MonitorError, match="app is closed already: icmsg bond app opens it again"):
        session.type("unbound")


def test_without_sessions_the_peer_is_not_told(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    assert session.type("unbound app") == "app is closed; net is not told, because this link has no sessions"
    with pytest.raises(MonitorError, match="app is OFF, not bound: icmsg bond app first"):
        session.type("send x")


def test_a_played_core_that_was_reset_bonds_again(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    session.running.run_for(1_000_000)  # net is bound, too
    assert session.type("reset app").endswith("icmsg bond app opens it again")
    assert "app: left by Python, icmsg bond app plays it again" in session.type("status").splitlines()
    with pytest.raises(MonitorError, match="Python plays no core"):
        session.type("send x")
    with pytest.raises(MonitorError) as refused:
        session.type("bond --timeout 5ms")
    hint = "if net was bound before: without sessions a side that restarts alone never bonds again; "
    assert str(refused.value).splitlines()[-1] == hint + "icmsg reset net, icmsg bond app"
    session.type("reset net")
    assert session.type("bond").startswith(BOUND)


def test_a_core_that_is_reset_by_others_is_played_no_longer(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    for core in session.running.cores.values():
        core.reset()
    assert "app: played by Python" not in session.type("status")
    with pytest.raises(MonitorError, match="Python plays no core"):
        session.type("send x")
    assert session.type("bond").startswith(BOUND)
    session.type("send hello")
    assert "|hello|" in session.type("recv")


def test_firmware_is_not_played_over(session: Session) -> None:
    session.boot("net", "echo")
    with pytest.raises(MonitorError, match=r"firmware runs on net: halt it first \(cpunet IsHalted true\)"):
        session.type("bond net")


def test_another_instance_is_opened_with_the_next_bond(session: Session) -> None:
    session.type("bond app net")
    session.type("config unbound=enable")
    assert "CONNECTED_SID_ENABLED" in session.type("bond app net")


def test_errors_of_the_peer_are_told_with_the_next_message(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    session.type("write net 4 ffff0000")
    session.type("ring net 1")
    with pytest.raises(MonitorError, match="error on app: wr_idx is not a multiple of 4"):
        session.type("recv --timeout 1ms")


def test_a_lost_doorbell_is_told_from_the_region_and_the_mailbox(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    session.running.run_for(1_000_000)  # net has taken the doorbell of bonding
    app = session.running.core("app").bus
    app.write32(0x5002_A510, 0)  # SEND_CNF[0]: the doorbell goes nowhere
    session.type("send lost")
    with pytest.raises(MonitorError) as refused:
        session.type("recv --timeout 1ms")
    lines = str(refused.value).splitlines()
    assert any("app→net" in line and "1 packet pending" in line for line in lines)
    assert lines[-2:] == [
        "ipcnet: INTEN=0x0001 EVENTS=0x0000 IRQ=0",
        "  no doorbell is latched for what waits for net",
    ]


def test_after_clear_a_script_may_be_included_again(monitor: EmbeddedMonitor) -> None:
    for _ in range(2):
        monitor.execute("include @renode/app-python.resc")
        assert monitor.execute("icmsg bond").startswith(BOUND)
        monitor.execute("start\nClear")
        assert (monitor.machine, monitor.prompt, monitor.is_started) == (None, "(monitor)", False)


# Injecting


def test_a_doorbell_with_nothing_behind_it_interrupts_who_listens(session: Session) -> None:
    session.boot("net", "echo")
    session.type("bond")
    assert session.type("ring net 1") == "net rings 1: app is interrupted"
    assert session.type("ring app 0") == "app rings 0: net is interrupted"
    assert (
        session.type("ring cpuapp 5")
        == "app rings 5: net has not connected this channel, so nothing is latched"
    )


def test_a_doorbell_waits_in_the_mailbox_of_who_does_not_listen_yet(session: Session) -> None:
    session.running.core("net").bus.write32(0x4101_2590, 1)  # RECEIVE_CNF[0]
    assert session.type("ring app 0") == "app rings 0: latched in ipcnet, whose interrupt is not enabled"
    assert "  channel 0 is latched and does not interrupt" in session.type("status").splitlines()
    assert session.running.core("app").bus.read32(0x5002_A510) == 0, "SEND_CNF[0] is as before"


def test_bytes_are_overwritten_and_named(session: Session) -> None:
    session.type("config unbound=enable")
    assert (
        session.type("write tx 4 01000200")
        == "app->net 0x20070000 +4 (handshake): 00 00 00 00 is now 01 00 02 00"
    )
    assert session.type("write tx 8 14") == "app->net 0x20070000 +8 (wr_idx): 00 is now 14"
    assert session.type("write rx 14 0x0d") == "net->app 0x20078000 +14 (data +2): 00 is now 0d"
    assert session.running.core("net").bus.read32(0x2007_0004) == 0x20001
