"""Preconditions of an exchange: regions in memory, messages that fit, one side that sends first.

Every function raises ConfigurationError, naming the fix, or returns nothing.

Shared memory as it may be when cores start: RAM keeps its contents over a reset, and means nothing after power-up.

>>> from icmsg.config import InstanceConfig, Region
>>> from icmsg.hw.bus import MemoryBus
>>> from icmsg.wire.inspect import inspect_region
>>> memory, config = MemoryBus(bytearray(0x800)), InstanceConfig(Region(0, 0x400), Region(0x400, 0x400))
>>> fill_regions(memory, config, "old")
>>> print(inspect_region(memory, 0, config.tx_layout))
rd_idx=56 wr_idx=92 used=36 of 1016, 1 packet pending
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, Literal, get_args

from icmsg.config.boards import DEFAULT, board_of
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import Region
from icmsg.config.memory_checks import misplaced
from icmsg.errors import ConfigurationError
from icmsg.ipc import MAGIC
from icmsg.link.stub_firmware import ECHO, INITIATOR
from icmsg.wire.packet_buffer import HandshakeWord
from icmsg.wire.pbuf import PbufReader, PbufWriter
from icmsg.wire.spsc import SpscReader, SpscWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.config.instance import InstanceConfig, RegionLayout
    from icmsg.hw.bus import Bus
    from icmsg.ipc.backend import HasRegions
    from icmsg.link.workload import Workload
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Core, Machine


def check_regions(machine: Machine, core: Core, config: HasRegions) -> None:
    """Refuse regions (``config`` as ``core`` has it) that ``core`` shares with no other core that has a mailbox."""
    platform = list(machine.soc.memory_map())
    others = [other.name for other in machine.soc.mailboxes() if other.name != core.name] or [core.name]
    for name, region in _regions(config):
        problems = [misplaced(region, platform, {core.name, other}) for other in others]
        if None not in problems:
            hint = ""
            if region in dict(_regions(DEFAULT.instance)).values() and board_of(machine.soc.cores) is None:
                hint = (
                    f". It is the {DEFAULT.title}'s, since no other was given: give tx-region and rx-region, or the "
                    f"devicetree of core {core.name}"
                )
            raise ConfigurationError(f"{name} {region} of core {core.name} {problems[0]}{hint}")


def check_image(core: Core, image: FirmwareImage, config: HasRegions) -> None:
    """Refuse an image that is loaded where a region is."""
    for segment in image.segments:
        loaded = Region(segment.load_address, len(segment.data))
        for name, region in _regions(config):
            if loaded.overlaps(region):
                raise ConfigurationError(
                    f"{name} {region} of core {core.name} overlaps {loaded}, where {image.path} is loaded: "
                    "move one of them"
                )


def check_workload(workload: Workload, config: InstanceConfig, core: str, other: str) -> None:
    """Refuse messages that do not fit, from ``core`` to ``other`` or back; ``core`` has the instance ``config``."""
    option = "PBUF_RX_READ_BUF_SIZE" if config.wire == "pbuf" else "IPC_SERVICE_ICMSG_CB_BUF_SIZE"
    limits = [
        (config.tx_layout.capacity, f"tx-region of {core}"),
        (config.rx_layout.capacity, f"rx-region of {core}"),
        (config.peer_rx_limit, f"CONFIG_{option} of {other}"),
        (config.rx_limit, f"CONFIG_{option} of {core}"),
    ]
    _check_size(workload, [(size, limit) for size, limit in limits if size is not None])


def check_endpoint_workload(
    workload: Workload, config: IcbmsgConfig | IcmsgMeConfig, core: str, other: str
) -> None:
    """Refuse messages that do not fit into blocks, or into a packet of icmsg_me; as :func:`check_workload`."""
    if isinstance(config, IcmsgMeConfig):
        limits = [
            (config.longest, f"CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME_SEND_BUF_SIZE of {core}"),
            (config.mirrored().longest, f"CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME_SEND_BUF_SIZE of {other}"),
        ]
    else:
        limits = [
            (config.tx_layout.longest, f"all {config.tx_blocks} blocks of the tx-region of {core} together"),
            (config.rx_layout.longest, f"all {config.rx_blocks} blocks of the rx-region of {core} together"),
        ]
    _check_size(workload, limits)


def _check_size(workload: Workload, limits: list[tuple[int, str]]) -> None:
    largest, limit = min(limits)
    if workload.size_max > largest:
        raise ConfigurationError(
            f"messages of up to {workload.size_max} bytes do not fit: {limit} takes at most {largest}; use --size "
            f"{min(workload.size_min, largest)}:{largest}, or raise that"
        )


def check_reply(workload: Workload, core: str) -> None:
    """Refuse numbers for a firmware stub on ``core``."""
    if workload.reply != "same":
        raise ConfigurationError(
            f"core {core} runs a firmware stub, which knows no numbers: leave --reply {workload.reply} away"
        )


def check_roles(initiator: str | None, programs: Mapping[str, int]) -> None:
    """Refuse stubs that do not go together: ``programs`` gives ``icmsg_stats.program`` of the cores that run one."""
    for core, program in programs.items():
        if program == ECHO and core == initiator:
            raise ConfigurationError(
                f"core {core} shall initiate, but the stub echo never sends first: let the other core initiate, "
                f"or run the stub initiator on {core}"
            )
        if program == INITIATOR and core != initiator:
            raise ConfigurationError(
                f"core {core} runs the stub initiator, which sends first and never sends back, and core {initiator} "
                f"shall initiate too: run the stub echo or Python on one of them"
            )
    if initiator is None and len(programs) > 1:
        raise ConfigurationError(
            f"nobody sends first: cores {', '.join(programs)} both send back only; run the stub initiator or "
            "Python on one of them"
        )


def _regions(config: HasRegions) -> tuple[tuple[str, Region], ...]:
    return ("tx-region", config.tx_region), ("rx-region", config.rx_region)


StaleMemory = Literal["old", "random"]
STALE_MEMORY: Final[tuple[str, ...]] = get_args(StaleMemory)
_MESSAGES: Final = (b"an old message that was taken", b"an old message that waits yet")
_SESSION: Final = 0x1234


def fill_regions(bus: Bus, config: InstanceConfig, kind: StaleMemory, seed: int = 1) -> None:
    """Fill both regions of an instance before its cores start.

    ``old`` is what a session leaves that ended in the middle: magic taken, a message taken, a message waiting, session
    ids where there are sessions. ``random`` is what RAM holds after power-up; it follows from ``seed``.

    Raises:
        ConfigurationError: there is no such kind.
        BusError: a region is not memory of that bus.
    """
    if kind not in STALE_MEMORY:
        raise ConfigurationError(f"stale memory {kind!r}: use {' or '.join(STALE_MEMORY)}")
    random = Random(seed)
    sides = (config.tx_region, config.tx_layout), (config.rx_region, config.rx_layout)
    for region, layout in sides:
        if kind == "random":
            bus.write_block(region.address, random.randbytes(region.size))
        else:
            _old(bus, region.address, layout)


def _old(bus: Bus, address: int, layout: RegionLayout) -> None:
    spsc = layout.wire == "spsc_pbuf"
    writer = (SpscWriter if spsc else PbufWriter)(bus, address, layout)
    reader = (SpscReader if spsc else PbufReader)(bus, address, layout)
    writer.tx_init()
    reader.rx_init()
    for message in (MAGIC, *_MESSAGES):
        if writer.free_space() >= len(message):
            writer.write(message)
    if layout.handshake_offset is not None:
        HandshakeWord(bus, address, layout).write(_SESSION, _SESSION)
    for _ in range(2):
        reader.read()
