"""Checks of the regions of one side: each has its own memory, and both cores reach it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from icmsg.config.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from icmsg.config.devicetree import IcmsgNode, MemoryNode
    from icmsg.config.findings import Severity
    from icmsg.config.instance import Region
    from icmsg.config.load import Side

RAM = "RAM"


class MemoryRange(NamedTuple):
    """Bytes ``start`` … ``end`` - 1 of a platform, as ``cores`` reach them: ``what`` ``name`` is, such as ``RAM``."""

    start: int
    end: int
    cores: frozenset[str]
    what: str = RAM
    name: str = ""


class LinkedMemory(NamedTuple):
    """Memory that an image uses by its ELF file: ``regions`` of its data and code where it runs.

    ``heap`` is the byte address from which on ``malloc`` may use all of the chosen RAM; None where it does not.
    """

    file: str
    regions: tuple[Region, ...]
    heap: int | None = None


def misplaced(region: Region, platform: Sequence[MemoryRange], ends: Iterable[str] = ()) -> str | None:
    """Return why the cores ``ends`` cannot share ``region``, and what to do; None if it is RAM of all of them.

    Without ``ends`` all cores of the platform have to share it.
    """
    everyone = frozenset[str]().union(*(memory.cores for memory in platform))
    cores = frozenset(ends) or everyone
    ram = [memory for memory in platform if memory.what == RAM]
    blind = sorted(core for core in cores if not _covered(region, [mem for mem in ram if core in mem.cores]))
    if not blind:
        return None
    found = next(
        (
            memory
            for memory in sorted(platform)
            if memory.start < region.end and region.address < memory.end and not cores <= memory.cores
        ),
        next(
            (
                m
                for m in sorted(platform)
                if m.what != RAM and m.start < region.end and region.address < m.end
            ),
            None,
        ),
    )
    if found is None:
        reason = "nothing is there from end to end"
    else:
        whose = "" if cores <= found.cores else f" of core {' and of core '.join(sorted(found.cores))} alone"
        reason = f"{found.name} is {found.what}{whose}"
    shared = _joined([memory for memory in ram if cores <= memory.cores])
    where = ", ".join(f"0x{start:08X}…0x{end - 1:08X}" for start, end in shared) or "nowhere"
    all_of_them = "all cores" if cores == everyone else f"core {' and core '.join(sorted(cores))}"
    return (
        f"is not RAM of core {' and of core '.join(blind)} in the platform file ({reason}): "
        f"move it to RAM that {all_of_them} reach ({where})"
    )


def _joined(memories: Sequence[MemoryRange]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for memory in sorted(memories):
        if joined and memory.start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], memory.end)
        else:
            joined.append((memory.start, memory.end))
    return joined


class _Use(NamedTuple):
    """A region in one of its roles."""

    node: IcmsgNode
    role: str
    memory: MemoryNode

    def __str__(self) -> str:
        return f"{self.role} {self.memory}"

    def finding(self, severity: Severity, code: str, side: Side, message: str) -> Finding:
        return Finding(severity, code, side.core, self.node.path, self.memory.place, message)


def check_memory(
    side: Side,
    nodes: Sequence[IcmsgNode],
    platform: Sequence[MemoryRange] | None,
    ends: Callable[[IcmsgNode], Iterable[str]],
) -> Iterator[Finding]:
    """Yield what is wrong with the regions of ``nodes``, instances of ``side``; without ``platform`` nothing is said
    about cores.

    ``ends`` tells which cores share the regions of an instance; all of the platform where it tells none.
    """
    uses = [
        _Use(node, role, memory)
        for node in side.devicetree.instances
        for role, memory in (("tx-region", node.tx_region), ("rx-region", node.rx_region))
    ]
    mine = [use for use in uses if any(use.node is node for node in nodes)]
    for first, second in combinations(uses, 2):
        if first.node is second.node or not first.memory.region.overlaps(second.memory.region):
            continue
        if any(second is use for use in mine):
            yield _instances_overlap(side, first, second)
        elif any(first is use for use in mine):
            yield _instances_overlap(side, second, first)
    yield from _declarations(side, mine)
    for use in mine:
        yield from _reserved(side, use, {used.memory.path for used in uses})
        yield from _other_backends(side, use)
        yield from _sram(side, use)
        if platform is not None:
            yield from _accessible(side, use, platform, ends(use.node))


def _instances_overlap(side: Side, first: _Use, second: _Use) -> Finding:
    if first.memory.path == second.memory.path:
        return second.finding(
            "error",
            "region-shared",
            side,
            f"{second} is also {first.role} of {first.node.path} ({first.node.place}): "
            "give each instance regions of its own",
        )
    return second.finding(
        "error",
        "regions-overlap",
        side,
        f"{second} overlaps {first} of {first.node.path} ({first.memory.place}): "
        f"{_move(second.memory.region, first.memory.region)}",
    )


def _declarations(side: Side, uses: list[_Use]) -> Iterator[Finding]:
    assumed: set[str] = set()
    for use in uses:
        memory = use.memory
        if memory.entries > 1:
            yield use.finding(
                "warning",
                "reg-entries",
                side,
                f"reg of {memory.path} has {memory.entries} entries, and ICMsg uses only the first, {memory.region}: "
                "give the others a node of their own",
            )
        parent = memory.path.rpartition("/")[0] or "/"
        if memory.assumed_cells and parent not in assumed:
            assumed.add(parent)
            yield use.finding(
                "warning",
                "cells-assumed",
                side,
                f"reg of {memory.path} was read with one cell for the address and one for the size, but a build takes "
                f"two and one: set #address-cells = <1> and #size-cells = <1> in {parent}",
            )


def _reserved(side: Side, use: _Use, ours: set[str]) -> Iterator[Finding]:
    region = use.memory.region
    for other in side.devicetree.reserved:
        if other.path in ours or other == side.devicetree.sram or not region.overlaps(other.region):
            continue
        pool = other.region.address <= region.address and region.end <= other.region.end
        if not pool:
            yield use.finding(
                "error",
                "region-reserved",
                side,
                f"{use} overlaps reserved memory {other} ({other.place}): {_move(region, other.region)}",
            )
        elif other.chosen:
            yield use.finding(
                "warning",
                "region-chosen",
                side,
                f"{use} lies in {other} ({other.place}), which is chosen as {', '.join(other.chosen)}: delete that "
                "property of /chosen if nothing else uses the memory, or move the region",
            )


def _other_backends(side: Side, use: _Use) -> Iterator[Finding]:
    for backend in side.devicetree.others:
        for other in backend.regions:
            if use.memory.region.overlaps(other.region):
                same = other.path == use.memory.path
                fix = "give it a region of its own" if same else _move(use.memory.region, other.region)
                yield use.finding(
                    "error",
                    "region-shared",
                    side,
                    f"{use} {'is also' if same else f'overlaps {other},'} a region of {backend.path} "
                    f"({backend.compatible}, {backend.place}): {fix}, or disable {backend.path}",
                )


def _sram(side: Side, use: _Use) -> Iterator[Finding]:
    """Yield what the image itself does with the region: its ELF file tells, else nothing but chosen zephyr,sram."""
    sram, region, linked = side.devicetree.sram, use.memory.region, side.linked
    used = next((part for part in linked.regions if part.overlaps(region)), None) if linked else None
    fix = f"end zephyr,sram at 0x{region.address:08X}, or move the region out of it"
    if linked is not None and used is not None:
        yield use.finding(
            "error",
            "region-in-image",
            side,
            f"{use} is used by the image, which has {used} ({linked.file}): {fix}",
        )
    elif sram is None or not region.overlaps(sram.region):
        return
    elif linked is None:
        yield use.finding(
            "warning",
            "region-in-sram",
            side,
            f"{use} lies in the RAM of the image, chosen zephyr,sram {sram} ({sram.place}), and there is no ELF file "
            f"to tell whether the image uses it: give the folder of the build, or {fix}",
        )
    elif linked.heap is not None and linked.heap < region.end:
        yield use.finding(
            "warning",
            "region-in-heap",
            side,
            f"{use} lies in the heap of malloc, which has all of {sram} from 0x{linked.heap:08X} on ({linked.file}): "
            f"set CONFIG_COMMON_LIBC_MALLOC_ARENA_SIZE, or {fix}",
        )


def _accessible(
    side: Side, use: _Use, platform: Sequence[MemoryRange], ends: Iterable[str]
) -> Iterator[Finding]:
    problem = misplaced(use.memory.region, platform, ends)
    if problem is not None:
        yield use.finding(
            "error", "region-not-accessible", side, f"{use} {problem}, or give the right --platform"
        )


def _covered(region: Region, memories: Sequence[MemoryRange]) -> bool:
    reached = region.address
    for memory in sorted(memories):
        if memory.start <= reached < memory.end:
            reached = memory.end
    return reached >= region.end


def _move(region: Region, other: Region) -> str:
    smaller = ""
    if region.address < other.address:
        smaller = f", or make it {other.address - region.address} bytes"
    return f"move it to 0x{other.end:08X} or behind{smaller}"
