"""Slots of the rework's endpoints: those of this side, and names of the peer that wait for one."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import IpcError
from icmsg.ipc.icbmsg.endpoint import EndpointState, IcbmsgEndpoint
from icmsg.ipc.icbmsg.packets import name_hash

if TYPE_CHECKING:
    from icmsg.config.icbmsg import IcbmsgConfig


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
