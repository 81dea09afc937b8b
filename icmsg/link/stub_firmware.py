"""The firmware stubs' interface to a host: parameters in flash and counters in RAM.

The layouts are those of ``firmware_stubs/README.md``: little-endian words, first a magic number and a version.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.config.instance import InstanceConfig, Region
from icmsg.errors import ConfigurationError, FirmwareError

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus
    from icmsg.machine.image import FirmwareImage

PARAMS_SYMBOL: Final = "icmsg_params"
STATS_SYMBOL: Final = "icmsg_stats"
COMMAND_SYMBOL: Final = "icmsg_command"
"""Symbol of images with sessions only."""

_PARAMS_MAGIC: Final = 0x504D4349
_STATS_MAGIC: Final = 0x54534349
_VERSION: Final = 1
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
)  # fmt: skip
_SITES: Final = ("nowhere", "in icmsg_params", "while bonding", "reading rx-region", "writing tx-region")
_ERRORS: Final = {0: "none", 11: "EAGAIN", 12: "ENOMEM", 22: "EINVAL", 77: "EBADMSG"}  # Zephyr's numbers


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
            error, site = _ERRORS.get(self.last_error, str(self.last_error)), min(self.last_error_site, 4)
            return (
                f"counted {self.errors} error{'s' if self.errors > 1 else ''}, the last one {error} {_SITES[site]} "
                f"(detail 0x{self.last_error_detail:X})"
            )
        return None


class StubFirmware:
    """A loaded stub: ``image`` on the core whose address space ``bus`` is.

    Raises:
        FirmwareError: the image has the symbols, but of another version.
    """

    def __init__(self, image: FirmwareImage, bus: Bus) -> None:
        self.starts: Final = _GENERATOR_SYMBOL in image.symbols
        """True if it sends first."""
        self._bus = bus
        self._sessions = COMMAND_SYMBOL in image.symbols
        self._params = image.symbol(PARAMS_SYMBOL)
        self._stats = image.symbol(STATS_SYMBOL)
        found = bus.read32(self._params), bus.read32(self._params + 4)
        if found != (_PARAMS_MAGIC, _VERSION):
            raise FirmwareError(
                f"{image.path}: {PARAMS_SYMBOL} has version {found[1]}, this release needs {_VERSION}; "
                "rebuild the stubs with `make prebuilt`"
            )

    @classmethod
    def is_stub(cls, image: FirmwareImage) -> bool:
        """Tell whether an image has the symbols of a stub."""
        return PARAMS_SYMBOL in image.symbols and STATS_SYMBOL in image.symbols

    def set_instance(self, config: InstanceConfig) -> None:
        """Write regions, channels and alignment into the loaded image; before the core starts.

        Raises:
            ConfigurationError: the stubs cannot work with it, though ICMsg could.
        """
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
