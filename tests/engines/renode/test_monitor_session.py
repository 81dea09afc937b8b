"""``icmsg monitor --engine renode``: the verbs beside Renode's own Monitor, over the fake .NET members."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

from icmsg.assets import asset
from icmsg.cli.main import main
from icmsg.cli.monitor_session import RenodeSession, open_session
from icmsg.engines.choice import choose_engine
from icmsg.engines.renode.monitor import RenodeMonitor
from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_dotnet import FakeRenode

SCRIPT = f"{typed(asset('renode/app-python.resc'))}"


@pytest.fixture
def watched() -> list[str]:
    return []


@pytest.fixture
def session(renode: FakeRenode, watched: list[str]) -> Iterator[RenodeSession]:
    session = RenodeSession(RenodeMonitor(), watched.append)
    yield session
    session.close()


def run(session: RenodeSession, line: str) -> str:
    """Return what the commands of one line show."""
    shown: list[str] = []
    session.execute(line, shown.append)
    return "\n".join(shown)


def test_the_verbs_work_on_the_machine_of_a_script(session: RenodeSession) -> None:
    with pytest.raises(MonitorError, match="there is no machine"):
        run(session, "icmsg status")
    run(session, f"include {SCRIPT}")
    assert session.prompt == "(nrf5340)"
    assert run(session, "icmsg bond").startswith("app is bound (CONNECTED_SID_DISABLED) after ")
    sent, got = run(session, 'icmsg send "a;b"; icmsg recv').splitlines()
    assert sent == "app->net 3 bytes: 61 3b 62 |a;b|"
    assert got.startswith("net->app 3 bytes: 61 3b 62 |a;b|, after ")
    lines = run(session, "icmsg status").splitlines()
    assert "memory says bound: each side has taken the other's magic" in lines
    assert "app: played by Python, CONNECTED_SID_DISABLED" in lines
    assert "ipcnet: INTEN=0x0001 EVENTS=0x0000 IRQ=0" in lines


def test_packets_are_watched(session: RenodeSession, watched: list[str]) -> None:
    run(session, f"include {SCRIPT}")
    run(session, "icmsg watch")
    run(session, "icmsg bond; icmsg send hello; icmsg recv")
    packets = [line.split("] ", 1)[1] for line in watched if "->" in line]
    assert sorted(packets[:2]) == [
        "app->net the magic, 13 bytes |Em1l1K0rn3li4|",
        "net->app the magic, 13 bytes |Em1l1K0rn3li4|",
    ]
    assert packets[2:] == [
        "app->net 5 bytes: 68 65 6c 6c 6f |hello|",
        "net->app 5 bytes: 68 65 6c 6c 6f |hello|",
    ]


def test_everything_else_goes_to_renode(session: RenodeSession) -> None:
    run(session, f"include {SCRIPT}")
    assert run(session, "cpunet IsHalted") == "False"
    with pytest.raises(MonitorError, match="nonsense"):
        run(session, "nonsense")


def test_a_macro_is_typed_line_by_line(session: RenodeSession) -> None:
    run(session, f"include {SCRIPT}")
    for line in ("macro halt", '"""', "    cpunet IsHalted true"):
        assert run(session, line) == ""
        assert session.prompt == ">"
    run(session, '"""')
    assert session.prompt == "(nrf5340)"
    run(session, "runMacro $halt")
    assert "net: halted" in run(session, "icmsg status")


def test_quit_ends_the_session_and_verbs_are_completed(session: RenodeSession) -> None:
    assert session.complete("icmsg dump ap") == ["icmsg dump app->net", "icmsg dump app"]
    assert session.complete("cpuapp; icmsg st") == ["cpuapp; icmsg status"]
    assert session.complete("sysbus Re") == []
    assert run(session, "quit") == "Renode is quitting"
    assert session.has_quit


def test_the_command_runs_on_it(
    renode: FakeRenode, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    script = str(asset("renode/app-python.resc"))
    arguments = ["monitor", "--engine", "renode", script, "-e", "icmsg bond", "-e", "icmsg statsu"]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("app is bound (CONNECTED_SID_DISABLED) after ")
    assert "did you mean status?" in printed.err


def test_each_command_of_a_line_is_shown_before_the_next_one_is_refused(session: RenodeSession) -> None:
    run(session, f"include {SCRIPT}")
    shown: list[str] = []
    with pytest.raises(MonitorError):
        session.execute("cpunet IsHalted; icmsg bond; nonsense", shown.append)
    assert shown[0] == "False"
    assert shown[1].startswith("app is bound")


def test_what_renode_logs_is_shown_after_each_command_also_one_that_is_refused(renode: FakeRenode) -> None:
    logged: list[tuple[str, str]] = []
    log = lambda line, level: logged.append((level, line))  # noqa: E731
    session = open_session(choose_engine("renode"), None, lambda _line: None, log)
    assert renode.shown_log is not None
    with renode.shown_log.open("w") as file:
        file.write("12:00:00.0 [INFO] uartnet: echo: up\n12:00:00.1 [WARNING] half a li")
        file.flush()
        session.execute("using sysbus", lambda _text: None)
        assert logged == [("INFO", "12:00:00.0 [INFO] uartnet: echo: up")]
        file.write("ne\n")
        file.flush()
        with pytest.raises(MonitorError):
            session.execute("nonsense", lambda _text: None)
    assert logged[1:] == [("WARNING", "12:00:00.1 [WARNING] half a line")]
    session.close()
