"""UARTs in the Monitor: input, files of what they print, pseudo terminals."""

from __future__ import annotations

import os
import re
import select
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from firmware_files import shell
from typed_paths import typed

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from icmsg.monitor import EmbeddedMonitor

TWO_UARTS: Final = str(Path(__file__).parents[1] / "robot/two_uarts.repl").replace(" ", "\\ ")
needs_pty = pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo terminals")


@pytest.fixture
def up(soc: EmbeddedMonitor, tmp_path: Path) -> EmbeddedMonitor:
    """A Monitor with the shell on the application core, ready for input."""
    path = str(shell(tmp_path)).replace(" ", "\\ ")
    soc.execute(f"sysbus LoadELF @{path} cpu=cpuapp; cpuapp VectorTableOffset 0; cpuapp IsHalted false")
    soc.execute('emulation RunFor "0.001"')
    return soc


def console(monitor: EmbeddedMonitor) -> str:
    assert monitor.machine is not None
    return monitor.machine.core("app").console.text


def test_lines_and_bytes_are_written_as_in_renode(up: EmbeddedMonitor) -> None:
    up.execute('uartapp WriteLine "version"')
    up.execute('uartapp WriteChar 0x68; uartapp WriteLine "elp" false; uartapp WriteChar 13')
    up.execute('emulation RunFor "0.01"')
    assert console(up).splitlines() == [
        "shell: up",
        "> version",
        "shell 1",
        "> help",
        "help, version; anything else comes back",
        "> ",
    ]
    assert up.execute("uartapp BaudRate") == "0x0001C1A4"


def test_a_core_that_python_plays_reads_nothing(soc: EmbeddedMonitor) -> None:
    assert soc.machine is not None
    soc.machine.core("app").play()
    with pytest.raises(MonitorError, match="core app is played by Python"):
        soc.execute('uartapp WriteLine "x"')


def test_a_file_backend_has_the_bytes_as_they_are(up: EmbeddedMonitor, tmp_path: Path) -> None:
    file = tmp_path / "console.log"
    file.write_text("older")
    up.execute(f'uartapp CreateFileBackend "{file}" true; uartapp WriteLine "version"')
    up.execute('emulation RunFor "0.01"')
    assert file.read_bytes() == b"version\r\nshell 1\r\n> "
    assert (tmp_path / "console.log.1").read_text() == "older"
    with pytest.raises(MonitorError, match="already used as UART file backend"):
        up.execute(f'uartapp CreateFileBackend "{file}"')
    up.execute(f'uartapp CloseFileBackend "{file}"; uartapp WriteLine "x"; emulation RunFor "0.01"')
    assert file.read_bytes() == b"version\r\nshell 1\r\n> "
    with pytest.raises(MonitorError, match="Couldn't find active"):
        up.execute(f'uartapp CloseFileBackend "{file}"')


def test_a_file_backend_can_have_virtual_times(up: EmbeddedMonitor, tmp_path: Path) -> None:
    file = tmp_path / "console.log"
    up.execute(f'uartapp CreateFileBackend "{file}" virtualTimes=true; uartapp WriteLine "version"')
    up.execute('emulation RunFor "0.01"; mach clear; Clear')
    assert re.fullmatch(
        rb"\[0\.00108\d{4}\] version\r\n\[0\.0017\d{5}\] shell 1\r\n\[0\.0017\d{5}\] > ", file.read_bytes()
    )


def test_a_file_that_cannot_be_written_is_refused_in_words(up: EmbeddedMonitor, tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match="cannot be written: No such file"):
        up.execute(f'uartapp CreateFileBackend "{tmp_path / "nowhere" / "file"}"')
    with pytest.raises(MonitorError, match="is no file"):
        up.execute(f'uartapp CreateFileBackend "{tmp_path}"')


def read(fd: int, expected: bytes = b"") -> bytes:
    """Return what has come; the system may need a moment for what is expected."""
    os.set_blocking(fd, False)
    got = b""
    while select.select([fd], [], [], 5.0 if len(got) < len(expected) else 0.0)[0]:
        got += os.read(fd, 4096)
    return got


