"""A kind of mailbox of the user's own works wherever the package's does: nobody but its module knows its registers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from robot_runs import run_test

import platforms
from icmsg.config.mailboxes import of_compatible
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.errors import MailboxError, MonitorError, PlatformError
from icmsg.hw import mailboxes
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.exchange import Exchange
from icmsg.link.link import default_link
from icmsg.link.played_instance import Peer
from icmsg.link.workload import Workload
from icmsg.monitor import EmbeddedMonitor
from icmsg.monitor.search_path import platform_commands

_known = dict(mailboxes._KINDS)
import bell  # noqa: E402 - it makes its kind known, which is for these tests only

mailboxes._KINDS.clear()
mailboxes._KINDS.update(_known)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the kind known for a test."""
    monkeypatch.setattr(mailboxes, "_KINDS", dict(mailboxes._KINDS))
    mailboxes.add_kind(bell.KIND)


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """Return the shipped platform with bells for mailboxes."""
    text = (
        platforms.shipped()
        .replace("Miscellaneous.NRF_IPC @", f"{bell.TYPE} @")
        .replace("peer: ipcapp", "other: ipcapp")
    )
    path = tmp_path / "bells.repl"
    path.write_text(platforms.renamed(text, {"ipcapp": "bellapp", "ipcnet": "bellnet"}), encoding="utf-8")
    return path


def test_a_driver_keeps_to_the_protocol() -> None:
    for kind in mailboxes.kinds():
        assert kind.channels > 0
        assert {kind.registers.offset(kind.pending), kind.registers.offset(kind.enable)} <= kind.readable
        written = ((offset, 1 << bit) for offset in kind.writable for bit in range(kind.channels))
        rung = [channel for offset, value in written for channel in kind.rung(offset, value)]
        assert sorted(rung) == list(range(kind.channels))


def test_a_check_of_devicetrees_knows_as_many_channels_as_the_kind_of_the_same_compatible() -> None:
    for kind in mailboxes.kinds():
        if kind.type != bell.TYPE:
            assert kind.compatible
            assert {of_compatible(name).channels for name in kind.compatible} == {kind.channels}


def test_two_cores_that_python_plays_exchange_messages_over_it(platform: Path) -> None:
    with EmbeddedMachine(platform) as machine:
        link = default_link(machine.soc)
        result = Exchange(
            machine, {"app": None, "net": None}, link.configs["app"], Workload(messages=50, window=4)
        ).run()
        assert result.problems == ()
        assert result.messages_received == 50


def test_two_cores_exchange_messages_over_it_where_there_is_nothing_but_a_monitor(platform: Path) -> None:
    with EmbeddedMonitor() as monitor:
        for command in platform_commands(platform):
            monitor.execute(command)
        machine = RemoteMachine(monitor, platform)
        link = default_link(machine.soc)
        peers = [Peer(machine, machine.core(core), link.configs[core]) for core in link.cores]
        for peer in peers:
            peer.wait_for_bound()
        peers[0].send(b"hello")
        assert peers[1].receive() == b"hello"
        machine.close()


def test_the_verbs_and_the_diagnosis_say_it_in_its_words(platform: Path) -> None:
    with EmbeddedMonitor() as monitor:
        for command in platform_commands(platform):
            monitor.execute(command)
        assert "app is bound" in monitor.execute("icmsg bond app net")
        status = monitor.execute("icmsg status")
        assert re.search(r"^bellapp: RANG=0x\d ENABLE=0x2 IRQ=\d$", status, re.MULTILINE)
        assert "INTEN" not in status
        assert monitor.execute("icmsg ring app 0") == "app rings 0: net is interrupted"
        with pytest.raises(MonitorError, match=re.escape("no channel 4: use 0…3")):
            monitor.execute("icmsg ring app 4")
        assert monitor.execute("bellapp GetStatus").startswith("RANG=0x")
        assert monitor.execute("bellapp ReadDoubleWord 0x14") == "0x00000002"


def test_a_doorbell_that_waits_is_diagnosed_in_its_words(platform: Path) -> None:
    with EmbeddedMachine(platform) as machine:
        app, net = machine.core("app"), machine.core("net")
        config = default_link(machine.soc).configs["app"]
        peer = Peer(machine, app, config)
        machine.run_for(1_000_000)
        net.mailbox_port.kind.force_ring(app.bus, app.mailbox_port.base, 0)
        lines = list(examine(machine, app, config, net, instances={"app": peer.instance}).lines())
        assert not any("INTEN" in line or "EVENTS_RECEIVE" in line for line in lines)


def test_keywords_work_over_it(platform: Path, tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        f"Create Machine    platform={platform}",
        "Play Core    app",
        "Play Core    net",
        "Wait For Bound    app    timeout=10 ms",
        "Echo Messages    net",
        "Exchange Messages    app    20",
    )
    assert outcome.passed, outcome.message


def test_a_channel_that_it_does_not_have_is_refused_when_the_core_is_played(platform: Path) -> None:
    from dataclasses import replace

    from icmsg.errors import ConfigurationError

    with EmbeddedMachine(platform) as machine:
        config = replace(default_link(machine.soc).configs["app"], tx_channel=9)
        with pytest.raises((ConfigurationError, MailboxError), match=r"there are only channels 0…3"):
            Peer(machine, machine.core("app"), config)


def test_a_peer_of_another_kind_is_an_error_with_file_and_line(platform: Path) -> None:
    text = platform.read_text(encoding="utf-8").replace("other: bellapp", "other: uartapp")
    platform.write_text(text, encoding="utf-8")
    with pytest.raises(PlatformError, match=r"bells\.repl:\d+: other must be another Bell"):
        EmbeddedMachine(platform)
