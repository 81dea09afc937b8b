"""The Monitor commands for plain Renode say that a region is one of ICBMsg, which they do not decode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from two_regions import Link, remove_fake_modules

from icmsg.config.boards import NRF5340
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, InterruptHandler, VirtualClock, backend_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config import IcbmsgConfig

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def link() -> Iterator[Link]:
    yield Link()
    remove_fake_modules()


def talk(link: Link, config: IcbmsgConfig) -> None:
    """Bind two endpoints over the memory of ``link``, and leave a message."""
    clock, ends, sides = VirtualClock(), mailbox_pair(), []
    for end, own in zip(ends, (config, config.mirrored()), strict=True):
        side = backend_for(link.bus, end, clock, own)
        end.on_signal = InterruptHandler(end, side).handle
        sides.append([side.register_endpoint(EndpointConfig(name)) for name in ("ep0", "ep1")])
    clock.settle()
    sides[0][1].send(b"hello")


def test_control_messages_are_named_and_blocks_are_not_decoded(link: Link, capsys: Capture) -> None:
    talk(link, NRF5340.icbmsg)
    link.monitor.call("icmsg_status")
    out = capsys.readouterr().out
    said = "this looks like ICBMsg of Zephyr 3.6 to 4.4: messages lie in blocks, which only icmsg monitor shows, after "
    assert out.count(said + "icmsg config backend=icbmsg\n") == 2
    link.monitor.call("icmsg_dump", "app", 4)
    assert "ICBMsg DATA, endpoint 1, block 0" in capsys.readouterr().out


def test_queues_are_no_indices(link: Link, capsys: Capture) -> None:
    talk(link, replace(NRF5340.icbmsg, generation="rework"))
    link.monitor.call("icmsg_status")
    out = capsys.readouterr().out
    assert (
        "app->net 0x20070000 holds queues, and no indices\n  this looks like ICBMsg after Zephyr 4.4: " in out
    )
    assert "icmsg config backend=icbmsg-rework\n" in out


def test_icmsg_is_not_taken_for_it(link: Link, capsys: Capture) -> None:
    writer = link.writer()
    writer.write(b"\x02\x00\x01")
    link.monitor.call("icmsg_status")
    assert "ICBMsg" not in capsys.readouterr().out
