"""``icmsg monitor`` at a terminal: keys in, lines out, time that passes while somebody types."""

from __future__ import annotations

import io
import os
import re
import select
import signal
import sys
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from icmsg.assets import asset
from icmsg.cli.monitor_command import Paint
from icmsg.cli.monitor_prompt import Prompt, _history
from icmsg.cli.monitor_session import embedded_session
from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import IcmsgError, MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MACHINE = written_path(str(asset("renode/app-python.resc")))
CTRL_C, CTRL_D, TAB = "\x03", "\x04", "\t"


class Typist:
    """Types keys into a prompt over a session, and keeps what is printed."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.session = embedded_session(self.printed.append, lambda line, _level: self.printed.append(line))

    def type(self, keys: str, first: tuple[str, ...] = ()) -> int:
        with create_pipe_input() as pipe:
            pipe.send_text(keys)
            prompt = Prompt(
                self.session,
                Paint(io.StringIO()),
                self.printed.append,
                source=pipe,
                screen=DummyOutput(),
                history=InMemoryHistory(),
            )
            try:
                return prompt.run(first, "banner")
            finally:
                self.session.close()

    def answers(self) -> str:
        return "\n".join(self.printed)


@pytest.fixture
def typist() -> Typist:
    return Typist()


def test_lines_are_executed_until_quit(typist: Typist) -> None:
    assert typist.type('echo "one"\nmach create "two"\necho "three"\nquit\necho "four"\n') == 0
    assert typist.printed == ["banner", "one", "three", "Renode is quitting"]


def test_ctrl_d_leaves(typist: Typist) -> None:
    assert typist.type(f'echo "one"\n{CTRL_D}') == 0
    assert typist.printed == ["banner", "one"]


def test_ctrl_c_drops_the_line_and_goes_on(typist: Typist) -> None:
    typist.type(f'echo "one{CTRL_C}echo "two"\n{CTRL_D}')
    assert typist.printed == ["banner", "two"]


def test_an_error_is_printed_and_the_session_goes_on(typist: Typist) -> None:
    assert typist.type(f'icmsg statsu\necho "two"\n{CTRL_D}') == 0
    assert typist.printed[1].startswith("icmsg has no verb 'statsu'; did you mean status?")
    assert typist.printed[2] == "two"


def test_the_commands_of_the_command_line_come_first_and_are_shown(typist: Typist) -> None:
    typist.type("icmsg bond\nquit\n", (f"include {MACHINE}", 'echo "there"'))
    assert typist.printed[1:4] == [f"(monitor) include {MACHINE}", '(nrf5340) echo "there"', "there"]
    assert "app is bound (CONNECTED_SID_DISABLED) after " in typist.answers()


def test_a_session_may_end_before_anything_is_typed(typist: Typist) -> None:
    assert typist.type("", ('echo "there"', "quit", 'echo "never"')) == 0
    assert "never" not in typist.answers()


def test_without_a_home_the_history_is_kept_for_this_session_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _uid: {}["nobody knows this user"])
    with EmbeddedMonitor() as monitor, pytest.raises(MonitorError, match="File does not exist: ~"):
        monitor.execute("include @~/x.resc")
    assert isinstance(_history(), InMemoryHistory)
    assert "are forgotten at its end" in capsys.readouterr().err


def test_tab_completes_commands_verbs_and_regions(typist: Typist) -> None:
    typist.type(f"icmsg st{TAB}\nicmsg con{TAB} unb{TAB}enable\nquit\n", (f"include {MACHINE}",))
    assert 'ipc0: pbuf, dcache-alignment 0, unbound = "disable", ring-back' in typist.answers()
    assert 'ipc0: pbuf with sessions, dcache-alignment 8, unbound = "enable", ring-back' in typist.answers()


def test_a_macro_is_typed_line_by_line(typist: Typist) -> None:
    typist.type('macro two\n"""\necho "one"\necho "two"\n"""\nrunMacro $two\nquit\n')
    assert "one\ntwo" in typist.answers()


class _Keys:
    """An input hook's context: somebody types after a number of looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def input_is_ready(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def fileno(self) -> int:
        raise NotImplementedError


