"""What scripts add to a machine in the Monitor, terminals at a port, images of U-Boot, and files from elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import socket
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Final

import pytest
from release_rig import Server
from typed_paths import typed

from icmsg.engines.renode.download import fetched
from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ECHO: Final = "sysbus LoadELF @firmware_stubs/prebuilt/echo-net.elf cpu=cpunet"
ROLLING: Final = """
if request.isInit:
    last = 5
    self.InfoLog('size {0}', size)
elif request.IsRead:
    request.Value = last
    last += 1
elif request.isWrite:
    last = request.value
elif request.IsUser:
    request.Value = last + request.Offset
"""


# Peripherals


def test_a_script_answers_at_its_addresses_and_stays_when_the_machine_is_made_again(
    soc: EmbeddedMonitor, tmp_path: Path
) -> None:
    (tmp_path / "rolling äö.py").write_text(ROLLING, encoding="utf-8")
    soc.execute(f'machine PyDevFromFile {typed(tmp_path / "rolling äö.py")} 0x400D2004 0x4 True "sysctrl"')
    assert [soc.execute("sysbus ReadDoubleWord 0x400D2004") for _ in range(2)] == ["0x00000005", "0x00000006"]
    soc.execute("sysbus WriteDoubleWord 0x400D2004 0x40; cpunet PerformanceInMips 97")
    assert soc.execute("sysctrl ReadDoubleWord 0; sysctrl ControlRead 2") == "0x00000005\n0x0000000000000008"
    with pytest.raises(MonitorError, match="Given name 'sysctrl' is already used"):
        soc.execute(f'machine PyDevFromFile {typed(tmp_path / "rolling äö.py")} 0x1000 0x4 True "sysctrl"')
    (tmp_path / "bad.py").write_text("if (")
    with pytest.raises(MonitorError, match="never closed"):
        soc.execute(f'machine PyDevFromFile {typed(tmp_path / "bad.py")} 0x400D3000 0x4 True "bad"')


def test_addresses_lead_to_others_for_firmware_too(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus Redirect 0xC0000000 0x21008000 0x1000; sysbus WriteDoubleWord 0xC0000004 0x1234")
    assert soc.execute("sysbus ReadDoubleWord 0x21008004") == "0x00001234"
    soc.execute('cpunet AssembleBlock 0x21000000 "ldr r1, [r0, #4]; str r1, [r0, #8]; b 0x21000004"')
    soc.execute(
        "cpunet SetRegister 0 0xC0000000; cpunet PC 0x21000000; cpunet SP 0x21001000; cpunet IsHalted false"
    )
    soc.execute('emulation RunFor "0.0001"')
    assert soc.execute("sysbus ReadDoubleWord 0x21008008") == "0x00001234"
    for command, why in (
        (
            "sysbus Redirect 0x20000000 0 0x1000",
            "Redirector at the given address <0x20000000, 0x20000FFF> because",
        ),
        ("sysbus Redirect 0xD0000000 0 0", "a range has at least one address"),
        ("sysbus Redirect 0xD0000000 0 0x1000", "do this before time passes"),
    ):
        with pytest.raises(MonitorError, match=why):
            soc.execute(command)


def test_a_peripheral_is_taken_out_unless_something_needs_it(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus WriteDoubleWord 0x20000000 7; machine UnregisterFromParent sysbus.tempnet")
    assert "tempnet" not in soc.execute("peripherals")
    assert soc.execute("sysbus WhatPeripheralIsAt 0x41010000 cpunet") == ""
    assert soc.execute("sysbus ReadDoubleWord 0x20000000") == "0x00000007"
    with pytest.raises(
        MonitorError, match=r"nvicnet stays: cpunet, ipcnet, .* of the platform file cannot be without"
    ):
        soc.execute("machine UnregisterFromParent sysbus.nvicnet")


def test_a_virtual_console_is_a_uart_without_firmware(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    soc.execute('machine CreateVirtualConsole "con"; showAnalyzer con; emulation CreateUARTHub "hub"')
    soc.execute("connector Connect sysbus.con hub; connector Connect sysbus.uartnet hub")
    soc.execute(
        f'con CreateFileBackend {typed(tmp_path / "con.txt")} true; con Echo false; con WriteLine "in"'
    )
    assert soc.execute("con IsEmpty; con Contains 0x69") == "False\nTrue"
    assert (
        soc.execute("con WriteBufferToMemory 0x20000000 2; sysbus ReadWord 0x20000000")
        == "0x0000000000000002\n0x6E69"
    )
    soc.execute(
        f'con DisplayChar 0x41; con DisplayChar 0x0A; {ECHO}; cpunet IsHalted false; emulation RunFor "0.001"'
    )
    assert (tmp_path / "con.txt").read_bytes() == b"A\n"
    assert soc.execute("con DumpHistoryBuffer") == "A\n"
    assert any("con: " in entry.message and entry.text.endswith("A") for entry in soc.log.last(9))
    assert soc.execute("con GetBuffer").count("0x") == len("\recho: up\r\n")


# Two machines


def test_two_machines_take_turns_so_that_what_comes_through_a_hub_has_its_time() -> None:
    """What the console of one machine prints comes to that of the other one within a quantum."""
    with EmbeddedMonitor() as monitor:
        monitor.execute('emulation CreateUARTHub "hub"')
        for name in ("A", "B"):
            monitor.execute(f'mach create "{name}"; machine LoadPlatformDescription @platforms/nrf5340.repl')
            monitor.execute('cpuapp IsHalted true; machine CreateVirtualConsole "con"; con Echo false')
            monitor.execute("connector Connect sysbus.con hub; connector Connect sysbus.uartnet hub")
        monitor.execute(
            'mach set "A"; con AddLineHook "up" "self.InfoLog(\'{0}\', machine.ElapsedVirtualTime.Ticks)"'
        )
        monitor.execute(f'mach set "B"; {ECHO}; cpunet IsHalted false; emulation RunFor "0.002"')
        assert monitor.execute('mach set "B"; con GetBuffer').count("0x") == len("echo: up\r\n")
        assert monitor.execute('mach set "A"; con GetBuffer').count("0x") == len("echo: up\r\n")


# A port


class Client:
    """A client at a terminal's port, which looks while time passes."""

    def __init__(self, monitor: EmbeddedMonitor, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.monitor = monitor

    def read(self, wanted: bytes) -> bytes:
        got = b""
        while wanted not in got:
            self.monitor.attend()
            self.socket.settimeout(0.05)
            try:
                received = self.socket.recv(4096)
            except TimeoutError:
                self.monitor.execute('emulation RunFor "0.0001"')
                continue
            assert received, got
            got += received
        return got


def test_a_client_at_a_port_is_the_terminal_of_a_uart_in_both_directions(soc: EmbeddedMonitor) -> None:
    soc.execute(
        f'emulation CreateServerSocketTerminal 0 "term"; connector Connect sysbus.uartnet term; {ECHO}'
    )
    soc.execute('cpunet IsHalted false; emulation RunFor "0.001"')
    port = int(soc.execute("term Port"), 16)
    client = Client(soc, port)
    assert (
        client.read(b"echo: up\r\n") == b"\xff\xfb\x01\xff\xfb\x03echo: up\r\n"
    )  # what was printed before is kept
    client.socket.sendall(b"a\xff\xfd\x01\xff\xffb")
    assert soc.machine is not None
    before = soc.machine.core("net").console.missed
    for _ in range(20):
        soc.execute('emulation RunFor "0.001"')
    assert soc.machine.core("net").console.missed - before == 3  # nobody receives in this firmware: counted
    soc.execute("Clear")
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free
    assert client.socket.recv(10) == b""
    client.socket.close()


def test_a_plain_port_sends_nothing_of_telnets_and_may_forget_what_was_before(soc: EmbeddedMonitor) -> None:
    soc.execute('machine CreateVirtualConsole "con"; con DisplayChar 0xFF')
    soc.execute(
        'emulation CreateServerSocketTerminal 0 "plain" false true; connector Connect sysbus.con plain'
    )
    soc.execute("con DisplayChar 0x41")
    client = Client(soc, int(soc.execute("plain Port"), 16))
    client.socket.sendall(b"\xff\xfb")
    while soc.execute("con IsEmpty") == "True":
        soc.attend()
    soc.attend()
    assert soc.execute("con GetBuffer").split() == ["[", "0xFF,", "0xFB,", "]"]
    assert client.read(b"\xfb") == b"\xff\xfb"  # the echo, and no A
    client.socket.close()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ('emulation CreateServerSocketTerminal 70000 "t"', "Port must be between 0 and 65535"),
        ('emulation CreateServerSocketTerminal 0 "hub"', "Given name 'hub' is already used"),
        ("machine CreateVirtualConsole null", "cannot be null"),
    ],
)
def test_what_cannot_be_made_is_said(soc: EmbeddedMonitor, command: str, why: str) -> None:
    soc.execute('emulation CreateUARTHub "hub"')
    with pytest.raises(MonitorError, match=why):
        soc.execute(command)