@needs_pty
def test_a_person_at_a_pseudo_terminal_talks_to_the_firmware(up: EmbeddedMonitor, tmp_path: Path) -> None:
    link = tmp_path / "uart"
    up.execute(f'emulation CreateUartPtyTerminal "term" "{link}"; connector Connect sysbus.uartapp term')
    terminal = os.open(link, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(terminal, b"version\r")
        up.execute('emulation RunFor "0.01"')
        answer = b"version\r\nshell 1\r\n> "
        assert read(terminal, answer) == answer
        assert up.machine is not None
        assert [each.data for each in up.machine.core("app").console.inputs] == [b"version\r"]
        up.execute("connector Disconnect uartapp term")
        os.write(terminal, b"help\r")
        up.execute('emulation RunFor "0.01"')
        assert read(terminal) == b""
        up.execute("connector Connect uartapp term")
        up.execute('emulation RunFor "0.01"')
        assert read(terminal, b"help\r\n").startswith(b"help\r\n")
    finally:
        os.close(terminal)
    up.execute("Clear")
    assert not link.is_symlink()


@needs_pty
@pytest.mark.slow
def test_a_terminal_that_nobody_reads_holds_nothing_up(up: EmbeddedMonitor, tmp_path: Path) -> None:
    up.execute(
        f'emulation CreateUartPtyTerminal "term" "{tmp_path / "uart"}"; connector Connect uartapp term'
    )
    assert up.machine is not None
    for _ in range(40):
        up.machine.core("app").console.write_line("x" * 60)
        up.execute('emulation RunFor "0.006"')
    before = len(console(up))
    assert before > 5000
    terminal = os.open(tmp_path / "uart", os.O_RDWR | os.O_NOCTTY)
    got = b""
    try:
        for _ in range(40):
            got += read(terminal)
            up.execute('emulation RunFor "0.001"')
    finally:
        os.close(terminal)
    assert got.count(b"you said") == 40


@needs_pty
def test_what_is_at_the_path_of_a_terminal_is_only_replaced_if_it_is_a_link_and_that_is_asked_for(
    up: EmbeddedMonitor, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(MonitorError, match="It is no link; choose another path"):
        up.execute(f'emulation CreateUartPtyTerminal "t" "{tmp_path / "file"}" true')
    with pytest.raises(MonitorError, match="Use forceCreate to overwrite it"):
        up.execute(f'emulation CreateUartPtyTerminal "t" "{tmp_path / "link"}"')
    up.execute(f'emulation CreateUartPtyTerminal "t" "{tmp_path / "link"}" true')
    assert str((tmp_path / "link").readlink()).startswith("/dev/")
    with pytest.raises(MonitorError, match="'t' is already used"):
        up.execute(f'emulation CreateUartPtyTerminal "t" "{tmp_path / "other"}"')
    with pytest.raises(MonitorError, match="'uartapp' is already used"):
        up.execute(f'emulation CreateUartPtyTerminal "uartapp" "{tmp_path / "other"}"')
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "connector Connect uartapp nothing",
            "nothing is no terminal, hub or environment; make one with emulation CreateUart",
        ),
        ("connector Connect nothing term", "nothing is no peripheral of this machine"),
        ("connector Connect ipcapp term", "ipcapp is no UART"),
        ("connector Disconnect uartapp term", "is not connected to this UART"),
    ],
)
@needs_pty
def test_what_cannot_be_connected_is_said(
    up: EmbeddedMonitor, tmp_path: Path, command: str, said: str
) -> None:
    up.execute(f'emulation CreateUartPtyTerminal "term" "{tmp_path / "uart"}"')
    with pytest.raises(MonitorError, match=re.escape(said)):
        up.execute(command)


