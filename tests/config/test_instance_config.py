"""A configuration that can never work is refused, and the message says what to change."""

from __future__ import annotations

from typing import Any

import pytest

from icmsg.config import InstanceConfig, Region, RegionLayout
from icmsg.errors import ConfigurationError
from icmsg.hw.bus import MemoryBus
from icmsg.wire import PbufWriter

TX, RX = Region(0x2007_0000, 0x800), Region(0x2007_8000, 0x800)


def test_the_defaults_are_the_nrf5340_sample() -> None:
    config = InstanceConfig(TX, RX)
    assert (config.tx_channel, config.rx_channel) == (0, 1)
    assert config.tx_layout == RegionLayout.pbuf(0x800)
    assert config.tx_layout.data_length == 2040
    assert str(config.tx_region) == "0x20070000…0x200707FF"


def test_mirrored_is_the_other_side_and_twice_mirrored_the_same() -> None:
    config = InstanceConfig(
        TX, Region(0x2007_8000, 0x400), dcache_alignment=32, unbound="detect", rx_limit=200, peer_rx_limit=128
    )
    other = config.mirrored()
    assert (other.tx_region, other.rx_region) == (config.rx_region, config.tx_region)
    assert (other.tx_channel, other.rx_channel) == (config.rx_channel, config.tx_channel)
    assert (other.rx_limit, other.peer_rx_limit) == (128, 200)
    assert (other.tx_layout, other.rx_layout) == (config.rx_layout, config.tx_layout)
    assert other.mirrored() == config


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tx_region": Region(0x2007_0002, 0x800)}, "tx-region at 0x20070002 .* move it to 0x20070000"),
        ({"rx_region": Region(0x2007_8004, 0x800), "dcache_alignment": 32}, "aligned to 32 .* 0x20078000"),
        ({"tx_region": Region(0x2007_0000, 16)}, "tx-region of 16 bytes is too small: the minimum is 20"),
        ({"tx_region": Region(0x2007_0000, 20)}, "13 bytes of the magic: the minimum is 32 bytes"),
        ({"rx_region": Region(0x2007_8000, 30)}, "use 28 bytes"),
        ({"dcache_alignment": 6}, "not a multiple of 4"),
        ({"rx_region": Region(0x2007_07FC, 0x800)}, r"overlap: give each"),
        ({"unbound": "enable"}, "dcache-alignment >= 8"),
        ({"unbound": "detect", "dcache_alignment": 4}, "dcache-alignment >= 8"),
        ({"unbound": "compatibility"}, 'use one of "disable", "enable", "detect"'),
        ({"unbound": "enable", "dcache_alignment": 8, "signalling": "repeat"}, 'signalling="ring-back"'),
        ({"signalling": "once"}, 'use one of "repeat", "ring-back"'),
        ({"wire": "vring"}, 'use one of "pbuf", "spsc_pbuf"'),
        ({"wire": "spsc_pbuf"}, 'signalling="repeat"'),
        ({"bond_notify_repeat_to_ms": 0}, "use 1…100"),
        ({"bond_notify_repeat_to_ms": 101}, "use 1…100"),
        ({"rx_limit": 12}, "use 13…65535"),
        ({"peer_rx_limit": 65536}, "use 13…65535"),
        ({"tx_channel": -1}, "tx_channel = -1"),
        ({"rx_channel": 70000}, "rx_channel = 70000"),
    ],
)
def test_what_cannot_work_is_refused_with_its_fix(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        InstanceConfig(**({"tx_region": TX, "rx_region": RX} | change))


@pytest.mark.parametrize(("address", "size"), [(-4, 64), (0, 0), (0, -1)])
def test_an_impossible_region_is_refused(address: int, size: int) -> None:
    with pytest.raises(ConfigurationError, match="use an address >= 0"):
        Region(address, size)


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [((0, 4), (4, 4), False), ((0, 5), (4, 4), True), ((4, 4), (0, 4), False), ((4, 4), (0, 64), True)],
)
def test_regions_that_only_touch_do_not_overlap(
    first: tuple[int, int], second: tuple[int, int], overlap: bool
) -> None:
    assert Region(*first).overlaps(Region(*second)) is overlap
    assert Region(*second).overlaps(Region(*first)) is overlap


@pytest.mark.parametrize(
    ("alignment", "handshake"), [(0, False), (4, False), (8, False), (8, True), (32, True)]
)
def test_the_minimum_that_a_message_names_is_exact(alignment: int, handshake: bool) -> None:
    minimum = RegionLayout.pbuf(0, alignment, handshake=handshake).minimum_size
    RegionLayout.pbuf(minimum, alignment, handshake=handshake).check(0)
    with pytest.raises(ConfigurationError, match=f"the minimum is {minimum} bytes"):
        RegionLayout.pbuf(minimum - 4, alignment, handshake=handshake).check(0)


def test_the_smallest_region_for_the_magic_is_exact() -> None:
    small = {"tx_region": Region(0x1000, 32), "rx_region": Region(0x2000, 32)}
    config = InstanceConfig(**small)
    writer = PbufWriter(MemoryBus(bytearray(32), base=0x1000), 0x1000, config.tx_layout)
    writer.tx_init()
    assert writer.write(bytes(13)) == 13
    with pytest.raises(ConfigurationError, match="the minimum is 32"):
        InstanceConfig(**(small | {"rx_region": Region(0x2000, 28)}))


def test_sessions_need_no_room_for_the_magic() -> None:
    config = InstanceConfig(Region(0x1000, 24), Region(0x2000, 24), unbound="enable", dcache_alignment=8)
    assert config.tx_layout.capacity == 4


@pytest.mark.parametrize("text", ["0x20070000:0x800", "537329664:2048", " 0x20070000 : 2048 "])
def test_a_region_is_read_from_its_address_and_size(text: str) -> None:
    assert Region.parse(text) == TX


@pytest.mark.parametrize("text", ["", "0x20070000", "0x20070000:", "a:b", "1:2:3", "0x20070000-0x800"])
def test_what_is_no_region_says_how_one_is_written(text: str) -> None:
    with pytest.raises(ConfigurationError, match="use ADDR:SIZE in bytes, for example 0x20070000:0x800"):
        Region.parse(text)
