"""A made-up kind of mailbox, as small as one can be: four channels, a register that rings and one that is pending.

Whoever imports this module has the kind. Run, it is the command ``icmsg`` with the kind:

python examples/trio/bell.py run --platform examples/trio/bells.repl --1 python
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from icmsg.errors import ConfigurationError
from icmsg.hw.exposed import STRING, exposed
from icmsg.hw.line import Line
from icmsg.hw.mailbox import ChannelStates, MailboxState, MailboxWords
from icmsg.hw.mailboxes import MailboxKind, MailboxSite, add_kind
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.registers import Access, BlockView, Register, RegisterBlock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.hw.bus import Bus

__all__ = ["KIND"]

TYPE = "Miscellaneous.Bell"
CHANNELS = 4
BELL = RegisterBlock(
    "BELL",
    (
        Register("RING", 0x0, count=CHANNELS, access=Access.W, meaning="rings channel n"),
        Register("RANG", 0x10, meaning="channels that rang; a write of 1 clears"),
        Register("ENABLE", 0x14, meaning="channels that interrupt"),
        Register("PENDING", 0x18, access=Access.R, meaning="RANG and ENABLE"),
    ),
    source="made up",
)
WORDS = MailboxWords(
    sends="the wire of {}", hears="the wire of {}", enables="ENABLE", event="RANG bit {}",
    status="RANG=0x{latched:X} ENABLE=0x{enabled:X}",
)  # fmt: skip


class Bell:
    """The driver."""

    def __init__(self, bus: Bus, base: int, *, tx_base: int, tx_channels: int, rx_channels: int) -> None:
        assert tx_base == base  # a core rings in its own mailbox
        self._view = BlockView(bus, base, BELL)
        self._states = ChannelStates(CHANNELS, tx=tx_channels, rx=rx_channels)
        self._view.write("ENABLE", 0)

    channels = CHANNELS

    def ring(self, channel: int) -> None:
        self._states.check_tx(channel)
        self._view.write("RING", 1, channel)

    def pending(self) -> int:
        return self._view.read("PENDING") & self._states.enabled

    def acknowledge(self, channel: int) -> None:
        self._view.write("RANG", self._states.check_rx(channel))

    def enable(self, channel: int) -> None:
        self._states.enable(channel)
        self._view.write("ENABLE", self._states.enabled)

    def disable(self, channel: int) -> None:
        self._states.disable(channel)
        self._view.write("ENABLE", self._states.enabled)

    def is_enabled(self, channel: int) -> bool:
        return self._states.is_enabled(channel)


class BellModel(RegisterModel):
    """The emulated mailbox."""

    def __init__(self, site: MailboxSite, *, base: int) -> None:
        super().__init__(BELL, base=base, core=site.name)
        self.irq = Line()
        self.peer: BellModel | None = None
        self._site = site

    def reset(self) -> None:
        super().reset()
        self._update()

    @on_write("RING")
    def _ring(self, index: int, value: int) -> None:
        self._site.rang(index)
        if self.peer is not None and value & 1:
            self.peer._site.deliver(self._site.now(), partial(self.peer._rings, index))

    def _rings(self, index: int) -> None:
        self.poke("RANG", self.peek("RANG") | 1 << index)
        self._update()

    @on_write("RANG")
    def _clear(self, _index: int, value: int) -> None:
        self.poke("RANG", self._before & ~value)
        self._update()

    @on_write("ENABLE")
    def _enable(self, _index: int, _value: int) -> None:
        self._update()

    @on_read("PENDING")
    def _pending(self, _index: int) -> int:
        return self.peek("RANG") & self.peek("ENABLE")

    def _update(self) -> None:
        self._before = self.peek("RANG")
        self.irq.set(bool(self._pending(0)))

    @exposed(STRING)
    def get_status(self) -> str:
        return f"RANG=0x{self.peek('RANG'):X}"


def read_state(bus: Bus, base: int) -> MailboxState:
    view = BlockView(bus, base, BELL)
    wires = tuple(1 << channel for channel in range(CHANNELS))
    return MailboxState(wires, wires, view.read("RANG"), view.read("ENABLE"), WORDS)


def make_model(site: MailboxSite, base: int, peers: Mapping[str, Any]) -> BellModel:
    model = BellModel(site, base=base)
    if (peer := peers.get("other")) is not None:
        if not isinstance(peer, BellModel):
            raise ConfigurationError("other must be another Bell")
        model.peer, peer.peer = peer, model
    return model


KIND = MailboxKind(
    type=TYPE,
    compatible=("example,bell",),
    channels=CHANNELS,
    registers=BELL,
    task="RING",
    pending="PENDING",
    enable="ENABLE",
    driver=Bell,
    read_state=read_state,
    force_ring=lambda bus, base, channel: BlockView(bus, base, BELL).write("RING", 1, channel),
    model=make_model,
    peers=("other",),
)

add_kind(KIND)

if __name__ == "__main__":
    from icmsg.cli.main import main

    raise SystemExit(main())
