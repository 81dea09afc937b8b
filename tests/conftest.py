"""The surroundings of the whole suite, the same wherever it is started.

The engine is embedded, unless somebody names another; what tests renode asks for it. ``make test-fast`` leaves out,
besides what is marked, whole folders that see every engine, process or page.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from hypothesis import Phase, settings

os.environ.setdefault("ICMSG_ENGINE", "embedded")

# What a terminal, a CI or a shell has said counts for people, not for texts that tests compare; a test that is about
# one of them sets it itself.
for _name in (
    *("COLUMNS", "LINES", "TERM", "COLORTERM", "FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"),
    *(
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "PY_COLORS",
        "PYTHONIOENCODING",
        "PYTHONUTF8",
        "LC_ALL",
        "LANGUAGE",
    ),
    *("CI", "BUILD_NUMBER"),  # pytest does not cut the lines of its summary there
    "PYTEST_ADDOPTS",  # has been read, and is no business of a pytest that a test starts
):
    os.environ.pop(_name, None)
os.environ["LANG"] = "C.UTF-8"
# Each process that a test starts would compile the package anew, which takes longer than most tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Behind `nohup … &` Ctrl-C is ignored, here and in every process that a test starts.
if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A run says the same as the one before; `--hypothesis-profile random` looks further, and prints its seed.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("random", derandomize=False, print_blob=True, deadline=None)
settings.load_profile("same")
# For `make mutants`: a mutant is dead with the first failure, so nobody needs the smallest one.
settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate))

_RENODE_REASON: Final = "needs a real Renode"
_TESTS: Final = Path(__file__).parent
_SLOW: Final = {
    "cli/test_cli_output.py": "a process for each test",
    "cli/test_cli_run.py": "whole runs",
    "config/test_config_properties.py": "generated devicetrees",
    "config/test_config_variants.py": "forty broken pairs of files, each several times",
    "config/test_verdict_against_bonding.py": "every mode with every other",
    "link/test_exchange.py": "whole exchanges",
    "link/test_exchange_failures.py": "whole exchanges that fail",
    "docs/test_docs_commands.py": "every command of every page",
    "docs/test_docs_examples.py": "a process for each example",
    "engines/embedded/test_engine_lifetime.py": "machines by the dozen",
    "engines/embedded/test_engine_time.py": "one run in many steps",
    "engines/embedded/test_m33_masking.py": "every instruction as the first of a slice",
    "engines/embedded/test_m33_random_programs.py": "generated programs",
    "firmware/test_stub_running.py": "every geometry",
    "firmware/test_stub_session.py": "thousands of restarts",
    "firmware/test_stub_sessions_running.py": "every order, and resets at any instruction",
    "fuzz": "random inputs",
    "monitor/test_icmsg_verbs.py": "a bonded machine for each test",
    "monitor/test_monitor_foreign_scripts.py": "each script several times",
    "soc/platform/test_platform_equivalence.py": "generated platform files",
    "pytest_plugin/test_plugin_runs.py": "a run of pytest for each test",
    "engines/remote": "machines behind commands",
    "engines/renode": "machines over a stand-in for .NET",
    "robot": "runs of Robot Framework",
}


@pytest.fixture
def no_renode(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no Renode be found, whatever is installed here."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    for name in ("BIN", "PKG", "PATH", "BUILD_DIR"):
        monkeypatch.delenv(f"PYRENODE_{name}", raising=False)
    monkeypatch.setattr("icmsg.engines.renode.locate.INSTALLED", Path("/nowhere"))
    for name in ("renode", "failure"):  # a test before may have loaded one into this process
        monkeypatch.setattr(f"icmsg.engines.renode.process._Process.{name}", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in the folders and modules above."""
    for item in items:
        place = item.path.relative_to(_TESTS).as_posix() if item.path.is_relative_to(_TESTS) else ""
        if any(place == slow or place.startswith(f"{slow}/") for slow in _SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once why tests were left out, and what to do about it."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
            reasons[_RENODE_REASON if reason.startswith(_RENODE_REASON) else reason] += 1
    for reason, count in sorted(reasons.items()):
        remedy = " (docs/renode.md says how to install one)" if reason == _RENODE_REASON else ""
        terminalreporter.write_line(f"{count} skipped: {reason}{remedy}")
