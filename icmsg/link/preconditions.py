"""Preconditions of an exchange: regions, messages, roles, memory when cores start, and the parameters of stubs.

Every ``check`` function raises ConfigurationError, naming the fix, or returns nothing.
"""

from __future__ import annotations

from random import Random
from struct import Struct
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from icmsg.config.boards import DEFAULT, board_of
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import InstanceConfig, Region
from icmsg.config.memory_checks import misplaced
from icmsg.errors import ConfigurationError, FirmwareError
from icmsg.ipc import MAGIC
from icmsg.wire.packet_buffer import HandshakeWord
from icmsg.wire.pbuf import PbufReader, PbufWriter
from icmsg.wire.spsc import SpscReader, SpscWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.config.instance import RegionLayout
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
    """Fill both regions of an instance before its cores start: RAM keeps its contents over a reset.

    ``old`` is what a session leaves that ended in the middle: magic taken, a message taken, a message waiting, session
    ids where there are sessions. ``random`` is what RAM holds after power-up, which means nothing; it follows from
    ``seed``.

    >>> from icmsg.hw.bus import MemoryBus
    >>> from icmsg.wire.inspect import inspect_region
    >>> memory, config = MemoryBus(bytearray(0x800)), InstanceConfig(Region(0, 0x400), Region(0x400, 0x400))
    >>> fill_regions(memory, config, "old")
    >>> print(inspect_region(memory, 0, config.tx_layout))
    rd_idx=56 wr_idx=92 used=36 of 1016, 1 packet pending

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


PARAMS_SYMBOL: Final = "icmsg_params"
STATS_SYMBOL: Final = "icmsg_stats"
COMMAND_SYMBOL: Final = "icmsg_command"
"""Symbol of images with sessions only."""

_PARAMS_MAGIC: Final = 0x504D4349
_STATS_MAGIC: Final = 0x54534349
_VERSION: Final = 1
GENERATIONS: Final = ("", "3.6", "4.1", "rework")
"""Generations of ICBMsg by their number in ``icmsg_params``; none for a stub that speaks ICMsg."""
_GENERATION_OFFSET: Final = 72
_GEOMETRY: Final = Struct("<7I")
_GEOMETRY_OFFSET: Final = 8
_WORK: Final = Struct("<5I")
_WORK_OFFSET: Final = 40
_STATS: Final = Struct("<29I")

ECHO: Final = 1
INITIATOR: Final = 2
"""Programs."""

DONE: Final = 3
"""The state of an initiator that has every echo back."""
_BAD_PARAMS: Final = 5

_GENERATOR_SYMBOL: Final = "payload_make"
"""Function that makes messages; of the stubs only an initiator has it."""
_VPR_EXCEPTIONS: Final = 0x100
"""Exception numbers from here on are those of a VPR: this plus the code in mcause, which ``cfsr`` has."""
_LARGEST_REGION: Final = 0x8000
_PARAMS: Final = (
    "magic", "version", "tx_region", "tx_size", "rx_region", "rx_size", "tx_channel", "rx_channel",
    "dcache_alignment", "flags", "messages", "size_min", "size_max", "seed", "window", "repeat_us", "systick_hz",
    "unbound", "generation", "tx_blocks", "rx_blocks", "slots",
)  # fmt: skip
_SITES: Final = (
    "nowhere", "in icmsg_params", "while bonding", "reading rx-region", "writing tx-region", "in icmsg_command",
    "in a block", "at an endpoint",
)  # fmt: skip
_ERRORS: Final = {  # Zephyr's numbers
    0: "none", 11: "EAGAIN", 12: "ENOMEM", 14: "EFAULT", 22: "EINVAL", 77: "EBADMSG", 122: "EMSGSIZE",
}  # fmt: skip


class StubStats(NamedTuple):
    """``icmsg_stats``; counters since the core's reset, ``last_error`` a positive errno."""

    magic: int
    version: int
    program: int
    state: int
    bound: int
    sent: int
    received: int
    bytes_sent: int
    bytes_received: int
    mismatches: int
    errors: int
    send_retries: int
    doorbells: int
    rings: int
    ticks: int
    faults: int
    last_error: int
    last_error_site: int
    last_error_detail: int
    first_mismatch: int
    fault_exception: int
    fault_pc: int
    fault_lr: int
    cfsr: int
    hfsr: int
    fault_address: int
    progress: int
    unbound: int
    lost: int

    def trouble(self) -> str | None:
        """Return in words what went wrong in the stub, or None."""
        if self.state == _BAD_PARAMS:
            word = min(self.last_error_detail // 4, len(_PARAMS) - 1)
            return f"refuses its parameters: {_PARAMS[word]} (icmsg_params, offset {self.last_error_detail})"
        if self.faults:
            place = f"took exception {self.fault_exception} at PC 0x{self.fault_pc:08X}"
            if self.fault_exception < _VPR_EXCEPTIONS:
                return f"{place} (CFSR 0x{self.cfsr:08X})"
            return f"{place} (mcause 0x{self.cfsr:08X}, mtval 0x{self.fault_address:08X})"
        if self.errors:
            error, site = (
                _ERRORS.get(self.last_error, str(self.last_error)),
                min(self.last_error_site, len(_SITES) - 1),
            )
            return (
                f"counted {self.errors} error{'s' if self.errors > 1 else ''}, the last one {error} {_SITES[site]} "
                f"(detail 0x{self.last_error_detail:X})"
            )
        return None


class StubFirmware:
    """A loaded stub: ``image`` on the core whose address space ``bus`` is; parameters in flash and counters in RAM.

    Their layouts are those of ``firmware_stubs/README.md``: little-endian words, first a magic number and a version.

    Raises:
        FirmwareError: the image has the symbols, but of another version.
    """

    def __init__(self, image: FirmwareImage, bus: Bus) -> None:
        self.starts: Final = _GENERATOR_SYMBOL in image.symbols
        """True if it sends first."""
        self._bus = bus
        self._sessions = COMMAND_SYMBOL in image.symbols
        self._image = image
        self._params = image.symbol(PARAMS_SYMBOL)
        self._stats = image.symbol(STATS_SYMBOL)
        found = bus.read32(self._params), bus.read32(self._params + 4)
        if found != (_PARAMS_MAGIC, _VERSION):
            raise FirmwareError(
                f"{image.path}: {PARAMS_SYMBOL} has version {found[1]}, this release needs {_VERSION}; "
                "rebuild the stubs with `make prebuilt`"
            )

    @property
    def generation(self) -> str:
        """The generation of ICBMsg that it speaks; empty for one that speaks ICMsg."""
        number = self._bus.read32(self._params + _GENERATION_OFFSET)
        return GENERATIONS[number] if number < len(GENERATIONS) else f"number {number}"

    @classmethod
    def is_stub(cls, image: FirmwareImage) -> bool:
        """Tell whether an image has the symbols of a stub."""
        return PARAMS_SYMBOL in image.symbols and STATS_SYMBOL in image.symbols

    def set_instance(self, config: InstanceConfig) -> None:
        """Write regions, channels and alignment into the loaded image; before the core starts.

        Raises:
            ConfigurationError: the stubs cannot work with it, though ICMsg could.
        """
        if self.generation:
            raise ConfigurationError(
                f"{self._image.path}: this stub speaks ICBMsg (generation {self.generation}), not ICMsg: choose that "
                "backend, or another stub"
            )
        self.write_geometry(config)

    def write_geometry(self, config: InstanceConfig | IcbmsgConfig) -> None:
        """Write what ICMsg and ICBMsg have in common; errors as :meth:`set_instance`."""
        for name, region in (("tx-region", config.tx_region), ("rx-region", config.rx_region)):
            if region.size > _LARGEST_REGION:
                raise ConfigurationError(
                    f"{name} of 0x{region.size:X} bytes: the firmware stubs take at most 0x{_LARGEST_REGION:X}; "
                    "use a smaller region, or your own firmware"
                )
        if config.dcache_alignment & (config.dcache_alignment - 1):
            raise ConfigurationError(
                f"dcache-alignment {config.dcache_alignment}: the firmware stubs take 0 or a power of two"
            )
        words = (
            config.tx_region.address,
            config.tx_region.size,
            config.rx_region.address,
            config.rx_region.size,
            config.tx_channel,
            config.rx_channel,
            config.dcache_alignment,
        )
        self._bus.write_block(self._params + _GEOMETRY_OFFSET, _GEOMETRY.pack(*words))

    def instance(self) -> InstanceConfig:
        """Return the instance that the parameters of the loaded image describe, as the stub's core has it."""
        tx, tx_size, rx, rx_size, tx_channel, rx_channel, alignment = _GEOMETRY.unpack(
            self._bus.read_block(self._params + _GEOMETRY_OFFSET, _GEOMETRY.size)
        )
        return InstanceConfig(
            tx_region=Region(tx, tx_size),
            rx_region=Region(rx, rx_size),
            tx_channel=tx_channel,
            rx_channel=rx_channel,
            dcache_alignment=alignment,
            unbound="detect" if self._sessions else "disable",
        )

    def set_work(self, *, messages: int, size_min: int, size_max: int, seed: int, window: int) -> None:
        """Write what an initiator shall send into the loaded image; before the core starts."""
        work = _WORK.pack(messages, size_min, size_max, seed & 0xFFFFFFFF, window)
        self._bus.write_block(self._params + _WORK_OFFSET, work)

    def stats(self) -> StubStats | None:
        """Return the counters, or None before the program has initialised its RAM."""
        stats = StubStats(*_STATS.unpack(self._bus.read_block(self._stats, _STATS.size)))
        return stats if stats.magic == _STATS_MAGIC else None
