"""Setup of an exchange over several endpoints: firmware that is loaded, stubs and their parameters, memory, and Python.

The stubs that speak ICBMsg have their endpoints as parameters in flash, and counters of each in RAM. The layouts are
those of ``firmware_stubs/README.md``, beside what every stub has (:mod:`icmsg.link.preconditions`).
"""

from __future__ import annotations

from random import Random
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.errors import ConfigurationError
from icmsg.ipc.icbmsg.packets import CONTROL, bound_packet
from icmsg.link.played_instance import PlayedInstance
from icmsg.link.preconditions import (
    DONE,
    GENERATIONS,
    StubFirmware,
    check_image,
    check_regions,
    check_reply,
    check_roles,
    fill_regions,
)
from icmsg.machine.boot import start_firmware
from icmsg.timers import MS
from icmsg.wire.announcements import SlotQueue
from icmsg.wire.block_area import BlockArea

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icmsg.config.icbmsg import Generation
    from icmsg.hw.bus import Bus
    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.players import Program
    from icmsg.link.preconditions import StaleMemory
    from icmsg.link.workload import Workload
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Core, Machine


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


_MESSAGES: Final = 3
_TAKEN: Final = 2


def fill_endpoint_regions(bus: Bus, config: SeveralConfig, kind: StaleMemory, seed: int = 1) -> None:
    """Fill both regions before the cores start; as :func:`icmsg.link.preconditions.fill_regions`."""
    if kind == "random":
        random = Random(seed)
        for region in (config.tx_region, config.rx_region):
            bus.write_block(region.address, random.randbytes(region.size))
    elif isinstance(config, IcbmsgConfig) and config.generation == "rework":
        for side in (config, config.mirrored()):
            _old_queues(bus, side)
    else:
        fill_regions(bus, config.control, kind, seed)


def _old_queues(bus: Bus, config: IcbmsgConfig) -> None:
    """Write what a session leaves in the tx-region that ended while a message waited."""
    layout = config.tx_layout
    begin = layout.address + layout.begin
    sent = SlotQueue(bus, begin, config.slots)
    taken = SlotQueue(bus, begin + layout.queue_size, config.slots)
    area, packet = BlockArea(bus, layout), bound_packet(config)
    area.write(0, len(packet) | CONTROL << 24, packet)
    for number in range(_MESSAGES):
        sent.put(0, high=number == 0)
    for _ in range(_TAKEN):
        taken.put(0)


_HEAD_START_NS: Final = 1 * MS
"""Time by which firmware is up before Python opens its side, where memory is not clear."""


class EndpointSetup:
    """Both cores, set up but not started; ``configs`` gives the instance of each, ``endpoints`` the names.

    With ``stale_memory`` the regions hold something, and firmware starts before Python opens its side, if it has one.

    Raises:
        FirmwareError: an image does not fit its core.
        ConfigurationError: instance, endpoints or workload cannot work.
    """

    def __init__(
        self,
        machine: Machine,
        programs: Mapping[str, Program],
        configs: Mapping[str, SeveralConfig],
        workload: Workload,
        endpoints: Sequence[str],
        *,
        release: bool,
        stale_memory: StaleMemory | None,
    ) -> None:
        self._machine = machine
        self._release = release
        self._configs = configs
        self.python: Final = [name for name in configs if programs[name] is None]
        self.firmware: Final = [name for name in configs if programs[name] is not None]
        if not endpoints or len(set(endpoints)) < len(endpoints):
            raise ConfigurationError(
                f"endpoints {','.join(endpoints) or 'none'}: give at least one, and each name once"
            )
        self.stubs: Final[dict[str, EndpointStub]] = {}
        for name, config in configs.items():
            check_regions(machine, machine.core(name), config)
            if (image := programs[name]) is not None:
                self._load(machine.core(name), image, config, endpoints, workload)
        self._running = False
        self.starter: Final = next((name for name, stub in self.stubs.items() if stub.starts), None)
        """The core whose stub sends first."""
        self.unknown: Final = [name for name in self.firmware if name not in self.stubs]
        """Cores with firmware of which nothing is known."""
        if workload.any_number and (not self.unknown or self.starter is not None):
            raise ConfigurationError(
                "--messages any is for firmware of yours that sends first; here the number is known: give it"
            )
        if stale_memory is not None:
            first = next(iter(configs))
            fill_endpoint_regions(machine.core(first).bus, configs[first], stale_memory, workload.seed)
            if self.python:
                self.start()
                machine.run_for(_HEAD_START_NS)
        self.played: Final = {name: self._play(machine.core(name)) for name in self.python}

    def _load(
        self,
        core: Core,
        image: FirmwareImage,
        config: SeveralConfig,
        endpoints: Sequence[str],
        workload: Workload,
    ) -> None:
        core.load(image)
        check_image(core, image, config)
        if EndpointStub.is_stub(image):
            check_reply(workload, core.name)
            stub = self.stubs[core.name] = EndpointStub(image, core.bus)
            stub.set_blocks(config)
            stub.set_endpoints(endpoints, workload)

    def _play(self, core: Core) -> PlayedInstance[SeveralEndpoints]:
        return PlayedInstance(self._machine, core, self._configs[core.name])

    def start(self) -> None:
        """Let the firmware run, if it does not yet."""
        if not self._running:
            self._running = True
            start_firmware(self._machine, self.firmware, release=self._release)

    def check_roles(self, initiator: str | None) -> None:
        """Refuse stubs that do not go together, once they run; ConfigurationError."""
        programs = {name: stats.program for name, stub in self.stubs.items() if (stats := stub.stats())}
        check_roles(initiator, programs)

    @property
    def is_done(self) -> bool:
        """True when the stub that sends first has every echo."""
        stats = self.stubs[self.starter].stats() if self.starter is not None else None
        return stats is not None and stats.state >= DONE

    def stub_counts(self, number: int) -> EndpointStats | None:
        """Return what the stub that sends first has counted at an endpoint, by its number; None where none does."""
        return self.stubs[self.starter].endpoint_stats(number) if self.starter is not None else None

    def troubles(self) -> Iterator[str]:
        """Yield what went wrong in stubs, in words."""
        for name, stub in self.stubs.items():
            if (stats := stub.stats()) is not None and (trouble := stats.trouble()) is not None:
                yield f"stub on {name}: {trouble}"
