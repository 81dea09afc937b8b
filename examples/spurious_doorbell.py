"""Ring the doorbell of a core without a message, and look at the firmware's counters.

ICMsg says that a signal may come without cause, and that several may merge into one. Here the firmware stub "echo"
runs on the network core; Python plays the application core and rings when there is nothing to tell.

    python examples/spurious_doorbell.py
"""

from __future__ import annotations

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.ipc import EndpointConfig
from icmsg.link.played_instance import PlayedInstance
from icmsg.link.preconditions import StubFirmware, StubStats
from icmsg.timers import MS, US


def main() -> None:
    """Bond, ring for nothing, then show that the link is none the worse for it."""
    echoes: list[bytes] = []
    with EmbeddedMachine() as machine:
        net = machine.core("net")
        firmware = StubFirmware(net.load(stub("echo", "net")), net.bus)
        net.start()
        played = PlayedInstance(machine, machine.core("app"), APP)
        endpoint = played.instance.register_endpoint(EndpointConfig(received=echoes.append))
        machine.run_until(lambda: endpoint.is_bound, timeout_ns=100 * MS, what="bonding")
        machine.run_for(100 * US)

        before = _counters(firmware)
        print(
            f"bound:            doorbells {before.doorbells}, received {before.received}, errors {before.errors}"
        )

        for _ in range(5):
            played.mailbox.ring(APP.tx_channel)
            machine.run_for(100 * US)
        _print_change("5 rings, spaced", before, after := _counters(firmware))

        for _ in range(5):
            played.mailbox.ring(APP.tx_channel)
        machine.run_for(100 * US)
        _print_change("5 rings at once", after, after := _counters(firmware))

        endpoint.send(b"still there?")
        machine.run_until(lambda: bool(echoes), timeout_ns=100 * MS, what="the echo")
        print(f"echo: {echoes[0]!r}")


def _counters(firmware: StubFirmware) -> StubStats:
    stats = firmware.stats()
    assert stats is not None, "the firmware has started, so its counters are there"
    return stats


def _print_change(what: str, before: StubStats, after: StubStats) -> None:
    changes = [
        f"{name} +{getattr(after, name) - getattr(before, name)}"
        for name in ("doorbells", "received", "errors")
    ]
    print(f"{what}:  {', '.join(changes)}")


if __name__ == "__main__":
    main()
