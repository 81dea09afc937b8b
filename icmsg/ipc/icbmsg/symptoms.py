"""Known defects of the rework, recognised by what the other side shows, in words (ICBMsg protocol §7)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from icmsg.errors import CorruptRegionError, IpcError
from icmsg.ipc.icbmsg import packets

if TYPE_CHECKING:
    from icmsg.ipc.icbmsg.rework_receiver import ReworkReceiver


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
    at = memory.find(packets.MAGIC)
    counts = None if at < 0 else packets.block_counts(memory[at : at + 16])
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
