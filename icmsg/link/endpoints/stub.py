"""The firmware stubs that speak ICBMsg: their endpoints as parameters in flash, and counters of each in RAM.

The layouts are those of ``firmware_stubs/README.md``, beside what every stub has (:mod:`icmsg.link.stub_firmware`).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import ConfigurationError
from icmsg.link.stub_firmware import GENERATIONS, StubFirmware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.config.icbmsg_layout import Generation
    from icmsg.hw.bus import Bus
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.workload import Workload
    from icmsg.machine.image import FirmwareImage

ENDPOINTS_SYMBOL: Final = "icmsg_endpoints"
ENDPOINT_STATS_SYMBOL: Final = "icmsg_endpoint_stats"
MOST_ENDPOINTS: Final = 4
"""Endpoints that a stub can have."""

_BLOCKS: Final = Struct("<4I")
_BLOCKS_OFFSET: Final = 72
_ENDPOINT: Final = Struct("<32s4I")
_STATS: Final = Struct("<8I")
_LONGEST_NAME: Final = 31
_SLOTS: Final = 16
_WORD: Final = 0xFFFF_FFFF
_SEED_STEP: Final = 0x6C07_8965
"""Difference of the seeds of two endpoints: neighbours give messages of the same sizes."""


class EndpointParams(NamedTuple):
    """One entry of ``icmsg_endpoints``."""

    name: str
    messages: int
    size_min: int
    size_max: int
    seed: int


class EndpointStats(NamedTuple):
    """One entry of ``icmsg_endpoint_stats``; counters since the core's reset."""

    bound: int
    unbound: int
    sent: int
    received: int
    bytes_sent: int
    bytes_received: int
    mismatches: int
    first_mismatch: int


class EndpointStub(StubFirmware):
    """A loaded stub that speaks ICBMsg; ``image`` on the core whose address space ``bus`` is.

    Raises:
        FirmwareError: the image is no such stub, or one of another version.
    """

    def __init__(self, image: FirmwareImage, bus: Bus) -> None:
        super().__init__(image, bus)
        self._endpoints = image.symbol(ENDPOINTS_SYMBOL)
        self._endpoint_stats = image.symbol(ENDPOINT_STATS_SYMBOL)

    @classmethod
    def is_stub(cls, image: FirmwareImage) -> bool:
        """Tell whether an image has the symbols of a stub with endpoints."""
        return super().is_stub(image) and ENDPOINTS_SYMBOL in image.symbols

    def set_blocks(self, config: SeveralConfig) -> None:
        """Write regions, channels, blocks and generation into the loaded image; before the core starts.

        Raises:
            ConfigurationError: the stub speaks another protocol, or cannot work with it.
        """
        generation = config.generation if isinstance(config, IcbmsgConfig) else None
        if generation is None or (
            "rework" in (generation, self.generation) and generation != self.generation
        ):
            raise ConfigurationError(
                f"this stub speaks ICBMsg of generation {self.generation}, not {generation or 'icmsg_me'}: choose the "
                "backend that it has, or another stub"
            )
        assert isinstance(config, IcbmsgConfig)
        self.write_geometry(config)
        slots = config.slots if generation == "rework" else 0
        number = GENERATIONS.index(generation)
        blocks = _BLOCKS.pack(number, config.tx_blocks, config.rx_blocks, slots)
        self._bus.write_block(self._params + _BLOCKS_OFFSET, blocks)

    def set_endpoints(self, names: Sequence[str], work: Workload) -> None:
        """Write the endpoints into the loaded image, and what an initiator sends at each; before the core starts.

        Each endpoint has a seed of its own, which follows from that of the workload and its number.

        Raises:
            ConfigurationError: more endpoints, or longer names, than a stub has room for.
        """
        if len(names) > MOST_ENDPOINTS:
            raise ConfigurationError(
                f"{len(names)} endpoints: a firmware stub has at most {MOST_ENDPOINTS}; name fewer, or let Python play"
            )
        for number in range(MOST_ENDPOINTS):
            name = names[number] if number < len(names) else ""
            # An initiator has no other way to start than to send something.
            count, seed = max(work.messages, 1), work.seed + number * _SEED_STEP & _WORD
            self._set_endpoint(number, EndpointParams(name, count, work.size_min, work.size_max, seed))
        self.set_work(
            messages=max(work.messages, 1),
            size_min=work.size_min,
            size_max=work.size_max,
            seed=work.seed,
            window=work.window or 1,
        )

    def _set_endpoint(self, number: int, params: EndpointParams) -> None:
        name, *work = params
        if len(name.encode()) > _LONGEST_NAME:
            raise ConfigurationError(
                f'endpoint "{name}": the firmware stubs take names of up to {_LONGEST_NAME} bytes; shorten it'
            )
        data = _ENDPOINT.pack(name.encode(), *work)
        self._bus.write_block(self._endpoints + number * _ENDPOINT.size, data)

    @property
    def names(self) -> list[str]:
        """The names of the endpoints, by their number; an empty one is not registered."""
        return [self.endpoint(number).name for number in range(MOST_ENDPOINTS)]

    def blocks(self) -> IcbmsgConfig:
        """Return the instance that the parameters of the loaded image describe, as the stub's core has it."""
        base = self.instance()
        number, tx, rx, slots = _BLOCKS.unpack(
            self._bus.read_block(self._params + _BLOCKS_OFFSET, _BLOCKS.size)
        )
        generation: Generation = GENERATIONS[number]  # type: ignore[assignment]
        return IcbmsgConfig(
            base.tx_region,
            base.rx_region,
            tx_blocks=tx,
            rx_blocks=rx,
            tx_channel=base.tx_channel,
            rx_channel=base.rx_channel,
            dcache_alignment=base.dcache_alignment,
            generation=generation,
            slots=slots or _SLOTS,
        )

    def endpoint_stats(self, number: int) -> EndpointStats:
        """Return the counters of an endpoint; without meaning before the program has initialised its RAM."""
        at = self._endpoint_stats + number * _STATS.size
        return EndpointStats(*_STATS.unpack(self._bus.read_block(at, _STATS.size)))

    def endpoint(self, number: int) -> EndpointParams:
        """Return the parameters of an endpoint in the loaded image."""
        data = self._bus.read_block(self._endpoints + number * _ENDPOINT.size, _ENDPOINT.size)
        name, *work = _ENDPOINT.unpack(data)
        return EndpointParams(name.split(b"\0")[0].decode(errors="replace"), *work)
