"""Packets of the rework, the slots of endpoints that they bind, and known defects in words (ICBMsg protocol §6, §7)."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import CorruptRegionError, IpcError
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint

if TYPE_CHECKING:
    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.ipc.icbmsg.rework_receiver import ReworkReceiver


CONTROL: Final = 0xFF
"""The endpoint's number in the header of a control packet."""
MAGIC: Final = bytes.fromhex("ab896745456789ab")
"""Beginning of the bound packet."""

ENDPOINT_BOUND: Final = 0
ENDPOINT_UNBOUND: Final = 1

_counts = struct.Struct("<II")
_endpoint = struct.Struct("<BBI")


def name_hash(name: str) -> int:
    """Return the 32 bits that stand for a name: djb2 in its xor variant, over the name without NUL.

    >>> hex(name_hash("ep0"))
    '0xb872380'
    """
    value = 5381
    for byte in name.encode("utf-8", "surrogateescape"):
        value = value * 33 & 0xFFFF_FFFF ^ byte
    return value


def bound_packet(config: IcbmsgConfig) -> bytes:
    """Return the packet with which a side says that it is there, and how many blocks it has."""
    return MAGIC + _counts.pack(config.tx_blocks, config.rx_blocks)


def block_counts(packet: bytes) -> tuple[int, int] | None:
    """Return the sender's numbers of tx and rx blocks, None unless it is a bound packet."""
    if len(packet) < len(MAGIC) + _counts.size or not packet.startswith(MAGIC):
        return None
    tx, rx = _counts.unpack_from(packet, len(MAGIC))
    return tx, rx


def endpoint_bound(slot: int, hashed: int) -> bytes:
    """Return the packet that tells the sender's slot for a name."""
    return _endpoint.pack(ENDPOINT_BOUND, slot, hashed)


def endpoint_unbound(address: int) -> bytes:
    """Return the packet that takes an endpoint away; ``address`` is the receiver's slot."""
    return _endpoint.pack(ENDPOINT_UNBOUND, address, 0)


def endpoint_packet(packet: bytes) -> tuple[int, int, int] | None:
    """Return kind, slot and hash of a packet that binds or unbinds, None for any other one."""
    if packet[:1] == bytes((ENDPOINT_UNBOUND,)) and len(packet) >= 2:
        return ENDPOINT_UNBOUND, packet[1], 0
    if packet[:1] == bytes((ENDPOINT_BOUND,)) and len(packet) >= _endpoint.size:
        kind, slot, hashed = _endpoint.unpack_from(packet)
        return kind, slot, hashed
    return None


_MOST: Final = 0xFF
"""Numbers that an endpoint can have in a header; the last one is for control packets."""


class WaitingName(NamedTuple):
    """A name of the peer for which there is no endpoint here."""

    hashed: int
    address: int
    """The peer's slot."""


class Gone(NamedTuple):
    """A slot whose endpoint has gone: messages for it may still be under way."""

    block: int | None
    """The block with the packet that tells the peer so; None when it came back, or the peer has told us."""


