"""Buffers that are handed out: one to fill and send without a copy, one that was received and is held."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import IpcError

if TYPE_CHECKING:
    from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
    from icmsg.wire.block_area import BlockArea
    from icmsg.wire.packet_buffer import Payload


class TxBuffer:
    """Blocks for one message of up to ``size`` bytes, from :meth:`IcbmsgEndpoint.get_tx_buffer`.

    Whoever has it fills it and gives it to :meth:`~IcbmsgEndpoint.send_nocopy` or
    :meth:`~IcbmsgEndpoint.drop_tx_buffer`, once.
    """

    __slots__ = ("_area", "block", "count", "endpoint", "epoch", "filled", "size")

    def __init__(
        self, endpoint: IcbmsgEndpoint, area: BlockArea, block: int, count: int, size: int, epoch: int
    ) -> None:
        self.endpoint = endpoint
        self.block = block
        self.count = count
        """Number of its blocks; 0 when it was sent or dropped."""
        self.size = size
        self.epoch = epoch
        self.filled = 0
        """Bytes up to the last one that was written."""
        self._area = area

    @property
    def address(self) -> int:
        """The address of its first byte."""
        return self._area.payload_address(self.block)

    def write(self, data: Payload, offset: int = 0) -> None:
        """Write ``data`` from byte ``offset`` on; IpcError with EINVAL outside, or when it was sent or dropped."""
        end = offset + memoryview(data).nbytes
        if not self.count:
            raise IpcError("the buffer was sent or dropped before: get another one", errno.EINVAL)
        if not 0 <= offset <= end <= self.size:
            raise IpcError(
                f"bytes {offset}…{end} are not in the buffer of {self.size} bytes: get a longer one",
                errno.EINVAL,
            )
        self._area.write_payload(self.block, data, offset)
        self.filled = max(self.filled, end)


class RxBuffer:
    """A received message that is held: its blocks stay as they are until it is released.

    From :meth:`IcbmsgEndpoint.hold_rx_buffer`.
    """

    __slots__ = ("_area", "block", "endpoint", "epoch", "held", "kept", "size")

    def __init__(
        self,
        endpoint: IcbmsgEndpoint,
        area: BlockArea,
        block: int,
        size: int,
        epoch: int,
        *,
        kept: bool = True,
    ) -> None:
        self.endpoint = endpoint
        self.block = block
        self.size = size
        self.epoch = epoch
        self.held = True
        self.kept = kept
        """False with the defect "held-overwritten": the peer has its blocks back already."""
        self._area = area

    @property
    def address(self) -> int:
        """The address of its first byte."""
        return self._area.payload_address(self.block)

    def read(self) -> bytes:
        """Return what lies there now: another message than the one received when the peer does not wait."""
        return self._area.read_payload(self.block, self.size)

    def release(self) -> None:
        """Give it back; see :meth:`IcbmsgEndpoint.release_rx_buffer`."""
        self.endpoint.release_rx_buffer(self)