def test_a_port_that_is_taken_is_said_as_renode_does(soc: EmbeddedMonitor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            MonitorError, match=f"Unable to create '127.0.0.1:{port}' socket: .*; give another port"
        ):
            soc.execute(f'emulation CreateServerSocketTerminal {port} "t"')


# Files


def uimage(data: bytes, *, packed: int = 0, load: int = 0x21000000, entry: int = 0x21000001) -> bytes:
    header = struct.pack(
        ">7I4B32s", 0x27051956, 0, 0, len(data), load, entry, zlib.crc32(data), 17, 2, 2, packed, b"test"
    )
    return header[:4] + struct.pack(">I", zlib.crc32(header)) + header[8:] + data


def test_an_image_of_u_boot_is_loaded_where_it_says_and_begins_at_its_entry(
    soc: EmbeddedMonitor, tmp_path: Path
) -> None:
    for packed, data in ((0, b"\x01\x02\x03\x04"), (1, gzip.compress(b"\x05\x06\x07\x08"))):
        path = tmp_path / f"u{packed}"
        path.write_bytes(uimage(data, packed=packed))
        soc.execute(f"sysbus LoadUImage {typed(path)} cpunet")
        assert soc.execute("sysbus ReadDoubleWord 0x21000000") == ("0x04030201", "0x08070605")[packed]
        assert soc.execute("cpunet PC") == "0x21000001"
    good = uimage(b"1234")
    for bad, why in (
        (b"\x7fELF" + bytes(80), "no image of U-Boot"),
        (good[:-1], "sum of the data"),
        (good[:20] + b"\0" + good[21:], "sum of the header"),
        (uimage(b"1234", packed=2), "packed with something else"),
        (uimage(b"1234", packed=1), "cannot be unpacked"),
    ):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(MonitorError, match=why):
            soc.execute(f"sysbus LoadUImage {typed(tmp_path / 'bad')}")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str, bytes], str]]:
    """Serve files on loopback; the cache is an empty folder."""
    files: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _name: tmp_path / "cache")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(name: str, data: bytes) -> str:
        files[f"/{name}"] = data
        return f"@http://127.0.0.1:{server.server_port}/{name}"

    yield serve
    server.shutdown()
    server.server_close()


