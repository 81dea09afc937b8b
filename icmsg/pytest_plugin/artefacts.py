"""What a failed test leaves behind: the trace of its machines as a file, and the link in the report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from icmsg.pytest_plugin.options import trace_folder

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from icmsg.cosim.machine import Machine
    from icmsg.cosim.peer import Peer
    from icmsg.trace import TextTrace

_LONGEST_NAME: Final = 150
"""Characters of a file's name; some file systems take 255 bytes."""


class Recorder:
    """The machines and peers of one test."""

    def __init__(self) -> None:
        self._machines: list[tuple[Machine, TextTrace]] = []
        self.peers: Final[list[Peer]] = []

    @classmethod
    def of(cls, item: pytest.Item) -> Recorder:
        """Return the recorder of a test, the same one each time."""
        return item.stash.setdefault(_RECORDER, cls())

    def add(self, machine: Machine) -> None:
        """Trace ``machine`` from now on."""
        from icmsg.trace import TextTrace

        self._machines.append((machine, TextTrace(machine)))

    def close(self) -> None:
        """Close all machines, the last one first."""
        while self._machines:
            machine, _ = self._machines.pop()
            machine.close()

    def describe(self) -> list[str]:
        """Return lines about the links of all peers; one that cannot be looked at any more says so."""
        return [line for peer in self.peers for line in _describe(peer)]

    def save(self, folder: Path, name: str) -> list[Path]:
        """Save the trace of each machine that has one, and return the paths; ConfigurationError if it cannot be."""
        found = [trace for _, trace in self._machines if trace.lines()]
        numbered = len(found) > 1
        return [
            trace.save(folder / f"{name}{f'-{number}' if numbered else ''}.txt")
            for number, trace in enumerate(found, 1)
        ]


_RECORDER: Final = pytest.StashKey[Recorder]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save traces and describe links while the machines of a failed test are still there."""
    report = yield
    recorder = item.stash.get(_RECORDER, None)
    if report.failed and report.when == "call" and recorder is not None:
        from icmsg.errors import ConfigurationError

        lines, paths = recorder.describe(), []
        try:
            paths = recorder.save(trace_folder(item.config), _file_name(item.nodeid))
        except ConfigurationError as error:
            lines.append(f"{error}: --icmsg-traces FOLDER")
        lines += [f"trace: {path}" for path in paths]
        if lines:
            report.sections.append(("icmsg", "\n".join(lines)))
        report.user_properties.extend(("icmsg_trace", str(path)) for path in paths)
    return report


def _describe(peer: Peer) -> list[str]:
    from icmsg.errors import IcmsgError

    try:
        return peer.describe()
    except IcmsgError as error:  # the test closed the machine, or its failure is that of the engine
        return [f"{peer.core.name}: {error}"]


def _file_name(nodeid: str) -> str:
    """Return a test's name as a file can have it, with the end that tells parameters apart."""
    return re.sub(r"[^\w.-]+", "-", nodeid).strip("-")[-_LONGEST_NAME:]
