"""Layout rules of ICBMsg's three generations, and configurations that can never bind."""

from __future__ import annotations

from typing import Any

import pytest
from looped import for_each

from icmsg.config import BlockLayout, IcbmsgConfig, Region
from icmsg.errors import ConfigurationError

A, B = Region(0x2007_8000, 0x800), Region(0x2007_0000, 0x800)


def offsets(generation: Any, size: int, local: int, remote: int, alignment: int, address: int = 0) -> Any:
    layout = BlockLayout.of(generation, address, size, local=local, remote=remote, dcache_alignment=alignment)
    layout.check()
    return layout.blocks_offset, layout.block_size


@for_each(
    ("size", "local", "remote", "alignment", "old", "new", "rework"),
    [
        (256, 4, 4, 0, (96, 40), (96, 40), (48, 52)),
        (1024, 5, 7, 32, (224, 160), (164, 172), (64, 192)),
        (0x800, 16, 32, 0, (448, 100), (448, 100), (64, 124)),
        (0x800, 16, 32, 32, (512, 96), (448, 100), (512, 96)),
        (0x800, 16, 18, 32, (512, 96), (384, 104), (512, 96)),
        (0x800, 18, 16, 32, (896, 64), (392, 92), (320, 96)),
        (0x800, 16, 18, 0, (320, 108), (320, 108), (64, 124)),
        (0x800, 18, 16, 0, (320, 96), (320, 96), (104, 108)),
    ],
)
def test_the_worked_examples(
    size: int, local: int, remote: int, alignment: int, old: Any, new: Any, rework: Any
) -> None:
    for generation, expected in (("3.6", old), ("4.1", new), ("rework", rework)):
        assert offsets(generation, size, local, remote, alignment) == expected


def test_blocks_of_one_cache_line_are_too_small_for_36_and_not_for_41() -> None:
    assert offsets("4.1", 0x800, 32, 16, 32) == (512, 48)
    with pytest.raises(ConfigurationError, match="a block has at least 64"):
        offsets("3.6", 0x800, 32, 16, 32)


def test_a_region_that_is_not_aligned_loses_its_ends() -> None:
    layout = BlockLayout.of("4.1", 0x2007_8004, 250, local=4, remote=4, dcache_alignment=16)
    assert (layout.begin, layout.size, layout.blocks_offset, layout.block_size) == (12, 224, 112, 28)
    config = IcbmsgConfig(Region(0x2007_8004, 250), B, 4, 4, dcache_alignment=16)
    assert config.control.tx_region == Region(0x2007_8010, 112)


def test_a_mirrored_configuration_has_the_same_regions_seen_from_the_other_side() -> None:
    config = IcbmsgConfig(A, B, 16, 18, tx_channel=3, rx_channel=5)
    other = config.mirrored()
    assert other.tx_layout == config.rx_layout
    assert other.control == config.control.mirrored()
    assert (other.tx_channel, other.rx_channel) == (5, 3)
    assert other.mirrored() == config
    assert config.is_initiator is not other.is_initiator


@pytest.mark.parametrize(
    ("generation", "signalling", "expected"),
    [("3.6", None, "repeat"), ("4.1", None, "ring-back"), ("3.6", "ring-back", "ring-back")],
)
def test_the_control_channel_signals_as_the_releases_of_the_generation(
    generation: Any, signalling: Any, expected: str
) -> None:
    assert (
        IcbmsgConfig(A, B, 4, 4, generation=generation, signalling=signalling).control.signalling == expected
    )


@for_each(
    ("options", "text"),
    [
        ({"generation": "4.0"}, 'generation = "4.0" does not exist: use one of "3.6", "4.1", "rework"'),
        ({"refused": "drop"}, 'refused = "drop" does not exist'),
        ({"signalling": "once"}, 'signalling = "once" does not exist'),
        ({"defects": frozenset(["all"])}, 'defects = "all" does not exist'),
        ({"tx_channel": -1}, "tx_channel = -1 is out of range"),
        ({"rx_channel": 0x10000}, "rx_channel = 65536 is out of range"),
        ({"dcache_alignment": -4}, "dcache_alignment = -4 is out of range"),
        ({"dcache_alignment": 24}, "dcache-alignment 24 is no power of two"),
        ({"num_ep": 0}, "num_ep = 0 is out of range: use 1…254"),
        ({"num_ep": 255}, "num_ep = 255 is out of range: use 1…254"),
        ({"slots": 0}, "slots = 0 is out of range"),
        ({"bond_notify_repeat_to_ms": 0}, "bond_notify_repeat_to_ms = 0 is out of range"),
        ({"rx_region": A}, "overlap: give each its own memory"),
        ({"tx_blocks": 0}, "tx-region has 0 blocks: ICBMsg of generation 4.1 has 1 to 256"),
        ({"rx_blocks": 257}, "rx-region has 257 blocks"),
        ({"generation": "3.6", "rx_blocks": 257}, "rx-region has 257 blocks"),
        ({"generation": "rework", "tx_blocks": 33}, "has 1 to 32 .* or an older generation"),
        ({"tx_blocks": 200}, "tx-region of 2048 bytes at 0x20078000 is too small for 200 blocks"),
        ({"tx_region": Region(0x2007_8000, 64)}, "use 104 aligned bytes, or fewer blocks"),
        ({"tx_region": Region(0x2007_8001, 2)}, "too small"),
        ({"generation": "rework", "tx_region": Region(0x2007_8000, 60)}, "a block has at least 8"),
    ],
)
def test_what_can_never_work_is_refused_with_the_remedy(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        IcbmsgConfig(**({"tx_region": A, "rx_region": B, "tx_blocks": 4, "rx_blocks": 4} | options))


def test_the_remedy_of_a_small_region_is_one() -> None:
    with pytest.raises(ConfigurationError, match="use 104 aligned bytes"):
        IcbmsgConfig(Region(0x1000, 100), B, 4, 4)
    assert IcbmsgConfig(Region(0x1000, 104), B, 4, 4).tx_layout.block_size == 4
