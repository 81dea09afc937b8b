"""Hooks of pytest: the options of a whole run, and what a failed test leaves behind.

Options say which engine there is, and where traces go. A failed test leaves the trace of its machines as a file, and
the link in the report. Coverage of firmware is over all tests of a run, where ``--icmsg-coverage`` asks for it.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from icmsg.config.instance import InstanceConfig
    from icmsg.engines.choice import EngineChoice, EngineName
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.peer import EndpointsPeer
    from icmsg.link.played_instance import Peer
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


ENGINES: Final[tuple[EngineName, ...]] = ("auto", "embedded", "renode")
VARIABLE: Final = "ICMSG_ENGINE"
STALL_S: Final = 60.0
"""Wall time in one step of Renode, which takes milliseconds, after which nothing is waited for any more."""
_TRACES: Final = "icmsg-traces"
_MARKER: Final = (
    "icmsg(platform=None, soc=None, quantum_ns=None, latency_ns=None): how the machine of this test is made; platform "
    "is the path of a Renode platform file, soc the name of an SoC instead, times are virtual nanoseconds"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add all options; their names begin with ``--icmsg-``."""
    group = parser.getgroup("icmsg", "ICMsg on an emulated SoC")
    group.addoption(
        "--icmsg-engine",
        choices=ENGINES,
        default=None,
        help=f"what emulates the SoC (default: the variable {VARIABLE}, the ini option icmsg_engine, auto)",
    )
    group.addoption(
        "--icmsg-soc",
        metavar="NAME",
        default=None,
        help="the SoC of machines that do not say theirs (default: the ini option icmsg_soc, else the package's first)",
    )
    group.addoption(
        "--icmsg-traces",
        metavar="FOLDER",
        default=None,
        help=f"where the trace of a failed test is saved (default: {_TRACES} in the root folder)",
    )
    group.addoption(
        "--icmsg-trace-formats",
        metavar="LIST",
        default=None,
        help="suffixes of further traces of a failed test, such as pftrace,pcapng; its machines run slower then "
        "(default: the ini option icmsg_trace_formats, none)",
    )
    group.addoption(
        "--icmsg-coverage",
        metavar="FILE",
        default=None,
        help="write which lines of firmware the tests have reached, for lcov and genhtml; images need -g",
    )
    group.addoption(
        "--icmsg-stall-timeout",
        metavar="S",
        type=float,
        default=None,
        help="wall time in one step of Renode that ends the run of pytest, 0 = never "
        f"(default: the ini option icmsg_stall_timeout, {STALL_S:g})",
    )
    parser.addini(
        "icmsg_stall_timeout", "wall time in one step of Renode that ends the run of pytest", default=""
    )
    parser.addini("icmsg_trace_formats", "suffixes of further traces of a failed test", default="")
    parser.addini("icmsg_soc", "the SoC of machines that do not say theirs", default="")
    parser.addini("icmsg_engine", "what emulates the SoC: auto, embedded or renode", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse an engine that does not exist before any test runs."""
    config.addinivalue_line("markers", _MARKER)
    asked_engine(config)
    stall_s(config)
    trace_suffixes(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the engine where one was asked for."""
    asked = asked_engine(config)
    return f"icmsg: engine {asked}" if asked != "auto" else None


def asked_engine(config: pytest.Config) -> EngineName:
    """Return the engine that was asked for: on the command line, in the environment, or in the ini file.

    Raises:
        pytest.UsageError: there is no such engine.
    """
    given = config.getoption("--icmsg-engine") or os.environ.get(VARIABLE) or config.getini("icmsg_engine")
    for name in ENGINES:
        if (given or "auto") == name:
            return name
    raise pytest.UsageError(f"icmsg: no engine {given!r}; there are {', '.join(ENGINES)}")


def stall_s(config: pytest.Config) -> float:
    """Return the wall time in one step of Renode that ends the process, 0 for never.

    Raises:
        pytest.UsageError: that is no time.
    """
    given = config.getoption("--icmsg-stall-timeout")
    try:
        seconds = float(given if given is not None else config.getini("icmsg_stall_timeout") or STALL_S)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise pytest.UsageError("icmsg: icmsg_stall_timeout is a number of seconds, 0 = never")
    return seconds


def asked_soc(config: pytest.Config) -> str | None:
    """Return the name of the SoC that was asked for, None where nobody did."""
    return config.getoption("--icmsg-soc") or config.getini("icmsg_soc") or None


def trace_folder(config: pytest.Config) -> Path:
    """Return where traces of failed tests are saved."""
    return Path(config.rootpath, config.getoption("--icmsg-traces") or _TRACES)


def trace_suffixes(config: pytest.Config) -> list[str]:
    """Return the suffixes of the traces that a failed test leaves beside the text.

    Raises:
        pytest.UsageError: no format has such a suffix.
    """
    given = config.getoption("--icmsg-trace-formats") or config.getini("icmsg_trace_formats")
    if not given:
        return []
    from icmsg.errors import ConfigurationError
    from icmsg.views.recent import suffixes_of

    try:
        return [suffix for suffix in suffixes_of(str(given)) if suffix != ".txt"]
    except ConfigurationError as error:
        raise pytest.UsageError(f"icmsg: {error}") from None


REQUIRED: Final = "ICMSG_REQUIRE_RENODE"
"""Set to 1 where a skipped test would be a green one that proved nothing, as in CI."""


def require_engine(asked: EngineName) -> EngineChoice:
    """Return the engine that runs for what was asked.

    A test that needs an engine which is not here is skipped with the remedy, or fails where it must not be skipped.
    """
    from icmsg.engines.choice import choose_engine
    from icmsg.errors import EngineNotAvailableError

    try:
        choice = choose_engine(asked)
    except EngineNotAvailableError as error:
        not_available(error)
    if choice.name != "renode" and asked == "auto" and os.environ.get(REQUIRED) == "1":
        pytest.fail(
            f"{REQUIRED}=1, but the engine is {choice.name} ({choice.reason}); use --icmsg-engine renode "
            "to see what is missing, or unset the variable",
            pytrace=False,
        )
    return choice


def not_available(error: Exception) -> NoReturn:
    """Skip the test because of ``error``, or fail it with ICMSG_REQUIRE_RENODE=1."""
    reason = f"needs a real Renode: {error}"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason} ({REQUIRED}=1 makes this a failure)", pytrace=False)
    pytest.skip(f"{reason}; {REQUIRED}=1 makes this a failure")
