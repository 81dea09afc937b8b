"""Coverage of firmware over all tests of a run, where ``--icmsg-coverage`` asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine
    from icmsg.views.coverage import Coverage

_COVERAGE: Final[pytest.StashKey[Coverage]] = pytest.StashKey()
_SAID: Final = pytest.StashKey[list[str]]()


def cover(config: pytest.Config, machine: Machine) -> None:
    """Take note of what firmware on ``machine`` executes; ConfigurationError if the engine cannot."""
    if config.getoption("--icmsg-coverage") is None:
        return
    from icmsg.views import coverage  # pytest loads the plugin in every run

    config.stash.setdefault(_COVERAGE, coverage.Coverage()).watch(machine)


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
