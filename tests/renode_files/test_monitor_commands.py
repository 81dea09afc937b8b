"""The Monitor commands decode what the wire layer writes, by the rules of icmsg.wire.inspect."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_monitor import FakeMachine, FakeMonitor
from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.assets import asset
from icmsg.config import RegionLayout
from icmsg.hw.memory_bus import MemoryBus
from icmsg.wire.handshake import HandshakeWord
from icmsg.wire.inspect import inspect_region
from icmsg.wire.pbuf_reader import PbufReader
from icmsg.wire.pbuf_writer import PbufWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = 0x20070000
NET = 0x20078000
SIZE = 0x800
LAYOUT = RegionLayout.pbuf(SIZE)


def script() -> str:
    return str(asset("renode/icmsg_monitor.py"))


class Link:
    """Both regions in one memory, and a Monitor that looks at them."""

    def __init__(self) -> None:
        self.memory = bytearray(0x10000)
        self.bus = MemoryBus(self.memory, base=BASE)
        self.monitor = FakeMonitor(FakeMachine(BASE, self.memory))
        self.monitor.include(script())

    def writer(self, address: int = BASE, layout: RegionLayout = LAYOUT) -> PbufWriter:
        writer = PbufWriter(self.bus, address, layout)
        writer.tx_init()
        return writer

    def reader(self, address: int = BASE, layout: RegionLayout = LAYOUT) -> PbufReader:
        reader = PbufReader(self.bus, address, layout)
        reader.rx_init()
        return reader

    def ring(self, core: str = "app", channel: int = 0) -> None:
        self.monitor.Machine["sysbus.ipc" + core].TaskTriggered.fire(None, channel)

    @property
    def log(self) -> list[str]:
        return [text for _, text in self.monitor.log]


@pytest.fixture(autouse=True)
def _no_fake_modules_are_left() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "Antmicro"]:
        del sys.modules[name]


@pytest.fixture
def link() -> Link:
    return Link()


def test_status_shows_both_regions_and_both_mailboxes(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    writer = link.writer()
    writer.write(b"hello")
    writer.write(b"x" * 30)
    link.monitor.call("icmsg_status")
    assert capsys.readouterr().out.splitlines() == [
        f"app->net 0x20070000 {inspect_region(link.bus, BASE, LAYOUT)}",
        "net->app 0x20078000 rd_idx=0 wr_idx=0 used=0 of 2040, empty",
        "ipcapp: INTEN=0x0001 EVENTS=0x0000 IRQ=0 (ipcapp)",
        "ipcnet: INTEN=0x0001 EVENTS=0x0000 IRQ=0 (ipcnet)",
    ]


def test_status_names_the_sessions(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    layout = RegionLayout.pbuf(SIZE, 8, handshake=True)
    HandshakeWord(link.bus, BASE, layout).write(7, 3)
    link.monitor.call("icmsg_regions", alignment=8, handshake=True)
    link.monitor.call("icmsg_status")
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("2048 bytes, dcache-alignment 8, with sessions")
    assert out[2] == "  net has session 7, acknowledges 3"
    assert out[4] == "  app has session 0, acknowledges 0"


@cache
def _one_link() -> Link:
    return Link()


@settings(derandomize=True, max_examples=150)
@given(
    indices=st.tuples(st.integers(0, 23), st.integers(0, 23)),
    odd=st.tuples(st.integers(0, 3), st.integers(0, 40)),
    data=st.lists(st.sampled_from([0, 0, 0, 1, 2, 5, 8, 13, 255]), min_size=88, max_size=88),
)
def test_any_region_is_described_as_the_inspector_describes_it(
    indices: tuple[int, int], odd: tuple[int, int], data: list[int]
) -> None:
    link = _one_link()
    layout = RegionLayout.pbuf(96)
    rd, wr = (4 * index for index in indices)
    if odd[0] == 3:  # most examples have indices that can be
        wr += odd[1]
    link.memory[:96] = rd.to_bytes(4, "little") + wr.to_bytes(4, "little") + bytes(data)
    link.monitor.call("icmsg_regions", size=96)
    region = link.monitor.scope["icmsg_settings"].regions[0]
    view, expected = region.read(link.monitor.Machine), inspect_region(link.bus, BASE, layout)
    assert str(view) == str(expected)
    assert [bytes(packet) for packet in view.pending] == list(expected.pending)
    assert bytes(view.first) == expected.first


@pytest.mark.parametrize("alignment", [0, 4, 8, 32])
@pytest.mark.parametrize("handshake", [False, True])
def test_the_layout_is_that_of_the_wire_layer(link: Link, alignment: int, handshake: bool) -> None:
    layout = RegionLayout.pbuf(SIZE, alignment, handshake=handshake)
    link.monitor.call("icmsg_regions", alignment=alignment, handshake=handshake)
    region = link.monitor.scope["icmsg_settings"].regions[0]
    assert (region.wr_idx_offset, region.data_offset) == (layout.wr_idx_offset, layout.data_offset)


@pytest.mark.parametrize(
    "what", ["app", "app->net", "cpuapp", BASE, BASE + SIZE - 1], ids=lambda what: f"{what}"
)
def test_dump_takes_a_name_or_an_address(
    link: Link, what: object, capsys: pytest.CaptureFixture[str]
) -> None:
    link.writer().write(b"hello")
    link.monitor.call("icmsg_dump", what)
    assert capsys.readouterr().out.splitlines() == [
        "app->net 0x20070000 rd_idx=0 wr_idx=12 used=12 of 2040, 1 packet pending",
        "  at the start: 5 bytes: 68 65 6c 6c 6f |hello|",
        "  pending: 5 bytes: 68 65 6c 6c 6f |hello|",
    ]


@pytest.mark.parametrize("name", ["cpunet", "ipcnet"])
def test_dump_takes_a_peripheral_of_a_core(link: Link, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    link.monitor.call("icmsg_dump", link.monitor.Machine["sysbus." + name])
    assert capsys.readouterr().out.startswith("net->app 0x20078000 ")


def test_dump_shows_as_many_packets_as_asked_for(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    writer = link.writer()
    for number in range(5):
        writer.write(bytes([number]) * 20)
    link.monitor.call("icmsg_dump", "app", 2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "  pending: 20 bytes: " + "00 " * 16 + "... |................|",
        "  pending: 20 bytes: " + "01 " * 16 + "... |................|",
        "  and 3 more",
    ]


@pytest.mark.parametrize(("what", "named"), [("radio", "radio"), (0x20000000, "0x20000000")])
def test_an_unknown_region_is_refused_with_those_there_are(link: Link, what: object, named: str) -> None:
    with pytest.raises(Exception, match=f"{named} is no region; there are app->net 0x20070000"):
        link.monitor.call("icmsg_dump", what)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"app": BASE + 2}, "is not aligned"),
        ({"alignment": 6}, "is not aligned"),
        ({"app": BASE + 4, "alignment": 32}, "is not aligned"),
        ({"size": 16}, "has 8 bytes for data"),
        ({"size": 0x7FE}, "has 2038 bytes for data"),
    ],
)
def test_a_layout_that_cannot_work_changes_nothing(link: Link, change: dict[str, int], problem: str) -> None:
    before = str(link.monitor.scope["icmsg_settings"])
    with pytest.raises(Exception, match=problem):
        link.monitor.call("icmsg_regions", **change)
    assert str(link.monitor.scope["icmsg_settings"]) == before


@pytest.mark.parametrize("command", ["icmsg_status", "icmsg_watch"])
def test_without_a_machine_the_error_says_what_to_include(link: Link, command: str) -> None:
    link.monitor.Machine = None
    with pytest.raises(Exception, match=r"there is no machine; include renode/nrf5340\.resc"):
        link.monitor.call(command)


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
        "icmsg 1250.5 us app rings 0: 3 bytes: 6f 6e 65 |one|; 3 bytes: 74 77 6f |two|",
        "icmsg 1250.5 us app rings 3: nothing new",
        "icmsg 1250.5 us net rings 1: 4 bytes: 62 61 63 6b |back|",
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
    assert [text.split(": ", 1)[1] for text in link.log] == [
        f"{len(packet)} bytes: {packet.hex(' ')} |{'.' * len(packet)}|".replace(
            "." * len(packet), "".join(chr(byte) if 32 <= byte < 127 else "." for byte in packet)
        )
        for packet in sent
    ]


def test_watch_tells_a_restarted_writer_and_a_broken_index(link: Link) -> None:
    writer = link.writer()
    writer.write(b"a" * 60)
    link.monitor.call("icmsg_watch")
    link.writer().write(b"again")
    link.ring()
    link.memory[4:8] = (0xFFFF_FFFC).to_bytes(4, "little")
    link.ring()
    assert [text.split(": ", 1)[1] for text in link.log] == [
        "initialised again; 5 bytes: 61 67 61 69 6e |again|",
        "wr_idx 0xFFFFFFFC is beyond the 2040 data bytes",
    ]


def test_watch_logs_sessions_with_the_doorbell_of_the_core_that_wrote_them(link: Link) -> None:
    layout = RegionLayout.pbuf(SIZE, 8, handshake=True)
    link.monitor.call("icmsg_regions", alignment=8, handshake=True)
    link.monitor.call("icmsg_watch")
    HandshakeWord(link.bus, NET, layout).write(5, 0)  # the application core reads the region of the other
    link.ring("net", 1)
    link.ring("app", 0)
    assert [text.split("us ", 1)[1] for text in link.log] == [
        "net rings 1: nothing new",
        "app rings 0: app has session 5, acknowledges 0",
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


def _python2() -> str | None:
    """Return a Python 2.7 that runs; a pyenv shim may be there and run nothing."""
    installed = sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))
    for found in (os.environ.get("ICMSG_PYTHON2"), *map(str, installed), shutil.which("python2.7")):
        if found is not None:
            try:
                probe = subprocess.run([found, "-c", "import json"], capture_output=True, check=False)
            except OSError:
                continue
            if probe.returncode == 0:
                return found
    return None


PYTHON2 = _python2()


@pytest.mark.skipif(PYTHON2 is None, reason="no Python 2.7 here; set ICMSG_PYTHON2 to one to run this")
def test_python_2_prints_the_same(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    assert PYTHON2 is not None
    writer = link.writer()
    for packet in (b"hello", b"\x00\xffabc" * 9, b"x"):
        writer.write(packet)
    calls: list[tuple[str, list[object]]] = [
        ("icmsg_status", []),
        ("icmsg_dump", ["app", 2]),
        ("icmsg_dump", [NET]),
        ("icmsg_regions", [None, None, 0x400]),
        ("icmsg_watch", []),
    ]
    for command, arguments in calls:
        link.monitor.call(command, *arguments)
    link.ring(channel=4)
    expected = capsys.readouterr().out + "".join(f"{level} {text}\n" for level, text in link.monitor.log)
    request = {"script": script(), "base": BASE, "memory": link.memory.hex(), "calls": calls, "rings": [4]}
    ran = subprocess.run(
        [PYTHON2, "-B", str(Path(__file__).with_name("fake_monitor.py"))],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stderr, ran.stdout) == ("", expected)
