"""The verbs over backends with several endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from verbs_on_a_machine import Session

BACKENDS = ("icbmsg", "icbmsg-rework", "icmsg-me")


@pytest.mark.parametrize("backend", BACKENDS)
def test_both_cores_bond_and_messages_have_their_endpoint(session: Session, backend: str) -> None:
    session.type(f"config backend={backend} endpoints=ep0,ep1")
    assert "app is bound (" in session.type("bond app net")
    assert session.type("send hello app endpoint=ep1") == "app->net ep1 5 bytes: 68 65 6c 6c 6f |hello|"
    assert session.type("recv net endpoint=ep1").startswith(
        "app->net ep1 5 bytes: 68 65 6c 6c 6f |hello|, after"
    )
    session.type("send back net endpoint=ep0")
    session.running.run_for(10_000)
    assert session.type("recv app").startswith("net->app ep0 4 bytes: 62 61 63 6b |back|")


def test_the_instance_is_shown_with_its_blocks(session: Session) -> None:
    assert session.type("config backend=icbmsg tx-blocks=8 rx-blocks=4 endpoints=log").splitlines() == [
        "ipc0: ICBMsg, endpoints log",
        "app->net 0x20070000…0x200707FF, channel 0, 8 blocks of 240 bytes from 0x20070080 (Zephyr 4.1 to 4.4)",
        "net->app 0x20078000…0x200787FF, channel 1, 4 blocks of 480 bytes from 0x20078080 (Zephyr 4.1 to 4.4)",
    ]
    assert "(Zephyr 3.6 to 4.0)" in session.type("config release=3.7")
    assert "8 blocks" in session.type("config")
    assert session.type("config backend=icmsg").startswith("ipc0: pbuf")


def test_status_decodes_endpoints_and_blocks(session: Session) -> None:
    session.type("config backend=icbmsg endpoints=ep0,ep1")
    session.type("bond app net")
    session.type("send hello app endpoint=ep1")
    text = " ".join(session.type("status").split())
    assert "waiting: DATA for endpoint 1 at block 0: 5 bytes 68 65 6c 6c 6f" in text
    assert "endpoints: ep0 bound (number 0), ep1 bound (number 1)" in text
    assert "app has 1 of 16 blocks in use" in text
    session.running.run_for(10_000)
    assert "net ep1: 1 received and not taken" in session.type("status")


def test_status_of_untouched_memory_says_so(session: Session) -> None:
    session.type("config backend=icbmsg")
    text = session.type("status")
    assert "app has written nothing" in text
    session.type("config backend=icbmsg-rework")
    assert "app has sent nothing" in session.type("status")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_region_is_dumped_part_by_part(session: Session, backend: str) -> None:
    session.type(f"config backend={backend}")
    session.type("bond app net")
    session.type("send hello app")
    text = session.type("dump tx")
    assert "|" in text
    if backend == "icmsg-me":
        assert "waiting: data for endpoint 01: 5 bytes 68 65 6c 6c 6f" in text
        return
    assert "block 0" in text
    assert "zeros" in text
    assert "hello" in text
    packets = session.type("dump tx --packets")
    assert "5 bytes 68 65 6c 6c 6f" in packets
    assert "zeros" not in packets


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("icbmsg", 'net->app BOUND for endpoint 0 at block 0: "ep0"'),
        ("icbmsg", "app->net DATA for endpoint 0 at block 0: 5 bytes 68 65 6c 6c 6f"),
        ("icbmsg-rework", "app->net block 0 opens: 16 tx and 18 rx blocks"),
        ("icbmsg-rework", "app->net block 1 names endpoint 0, hash 0x0b872380"),
        ("icbmsg-rework", "app->net block 2 for endpoint 0: 5 bytes 68 65 6c 6c 6f"),
        ("icmsg-me", 'app->net discovery of endpoint 01 "ep0"'),
        ("icmsg-me", "app->net data for endpoint 01: 5 bytes 68 65 6c 6c 6f"),
    ],
)
def test_watch_shows_what_control_messages_announce(session: Session, backend: str, said: str) -> None:
    session.type(f"config backend={backend}")
    session.type("watch on")
    session.type("bond app net")
    session.type("send hello app")
    session.running.run_for(10_000)
    assert said in [line.partition("] ")[2] for line in session.lines]


def test_a_name_that_only_one_side_has_is_explained(session: Session) -> None:
    session.type("config backend=icbmsg endpoints=ep0")
    with pytest.raises(MonitorError, match="net has written nothing"):
        session.type("bond app --timeout 1ms")


def test_endpoints_can_be_added_and_taken_away(session: Session) -> None:
    session.type("config backend=icbmsg-rework endpoints=ep0")
    session.type("bond app net")
    session.type("config endpoints=ep0,ep1")
    session.type("release")
    session.type("bond app net")
    assert session.type("unbound app endpoint=ep1") == "endpoint ep1 of app is deregistered"
    session.running.run_for(10_000)
    with pytest.raises(MonitorError, match="endpoint ep1 of net is not bound: icmsg status says why"):
        session.type("send x net endpoint=ep1")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "config endpoints=ep0",
            "endpoints is for icbmsg, icbmsg-rework, icmsg-me: give backend=icbmsg, too",
        ),
        ("config backend=icbm", "no backend 'icbm'"),
        ("config backend=icbmsg unbound=enable", "unbound is for ICMsg"),
        ("config backend=icbmsg tx-blocks=x", "tx-blocks 'x': use a whole number"),
        ("config backend=icbmsg signalling=never", "signalling=never: use one of"),
        ("config backend=icbmsg-rework tx-blocks=99", "has 1 to 32 for each direction"),
    ],
)
def test_a_mistake_names_the_fix_and_changes_nothing(session: Session, line: str, said: str) -> None:
    before = session.type("config")
    with pytest.raises(MonitorError, match=said):
        session.type(line)
    assert session.type("config") == before


def test_an_endpoint_is_asked_for_where_there_are_several(session: Session) -> None:
    session.type("config backend=icbmsg endpoints=ep0,ep1")
    session.type("bond app net")
    with pytest.raises(MonitorError, match="which endpoint of app\\? endpoint=NAME with one of ep0, ep1"):
        session.type("send hello app")
    with pytest.raises(MonitorError, match="app has no endpoint 'ep2'; there are ep0, ep1"):
        session.type("send hello app endpoint=ep2")
    session.type("config backend=icmsg")
    session.type("bond app net")
    with pytest.raises(MonitorError, match="ICMsg has one endpoint"):
        session.type("send hello app endpoint=ep0")
