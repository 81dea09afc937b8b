"""The client of the Monitor's port, against a server that behaves as Renode's sources say."""

from __future__ import annotations

import socket

import pytest
from telnet_server import TelnetServer

from icmsg.engines.remote.monitor import TelnetMonitor
from icmsg.errors import EngineError, MonitorError

FORMS = [
    pytest.param({}, id="colours"),
    pytest.param({"old": True}, id="colours of 1.16.1"),
    pytest.param({"plain": True}, id="plain"),
    pytest.param({"piece": 1}, id="byte by byte"),
    pytest.param({"piece": 7, "plain": True}, id="in pieces"),
]


class Script:
    """A Monitor with a few answers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.prompt = "monitor"

    def execute(self, line: str) -> str:
        self.lines.append(line)
        if line == "mach create":
            self.prompt = "machine-0"
            return ""
        if line == "fail":
            raise MonitorError("No such command or device: fail")
        if line == "fail twice":
            raise MonitorError(
                "There was an error executing command 'fail twice': \r\nThe first\r\n\tThe second\r\n"
            )
        answers = {
            "number": "0x0000000A",
            "lines": "one\ntwo\n\nthree",
            "prompt": "it says (monitor) and\n a (monitor) is no prompt",
            "unicode": "½ µs, ÿ and \u26a1",
            "long": "ab" * 50_000,
            "no end": "no line end",
        }
        return answers.get(line, "")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.mark.parametrize("form", FORMS)
def test_answers_come_without_echo_colours_and_prompt(script: Script, form: dict[str, int]) -> None:
    with (
        TelnetServer(script.execute, prompt=lambda: script.prompt, **form) as server,  # type: ignore[arg-type]
        TelnetMonitor(port=server.port, patience_s=20) as monitor,
    ):
        assert monitor.prompt == "monitor"
        assert monitor.execute("number") == "0x0000000A"
        assert monitor.execute("lines") == "one\ntwo\nthree"
        assert monitor.execute("nothing") == ""
        if form.get("piece") is None:  # cut there, nobody could tell it from the prompt
            assert monitor.execute("prompt") == "it says (monitor) and\n a (monitor) is no prompt"
        assert monitor.execute("unicode") == "½ µs, ÿ and \u26a1"
        assert monitor.execute("mach create") == ""
        assert monitor.prompt == "machine-0"
        assert monitor.execute("number") == "0x0000000A"
        with pytest.raises(MonitorError, match=r"^No such command or device: fail$"):
            monitor.execute("fail")
        with pytest.raises(MonitorError, match=r"The first\n\tThe second$"):
            monitor.execute("fail twice")
        assert monitor.execute("number") == "0x0000000A"


def test_a_long_answer_is_read_whole(script: Script) -> None:
    with TelnetServer(script.execute) as server, TelnetMonitor(port=server.port, patience_s=20) as monitor:
        assert monitor.execute("long") == "ab" * 50_000
        long = "x" * 4000
        monitor.execute(long)
        assert script.lines[-1] == long


@pytest.mark.parametrize("plain", [False, True])
def test_output_without_a_line_end_is_told_from_the_prompt(script: Script, plain: bool) -> None:
    with (
        TelnetServer(lambda line: "no end\r" if line == "x" else "", plain=plain) as server,
        TelnetMonitor(port=server.port, patience_s=20) as monitor,
    ):
        assert monitor.execute("x") == "no end"


def test_the_next_client_finds_an_empty_line(script: Script) -> None:
    with TelnetServer(script.execute) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            other.sendall(b"half a command")
            echoed = b""
            while b"half a command" not in echoed:
                echoed += other.recv(4096)
        with TelnetMonitor(port=server.port, patience_s=20) as monitor:
            assert monitor.execute("number") == "0x0000000A"
        with TelnetMonitor(port=server.port, patience_s=20) as monitor:
            assert monitor.execute("number") == "0x0000000A"


@pytest.mark.parametrize("command", ["one\ntwo", "one\rtwo", "tab\there", "\x03"])
def test_more_than_one_line_is_never_sent(script: Script, command: str) -> None:
    with TelnetServer(script.execute) as server, TelnetMonitor(port=server.port, patience_s=20) as monitor:
        with pytest.raises(MonitorError, match="one line without control characters"):
            monitor.execute(command)
        assert monitor.execute("  ") == ""
        assert monitor.execute("number") == "0x0000000A"
        assert script.lines == ["number"]


# When it goes wrong


def test_where_nobody_listens_the_error_says_how_to_start_renode() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(
        EngineError, match=rf"no Monitor listens on 127\.0\.0\.1:{port}.*renode --disable-gui -P {port}"
    ):
        TelnetMonitor(port=port)


def test_a_monitor_that_goes_away_is_named(script: Script) -> None:
    with TelnetServer(script.execute) as server, TelnetMonitor(port=server.port, patience_s=20) as monitor:
        server.silent = True
        server.hang_up()
        with pytest.raises(EngineError, match=r"hung up at `number` .*somebody listens there still"):
            monitor.execute("number")
        with pytest.raises(EngineError, match=r"is closed, because the Monitor at .* hung up at `number`"):
            monitor.execute("more")


def test_a_monitor_that_is_silent_is_given_up(script: Script) -> None:
    with TelnetServer(script.execute) as server, TelnetMonitor(port=server.port, patience_s=0.2) as monitor:
        server.silent = True
        with pytest.raises(
            EngineError,
            match=r"did not answer `number` within 0\.2 s of wall time \(it sent nothing\), though",
        ):
            monitor.execute("number")


def test_somebody_who_is_no_monitor_is_told_from_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(
            EngineError, match=r"says nothing within 0\.2 s \(--connect-timeout\): another client"
        ):
            TelnetMonitor(port=port, connect_s=0.2)


def test_an_answer_to_something_else_ends_the_connection(script: Script) -> None:
    with TelnetServer(script.execute) as server, TelnetMonitor(port=server.port, patience_s=20) as monitor:
        typed = server._typed
        server._typed = lambda text: "!" + typed(text)  # type: ignore[method-assign]
        with pytest.raises(EngineError, match=r"answers something else.*is somebody else typing"):
            monitor.execute("number")
