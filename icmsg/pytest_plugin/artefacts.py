"""Artefacts of a failed test: the trace of its machines as a file, and the link in the report.

Coverage of firmware over all tests of a run, where ``--icmsg-coverage`` asks for it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from icmsg.pytest_plugin.options import trace_folder, trace_suffixes

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from icmsg.config.instance import InstanceConfig
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.peer import EndpointsPeer
    from icmsg.link.peer import Peer
    from icmsg.machine.machine import Machine
    from icmsg.views import TextTrace
    from icmsg.views.execution import Coverage
    from icmsg.views.recent import RecentTrace


_LONGEST_NAME: Final = 150
"""Characters of a file's name; some file systems take 255 bytes."""


class ArtefactRecorder:
    """The machines and peers of one test; ``suffixes`` are those of the traces beside the text."""

    def __init__(self, suffixes: Sequence[str] = (), title: str = "") -> None:
        self._title = title
        self._machines: list[tuple[Machine, TextTrace, RecentTrace | None]] = []
        self._suffixes = suffixes
        self.peers: Final[list[Peer | EndpointsPeer]] = []

    @classmethod
    def of(cls, item: pytest.Item) -> ArtefactRecorder:
        """Return the recorder of a test, the same one each time."""
        if _RECORDER not in item.stash:
            item.stash[_RECORDER] = cls(trace_suffixes(item.config), item.nodeid)
        return item.stash[_RECORDER]

    def add(self, machine: Machine) -> None:
        """Trace ``machine`` from now on."""
        from icmsg.views import TextTrace

        recent = None
        if self._suffixes:
            from icmsg.views.recent import try_recent

            recent = try_recent(machine)
        self._machines.append((machine, TextTrace(machine), recent))

    def follow(
        self,
        machine: Machine,
        core: str,
        other: str,
        config: InstanceConfig | SeveralConfig,
        endpoints: Sequence[str] = (),
    ) -> None:
        """Let the traces follow an instance that is played next."""
        for each, _, recent in self._machines:
            if each is machine and recent is not None:
                recent.follow(core, other, config, endpoints)

    def close(self) -> None:
        """Close all machines, the last one first."""
        while self._machines:
            machine, _, _ = self._machines.pop()
            machine.close()

    def describe(self) -> list[str]:
        """Return lines about the links of all peers; one that cannot be looked at any more says so."""
        return [line for peer in self.peers for line in _describe(peer)]

    def save(self, folder: Path, name: str) -> list[Path]:
        """Save the trace of each machine that has one, and return the paths; ConfigurationError if it cannot be."""
        found = [(trace, recent) for _, trace, recent in self._machines if trace.lines()]
        saved = []
        for number, (trace, recent) in enumerate(found, 1):
            own = f"{name}-{number}" if len(found) > 1 else name
            saved.append(trace.save(folder / f"{own}.txt"))
            if recent is not None:
                saved += [recent.save(folder / f"{own}{suffix}", self._title) for suffix in self._suffixes]
        return saved


_RECORDER: Final = pytest.StashKey[ArtefactRecorder]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save traces and describe links while the machines of a failed test are still there."""
    recorder = item.stash.get(_RECORDER, None)
    if recorder is not None and call.excinfo is not None:
        hide_package()
    report = yield
    if report.failed and report.when != "teardown" and recorder is not None:
        from icmsg.errors import ConfigurationError

        diagnosis, paths = recorder.describe(), []
        said = str(call.excinfo.value).splitlines() if call.excinfo is not None else []
        lines = [line for line in diagnosis if line not in said]
        try:
            paths = recorder.save(trace_folder(item.config), _file_name(item.nodeid))
        except ConfigurationError as error:
            lines.append(f"{error}: --icmsg-traces FOLDER")
        lines += [f"trace: {path}" for path in paths]
        if lines:
            report.sections.append(("icmsg", "\n".join(lines)))
        properties = [("icmsg_trace", str(path)) for path in paths]
        if diagnosis:
            properties.append(("icmsg_diagnosis", "\n".join(diagnosis)))
        # The JUnit file takes what the report of the teardown has, which is made from the item.
        item.user_properties += properties
        report.user_properties += properties
    return report


def last_words(item: pytest.Item) -> list[str]:
    """Return the name of a test that cannot end, and where the trace of its machines is saved now."""
    folder = trace_folder(item.config)
    saved = ArtefactRecorder.of(item).save(folder, _file_name(item.nodeid))
    return [f"icmsg: test {item.nodeid}", *(f"icmsg: trace: {path}" for path in saved)]


def hide_package() -> None:
    """Let pytest leave the package's own frames out of tracebacks; ``--full-trace`` shows them."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "icmsg":
            vars(module).setdefault("__tracebackhide__", _is_hidden)


def _is_hidden(excinfo: pytest.ExceptionInfo[BaseException] | None) -> bool:
    """Tell whether a frame of the package says nothing: it refuses what it was asked for, or only called the test."""
    from icmsg.errors import IcmsgError

    if excinfo is None:
        return False
    last = excinfo.traceback[-1].frame.f_globals.get("__name__", "")
    return isinstance(excinfo.value, IcmsgError) or str(last).partition(".")[0] != "icmsg"


def _describe(peer: Peer | EndpointsPeer) -> list[str]:
    from icmsg.errors import IcmsgError

    try:
        return peer.describe()
    except IcmsgError as error:  # the test closed the machine, or its failure is that of the engine
        return [f"{peer.core.name}: {error}"]


def _file_name(nodeid: str) -> str:
    """Return a test's name as a file can have it, with the end that tells parameters apart."""
    return re.sub(r"[^\w.-]+", "-", nodeid).strip("-")[-_LONGEST_NAME:]


_COVERAGE: Final[pytest.StashKey[Coverage]] = pytest.StashKey()
_SAID: Final = pytest.StashKey[list[str]]()


def cover(config: pytest.Config, machine: Machine) -> None:
    """Take note of what firmware on ``machine`` executes; ConfigurationError if the engine cannot."""
    if config.getoption("--icmsg-coverage") is None:
        return
    from icmsg.views import execution

    config.stash.setdefault(_COVERAGE, execution.Coverage()).watch(machine)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the file; each worker of pytest-xdist has its own, with the worker's name before the suffix."""
    config = session.config
    found = config.stash.get(_COVERAGE, None)
    if found is None:
        return
    from icmsg.errors import ConfigurationError

    path = Path(config.rootpath, config.getoption("--icmsg-coverage"))
    worker = getattr(config, "workerinput", {}).get("workerid")
    if worker is not None:
        path = path.with_name(f"{path.stem}-{worker}{path.suffix}")
    try:
        found.save(path, "pytest")
        lines, reached = found.counts()
        said = f"{reached} of {lines} lines of firmware reached: {path}"
    except ConfigurationError as error:
        said = str(error)
    config.stash[_SAID] = [
        said,
        *(f"nothing about lines in {name}: build it with -g" for name in found.without_lines),
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was written."""
    for line in config.stash.get(_SAID, []):
        terminalreporter.write_line(f"icmsg coverage: {line}")
