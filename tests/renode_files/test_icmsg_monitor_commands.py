"""The Monitor commands decode what the wire layer writes, by the rules of icmsg.wire.inspect."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from two_regions import BASE, LAYOUT, NET, SIZE, Link, remove_fake_modules, script

from icmsg.config import RegionLayout
from icmsg.wire.inspect import inspect_region
from icmsg.wire.packet_buffer import HandshakeWord

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def link() -> Iterator[Link]:
    yield Link()
    remove_fake_modules()


def test_status_shows_both_regions_and_both_mailboxes(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    writer = link.writer()
    writer.write(b"hello")
    writer.write(b"x" * 30)
    link.monitor.call("icmsg_status")
    assert capsys.readouterr().out.splitlines() == [
        f"app->net 0x20070000 {inspect_region(link.bus, BASE, LAYOUT)}",
        "  the first packet is not the magic: 68 65 6c 6c 6f |hello|",
        "net->app 0x20078000 rd_idx=0 wr_idx=0 used=0 of 2040, empty",
        "  net has written nothing",
        "memory says not bound: the magic is not written on both sides",
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
    assert out[2] == "  net has session 7, acknowledges 3; app has none now: net has to open again"
    assert out[4] == "  app has no session: it has not opened its side, or closed it"


@cache
def _one_link() -> Link:
    return Link()


@settings(max_examples=examples(150))
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
    remove_fake_modules()
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
    link.monitor.call("icmsg_dump", what, 1)
    assert capsys.readouterr().out.splitlines() == [
        "app->net 0x20070000 rd_idx=0 wr_idx=12 used=12 of 2040, 1 packet pending",
        "  at the start: 5 bytes: 68 65 6c 6c 6f |hello|",
        "  index     0: 5 bytes: 68 65 6c 6c 6f |hello|",
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
        "  index     0: 20 bytes: " + "00 " * 6 + "... |...................|",
        "  index    24: 20 bytes: " + "01 " * 6 + "... |...................|",
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


@pytest.mark.parametrize("words", [("icmsg_release",), ("icmsg", "release")])
def test_the_release_is_that_of_the_lockstep(link: Link, words: tuple[str, ...]) -> None:
    link.monitor.call(*words)
    assert link.monitor.parsed == ["sysbus.ipcapp Release"]


@pytest.mark.parametrize("command", ["icmsg_status", "icmsg_watch", "icmsg_release"])
def test_without_a_machine_the_error_says_what_to_include(link: Link, command: str) -> None:
    link.monitor.Machine = None
    with pytest.raises(Exception, match=r"there is no machine; include renode/nrf5340\.resc"):
        link.monitor.call(command)


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
        ("icmsg", ["status"]),
        ("icmsg", ["dump", "app"]),
        ("icmsg", ["dump", "app", "--packets"]),
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
