"""icmsg_watch writes a line for each doorbell, and lets nothing escape into the thread of a core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from two_regions import BASE, NET, SIZE, Link, remove_fake_modules, script

from icmsg.config import RegionLayout
from icmsg.link.followed_region import FollowedRegion
from icmsg.machine.events import Packets, TxRegion
from icmsg.monitor.verbs.status import packet_text
from icmsg.wire.packet_buffer import HandshakeWord

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def link() -> Iterator[Link]:
    yield Link()
    remove_fake_modules()


def test_watch_logs_what_came_with_each_doorbell(link: Link) -> None:
    writer = link.writer()
    writer.write(b"before")
    link.monitor.call("icmsg_watch")
    writer.write(b"one")
    writer.write(b"two")
    link.monitor.Machine.ElapsedVirtualTime.TotalMicroseconds = 1250.5
    link.ring()
    link.ring(channel=3)
    link.writer(NET).write(b"back")
    link.ring("net", 1)
    assert link.log == [
        "[0.001250500] app->net 3 bytes: 6f 6e 65 |one|",
        "[0.001250500] app->net 3 bytes: 74 77 6f |two|",
        "[0.001250500] app rings 3, nothing new",
        "[0.001250500] net->app 4 bytes: 62 61 63 6b |back|",
    ]


def test_watch_sees_every_packet_of_a_ring_that_wraps(link: Link) -> None:
    layout = RegionLayout.pbuf(64)
    link.monitor.call("icmsg_regions", size=64)
    writer, reader = link.writer(layout=layout), link.reader(layout=layout)
    link.monitor.call("icmsg_watch")
    sent = [bytes([number]) * (1 + number % 13) for number in range(40)]
    for packet in sent:
        writer.write(packet)
        link.ring()
        reader.read()
    assert [text.split("] ", 1)[1] for text in link.log] == [
        f"app->net {packet_text(packet)}" for packet in sent
    ]


def test_watch_tells_a_restarted_writer_and_a_broken_index(link: Link) -> None:
    writer = link.writer()
    writer.write(b"a" * 60)
    link.monitor.call("icmsg_watch")
    link.writer().write(b"again")
    link.ring()
    link.memory[4:8] = (0xFFFF_FFFC).to_bytes(4, "little")
    link.ring()
    link.ring()
    assert [text.split("] ", 1)[1] for text in link.log] == [
        "app->net initialised again, or packets were overwritten unseen",
        "app->net 5 bytes: 61 67 61 69 6e |again|",
        "app->net wr_idx 0xFFFFFFFC is beyond the 2040 data bytes",
        "app rings 0, nothing new",
    ]


def test_watch_tells_a_broken_packet_behind_good_ones_and_nothing_twice(link: Link) -> None:
    link.monitor.call("icmsg_watch")
    followed = FollowedRegion(link.bus, TxRegion("ipc0", "app", "net", BASE), RegionLayout.pbuf(SIZE))
    writer = link.writer()
    writer.write(b"Em1l1K0rn3li4")
    writer.write(b"good")
    link.ring()
    link.memory[4:8] = (36).to_bytes(4, "little")
    link.ring()
    assert [text.split("] ", 1)[1] for text in link.log] == [
        "app->net the magic, 13 bytes |Em1l1K0rn3li4|",
        "app->net 4 bytes: 67 6f 6f 64 |good|",
        "app->net the packet at index 28 announces 0 bytes",
    ]
    packets, broken = followed.look()
    assert isinstance(packets, Packets)
    assert list(packets.payloads) == [b"Em1l1K0rn3li4", b"good"]
    assert str(broken) == "the packet at index 28 announces 0 bytes"


def test_watch_admits_what_it_could_not_see(link: Link) -> None:
    layout = RegionLayout.pbuf(64)
    link.monitor.call("icmsg_regions", size=64)
    writer, reader = link.writer(layout=layout), link.reader(layout=layout)
    writer.write(b"seen")
    reader.read()
    link.monitor.call("icmsg_watch")
    followed = FollowedRegion(link.bus, TxRegion("ipc0", "app", "net", BASE), layout)
    for size in (20, 21, 22, 23, 9):
        writer.write(b"\xff" * size)
        reader.read()
    link.ring()
    assert [text.split("] ", 1)[1] for text in link.log] == ["app->net packets were overwritten unseen"]
    assert [str(news) for news in followed.look()] == ["packets were overwritten unseen"]


def test_watch_logs_sessions_with_the_doorbell_of_the_core_that_wrote_them(link: Link) -> None:
    layout = RegionLayout.pbuf(SIZE, 8, handshake=True)
    link.monitor.call("icmsg_regions", alignment=8, handshake=True)
    link.monitor.call("icmsg_watch")
    HandshakeWord(link.bus, NET, layout).write(5, 0)  # the application core reads the region of the other
    link.ring("net", 1)
    link.ring("app", 0)
    assert [text.split("] ", 1)[1] for text in link.log] == [
        "net rings 1, nothing new",
        "app has session 5, acknowledges nobody yet",
    ]


def test_nothing_escapes_into_the_thread_of_a_core(link: Link) -> None:
    link.monitor.call("icmsg_watch")
    link.monitor.Machine.SystemBus.memory = bytearray(16)
    link.ring()
    assert link.monitor.log == [
        (
            "ERROR",
            "icmsg: cannot decode what app sent: "
            "Tried to access bytes at non-existing peripheral at 0x20070000",
        )
    ]


def test_watching_ends_and_begins_once(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    mailbox: Any = link.monitor.Machine["sysbus.ipcapp"]
    for _ in range(3):
        link.monitor.call("icmsg_watch")
    assert len(mailbox.TaskTriggered.handlers) == 1
    link.monitor.call("icmsg_regions", size=0x400)
    assert len(mailbox.TaskTriggered.handlers) == 1
    link.monitor.include(script())
    assert mailbox.TaskTriggered.handlers == []
    link.monitor.call("icmsg_watch", True)
    link.monitor.call("icmsg_watch", False)
    assert mailbox.TaskTriggered.handlers == []
    assert capsys.readouterr().out.splitlines()[-1] == "doorbells are no longer written to the log"