class EndpointTable:
    """The slots of one instance: up to ``num_ep`` in use, and those of gone endpoints that must not be used yet."""

    __slots__ = ("_config", "_slots", "by_slot", "count", "has_gone")

    def __init__(self, config: IcbmsgConfig) -> None:
        self._config = config
        self._slots: list[IcbmsgEndpoint | WaitingName | Gone | None] = [None] * config.num_ep
        self.count = 0
        """Endpoints and waiting names, as Zephyr counts them."""
        self.by_slot: dict[int, IcbmsgEndpoint] = {}
        """The endpoint in each slot that has one."""
        self.has_gone = False
        """True while there are slots of gone endpoints."""

    @property
    def endpoints(self) -> list[IcbmsgEndpoint]:
        """The endpoints in the order of their slots."""
        return [endpoint for _, endpoint in sorted(self.by_slot.items())]

    @property
    def waiting(self) -> dict[int, int]:
        """Hashes of names by the peer's slot, for which there is no endpoint here."""
        return {slot.address: slot.hashed for slot in self._slots if isinstance(slot, WaitingName)}

    def add(self, endpoint: IcbmsgEndpoint, hashed: int) -> int | None:
        """Give ``endpoint`` a slot; return the peer's slot if its name has arrived, else None.

        Raises :class:`IpcError`: ENOMEM when there is no slot, EINVAL for a name that has an endpoint.
        """
        for index, slot in enumerate(self._slots):
            if isinstance(slot, WaitingName) and slot.hashed == hashed:
                self._put(index, endpoint)
                return slot.address
            if isinstance(slot, IcbmsgEndpoint) and name_hash(slot.name) == hashed:
                raise IpcError(
                    f'{self._config.name}: the name "{endpoint.name}" has an endpoint, or the same hash as '
                    f'"{slot.name}": the peer could not tell them apart; use another name',
                    errno.EINVAL,
                )
        index_or_none = self._free()
        if index_or_none is None or self.count >= self._config.num_ep:
            raise IpcError(
                f'{self._config.name}: no slot for endpoint "{endpoint.name}": {self.count} are in use, names of the '
                f"peer included; set CONFIG_IPC_SERVICE_BACKEND_ICBMSG_NUM_EP and num_ep higher",
                errno.ENOMEM,
            )
        self._put(index_or_none, endpoint)
        self.count += 1
        return None

    def _put(self, index: int, endpoint: IcbmsgEndpoint) -> None:
        self._slots[index] = self.by_slot[index] = endpoint
        endpoint.index = index

    def undo(self, endpoint: IcbmsgEndpoint, hashed: int, address: int | None) -> None:
        """Take back what :meth:`add` did."""
        del self.by_slot[endpoint.index]
        if address is None:
            self._slots[endpoint.index] = None
            self.count -= 1
        else:
            self._slots[endpoint.index] = WaitingName(hashed, address)

    def remove(self, endpoint: IcbmsgEndpoint, block: int | None = None) -> None:
        """Take ``endpoint`` away; its slot is free behind :meth:`came_back` of ``block`` and :meth:`free`."""
        del self.by_slot[endpoint.index]
        self.has_gone = "slot-reused" not in self._config.defects
        self._slots[endpoint.index] = Gone(block) if self.has_gone else None
        self.count -= 1

    def is_gone(self, slot: int) -> bool:
        """Tell whether an endpoint was in ``slot`` until just now."""
        return slot < len(self._slots) and isinstance(self._slots[slot], Gone)

    def came_back(self, block: int) -> None:
        """Note that the peer has read the packet at ``block``."""
        for index, slot in enumerate(self._slots):
            if isinstance(slot, Gone) and slot.block == block:
                self._slots[index] = Gone(None)

    @property
    def gone(self) -> list[int]:
        """Slots of gone endpoints of which both sides know: they are free when all that waits now was read."""
        return [
            index for index, slot in enumerate(self._slots) if isinstance(slot, Gone) and slot.block is None
        ]

    def free(self, slots: list[int]) -> None:
        """Free ``slots`` of gone endpoints."""
        for index in slots:
            self._slots[index] = None
        self.has_gone = any(isinstance(slot, Gone) for slot in self._slots)

    def name_arrived(self, address: int, hashed: int) -> IcbmsgEndpoint | None:
        """Return the endpoint for a name of the peer, which has it in its slot ``address``; else let the name wait.

        Raises :class:`IpcError` when there is no slot where it could, or when the name is bound already.
        """
        for endpoint in self.endpoints:
            if name_hash(endpoint.name) == hashed:
                if endpoint.state is EndpointState.READY:
                    raise IpcError(
                        f'{self._config.name}: received the name "{endpoint.name}" for slot {address}, but it is bound '
                        f"to slot {endpoint.address}: does the peer have the name twice?",
                        errno.EINVAL,
                    )
                return endpoint
        index = self._free()
        if index is None:
            raise IpcError(
                f"{self._config.name}: received the name with hash 0x{hashed:08x}, for which no endpoint and no slot "
                f"is there: all {self._config.num_ep} are in use; set "
                f"CONFIG_IPC_SERVICE_BACKEND_ICBMSG_NUM_EP and num_ep higher",
                errno.ENOMEM,
            )
        self._slots[index] = WaitingName(hashed, address)
        self.count += 1
        return None

    def clear(self) -> None:
        """Free every slot."""
        self._slots = [None] * self._config.num_ep
        self.by_slot.clear()
        self.count = 0
        self.has_gone = False

    def _free(self) -> int | None:
        """Return the first free slot; with Zephyr's defect, one in which a name waits is taken for free."""
        overwrites = self._config.deinit and "pending-overwritten" in self._config.defects
        if self.count >= self._config.num_ep and not overwrites:
            return None
        for index, slot in enumerate(self._slots):
            if slot is None or (overwrites and isinstance(slot, WaitingName)):
                return index
        if len(self._slots) == _MOST or overwrites:
            return None
        self._slots.append(None)
        return len(self._slots) - 1


