"""icmsg_read and icmsg_write: memory as text, for programs that have nothing but the Monitor."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

import pytest
from two_regions import BASE, Link, remove_fake_modules

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    system = types.ModuleType("System")
    vars(system).update(Array={"Byte": bytes}, Byte="Byte")
    monkeypatch.setitem(sys.modules, "System", system)
    link = Link()

    def write(data: bytes, address: int) -> None:
        start = address - BASE
        link.memory[start : start + len(data)] = data

    link.monitor.Machine.SystemBus.WriteBytes = write
    yield link
    remove_fake_modules()


def test_what_is_written_is_read(link: Link, capsys: pytest.CaptureFixture[str]) -> None:
    link.monitor.call("icmsg_write", BASE + 3, "00ffA5")
    assert capsys.readouterr().out == ""
    link.monitor.call("icmsg_read", BASE + 2, 5)
    assert capsys.readouterr().out == "0000ffa500\n"


@pytest.mark.parametrize(
    ("digits", "problem"),
    [("123", "two hexadecimal digits, and there are 3"), ("12xy", "'12xy' is not all hexadecimal digits")],
)
def test_what_are_no_bytes_changes_nothing(link: Link, digits: str, problem: str) -> None:
    before = bytes(link.memory)
    with pytest.raises(Exception, match=problem):
        link.monitor.call("icmsg_write", BASE, digits)
    assert bytes(link.memory) == before


@pytest.mark.parametrize(("command", "last"), [("icmsg_read", 4), ("icmsg_write", "00")])
def test_without_a_machine_the_error_says_what_to_include(link: Link, command: str, last: object) -> None:
    link.monitor.Machine = None
    with pytest.raises(Exception, match=r"there is no machine; include renode/nrf5340\.resc"):
        link.monitor.call(command, BASE, last)
