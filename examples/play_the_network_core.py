"""Play the network core against an application image, and stop the whole SoC at every message.

A Python-played core has nothing but its registers and memory, like a driver on that core. A "breakpoint on a
message" is a condition for ``run_until``: when it is true no core moves, and everything can be looked at.

    python examples/play_the_network_core.py              # against the stub "initiator"
    python examples/play_the_network_core.py my-app.elf   # against an image of yours
"""

from __future__ import annotations

import sys
from collections import deque

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import IcmsgError, VirtualTimeoutError
from icmsg.ipc import EndpointConfig
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.played_instance import PlayedInstance
from icmsg.timers import MS, format_time
from icmsg.wire.inspect import inspect_region

STOPS = 3


def main(image: str) -> None:
    """Bond with ``image`` on the application core, echo its messages, and stop at the first three."""
    with EmbeddedMachine() as machine:
        app, net = machine.core("app"), machine.core("net")
        app.load(image)
        app.start()
        try:
            stop_at_messages(machine)
        except VirtualTimeoutError as error:
            sys.exit("\n".join([str(error), *examine(machine, app, APP, net).lines()]))


def stop_at_messages(machine: EmbeddedMachine) -> None:
    """Play ``net``; what is printed is read while the whole machine stands still."""
    app, net = machine.core("app"), machine.core("net")
    messages: deque[bytes] = deque()
    config = APP.mirrored()
    played = PlayedInstance(machine, net, config)
    endpoint = played.instance.register_endpoint(EndpointConfig(received=messages.append))

    machine.run_until(lambda: endpoint.is_bound, timeout_ns=100 * MS, what="bonding")
    print(f"bound at {format_time(machine.now_ns)}")
    for _ in range(STOPS):
        machine.run_until(lambda: bool(messages), timeout_ns=100 * MS, what="a message from app")
        message = messages.popleft()
        print(f"stop at {format_time(machine.now_ns)}: {len(message)} bytes, {message[:8].hex(' ')}")
        print(f"  core app is at {app.locate(app.registers['PC'])}")
        print(f"  app's tx-region: {inspect_region(net.bus, config.rx_region.address, config.rx_layout)}")
        endpoint.send(message)
    for line in app.console.lines:
        print(f"  app│ {line.text}")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else str(stub("initiator", "app")))
    except IcmsgError as error:
        sys.exit(f"error: {error}")