def symptoms(instance: ReworkReceiver) -> list[str]:
    """Return what is to be seen right now; nothing is changed."""
    config, queues = instance.config, instance.queues
    if not instance.state.value:
        return []
    found = []
    waiting = queues.waiting
    if instance.is_connected:
        if queues.sent.count and queues.unread == queues.sent.count:
            found.append(
                f"the peer has opened, but taken none of the {queues.sent.count} messages that wait for it: if that "
                f"lasts, the ring was lost (Zephyr's rework rings before it listens, and does not look when it opens); "
                f"ring again"
            )
        if waiting > config.slots:
            found.append(
                "the peer's count of messages went back: it has restarted alone, which this protocol does not survive; "
                "start both over"
            )
        elif waiting and not instance.is_about_to_look:
            found.append(
                f"messages of the peer wait, {waiting} of them, and no ring for them has arrived: if that lasts, it "
                f"was lost"
            )
        if queues.peer_was_full:
            found.append(
                f"the peer had all its {config.slots} slots in use: Zephyr's rework drops what it sends then, returns "
                f"its length and does not ring; release sooner, or set MAX_ACTIVE_COUNT higher on both sides"
            )
    elif queues.is_of_earlier_run:
        found.append(
            "the peer has not opened since this side did: what lies in its queues is of an earlier run (unless they "
            "lie elsewhere: MAX_ACTIVE_COUNT, dcache-alignment); start it over, too"
        )
    elif (counts := peer_counts(instance)) is not None and counts != (config.rx_blocks, config.tx_blocks):
        found.append(_counts_do_not_fit(instance, counts))
    return found


def peer_counts(instance: ReworkReceiver) -> tuple[int, int] | None:
    """Look for the peer's bound packet anywhere in the rx-region and return its (tx, rx) blocks.

    None where there is none, or where this side has written over it because the layouts differ.
    """
    region = instance.config.rx_region
    memory = instance.bus.read_block(region.address, region.size)
    at = memory.find(MAGIC)
    counts = None if at < 0 else block_counts(memory[at : at + 16])
    return counts if counts is not None and all(0 < count <= 32 for count in counts) else None


def unlike(instance: ReworkReceiver, error: CorruptRegionError | None) -> IpcError:
    """Return why the first packet of the peer is not where it should be, or says what does not fit."""
    config = instance.config
    counts = peer_counts(instance)
    if counts is not None and counts != (config.rx_blocks, config.tx_blocks):
        return IpcError(f"{config.name}: {_counts_do_not_fit(instance, counts)}", errno.EINVAL)
    why = f": {error}" if error is not None else ""
    return IpcError(
        f"{config.name}: the peer's first packet is not where it should be: it has another dcache-alignment, depth of "
        f"its queues (MAX_ACTIVE_COUNT), region or generation{why}",
        errno.EINVAL,
    )


def _counts_do_not_fit(instance: ReworkReceiver, counts: tuple[int, int]) -> str:
    config = instance.config
    return (
        f"the peer has {counts[0]} tx and {counts[1]} rx blocks, this side {config.tx_blocks} tx and "
        f"{config.rx_blocks} rx: the two can never bind; set tx-blocks of each side to rx-blocks of the other"
    )
