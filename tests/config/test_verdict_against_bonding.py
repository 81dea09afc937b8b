"""The verdict is what happens: the same two sides, opened over one memory, bond exactly when the check says so."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from config_files import text

from icmsg.config.built_for import Release, Releases
from icmsg.config.checks import check, will_bond
from icmsg.config.devicetree import parse_devicetree
from icmsg.config.load import Side
from icmsg.errors import ConfigurationError, IcmsgError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock

if TYPE_CHECKING:
    from icmsg.config import InstanceConfig

BASE, SIZE = 0x2007_0000, 0x1_0000
MESSAGE = bytes(range(20))

MODES = (
    ("3.5", None),
    ("3.7", None),
    ("4.0", None),
    ("4.1", None),
    ("4.1", "disable"),
    ("4.1", "enable"),
    ("4.1", "detect"),
)


def side(core: str, release: str, *, of: str | None = None, **properties: str | int | None) -> Side:
    """Return a side of the example with these properties added; ``of`` takes the other side's regions and channels."""
    added = "".join(
        f"{name.replace('_', '-')} = {f'<{value}>' if isinstance(value, int) else chr(34) + value + chr(34)}; "
        for name, value in properties.items()
        if value is not None
    )
    devicetree = parse_devicetree(text("seed", of or core, (("status", f"{added}status"),)), f"{core}.dts")
    found = Release.parse(release)
    return Side(core, devicetree, None, Releases(found, found), "as given")


def config(of: Side) -> InstanceConfig:
    return of.config(of.devicetree.instances[0])


def exchanges(app: Side, net: Side, *, net_first: bool) -> bool:
    """Open both sides, and tell whether a message arrives each way and nobody complains."""
    memory, clock = bytearray(SIZE), VirtualClock()
    got: dict[str, list[bytes]] = {"app": [], "net": []}
    errors: list[IcmsgError] = []
    instances = {}
    for of, mailbox in zip((app, net), mailbox_pair(), strict=True):
        instance = IcmsgInstance(MemoryBus(memory, base=BASE), mailbox, clock, config(of))
        mailbox.on_signal = InterruptHandler(mailbox, instance).handle
        instances[of.core] = instance
    endpoints = {
        name: instances[name].register_endpoint(
            EndpointConfig(received=got[name].append, error=errors.append)
        )
        for name in (("net", "app") if net_first else ("app", "net"))
    }
    clock.settle(10_000_000)
    for endpoint in endpoints.values():
        if endpoint.is_bound:
            endpoint.send(MESSAGE)
    clock.settle(10_000_000)
    return not errors and got == {"app": [MESSAGE], "net": [MESSAGE]}


def can_be_opened(*sides: Side) -> bool:
    try:
        for each in sides:
            config(each)
    except ConfigurationError:
        return False
    return True


def assert_verdict(app: Side, net: Side) -> bool:
    findings = check(app, net)
    # This mailbox keeps a ring for a side that is not up yet; the real one, whose core is still held, does not.
    verdict = will_bond([finding for finding in findings if finding.code != "disable-opens-first"])
    if not can_be_opened(app, net):
        assert not verdict
        return verdict
    for net_first in (False, True):
        assert exchanges(app, net, net_first=net_first) == verdict, [str(finding) for finding in findings]
    return verdict


@pytest.mark.parametrize("app_mode", MODES, ids=str)
def test_every_mode_of_every_release_with_every_other(app_mode: tuple[str, str | None]) -> None:
    verdicts = []
    for (release, unbound), ours, theirs in product(MODES, (None, 8, 32), (None, 4, 8)):
        old = "3.5" in (release, app_mode[0])
        app = side("app", app_mode[0], unbound=app_mode[1], dcache_alignment=None if old else ours)
        net = side("net", release, unbound=unbound, dcache_alignment=None if old else theirs)
        verdicts.append(assert_verdict(app, net))
    assert True in verdicts
    assert False in verdicts


@pytest.mark.parametrize("release", ["3.5", "3.7", "4.1"])
def test_sides_that_are_not_swapped_never_bond(release: str) -> None:
    app = side("app", release)
    assert assert_verdict(app, side("net", release))
    assert not assert_verdict(app, side("net", release, of="app"))