def test_a_file_of_which_nothing_is_known_begins_anew_after_it_broke_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with Server(data=b"old" * 100, cut=30) as server:
        with pytest.raises(MonitorError, match="Failed to download"):
            fetched(server.url("x.bin"))
        server.data = b"new" * 100
        assert fetched(server.url("x.bin")).read_bytes() == b"new" * 100


def test_an_address_that_is_none_is_said(soc: EmbeddedMonitor) -> None:
    with pytest.raises(MonitorError, match="it is no address"):
        soc.execute("sysbus LoadBinary @http://[::1/x.bin 0x20000000")


def test_a_file_from_elsewhere_is_fetched_once_checked_and_unpacked(
    soc: EmbeddedMonitor, served: Callable[[str, bytes], str], tmp_path: Path
) -> None:
    data = b"\x11\x22\x33\x44"
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    soc.execute(f"sysbus LoadBinary {served(f'a.bin-s_4-{sha1}', data)} 0x20000000")
    assert soc.execute("sysbus ReadDoubleWord 0x20000000") == "0x44332211"
    url = served("b.bin.gz", gzip.compress(b"\x55\x66\x77\x88"))
    soc.execute(f"$bin?={url}; sysbus LoadBinary $bin 0x20000000")
    assert soc.execute("sysbus ReadDoubleWord 0x20000000") == "0x88776655"
    served("b.bin.gz", b"changed")
    soc.execute(f"sysbus LoadBinary {url} 0x20000004")  # out of the cache
    script = served("s.resc", b'echo "hello"')
    assert soc.execute(f"include {script}") == "hello"
    assert len(list((tmp_path / "cache" / "downloads").iterdir())) == 3
    for name, content, why in (
        (f"c.bin-s_5-{sha1}", data, "Failed to download .*, see log for details"),
        (f"d.bin-s_4-{'0' * 40}", data, "its SHA-1 is not the one in its address"),
        ("e.gz", b"no gzip", "it cannot be unpacked"),
    ):
        with pytest.raises(MonitorError, match=why):
            soc.execute(f"sysbus LoadBinary {served(name, content)} 0x20000000")
    with pytest.raises(MonitorError, match=r"(?s)Failed to download .*404.*name the file instead"):
        soc.execute(f"sysbus LoadBinary {served('x', b'')}y 0x20000000")
    left = [path.name for path in (tmp_path / "cache" / "downloads").iterdir() if path.suffix == ".part"]
    assert [name.split("-")[1] for name in left] == ["c.bin"]  # it broke off, so the next time it goes on
