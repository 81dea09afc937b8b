"""Ten thousand packets of all kinds, well formed and not: an answer or silence, and a server that goes on."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
from debugged_exchange import stub_image
from rsp_client import Client

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.gdb import Debugger, Halted
from icmsg.gdb.session import LARGEST, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKETS: Final = 10_000
_WORDS: Final = (
    *(
        "?",
        "!",
        "g",
        "G",
        "p",
        "P",
        "m",
        "M",
        "X",
        "Z",
        "z",
        "H",
        "T",
        "c",
        "s",
        "C",
        "S",
        "D",
        "k",
        "R",
        "i",
    ),
    *(
        "qSupported",
        "QStartNoAckMode",
        "qXfer:features:read:target.xml:",
        "qfThreadInfo",
        "qsThreadInfo",
        "qRcmd,",
    ),
    *(
        "qThreadExtraInfo,",
        "qC",
        "qAttached",
        "qSymbol::",
        "vCont?",
        "vCont;",
        "vCtrlC",
        "vKill;",
        "vMustReplyEmpty",
    ),
    *(
        "Z0,",
        "z0,",
        "Z1,",
        "Z2,",
        "z2,",
        "Z3,",
        "Z4,",
        "z4,",
        "m2007",
        "M2000",
        "X2000",
        "Hg",
        "P0f=",
        "vCont;s:",
    ),
)
_PARTS: Final = (
    *(
        "0",
        "1",
        "2",
        "ff",
        "-1",
        "p1.1",
        "c",
        "s",
        "c:1",
        "s:2",
        ",",
        ":",
        ";",
        "=",
        "4",
        "20000800",
        "ffffffff",
    ),
    *("100000000", "470", "e000ed00", "5002a000", "deadbeef", "666f6f", "00", "é", "x" * 300),
)


def some_packets(source: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        kind = source.random()
        if kind < 0.7:
            text = source.choice(_WORDS) + "".join(source.choices(_PARTS, k=source.randrange(6)))
            yield frame(text.encode())
        elif kind < 0.85:
            yield frame(source.randbytes(source.randrange(60)))
        elif kind < 0.9:
            yield b"$" + source.randbytes(source.randrange(2 * LARGEST))
        elif kind < 0.95:
            yield source.randbytes(source.randrange(40))
        else:
            yield source.choice((b"\x03", b"+", b"-", b"$#00", b"$$$###", b"$g#00", b"\x03\x03\x03"))


class Rig:
    """Both stubs, a server that is asked between slices, and a client in the same thread."""

    def __init__(self, machine: EmbeddedMachine) -> None:
        for name, stub in (("app", "initiator"), ("net", "echo")):
            core = machine.core(name)
            core.load(stub_image(stub, name))
            core.start()
        self.machine = machine
        self.debugger = Debugger(machine, lambda command: command[:100], waits=False)
        self.server = self.debugger.listen(0)
        self.peer: socket.socket | None = None
        self.received = 0

    def say(self, data: bytes) -> None:
        if self.peer is None or self.server.client is None:
            if self.peer is not None:
                self.peer.close()
            self.peer = socket.create_connection(("127.0.0.1", self.server.port))
            self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peer.setblocking(False)
            self.debugger.serve(1)
        with suppress(OSError):
            self.peer.send(data)
        self.look()

    def look(self) -> None:
        self.debugger.serve(0)
        with suppress(Halted):
            self.machine.run_for(200)
        with suppress(OSError):  # nothing there, or the server has let this client go
            while self.peer is not None and (data := self.peer.recv(65536)):
                self.received += len(data)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_thousand_packets_neither_raise_nor_hang_nor_pile_up(seed: int) -> None:
    with EmbeddedMachine() as machine:
        rig = Rig(machine)
        for data in some_packets(random.Random(seed), PACKETS):
            rig.say(data)
            if (client := rig.server.client) is not None:
                assert client._reader.kept <= 5 * LARGEST
                assert len(client._unsent) < 1 << 20
        assert rig.received > 8 * PACKETS
        rig.say(b"")
        assert rig.peer is not None
        rig.peer.close()
        rig.debugger.serve(0.1)
        rig.debugger.stop()
        machine.run_for(1000)


def test_a_client_that_never_reads_is_not_answered_further_and_its_buffer_is_bounded() -> None:
    with EmbeddedMachine() as machine:
        rig = Rig(machine)
        client = Client(rig.server.port)
        client.peer.setblocking(False)
        sent = 0
        for _ in range(300):
            with suppress(BlockingIOError):
                sent += client.peer.send(frame(b"m20000000,ffe") * 50)
            rig.debugger.serve(0)
        connection = rig.server.client
        assert connection is not None
        assert len(connection._unsent) < 1 << 16
        assert not connection.wants_to_read
        client.close()
        for _ in range(5):
            rig.debugger.serve(0.1)
        rig.debugger.stop()
