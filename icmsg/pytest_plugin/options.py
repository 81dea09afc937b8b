"""Options of a whole run: the engine, and where traces of failed tests go.

A test that needs an engine which is not here is skipped with the remedy, or fails where it must not be skipped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from icmsg.engines.choice import EngineChoice, EngineName


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
    import pytest

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
    import pytest

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
    import pytest

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
    """Return the engine that runs for what was asked; skip the test, or fail it, where there is none."""
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
