"""The verdict is what happens: two sides of ICBMsg bind over one memory exactly when the check says so."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from icbmsg_files import CORES, me, side_with

from icmsg.config.checks import check, will_bond
from icmsg.errors import ConfigurationError, IcmsgError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, InterruptHandler, VirtualClock, backend_for

if TYPE_CHECKING:
    from icmsg.config.load import Side

BASE, SIZE = 0x2001_0000, 0x2_0000
MESSAGE = bytes(range(1, 21))
ALIGNED = "dcache-alignment = < 0x20 >;"
BLOCKS = {
    "app": ("tx-blocks = < 0x10 >", "rx-blocks = < 0x12 >"),
    "flpr": ("tx-blocks = < 0x12 >", "rx-blocks = < 0x10 >"),
}


def changed(core: str, alignment: int | None, tx: int, rx: int, release: str, **more: Any) -> Side:
    changes = [(ALIGNED, "" if alignment is None else f"dcache-alignment = <{alignment}>;")]
    for old, number in zip(BLOCKS[core], (tx, rx), strict=True):
        changes.append((old, f"{old[:9]} = <{number}>"))
    return side_with(core, *changes, release=release, **more)


def exchanges(sides: list[Side], names: tuple[str, ...] = ("ep0", "ep1")) -> bool:
    """Open both sides, and tell whether messages arrive each way at every endpoint and nobody complains."""
    memory, clock = bytearray(SIZE), VirtualClock()
    got: dict[tuple[str, str], list[bytes]] = {}
    errors: list[IcmsgError] = []
    endpoints = []
    opened = []
    for of, mailbox in zip(sides, mailbox_pair(32), strict=True):
        config = of.backend(of.devicetree.instances[0])
        instance = backend_for(MemoryBus(memory, base=BASE), mailbox, clock, config)
        mailbox.on_signal = InterruptHandler(mailbox, instance).handle
        opened.append((of, instance))
    for (of, instance), name in product(opened, names):
        taken = got.setdefault((of.core, name), [])
        config_of = EndpointConfig(name, received=taken.append, error=errors.append)
        endpoints.append(instance.register_endpoint(config_of))
    clock.settle(10_000_000)
    for _ in range(20):
        try:
            for endpoint in endpoints:
                if endpoint.is_bound:
                    endpoint.send(MESSAGE)
        except IcmsgError:
            return False
        clock.settle(10_000_000)
    return not errors and all(taken == [MESSAGE] * 20 for taken in got.values())


def verdict_of(*sides: Side) -> bool:
    """Return the verdict, which has to be what happens."""
    findings = check(*sides)
    verdict = will_bond(findings)
    try:
        for each in sides:
            each.backend(each.devicetree.instances[0])
    except ConfigurationError:
        assert not verdict
        return verdict
    assert exchanges(list(sides)) == verdict, [str(finding) for finding in findings]
    return verdict


@pytest.mark.parametrize("releases", [*product(("3.7", "4.0", "4.1", "4.5"), repeat=2)], ids="-".join)
def test_every_release_with_every_other_and_several_alignments(releases: tuple[str, str]) -> None:
    verdicts = []
    for ours, theirs in product((None, 4, 32), (None, 32)):
        sides = [
            changed(core, alignment, *blocks, release, generation=None if release != "4.0" else "3.6")
            for core, alignment, blocks, release in zip(
                CORES, (ours, theirs), ((16, 18), (18, 16)), releases, strict=True
            )
        ]
        verdicts.append(verdict_of(*sides))
    assert True in verdicts or ("4.5" in releases and releases != ("4.5", "4.5"))
    assert False in verdicts


@pytest.mark.parametrize("release", ["3.7", "4.1", "4.5"])
def test_every_number_of_blocks_with_every_other(release: str) -> None:
    verdicts = []
    for tx, rx in product((15, 16, 17), (16, 18)):
        sides = changed("app", 32, 16, 18, release), changed("flpr", 32, rx, tx, release)
        verdicts.append(verdict_of(*sides))
    assert verdicts.count(True) == 1


def test_icmsg_me_binds_with_an_initiator_and_a_follower_of_one_alignment() -> None:
    for roles, alignment in product((("initiator", "follower"), ("follower", "initiator")), (None, 32)):
        changes = () if alignment else ((ALIGNED, ""),)
        sides = side_with("app", *me(roles[0])), side_with("flpr", *me(roles[1]), *changes)
        assert verdict_of(*sides) == bool(alignment)
    assert not verdict_of(side_with("app", *me("follower")), side_with("flpr", *me("follower")))
