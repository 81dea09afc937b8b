"""Exchange messages at two endpoints of ICBMsg, and see what it says when a name does not match.

Python plays both cores of the nRF5340. Give the core of your own firmware an image instead, and leave its peer away.

    python examples/two_endpoints.py
"""

from __future__ import annotations

from icmsg.config.boards import NRF5340
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import VirtualTimeoutError
from icmsg.link.endpoints.peer import EndpointsPeer
from icmsg.timers import MS


def main() -> None:
    """Bind two endpoints, then one that the other side calls otherwise."""
    with EmbeddedMachine() as machine:
        app = EndpointsPeer(machine, machine.core("app"), NRF5340.icbmsg, ["log", "data"])
        net = EndpointsPeer(machine, machine.core("net"), NRF5340.icbmsg.mirrored(), ["log", "data"])
        app.wait_for_bound()
        app.endpoint("log").send(b"started")
        net.endpoint("data").send(bytes(300))
        print(f"net: log {net.endpoint('log').receive()!r}")
        print(f"app: data {len(app.endpoint('data').receive())} bytes")

        net.endpoint("late")
        try:
            app.endpoint("later").wait_for_bound(1 * MS)
        except VirtualTimeoutError as error:
            print("\n".join(str(error).splitlines()[:2]))


if __name__ == "__main__":
    main()
