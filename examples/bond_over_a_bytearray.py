"""Two ICMsg instances bond over one bytearray: no engine, no emulated core, no firmware.

This is the smallest way to use the backend: a buffer is the shared SRAM, a pair of in-memory mailboxes is the
doorbell, a virtual clock is the time. Give one side's buffer and doorbell to code of your own (C through ctypes,
another implementation, a fuzzer) and the other side does not notice.

    python examples/bond_over_a_bytearray.py
"""

from __future__ import annotations

from icmsg.config import InstanceConfig, Region
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock

BASE = 0x2007_0000
CONFIG = InstanceConfig(tx_region=Region(BASE, 0x100), rx_region=Region(BASE + 0x100, 0x100))


def main() -> None:
    """Bond, send one message each way, and show what lies in memory afterwards."""
    memory = bytearray(0x200)
    clock = VirtualClock()
    app_mailbox, net_mailbox = mailbox_pair()
    app = IcmsgInstance(MemoryBus(memory, base=BASE), app_mailbox, clock, CONFIG)
    net = IcmsgInstance(MemoryBus(memory, base=BASE), net_mailbox, clock, CONFIG.mirrored())
    app_mailbox.on_signal = InterruptHandler(app_mailbox, app).handle
    net_mailbox.on_signal = InterruptHandler(net_mailbox, net).handle

    app_endpoint = app.register_endpoint(
        EndpointConfig(
            bound=lambda: print("app: bound"), received=lambda data: print(f"app: received {data!r}")
        )
    )
    net_endpoint = net.register_endpoint(
        EndpointConfig(
            bound=lambda: print("net: bound"),
            # Nothing is called from inside a call of the application, so an answer may be sent from here.
            received=lambda data: print(
                f"net: received {data!r}, sends {net_endpoint.send(data.upper())} bytes"
            ),
        )
    )
    clock.settle()
    print(f"app: sends {app_endpoint.send(b'hello')} bytes")
    clock.settle()

    print("app's tx-region: rd_idx, wr_idx, data with the magic and the message")
    print(memory[:44].hex(" ", 4))


if __name__ == "__main__":
    main()