def test_a_system_without_pseudo_terminals_says_what_to_do(
    up: EmbeddedMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tty", None)
    with pytest.raises(MonitorError, match="no pseudo terminals: write with WriteLine"):
        up.execute(f'emulation CreateUartPtyTerminal "term" "{tmp_path / "uart"}"')


@needs_pty
def test_a_system_that_has_no_pseudo_terminal_left_says_so_too(up: EmbeddedMonitor, tmp_path: Path) -> None:
    import resource
    import tty  # noqa: F401  # a module is a file, too

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    up.execute('uartapp WriteLine "x"')  # what else is imported late
    probe = os.dup(0)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
    try:
        with pytest.raises(MonitorError, match=r"no pseudo terminals \(.*\): write with WriteLine"):
            up.execute(f'emulation CreateUartPtyTerminal "term" "{tmp_path / "uart"}"')
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not (tmp_path / "uart").is_symlink()


def test_each_uart_of_a_core_is_shown_by_itself_and_the_core_s_console_mixes_no_lines(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    log = str(tmp_path / "log.txt").replace(" ", "\\ ")
    monitor.execute(f"logFile @{log}; mach create; machine LoadPlatformDescription @{TWO_UARTS}")
    monitor.execute("showAnalyzer usart1; showAnalyzer sysbus.usart2")
    monitor.execute("sysbus WriteDoubleWord 0x40011000 0xD; sysbus WriteDoubleWord 0x40004400 0xD")
    for one, two in zip(b"ab\n", b"xy\n", strict=True):
        monitor.execute(f"sysbus WriteDoubleWord 0x40011028 {one}; sysbus WriteDoubleWord 0x40004428 {two}")
    monitor.execute("sysbus WriteDoubleWord 0x40004428 0x7A")
    monitor.execute('emulation RunFor "0.001"')
    shown = re.findall(r"(usart\d): \[virt[^]]*\] (.*)", (tmp_path / "log.txt").read_text(encoding="utf-8"))
    assert shown == [("usart1", "ab"), ("usart2", "xy")]
    assert monitor.machine is not None
    assert monitor.machine.core("cpu").console.text == "ab\nxy\nz"
    assert monitor.execute("usart1 DumpHistoryBuffer") == "ab\n"


def test_bytes_that_a_second_uart_misses_are_counted(monitor: EmbeddedMonitor) -> None:
    monitor.execute(f"mach create; machine LoadPlatformDescription @{TWO_UARTS}")
    monitor.execute("usart2 WriteChar 0x61")
    assert monitor.machine is not None
    assert monitor.machine.core("cpu").console.missed == 1


def test_a_client_of_a_port_gets_the_log_until_another_port_is_given(monitor: EmbeddedMonitor) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(MonitorError, match="give another port"),
    ):
        monitor.execute(f"logNetwork {taken.getsockname()[1]}")
    one, two = _free_ports()
    monitor.execute(f'logNetwork {one}; log "before"')
    with socket.create_connection(("127.0.0.1", one), timeout=10) as client:
        monitor.execute('logLevel 0; log "ümlaut" 1; log "first"')
        assert _received(client, b"first\r\n") == (
            b"00:00:00.0000 [INFO] Script: ?mlaut\r\n00:00:00.0000 [INFO] Script: first\r\n"
        )
        monitor.execute(f'logN {two} true; log "second"')
        assert client.recv(1) == b""
    with socket.create_connection(("127.0.0.1", two), timeout=10) as client:
        monitor.execute('log "third"')
        assert _received(client, b"third\r\n").endswith(b"Script: third\r\n")


def test_a_snapshot_that_is_loaded_leaves_the_port_of_the_log(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    port, _ = _free_ports()
    monitor.execute(f"logNetwork {port}; mach create; Save {typed(tmp_path / 'all')}")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        monitor.execute(f"Load {typed(tmp_path / 'all')}; log 'after'")
        assert _received(client, b"after\r\n").count(b"after") == 1


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def _received(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = client.recv(4096)
        assert more, data
        data += more
    return data
