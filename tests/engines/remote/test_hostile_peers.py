"""Whoever listens at the port: a clear error, soon, and without reading more than an answer of a Monitor has."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from hostile_peers import (
    PROMPT,
    HostileServer,
    answers,
    closes,
    closes_half,
    drips,
    echoes,
    floods,
    greets,
    keeps_silent,
    noise,
    only,
    resets,
    says,
    waits,
    with_echo,
)
from looped import for_each

from icmsg.cli.main import main
from icmsg.engines.remote.monitor import TelnetMachine, TelnetMonitor
from icmsg.errors import EngineError
from icmsg.machine.interruption import CtrlC, Interrupted

if TYPE_CHECKING:
    import socket

    from hostile_peers import Peer

SOON = {"connect_s": 1.0, "patience_s": 1.0}
"""Wall time; the defaults are larger."""
LATE = {"connect_s": 60.0, "patience_s": 60.0}
"""For those where size counts: a slow host must not make it a matter of time."""

SILENT = "says nothing within"
NO_MONITOR = "is no Monitor of Renode"
AT_FIRST = {
    "accepts and is silent": (waits, SILENT),
    "closes at once": (closes, "hung up before it showed a prompt"),
    "resets at once": (resets, "hung up before it showed a prompt|no Monitor listens on .* reset by peer"),
    "closes its half": (closes_half, "hung up before it showed a prompt"),
    "drips bytes": (drips(b"x"), r"it sent 'x+…?' and no prompt within"),
    "drips carriage returns": (drips(b"\r"), SILENT),
    "drips prompts that are none": (drips(b"(monitor)"), "and no prompt within"),
    "a gigabyte of zeros": (floods(b"\0"), "sends without end"),
    "a gigabyte of carriage returns": (floods(b"\r"), "sends without end"),
    "a gigabyte of lines": (floods(b"line\r\n"), r"sends without end, first 'line"),
    "a gigabyte of noise": (noise, "sends without end"),
    "a gigabyte of half characters": (floods(b"\xc3"), "sends without end"),
    "a gigabyte of prompts": (floods(b"\r\n(monitor) "), "sends without end"),
    "a gigabyte of echoes of Ctrl-C": (floods(b"^C"), "sends without end"),
    "a gigabyte of escapes": (floods(b"\x1b["), "sends without end"),
    "a colour without end": (floods(b"1;", start=b"\x1b["), "sends without end"),
    "telnet options without end": (floods(b"\xff\xfd\x00"), "sends without end"),
    "a telnet subnegotiation without end": (floods(b"\x00", start=b"\xff\xfa"), "sends without end"),
    "telnet bytes 255 without end": (floods(b"\xff\xff"), "sends without end"),
    "half a telnet command": (says(b"\xff"), SILENT),
    "an echo": (echoes, "and no prompt within"),
    "an HTTP server": (says(b"HTTP/1.1 400 Bad Request\r\n\r\n", then=closes), r"it sent 'HTTP/1.1 400 Bad"),
    "an SSH server": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), r"it sent 'SSH-2.0-OpenSSH_9.2' and no prompt"),
    "a TLS alert": (says(b"\x15\x03\x01\x00\x02\x02\x28"), "and no prompt within"),
    "a prompt without an echo": (says(b"\r\n(monitor) "), r"it sent '\(monitor\)' and no prompt"),
    "an echo without a prompt": (says(b"^C\n\r"), r"it sent '\^C' and no prompt"),
}


@for_each(("peer", "words"), AT_FIRST.values(), ids=AT_FIRST, at_once=8)
def test_who_is_no_monitor_is_told_from_one_at_the_first_contact(peer: Peer, words: str) -> None:
    with HostileServer(peer) as server, pytest.raises(EngineError, match=words) as raised:
        TelnetMonitor(port=server.port, **(LATE if "without end" in words else SOON))
    assert f"127.0.0.1:{server.port}" in str(raised.value)
    assert len(str(raised.value)) < 1000
    assert re.search(r"[\x00-\x1f\x7f-\x9f]", str(raised.value)) is None


def stops_listening_and(peer: Peer, servers: list[HostileServer]) -> Peer:
    def ends(client: socket.socket) -> None:
        servers[0].stop_listening()
        peer(client)

    return ends


GOES_ON = "somebody listens there still"
LATER = {
    "silent": (greets(keeps_silent), "did not answer `using sysbus` within 1 s of wall time"),
    "silent at the third command": (greets(keeps_silent, from_line=2), "did not answer `cpunet IsHalted`"),
    "silent after the echo": (
        greets(with_echo(says)),
        r"did not answer `using sysbus` .*it sent nothing\), though it is connected: a core may be locked up",
    ),
    "silent within the answer": (
        greets(with_echo(lambda echo: says(echo + b"half an ans"))),
        "did not answer `using sysbus` .*it sent 'half an ans'",
    ),
    "hangs up": (greets(only(closes)), rf"hung up at `using sysbus` .*{GOES_ON}"),
    "resets": (greets(only(resets)), rf"hung up at `using sysbus` .*{GOES_ON}"),
    "closes its half": (greets(only(closes_half)), rf"hung up at `using sysbus` .*{GOES_ON}"),
    "drips an answer": (
        greets(with_echo(lambda echo: drips(b".", start=echo))),
        "did not answer `using sysbus`",
    ),
    "a gigabyte of answer": (
        greets(with_echo(lambda echo: floods(b"more\r\n", start=echo))),
        r"prints without end at `using sysbus`: more than 8 MiB, first 'more",
    ),
    "a gigabyte of red": (
        greets(with_echo(lambda echo: floods(b"\x1b[91mred\r\n\x1b[0m", start=echo))),
        "prints without end at `using sysbus`",
    ),
    "telnet options in the answer": (
        greets(with_echo(lambda echo: floods(b"\xff\xfb\x01", start=echo))),
        "prints without end at `using sysbus`",
    ),
    "another echo": (
        greets(lambda client, line: answers(b"")(client, b"!" + line)),
        "answers something else: .*somebody else typing",
    ),
    "no echo": (greets(lambda client, _line: client.sendall(b"\r\n" + PROMPT)), "answers something else"),
    "every answer twice": (
        greets(lambda client, line: client.sendall((line + b"\n\r" + PROMPT) * 2)),
        "answers something else|printed 1 lines instead of 6",
    ),
    "prompts in the text": (greets(answers(b"a\r\n(nrf5340) b\r\n")), "printed 2 lines instead of 6"),
    "no answer to anything": (greets(answers(b"")), "printed 0 lines instead of 6"),
    "one word to everything": (greets(answers(b"OK\r\n")), "printed 1 lines instead of 6: 'OK'"),
    "one number to everything": (greets(answers(b"0x0\r\n")), "printed 1 lines instead of 6: '0x0'"),
    "a number of 100,000 digits": (
        greets(answers(b"9" * 100_000 + b"\r\n")),
        "printed 1 lines instead of 6: '9{80}'",
    ),
    "all errors": (greets(answers(b"\x1b[91mNo such command\r\n\x1b[0m")), "No such command"),
    "an error of a megabyte": (
        greets(answers(b"\x1b[91mNo such command" + b"!" * (1 << 20) + b"\r\n\x1b[0m")),
        "No such command!!!",
    ),
    "times without end": (greets(answers(b"9" * 18 + b" 0 -\r\n")), "printed 1 lines instead of 6"),
    "a name of 10,000 characters": (
        greets(answers(b"", prompt=b"\x1b[33m(" + b"n" * 10_000 + b") \x1b[0m")),
        "did not answer `using sysbus`",
    ),
}


def run(server: HostileServer, waits: dict[str, float] = SOON) -> None:
    with TelnetMachine("127.0.0.1", server.port, waits=waits) as machine:
        machine.run_for(1_000_000)


@for_each(("peer", "words"), LATER.values(), ids=LATER, at_once=8)
def test_who_greets_as_renode_and_goes_wrong_then_is_named_with_the_command(peer: Peer, words: str) -> None:
    with HostileServer(peer) as server, pytest.raises(EngineError, match=words) as raised:
        run(server, LATE if "without end" in words else SOON)
    assert len(str(raised.value)) < 2000


def test_a_renode_that_ends_is_told_from_one_that_hangs_up() -> None:
    servers: list[HostileServer] = []
    peer = greets(only(stops_listening_and(closes, servers)), from_line=1)
    with HostileServer(peer) as server:
        servers.append(server)
        with pytest.raises(
            EngineError,
            match=r"hung up at `cpuapp IsHalted` .*nobody listens there any more: Renode has ended",
        ):
            TelnetMachine("127.0.0.1", server.port, waits=SOON)


def test_what_is_asked_later_gets_the_first_cause() -> None:
    with HostileServer(greets(only(closes))) as server, TelnetMonitor(port=server.port, **SOON) as monitor:
        with pytest.raises(EngineError, match="hung up at `first`"):
            monitor.execute("first")
        with pytest.raises(EngineError, match=r"is closed, because .* hung up at `first`.*; make a new one"):
            monitor.execute("second")


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_ctrl_c_ends_the_wait_for_an_answer_that_does_not_come() -> None:
    def wait(monitor: TelnetMonitor) -> None:
        with CtrlC():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(EngineError, match=r"had not answered `start` yet .* when it was interrupted"):
                monitor.execute("start")

    with (
        HostileServer(greets(keeps_silent)) as server,
        TelnetMonitor(port=server.port, connect_s=60, patience_s=0) as monitor,
        pytest.raises(Interrupted),
    ):
        wait(monitor)


def test_no_more_is_read_than_an_answer_may_have() -> None:
    sent = 0

    def counts(client: socket.socket) -> None:
        nonlocal sent
        while True:
            sent += client.send(b"x" * (1 << 16))

    with (
        HostileServer(greets(only(counts))) as server,
        TelnetMonitor(port=server.port, **SOON) as monitor,
        pytest.raises(EngineError, match=r"prints without end|did not answer"),
    ):
        monitor.execute("everything")
    assert sent < 64 << 20  # with what the sockets have taken


def test_a_command_that_lets_time_pass_is_waited_for_longer_than_one_that_does_not() -> None:
    with HostileServer(greets(keeps_silent)) as server:
        with (
            TelnetMonitor(port=server.port, connect_s=1, patience_s=0) as monitor,
            pytest.raises(EngineError, match="did not answer `currentTime` within 1 s"),
        ):
            monitor.execute("currentTime")
        with (
            TelnetMonitor(port=server.port, connect_s=5, patience_s=0.3) as monitor,
            pytest.raises(EngineError, match=r"did not answer `emulation RunFor '1'` within 0\.3 s"),
        ):
            monitor.execute("emulation RunFor '1'")


@for_each(
    ("address", "words"),
    [
        (
            "no-such-host.invalid:1234",
            r"host 'no-such-host\.invalid' is not known here \(.+\); give the name",
        ),
        ("a..b:1234", r"host 'a\.\.b' is not known here"),
        ("x" * 300 + ":1234", "is not known here"),
        ("\x1b[31m:1234", r"host '\\\\x1b\[31m' is not known here"),
        ("[::1]:1", r"no Monitor listens on \[::1\]:1 \(.+\); start Renode with `renode --disable-gui -P 1`"),
        ("[::1%nowhere]:1", r"host '::1%nowhere' is not known here|no Monitor listens on"),
        ("127.0.0.1:" + "9" * 5000, "use HOST:PORT"),
        ("127.0.0.1:\u0661\u0662", "use HOST:PORT"),
    ],
)
@for_each("command", ["run", "monitor"])
def test_an_address_where_nobody_can_be_is_an_error_that_says_so(
    command: str, address: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["-e", "help"] if command == "monitor" else []
    assert main([command, "--renode", address, *rest]) == 2
    assert re.search(words, capsys.readouterr().err)


@pytest.mark.parametrize("command", ["run", "monitor"])
def test_the_command_line_sets_both_limits(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    limits = ["--connect-timeout", "0.2", "--stall-timeout", "0.3"]
    rest = ["-e", "start"] if command == "monitor" else []
    with HostileServer(waits) as server:
        assert main([command, "--renode", f"127.0.0.1:{server.port}", *limits, *rest]) == 2
    assert "says nothing within 0.2 s (--connect-timeout)" in capsys.readouterr().err
    with HostileServer(greets(keeps_silent, from_line=4)) as server:
        more = ["-e", "a; b; c; start"] if command == "monitor" else []
        code = main([command, "--renode", f"127.0.0.1:{server.port}", *limits, *more])
    assert code == (1 if command == "monitor" else 2)
    assert "within 0.3 s of wall time" in capsys.readouterr().err
