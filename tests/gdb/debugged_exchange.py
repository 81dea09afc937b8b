"""An exchange between the stubs with a GDB server, and its client's script in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsp_client import talking

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.gdb import Debugger
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from rsp_client import Client

    from icmsg.link.verdict import ExchangeResult


def stub_image(name: str, core: str) -> FirmwareImage:
    return FirmwareImage.load(stub(name, core))


def debugged(
    talk: Callable[[Client], None] | None,
    *,
    messages: int = 5,
    monitor: Callable[[str], str] | None = None,
) -> ExchangeResult:
    """Run an exchange between the stubs; without ``talk`` there is no server."""
    with EmbeddedMachine() as machine:
        sides = {"app": stub_image("initiator", "app"), "net": stub_image("echo", "net")}
        exchange = Exchange(machine, sides, APP, Workload(messages=messages))
        if talk is None:
            return exchange.run()
        debugger = Debugger(machine, monitor)
        server = debugger.listen(0)
        debugger.expect_clients()
        with talking(server.port, talk):
            try:
                return exchange.run()
            finally:
                debugger.stop()
