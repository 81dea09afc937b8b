"""A trace has every message, sent and received, on every engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from icmsg.engines.remote.machine import RemoteMachine
from icmsg.link.link import default_link
from icmsg.link.played_instance import Peer
from icmsg.views import trace_to

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine

FIRMWARE: Final = Path(__file__).parents[1] / "link" / "firmware"


def test_messages_between_two_cores_played_by_python_are_in_the_trace(
    machine: Machine, tmp_path: Path
) -> None:
    link = default_link(machine.soc)
    path = tmp_path / "run.txt"
    with trace_to(machine, path):
        app, net = (Peer(machine, machine.core(name), link.configs[name]) for name in ("app", "net"))
        app.wait_for_bound()
        net.wait_for_bound()
        for number in range(3):
            app.send(b"to net %d" % number)
            assert net.receive() == b"to net %d" % number
            net.send(b"to app %d" % number)
            assert app.receive() == b"to app %d" % number
    text = path.read_text(encoding="utf-8")
    sent = re.findall(r"(\w+) +sent #(\d) to (\w+) at index \d+, 8 bytes: ([0-9a-f ]+)", text)
    assert [(writer, number, reader, bytes.fromhex(data)) for writer, number, reader, data in sent] == [
        ("app" if count % 2 == 0 else "net", str(count + 1), "net" if count % 2 == 0 else "app", data)
        for count, data in enumerate(
            word for number in range(3) for word in (b"to net %d" % number, b"to app %d" % number)
        )
    ]
    assert re.findall(r"(\w+) +received #(\d)", text) == [
        ("net" if count % 2 == 0 else "app", str(count + 1)) for count in range(6)
    ]
    assert "NOT RECEIVED" not in text


def test_a_trace_says_when_firmware_sleeps_and_which_handler_runs(machine: Machine, tmp_path: Path) -> None:
    if isinstance(machine, RemoteMachine) and machine.capabilities.lockstep is None:
        pytest.skip("slices of RunFor write nothing down")
    path = tmp_path / "run.txt"
    with trace_to(machine, path):
        net = machine.core("net")
        net.load(FIRMWARE / "foreign-net.elf")  # does all in its handler, and sleeps between
        net.start()
        app = Peer(machine, machine.core("app"), default_link(machine.soc).configs["app"])
        app.wait_for_bound()
        app.send(b"hello")
        assert app.receive() == b"hello"
        machine.run_for(100_000)
    lines = re.findall(
        r" net +(runs|sleeps|interrupt 18 is taken|interrupt 18 ends)$", path.read_text("utf-8"), re.MULTILINE
    )
    assert sorted(lines[-4:-2]) == ["interrupt 18 is taken", "runs"]  # both at one time
    assert lines[-2:] == ["interrupt 18 ends", "sleeps"]
