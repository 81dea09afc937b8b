"""What the verbs show of an instance, and what they say about a call that is wrong."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from verbs_on_a_machine import APP, NET, Session

from icmsg.config import RegionLayout
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import MonitorError
from icmsg.monitor.verbs.syntax import VERBS
from icmsg.wire import PbufWriter, SpscWriter

if TYPE_CHECKING:
    from icmsg.monitor import EmbeddedMonitor

NO_MACHINE = "there is no machine: make one with include @renode/nrf5340.resc"
NEEDS_A_MACHINE = {
    "status": "status",
    "dump": "dump app",
    "watch": "watch",
    "trace": "trace x.txt",
    "bond": "bond",
    "send": "send x",
    "recv": "recv",
    "unbound": "unbound",
    "reset": "reset net",
    "release": "release",
    "ring": "ring net 1",
    "write": "write app 0 00",
    "var": "var app x",
}


def test_status_of_a_machine_on_which_nothing_has_happened(session: Session) -> None:
    assert session.type("status").splitlines() == [
        'ipc0: pbuf, dcache-alignment 0, unbound = "disable", ring-back',
        "app->net 0x20070000 rd_idx=0 wr_idx=0 used=0 of 2040, empty",
        "  app has written nothing",
        "net->app 0x20078000 rd_idx=0 wr_idx=0 used=0 of 2040, empty",
        "  net has written nothing",
        "memory says not bound: the magic is not written on both sides",
        "app: halted",
        "net: halted",
        "ipcapp: INTEN=0x0000 EVENTS=0x0000 IRQ=0",
        "  app does not listen on channel 1",
        "ipcnet: INTEN=0x0000 EVENTS=0x0000 IRQ=0",
        "  net does not listen on channel 0",
    ]


def test_status_tells_firmware_that_waits_for_its_peer(session: Session) -> None:
    session.boot("net", "echo")
    session.running.run_for(1_000_000)
    lines = session.type("status").splitlines()
    assert lines[3:5] == [
        "net->app 0x20078000 rd_idx=0 wr_idx=20 used=20 of 2040, 1 packet pending",
        "  net wrote the magic, app has not taken it",
    ]
    assert any(line.startswith("net: runs echo-net.elf, PC 0x0100") for line in lines)
    assert "ipcnet: INTEN=0x0001 EVENTS=0x0000 IRQ=0" in lines


def test_status_says_when_the_bytes_are_those_of_another_instance(session: Session) -> None:
    session.type("config dcache-alignment=32")
    session.boot("net", "echo")
    session.running.run_for(1_000_000)
    assert "as app sees it: peer uses dcache-alignment 4, you use 32: set dcache-alignment = <32>" not in (
        session.type("status")
    )
    assert "as app sees it: peer uses dcache-alignment 4, you use 32" in session.type("status")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((0, 0), "net has no session: it has not opened its side, or closed it"),
        ((0, 4), "net has no session, but acknowledges 4: it has not opened its side, or closed it"),
        ((3, 0), "net has session 3, acknowledges nobody yet"),
        ((3, 7), "net has session 3, acknowledges 7"),
        ((3, 6), "net has session 3, acknowledges 6; app has 7 now: net has to open again"),
    ],
)
def test_status_tells_sessions_in_words(session: Session, words: tuple[int, int], told: str) -> None:
    session.type("config unbound=enable")
    bus = session.running.core("app").bus
    bus.write32(APP + 4, words[1] << 16 | words[0])
    bus.write32(NET + 4, 3 << 16 | 7)
    lines = session.type("status").splitlines()
    assert lines[2].startswith(f"  {told}")
    bound = "bound: each side acknowledges the other's session" in "\n".join(lines)
    assert bound == (words == (3, 7))


def test_dump_names_the_header_and_leaves_out_rows_that_repeat(session: Session) -> None:
    writer = PbufWriter(session.running.core("app").bus, APP, RegionLayout.pbuf(0x800))
    writer.tx_init()
    writer.write(b"hello world, how are you")
    assert session.type("dump app->net").splitlines() == [
        "app->net 0x20070000 rd_idx=0 wr_idx=28 used=28 of 2040, 1 packet pending",
        "  0x20070000  00 00 00 00  rd_idx = 0",
        "  0x20070004  1c 00 00 00  wr_idx = 28",
        "  0x20070008  2040 bytes of data",
        "  +0      00 18 00 00 68 65 6c 6c 6f 20 77 6f 72 6c 64 2c  |....hello world,|",
        "  +16     20 68 6f 77 20 61 72 65 20 79 6f 75 00 00 00 00  | how are you....|",
        "  +32     00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|",
        "  *",
        "  +2032   00 00 00 00 00 00 00 00                          |........|",
    ]


def test_dump_shows_session_words_and_the_fields_of_spsc_pbuf(session: Session) -> None:
    session.type("config unbound=detect")
    session.running.core("app").bus.write32(NET + 4, 5 << 16 | 2)
    assert "  0x20078004  02 00 05 00  handshake = session 2, acknowledges 5" in session.type("dump rx")
    session.type("config release=3.5")
    SpscWriter(session.running.core("net").bus, NET, RegionLayout.spsc_pbuf(0x800, 32)).tx_init()
    assert session.type("dump net").splitlines()[:5] == [
        "net->app 0x20078000 rd_idx=0 wr_idx=0 used=0 of 2012, empty",
        "  0x20078000  dc 07 00 00  data length = 2012",
        "  0x20078004  01 00 00 00  flags = 1",
        "  0x20078008  00 00 00 00  rd_idx = 0",
        "  0x20078020  00 00 00 00  wr_idx = 0",
    ]


def test_packets_are_listed_with_their_place(session: Session) -> None:
    writer = PbufWriter(session.running.core("app").bus, APP, RegionLayout.pbuf(0x800))
    writer.tx_init()
    for packet in (b"Em1l1K0rn3li4", b"x", bytes(range(40))):
        writer.write(packet)
    assert session.type("dump app --packets").splitlines()[1:] == [
        "  at the start: the magic, 13 bytes |Em1l1K0rn3li4|",
        "  index     0: the magic, 13 bytes |Em1l1K0rn3li4|",
        "  index    20: 1 byte: 78 |x|",
        "  index    28: 40 bytes: 00 01 02 03 04 05 ... |...................|",
    ]


@pytest.mark.parametrize(
    ("what", "address"),
    [
        *(
            (name, APP)
            for name in ("app", "app->net", "app→net", "tx", "cpuapp", "sysbus.ipcapp", "0x20070004")
        ),
        *((name, NET) for name in ("net", "NET->APP", "rx", "rx-region", "cpunet", str(NET + 0x7FF))),
    ],
)
def test_a_region_has_many_names(session: Session, what: str, address: int) -> None:
    assert f"0x{address:08X}" in session.type(f"dump '{what}' --packets").splitlines()[0]


@pytest.mark.parametrize("what", ["radio", "0x20000000", str(NET + 0x800), "app->app"])
def test_an_unknown_region_is_refused_with_those_there_are(session: Session, what: str) -> None:
    with pytest.raises(
        MonitorError, match=f"{what} is no region: use app->net 0x20070000, net->app 0x20078000"
    ):
        session.type(f"dump '{what}'")


@pytest.mark.parametrize(
    "instance", ["unbound=disable dcache-alignment=0", "unbound=enable dcache-alignment=32"]
)
def test_messages_that_look_like_another_layout_are_no_reason_to_doubt_the_instance(
    session: Session, instance: str
) -> None:
    session.type(f"config {instance}")
    session.type("bond app net")
    for number in range(70):
        for sender, receiver in (("app", "net"), ("net", "app")):
            payload = (4 * (number % 20)).to_bytes(4, "little") * (1 + number % 31)
            session.type(f"send hex:{payload.hex()} {sender}")
            assert " sees it: " not in session.type("status")
            session.type(f"recv {receiver}")
            assert " sees it: " not in session.type("status")


def test_each_machine_keeps_who_plays_its_cores(session: Session) -> None:
    first = session.running
    session.type("bond app net")
    with EmbeddedMachine() as second:
        session.machine = second
        assert "app: halted" in session.type("status").splitlines()
        session.machine = first
        assert "app: played by Python, CONNECTED_SID_DISABLED" in session.type("status").splitlines()


# Whatever lies in memory


@cache
def _session() -> Session:
    return Session()


@settings(max_examples=examples(120), deadline=None)
@given(
    content=st.lists(
        st.one_of(
            st.sampled_from(
                [b"\0\0\0\0", b"\x14\0\0\0", b"\0\x0d\0\0", b"\xff\xff\xff\xff", b"Em1l1K0rn3li4\0\0\0"]
            ),
            st.binary(min_size=4, max_size=12),
        ),
        min_size=2,
        max_size=12,
    ),
    instance=st.sampled_from(
        [
            "release=4.4 unbound=enable",
            "release=4.4 unbound=disable dcache-alignment=0",
            "release=3.5",
            "release=3.7",
        ]
    ),
    core=st.sampled_from(["app", "net"]),
)
def test_any_memory_is_described_without_an_error_and_within_92_columns(
    content: list[bytes], instance: str, core: str
) -> None:
    session = _session()
    session.type(f"config {instance}")
    bus = session.running.core(core).bus
    data = b"".join(content)[:0x800]
    bus.write_block(APP if core == "app" else NET, data + bytes(0x800 - len(data)))
    shown = [session.type(line) for line in ("status", f"dump {core}", f"dump {core} --packets")]
    # The verdict of the discriminator is a sentence, and wraps as one.
    lines = [line for text in shown for line in text.splitlines() if not line.startswith("as ")]
    assert max(map(len, lines)) <= 92, max(lines, key=len)


# Calls that are wrong


@pytest.mark.parametrize("line", NEEDS_A_MACHINE.values())
def test_without_a_machine_every_verb_says_how_to_make_one(session: Session, line: str) -> None:
    session.close()
    session.machine = None
    with pytest.raises(MonitorError, match=NO_MACHINE):
        session.type(line)


def test_the_verbs_that_need_no_machine_are_the_others(session: Session) -> None:
    session.close()
    session.machine = None
    assert set(VERBS) - set(NEEDS_A_MACHINE) == {"config", "regions", "help"}
    assert session.type("help").splitlines()[0].startswith("status  ")
    assert session.type("config").startswith("ipc0: pbuf")
    assert session.type("") == session.type("help")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("statu", "icmsg has no verb 'statu'; did you mean status\\?; there are status, dump, "),
        ("xyz", "icmsg has no verb 'xyz'; there are status, dump, "),
        ("dump", r"too few words; usage: icmsg dump REGION \[--packets\|COUNT\]"),
        ("dump app net", "number of packets 'net': use a whole number"),
        ("dump app 1 2", "too many words; usage: icmsg dump"),
        ("regions sise=4", r"icmsg regions has no 'sise'; did you mean size\?"),
        ("dump app --packet", "--packet is no option here; usage: icmsg dump"),
        ("status app", "too many words; usage: icmsg status"),
        ("watch maybe", "'maybe' is neither on nor off; usage: icmsg watch"),
        ("send", "too few words; usage: icmsg send"),
        ("send hello world again", "put a text with spaces into quotes; usage: icmsg send"),
        ("send hex:0g", "'hex:0g' are no bytes: use two hex digits for each"),
        ("send 0x", "'0x' are no bytes"),
        ("recv --timeout", "--timeout needs a value"),
        ("recv --timeout 5min", r"'5min' is no time: use seconds as in emulation RunFor"),
        ("recv", "Python plays no core: icmsg bond first"),
        ("release app net app", "too many words; usage: icmsg release"),
        ("release net", "Python does not play net; icmsg release alone gives back all it plays"),
        ("unbound net", "Python does not play net: icmsg bond net first"),
        ("bond radio", "no core 'radio'; use app or net"),
        (
            "bond",
            "which core\\? Nothing runs on app and net: icmsg bond app plays one of them, icmsg bond app net",
        ),
        ("ring app", "too few words; usage: icmsg ring CORE CHANNEL"),
        ("ring app 16", "no channel 16: use 0…15"),
        ("ring app one", "channel 'one': use a whole number"),
        (
            "write app 2047 0000",
            "2 bytes at offset 2047 leave the region of 2048 bytes: use an offset of 0…2046",
        ),
        ("write app -1 00", "1 bytes at offset -1 leave"),
        ("write app 0 zz", "'zz' are no bytes"),
        ("help dum", "icmsg has no verb 'dum'; did you mean dump\\?"),
    ],
)
def test_a_call_that_is_wrong_says_what_is_right(session: Session, line: str, told: str) -> None:
    with pytest.raises(MonitorError, match=told):
        session.type(line)


@pytest.mark.parametrize("name", VERBS)
def test_help_of_a_verb_begins_with_its_usage(session: Session, name: str) -> None:
    lines = session.type(f"help {name}").splitlines()
    assert lines[0].startswith(f"icmsg {name}")
    assert max(len(line) for line in session.type("help").splitlines()) <= 80
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["d"], ["dump"]),
        (["re"], ["recv", "release", "reset", "regions"]),
        (["dump", "app"], ["app->net", "app"]),
        (["config", "un"], ["unbound="]),
        (["help", "w"], ["watch", "write"]),
        (["xyz", ""], []),
    ],
)
def test_words_are_completed(session: Session, words: list[str], completions: list[str]) -> None:
    assert session.verbs.complete(words) == completions
    assert session.verbs.complete([""]) == list(VERBS)


def test_the_help_of_the_monitor_leads_to_the_verbs(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute("help").endswith("`icmsg help` lists the commands for ICMsg.")
    assert monitor.execute("help icmsg") == monitor.execute("icmsg help") == monitor.execute("icmsg")
