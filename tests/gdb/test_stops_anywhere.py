"""Stops at random places of the stubs, in the middle of IT blocks, too: the run is the one without them."""

from __future__ import annotations

import random
from functools import cache

import pytest

from icmsg.assets import platform_file, stub
from icmsg.config.boards import BOARDS
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage

pytestmark = pytest.mark.slow


@cache
def outcome(soc: str, who: tuple[str, str], seed: int | None) -> tuple[str, int]:
    board = BOARDS[soc]
    with EmbeddedMachine(platform_file(soc)) as machine:
        names = tuple(machine.cores)[:2]
        sides = {
            core: FirmwareImage.load(stub(name, core, soc)) for core, name in zip(names, who, strict=True)
        }
        exchange = Exchange(machine, sides, board.instance, Workload(30))
        hits = [0]

        def count() -> None:
            hits[0] += 1

        if seed is not None:
            source = random.Random(seed)
            for core, image in sides.items():
                for part in image.segments:
                    for address in range(part.run_address, part.run_address + len(part.data), 2):
                        if source.random() < 0.03:
                            machine.core(core).stops.on_reach(address, count)
        exchange.run()
        return machine.trace_sha256(), hits[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("soc", ["nrf5340", "nrf54l15"])
def test_stops_at_random_places_change_nothing(soc: str, seed: int) -> None:
    for who in (("initiator", "echo"), ("echo", "initiator")):
        without, _ = outcome(soc, who, None)
        with_stops, hits = outcome(soc, who, seed)
        assert with_stops == without
        assert hits > 250
