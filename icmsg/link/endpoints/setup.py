"""Setup of an exchange over several endpoints: firmware that is loaded, stubs that were told what to do, and Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.stale_memory import fill_endpoint_regions
from icmsg.link.endpoints.stub import EndpointStub
from icmsg.link.played_instance import PlayedInstance
from icmsg.link.preconditions import check_image, check_regions, check_reply, check_roles
from icmsg.link.stub_firmware import DONE
from icmsg.machine.force_off import start_firmware
from icmsg.machine.simtime import MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icmsg.ipc import SeveralEndpoints
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.stub import EndpointStats
    from icmsg.link.setup import Program
    from icmsg.link.stale_memory import StaleMemory
    from icmsg.link.workload import Workload
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Core, Machine

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
