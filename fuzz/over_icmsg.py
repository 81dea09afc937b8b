"""Fuzz target: icmsg_me, several endpoints over one ICMsg instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bonding import MODES, allow_what_belongs_to, chosen_config, guarded_regions, peer_writes_to_either
from guarded_memory import Violation
from several import NAMES, SIZES, SeveralGame

from icmsg.config import IcmsgMeConfig
from icmsg.errors import WireError
from icmsg.ipc import MAGIC
from icmsg.wire import PbufReader, PbufWriter, SpscReader, SpscWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from script import Script

    from icmsg.config import InstanceConfig

_NO_SESSIONS = tuple(mode for mode in MODES if mode.get("unbound", "disable") == "disable")


def play_against_icmsg_me(script: Script) -> None:
    """An initiator or a follower, and a peer that may do anything."""
    control = chosen_config(script, _NO_SESSIONS)
    choice = script.byte()
    config = IcmsgMeConfig(
        control,
        role="initiator" if choice & 1 else "follower",
        num_ep=2 + (choice >> 1 & 1),
        send_buf_size=(255, 40, 20)[(choice >> 2) % 3],
        ep_name_len=(32, 8)[choice >> 4 & 1],
    )
    _IcmsgMe(script, config, control).play()


class _IcmsgMe(SeveralGame):
    """A byte in front of each packet."""

    def __init__(self, script: Script, config: IcmsgMeConfig, control: InstanceConfig) -> None:
        super().__init__(script, config, guarded_regions(control))
        self.control = control
        # As in Zephyr an initiator delivers what is for a number that it has given, answered or not.
        self.binds_first = config.role == "follower"
        allow_what_belongs_to(self.memory, control)
        spsc = control.wire == "spsc_pbuf"
        peer, raw = control.mirrored(), self.memory.raw
        self.writer = (SpscWriter if spsc else PbufWriter)(raw, peer.tx_region.address, peer.tx_layout)
        self.reader = (SpscReader if spsc else PbufReader)(raw, peer.rx_region.address, peer.rx_layout)

    def moves(self) -> tuple[Callable[[], None], ...]:
        """Return those of every backend, and packets of every kind."""
        return (
            *super().moves(),
            self.peer_starts,
            self.peer_names,
            self.peer_sends,
            self.peer_sends_anything,
        )

    def peer_overwrites(self) -> None:
        """Any bytes anywhere."""
        peer_writes_to_either(self.script, self.memory, self.control)

    def _packet(self, packet: bytes) -> bool:
        try:
            for _ in range(40):
                if not self.reader.read():
                    break
        except WireError:
            self.reader.rx_init()
        try:
            self.writer.write(packet)
        except WireError:
            return False
        self.peer_rings()
        return True

    def peer_starts(self) -> None:
        """The peer's buffer is initialised, and the magic sent."""
        self.writer.tx_init()
        self._packet(MAGIC)

    def peer_names(self) -> None:
        """Discovery: a name with its number, or an answer."""
        choice, number = self.script.byte(), self.script.byte() % 5
        name = self.script.choose(NAMES).encode() if choice & 1 else b""
        self._packet(bytes((0, number)) + name)

    def peer_sends(self) -> None:
        """Data: who is bound gets exactly that, and what is for nobody reaches nobody."""
        script = self.script
        number, payload = 1 + script.byte() % 4, bytes([script.byte()]) * script.choose(SIZES[:6])
        self.work()
        self.memory.begin()
        name, is_alone, must = self._can_receive(number, len(payload) + 1)
        count = len(self.arrived)
        if not self._packet(bytes((number,)) + payload):
            return
        self.work()
        arrived = self.arrived[count:]
        if must and (name, payload) not in arrived:
            raise Violation(f"{len(payload)} bytes for {name} have not arrived")
        if is_alone and not name and arrived:
            raise Violation(f"what is for nobody has reached {arrived}")

    def _can_receive(self, number: int, size: int) -> tuple[str, bool, bool]:
        """Return whose data it is, whether nothing else waits, and whether it must arrive."""
        layout, rx = self.control.rx_layout, self.control.rx_region.address
        word = self.memory.raw.read32
        is_sound = (
            bool(self.backend._control.is_bound)
            and size <= (self.control.rx_limit or layout.capacity)
            and word(rx + layout.wr_idx_offset)
            == word(rx + layout.rd_idx_offset)
            == self.backend._control._context.reader._rd
            == self.writer._wr
            if self.control.wire == "pbuf"
            else False
        )
        for endpoint in self.endpoints:
            if endpoint.number == number:
                return endpoint.name, is_sound, is_sound and endpoint.is_bound
        return "", is_sound, False

    def peer_sends_anything(self) -> None:
        """A packet of 1 to 16 bytes."""
        self._packet(self.script.block(1 + self.script.byte() % 16))

    @property
    def longest_received(self) -> int:
        """The longest message that can arrive, in bytes."""
        return (self.control.rx_limit or self.control.rx_layout.capacity) - 1

    def announced(self) -> object:
        """Return the index of this side's packet buffer; spsc_pbuf turns around before it knows, as in Zephyr."""
        if self.control.wire == "spsc_pbuf":
            return None
        return self.memory.raw.read32(self.control.tx_region.address + self.control.tx_layout.wr_idx_offset)
