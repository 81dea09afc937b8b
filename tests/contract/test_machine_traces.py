"""A trace has every message, sent and received, on every engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from icmsg.link.link import default_link
from icmsg.link.peer import Peer
from icmsg.views import trace_to

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.machine.machine import Machine


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
