"""Fuzz target: a pbuf on plain memory, which is accessed directly, and on a bus must never differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guarded_memory import BASE, GuardedMemory, Violation
from reading import ALIGNMENTS, chosen_size, peer_writes

from icmsg.config import RegionLayout
from icmsg.errors import WireError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufReader, PbufWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from script import Script

    from icmsg.hw.bus import Bus

_CAPACITIES = (None, 1, 13, 100)
_GAP = 128  # where the targets that read have their region, too
_ADDRESS = BASE + _GAP


class _Pbuf:
    """Writer and reader of one region, and what they answer."""

    def __init__(self, bus: Bus, layout: RegionLayout, *, trust: bool) -> None:
        self.writer = PbufWriter(bus, _ADDRESS, layout, trust_known_space=trust)
        self.reader = PbufReader(bus, _ADDRESS, layout)

    def outcome(self, move: Callable[[_Pbuf], object]) -> object:
        try:
            return move(self), self.reader.more
        except WireError as error:
            return type(error), str(error)


def pbuf_both_ways(script: Script) -> None:
    """Do the same on both, with a peer that overwrites the same in both."""
    trust = bool(script.byte() & 1)
    alignment = script.choose(ALIGNMENTS)
    layout = RegionLayout.pbuf(chosen_size(script, RegionLayout.pbuf(0, alignment).minimum_size), alignment)
    seen = GuardedMemory(_GAP + layout.size)
    seen.allow(read=[(_ADDRESS, layout.size)], write=[(_ADDRESS, layout.size)])
    seen.poke(_ADDRESS, script.block(script.byte() % layout.size))
    plain = bytearray(seen.memory)
    on_bus = _Pbuf(seen, layout, trust=trust)
    direct = _Pbuf(MemoryBus(plain, base=BASE), layout, trust=trust)
    while script:
        move = _chosen_move(script)
        if move is None:
            peer_writes(script, seen, layout)
            plain[:] = seen.memory
        else:
            results = on_bus.outcome(move), direct.outcome(move)
            if results[0] != results[1]:
                raise Violation(f"on a bus {results[0]!r}, on plain memory {results[1]!r}")
        seen.begin()
        if seen.memory != plain:
            raise Violation("the memories differ")


def _chosen_move(script: Script) -> Callable[[_Pbuf], object] | None:
    """Let the script choose what this side does next, None for the peer."""
    choice = script.byte() % 12
    if choice < 4:
        data = script.block(1) * (1 + script.byte())
        return lambda pbuf: pbuf.writer.write(data)
    if choice < 7:
        capacity = script.choose(_CAPACITIES)
        return lambda pbuf: pbuf.reader.read(capacity)
    if choice == 7:
        capacity = script.choose(_CAPACITIES)
        return lambda pbuf: pbuf.reader.read_available(capacity)
    moves: tuple[Callable[[_Pbuf], object], ...] = (
        lambda pbuf: (pbuf.reader.peek(), pbuf.writer.free_space()),
        lambda pbuf: pbuf.writer.tx_init(),
        lambda pbuf: pbuf.reader.rx_init(),
    )
    return moves[choice - 8] if choice < 11 else None
