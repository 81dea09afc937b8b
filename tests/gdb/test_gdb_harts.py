"""GDB's protocol with two harts of RV32: 32 registers, a breakpoint in both, registers that are set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rsp_client import Client, talking

from icmsg.gdb import Debugger

RIG = Path(__file__).parent.parent / "engines/embedded"
sys.path.insert(0, str(RIG))
from hart_rig import TWO, first, machine  # noqa: E402

sys.path.remove(str(RIG))

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine

A0, PC, MSTATUS = 10, 32, 33


def run(made: EmbeddedMachine) -> str:
    made.run_for(20_000_000)
    return made.trace_sha256()


def test_two_harts_stop_at_a_function_and_end_as_alone() -> None:
    with machine(TWO, "harts") as made:
        alone = run(made)
    with machine(TWO, "harts") as made:
        image = first(made).image
        assert image is not None
        handle = image.symbol("handle")
        debugger = Debugger(made)
        server = debugger.listen(0)

        def talk(client: Client) -> None:
            assert len(client.ask("g")) == 8 * 37
            assert client.register(PC) == image.entry
            assert client.register(MSTATUS) == 0x1800
            assert client.ask(f"Z0,{handle:x},2") == "OK"
            assert client.run() == "T05thread:2;"
            assert client.ask("Hg2") == "OK"
            assert (client.register(PC), client.register(A0)) == (handle, 0x8000_0003)
            assert client.ask(f"P{A0:x}=78563412") == "OK"
            assert client.register(A0) == 0x1234_5678
            assert client.ask(f"P{A0:x}=03000080") == "OK"
            assert client.run("vCont;s:2;c") == "T05thread:2;"
            assert client.register(PC) in (handle + 2, handle + 4)
            assert client.run() == "T05thread:1;"
            assert client.ask(f"z0,{handle:x},2") == "OK"
            client.send("D")

        with talking(server.port, talk):
            debugger.expect_clients()
            assert run(made) == alone
        debugger.stop()
        assert first(made).console.text == "rounds 00000a0a\n"
