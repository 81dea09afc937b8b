"""Set-up of an exchange: firmware that is loaded, and Python with its endpoint open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.link.played_instance import PlayedInstance
from icmsg.link.players import Initiator, Player, Responder
from icmsg.link.preconditions import check_image, check_regions, check_reply
from icmsg.link.stale_memory import fill_regions
from icmsg.link.stub_firmware import StubFirmware, StubStats
from icmsg.machine.force_off import start_firmware
from icmsg.machine.image import FirmwareImage
from icmsg.machine.simtime import MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icmsg.config.instance import InstanceConfig
    from icmsg.link.stale_memory import StaleMemory
    from icmsg.link.workload import Workload
    from icmsg.machine.machine import Core, Machine

_HEAD_START_NS: Final = 1 * MS
Program = FirmwareImage | None
"""Program of a core: an image, or None for Python."""


class ExchangeSetup:
    """Both cores, set up but not started; ``configs`` gives the instance of each.

    ``initiator`` is who sends first as far as it is known: what was asked for, else the stub that does, else Python.

    With ``stale_memory`` the regions hold something, and firmware starts before Python opens its side: a side that is
    opened first cannot be misled.

    Raises:
        FirmwareError: an image does not fit its core.
        ConfigurationError: an instance cannot work on its core.
    """

    def __init__(
        self,
        machine: Machine,
        programs: Mapping[str, Program],
        configs: Mapping[str, InstanceConfig],
        workload: Workload,
        initiator: str | None,
        stale_memory: StaleMemory | None = None,
    ) -> None:
        self._machine = machine
        self._workload = workload
        self._configs = configs
        self._stubs: dict[str, StubFirmware] = {}
        for name, config in configs.items():
            check_regions(machine, machine.core(name), config)
        images = {name: image for name, image in programs.items() if image is not None}
        self._firmware: Final = [name for name in configs if name in images]
        for name, image in images.items():
            self._load(machine.core(name), image)
        python = [name for name, image in programs.items() if image is None]
        starting = [name for name, stub in self._stubs.items() if stub.starts]
        self.initiator: Final[str | None] = initiator or next(iter(starting + python), None)
        self._running = False
        if stale_memory is not None:
            first = next(iter(configs))
            fill_regions(machine.core(first).bus, configs[first], stale_memory, workload.seed)
            self.start()
            if python:
                machine.run_for(_HEAD_START_NS)
        self.players: Final = {name: self._open(machine.core(name)) for name in python}
        self.unknown: Final = [name for name in images if name not in self._stubs]
        """Cores with firmware of which nothing is known."""

    def _load(self, core: Core, image: FirmwareImage) -> None:
        config, work = self._configs[core.name], self._workload
        core.load(image)
        check_image(core, image, config)
        if StubFirmware.is_stub(image):
            check_reply(work, core.name)
            stub = self._stubs[core.name] = StubFirmware(image, core.bus)
            stub.set_instance(config)
            stub.set_work(
                messages=max(work.messages, 1),  # a stub that sends has no other way to start
                size_min=work.size_min,
                size_max=work.size_max,
                seed=work.seed,
                window=work.window or 1,
            )

    def _open(self, core: Core) -> Player:
        played = PlayedInstance(self._machine, core, self._configs[core.name])
        if core.name == self.initiator and self._workload.messages:
            return Initiator(played, self._machine.clock, self._workload)
        answers, answer = bool(self._workload.messages), self._workload.answer
        return Responder(played, self._machine.clock, answers=answers, answer=answer)

    def start(self, *, release: bool = False) -> None:
        """Let the firmware run, if it does not yet; ``release``: also where another core holds it in reset."""
        if not self._running:
            self._running = True
            start_firmware(self._machine, self._firmware, release=release)

    def is_stub(self, core: str | None) -> bool:
        """Tell whether a firmware stub runs on ``core``."""
        return core in self._stubs

    def stats(self) -> Iterator[tuple[str, StubStats]]:
        """Yield the counters of every stub that has come so far as to have some."""
        for name, stub in self._stubs.items():
            if (stats := stub.stats()) is not None:
                yield name, stats

    def initiator_stats(self, core: str | None) -> StubStats | None:
        """Return the counters of the stub on ``core`` if it is one that sends first."""
        stub = self._stubs.get(core or "")
        return stub.stats() if stub is not None and stub.starts else None
