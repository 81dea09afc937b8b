"""``icmsg compare-engines``: equal engines are equal, and a difference is shown where it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from icmsg.cli import compare_command
from icmsg.cli.arguments import Parser
from icmsg.cli.compare_command import Recording, first_difference, without_times
from icmsg.cli.core_options import of_board
from icmsg.config.boards import DEFAULT
from icmsg.errors import EngineNotAvailableError
from icmsg.machine.events import EventKind

if TYPE_CHECKING:
    import argparse

    from fake_dotnet import FakeRenode


def run(*arguments: str) -> int:
    parser = Parser(prog="icmsg")
    commands = parser.add_subparsers()
    compare_command.add_parser(commands, of_board(DEFAULT))
    options: argparse.Namespace = parser.parse_args(["compare-engines", *arguments])
    return int(options.execute(options))


PAIRINGS = [("python", "echo"), ("initiator", "python"), ("initiator", "echo"), ("python", "python")]


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_both_engines_do_the_same(
    renode: FakeRenode, capsys: pytest.CaptureFixture[str], app: str, net: str
) -> None:
    code = run("--app", app, "--net", net, "--messages", "20", "--window", "4", "--json")
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert printed["difference"] is None
    assert (code, printed["equal"]) == (0, True)
    assert [printed["engines"][name]["ok"] for name in ("embedded", "renode")] == [True, True]
    # The magic is a packet of firmware; Python's own magic is none of its messages.
    assert printed["compared"]["app sent"] == (20 if app == "python" else 21)


def test_sessions_are_compared_as_well(renode: FakeRenode, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--net", "python", "--unbound", "enable", "--messages", "5") == 0
    printed = capsys.readouterr().out
    assert "EQUAL" in printed
    assert "app state" in printed


def test_a_difference_is_shown_side_by_side(
    renode: FakeRenode, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from icmsg.engines.renode.machine import RenodeCore

    emit, count = RenodeCore.emit, [0]

    def damaged(self: RenodeCore, kind: EventKind, a: int = 0, b: int = 0) -> None:
        count[0] += kind is EventKind.PACKET_RECEIVED
        emit(self, kind, a + (count[0] == 7 and kind is EventKind.PACKET_RECEIVED), b)

    monkeypatch.setattr(RenodeCore, "emit", damaged)
    assert run("--messages", "10", "--size", "8") == 1
    printed = capsys.readouterr().out
    assert "first difference: app received" in printed
    assert "DIFFERENT" in printed
    row = next(line for line in printed.splitlines() if "9 bytes" in line)
    assert "8 bytes" in row
    assert row.split("│")[1].strip() == "6"


def test_without_renode_it_is_a_mistake_before_anything_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(asked: str) -> None:
        cause = EngineNotAvailableError(f"{asked} is missing")
        raise EngineNotAvailableError(f"{cause}; or use the other one") from cause

    monkeypatch.setattr(compare_command, "choose_engine", missing)
    with pytest.raises(
        EngineNotAvailableError, match=r"^compare-engines needs both engines: embedded is missing$"
    ):
        run()
    assert capsys.readouterr().out == ""


def test_a_sequence_that_ends_early_differs_at_its_end() -> None:
    one = Recording({"app sent": ["a", "b", "c", "d", "e"]})
    other = Recording({"app sent": ["a", "b", "c", "d"], "net sent": []})
    found = first_difference(one, other)
    assert found is not None
    assert (found.lane, found.index, found.start) == ("app sent", 4, 1)
    assert found.embedded == ("b", "c", "d", "e")
    assert found.renode == ("b", "c", "d", None)
    assert first_difference(one, one) is None


def test_a_sequence_that_only_one_engine_has_differs_at_its_start() -> None:
    found = first_difference(Recording({}), Recording({"net sent": ["x"]}))
    assert found is not None
    assert (found.lane, found.index, found.embedded, found.renode) == ("net sent", 0, (None,), ("x",))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("[00:00:00.000,061] <inf> host: Ep bounded", "[TIME] <inf> host: Ep bounded"),
        ("\x1b[0m[100:00:01.500.122] <inf> a", "\x1b[0m[TIME] <inf> a"),
        ("[00001234] <inf> remote: ready", "[TIME] <inf> remote: ready"),
        ("sent 00001234 of [00001234] at 0x00:00", "sent 00001234 of [00001234] at 0x00:00"),
        ("Sent 486060 [Bytes] over 1000 [ms]", "Sent 486060 [Bytes] over 1000 [ms]"),
    ],
)
def test_a_time_inside_a_console_line_is_no_difference_and_everything_else_is(line: str, shown: str) -> None:
    assert without_times(line) == shown