class _Clock:
    """The wall clock as the test wants it, which sleeping moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class _Pumped:
    """A session that counts how much time it is given; the engine needs ``costs`` times as long for it."""

    prompt, has_quit = "(x)", False

    def __init__(self, clock: _Clock, costs: float = 0.0, fails_at: int = 0, is_started: bool = True) -> None:
        self.clock, self.costs, self.fails_at, self.is_started = clock, costs, fails_at, is_started
        self.given: list[int] = []

    def attend(self) -> None:
        """No debugger is there."""

    def pump(self, ns: int) -> None:
        self.given.append(ns)
        self.clock.now += ns / 1e9 * self.costs
        if len(self.given) == self.fails_at:
            self.is_started = False
            raise IcmsgError("core net: lockup")

    def execute(self, line: str, show: Callable[[str], None]) -> None:
        show(line)

    def complete(self, line: str) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def pumping(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[_Pumped, list[str]]]:
    clock = _Clock()
    monkeypatch.setattr("icmsg.cli.monitor_command.time", clock)

    def run(looks: int, **session: float) -> tuple[_Pumped, list[str]]:
        pumped = _Pumped(clock, **session)  # type: ignore[arg-type]
        printed: list[str] = []
        with create_pipe_input() as pipe:
            prompt = Prompt(
                pumped, Paint(io.StringIO()), printed.append, source=pipe, screen=DummyOutput(),
                history=InMemoryHistory(),
            )  # fmt: skip
            prompt._idle.begin()
            prompt._wait(_Keys(looks))  # type: ignore[arg-type]
        return pumped, printed

    return run


def test_a_started_emulation_keeps_to_the_wall_clock(
    pumping: Callable[..., tuple[_Pumped, list[str]]],
) -> None:
    pumped, _ = pumping(looks=300)
    passed = pumped.clock.now - 100.0
    assert passed > 0.5
    assert sum(pumped.given) / 1e9 == pytest.approx(passed, abs=0.02)
    assert max(pumped.given) <= 5_000_000


def test_an_engine_that_is_slower_makes_nothing_up(pumping: Callable[..., tuple[_Pumped, list[str]]]) -> None:
    pumped, _ = pumping(looks=100, costs=50.0)
    assert len(pumped.given) > 90, "there is always something to do, and a key is looked for after each slice"
    assert max(pumped.given) <= 5_000_000


def test_a_fault_while_time_passes_is_printed_once(pumping: Callable[..., tuple[_Pumped, list[str]]]) -> None:
    pumped, printed = pumping(looks=100, fails_at=2)
    assert printed == ["core net: lockup"]
    assert len(pumped.given) == 2


def test_no_time_passes_before_start(pumping: Callable[..., tuple[_Pumped, list[str]]]) -> None:
    pumped, _ = pumping(looks=20, is_started=False)
    assert pumped.given == []


# A real terminal


class Terminal:
    """The command in a process of its own, at a terminal of 80 columns; what it shows is kept without its colours."""

    def __init__(self, *arguments: str, home: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.environ.update(TERM="xterm", COLUMNS="80", LINES="40", XDG_STATE_HOME=home)
            os.environ.pop("NO_COLOR", None)
            os.execv(
                sys.executable, [sys.executable, "-m", "icmsg", "monitor", "--engine", "embedded", *arguments]
            )
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        self.raw = ""

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Read until the text was shown; a hang is an error, however slow the host is."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < end, f"{text!r} never came:\n{self.shown}"
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    self.raw += os.read(self._fd, 65536).decode(errors="replace")
                except OSError:
                    assert text in self.shown, self.shown
            if "\x1b[6n" in self.raw:  # the prompt asks where the cursor is, and a terminal answers
                self.raw = self.raw.replace("\x1b[6n", "")
                os.write(self._fd, b"\x1b[1;1R")

    @property
    def shown(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def close(self) -> None:
        with suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._fd)

    def exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal, which Windows has not")
def test_at_a_terminal(tmp_path: Path) -> None:
    terminal = Terminal(str(asset("renode/machine.resc")), home=str(tmp_path))
    with closing(terminal):
        type_a_session(terminal)
    history = (tmp_path / "icmsg" / "monitor_history").read_text(encoding="utf-8")
    assert "+icmsg statsu" in history.splitlines()


def type_a_session(terminal: Terminal) -> None:
    terminal.wait_for("(nrf5340)")
    image = written_path(str(asset("firmware_stubs/prebuilt/spin-net.elf")))
    terminal.type(f"sysbus LoadELF {image} cpu=cpunet; cpunet IsHalted false\r")
    terminal.type('echo "loaded"\r')
    terminal.wait_for("\nloaded")
    terminal.type('log "busy"; emulation RunFor "100000"\r')
    terminal.wait_for("[INFO] Script: busy")
    terminal.type(CTRL_C)
    terminal.wait_for("interrupted")
    terminal.type("icmsg statsu\r")
    terminal.wait_for("did you mean status?")
    assert "\x1b[31m" in terminal.raw, "errors are red"
    terminal.type("start\r")
    terminal.wait_for("Starting emulation...")
    terminal.type("pause\r")
    terminal.wait_for("Pausing emulation...")
    terminal.type("quit\r")
    terminal.wait_for("Renode is quitting")
    assert terminal.exit_code() == 0
    assert "Traceback" not in terminal.shown
