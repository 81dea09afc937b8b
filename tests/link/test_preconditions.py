"""What can never work is refused before a machine runs, and the text names the fix."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from exchanges import exchange
from firmware_files import foreign
from looped import for_each

from icmsg.config.instance import InstanceConfig, Region
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.link.preconditions import ECHO, INITIATOR, check_image, check_roles
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage, Segment

if TYPE_CHECKING:
    from pathlib import Path

SPIN = 3


def with_tx(address: int, size: int = 0x800) -> InstanceConfig:
    rx = Region(0x2007_8000 if address == 0x2007_FC00 else 0x2006_0000, 0x800)
    if size > 0x800:
        rx = Region(0x2009_0000, 0x800)
    return replace(APP, tx_region=Region(address, size), rx_region=rx)


@for_each(
    ("config", "blind", "said"),
    [
        (with_tx(0x2009_0000), "app and of core net", "nothing is there from end to end"),
        (with_tx(0x2007_FC00), "app and of core net", "nothing is there from end to end"),
        (with_tx(0x5002_A000), "app and of core net", "ipcapp is registers of core app alone"),
        (with_tx(0x5003_9000), "app and of core net", "nvmcapp is a stand-in for registers"),
        (with_tx(0x5002_1000), "app and of core net", "PWM0 is registers"),
        (with_tx(0x0005_0000), "app and of core net", "flashapp is flash"),
        (with_tx(0x0100_0000), "app and of core net", "flashnet is flash of core net alone"),
        (with_tx(0x2100_8000), "app", "ramnet is RAM of core net alone"),
        (with_tx(0xFFFF_F000), "app and of core net", "nothing is there from end to end"),
        (with_tx(0x2000_0000, 0x9_0000), "app and of core net", "nothing is there from end to end"),
    ],
)
@for_each("pair", [("python", "echo"), ("initiator", "echo"), ("python", "python")])
def test_regions_have_to_be_ram_that_all_cores_reach(
    config: InstanceConfig, blind: str, said: str, pair: tuple[str, str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        exchange(*pair, config=config)
    assert str(caught.value) == (
        f"tx-region {config.tx_region} of core app is not RAM of core {blind} in the platform file ({said}): "
        "move it to RAM that all cores reach (0x20000000…0x2007FFFF)"
    )


def test_regions_may_not_lie_where_an_image_is(tmp_path: Path) -> None:
    config = replace(APP, rx_region=Region(0x2000_0000, 0x800))
    image = FirmwareImage.load(foreign(tmp_path, "app"))
    segment = Segment(0x2000_0100, 0x2000_0100, bytes(16), executable=False)
    both = FirmwareImage(image.path, (*image.segments, segment), image.entry, image.symbols)
    with pytest.raises(ConfigurationError, match=r"rx-region .* of core app overlaps 0x20000100…0x2000010F"):
        check_image(EmbeddedMachine().core("app"), both, config)


@for_each(
    ("config", "sizes", "said"),
    [
        (APP, (1, 2033), "takes at most 2032; use --size 1:2032, or raise that"),
        (APP, (3000, 4000), "use --size 2032:2032"),
        (replace(APP, rx_region=Region(0x2007_8000, 64)), (1, 100), "at most 48; use --size 1:48"),
        (replace(APP, peer_rx_limit=128), (1, 129), "at most 128"),
        (replace(APP, rx_limit=100), (1, 101), "at most 100"),
    ],
)
@for_each("pair", [("python", "echo"), ("initiator", "echo"), ("python", "python")])
def test_messages_have_to_fit_there_and_back(
    config: InstanceConfig, sizes: tuple[int, int], said: str, pair: tuple[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        exchange(*pair, Workload(5, *sizes), config=config)


@for_each(
    ("initiator", "programs"),
    [
        ("app", {"net": ECHO}),
        ("net", {"app": ECHO, "net": INITIATOR}),
        ("app", {"app": INITIATOR}),
        (None, {"app": ECHO}),
        ("app", {}),
        ("net", {"app": SPIN}),
    ],
)
def test_roles_that_go_together_are_left_alone(initiator: str | None, programs: dict[str, int]) -> None:
    check_roles(initiator, programs)


@pytest.mark.parametrize(
    ("app", "net", "initiator", "said"),
    [
        (
            "echo",
            "echo",
            None,
            "nobody sends first: cores app, net both send back only; run the stub initiator",
        ),
        (
            "initiator",
            "initiator",
            None,
            "core net runs the stub initiator, which sends first and never sends back",
        ),
        ("python", "echo", "net", "core net shall initiate, but the stub echo never sends first"),
        ("echo", "python", "app", "core app shall initiate, but the stub echo never sends first"),
        ("initiator", "echo", "net", "and core net shall initiate too"),
        ("initiator", "python", "net", "core app runs the stub initiator"),
    ],
)
def test_roles_that_do_not_go_together_are_refused(
    app: str, net: str, initiator: str | None, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        exchange(app, net, initiator=initiator)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            replace(APP, tx_region=Region(0x2006_0000, 0x8004)),
            "tx-region of 0x8004 bytes: the firmware stubs take at most 0x8000; use a smaller region, or your own",
        ),
        (replace(APP, rx_region=Region(0x2006_0000, 0x1_0000)), "rx-region of 0x10000 bytes"),
        (
            replace(APP, dcache_alignment=12, rx_region=Region(0x2007_8004, 0x800)),
            "dcache-alignment 12: the firmware stubs take 0 or a power of two",
        ),
    ],
)
def test_what_only_the_stubs_cannot_do_is_refused_for_them_only(config: InstanceConfig, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        exchange("initiator", "echo", config=config)
    assert exchange("python", "python", config=config).ok
