"""Traces that somebody begins and ends by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from pathlib import Path

    from verbs_on_a_machine import Session


def test_a_trace_has_what_happens_between_its_begin_and_its_end(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    assert session.type(f"trace {typed(path)}") == f"tracing to {path}; icmsg trace off ends it"
    session.boot("net", "echo")
    session.type("bond")
    session.type("send hello")
    session.type("recv")
    assert session.type("trace off") == f"{path}: 2 messages"
    session.type("send bye")
    text = path.read_text(encoding="utf-8")
    assert "sent #1 to net at index 20, 5 bytes: 68 65 6c 6c 6f" in text
    assert "received #2" in text
    assert "#3" not in text


def test_several_files_are_written_at_once_and_off_ends_them_all(session: Session, tmp_path: Path) -> None:
    one, other = tmp_path / "one.txt", tmp_path / "other.pcapng"
    session.type(f"trace {typed(one)}")
    session.type(f"trace '{other}'")
    assert session.type(f"trace {typed(one)}") == f"{one} is being written already; icmsg trace off ends it"
    assert session.type("trace off").splitlines() == [f"{one}: 0 messages", f"{other}: 0 messages"]
    assert session.type("trace off") == "no trace is being written: icmsg trace FILE begins one"


def test_a_suffix_of_no_format_lists_those_there_are(session: Session) -> None:
    with pytest.raises(
        MonitorError, match=r"trace run\.pcap: the suffix says which format, .* use one of \.txt"
    ):
        session.type("trace run.pcap")


def test_the_end_of_the_monitor_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.vcd"
    with EmbeddedMonitor() as monitor:
        monitor.execute(f"include @renode/app-python.resc; icmsg trace {typed(path)}; icmsg bond")
    assert b"#" in path.read_bytes()
    assert path.with_suffix(".gtkw").exists()


@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework", "icmsg-me"])
def test_endpoints_of_the_instance_that_is_set_are_followed(
    session: Session, tmp_path: Path, backend: str
) -> None:
    path = tmp_path / "mine.txt"
    session.type(f"config backend={backend} endpoints=ep0,log")
    session.type(f"trace {typed(path)}")
    session.type("bond app net")
    session.type("send hello app endpoint=log")
    session.type("recv net endpoint=log")
    assert session.type("trace off") == f"{path}: 1 message"
    assert "sent #1 log:1 to net " in path.read_text(encoding="utf-8")
