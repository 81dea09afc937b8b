"""The surroundings of the whole suite, the same wherever it is started.

The engine is embedded, unless somebody names another; what tests renode asks for it. ``make test-fast`` leaves out,
besides what is marked, whole folders that see every engine, process or page.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import Counter
from functools import cache
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

# A run tries the same examples as the one before, so that more of them would say the same again and again.
# `--hypothesis-profile random` tries others each time, five times as many (looped.examples), and prints its seed.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=20)
settings.register_profile("random", derandomize=False, print_blob=True, deadline=None, max_examples=100)
settings.load_profile("same")
# For `make mutants`: a mutant is dead with the first failure, so nobody needs the smallest one.
settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), max_examples=100)

_RENODE_REASON: Final = "needs a real Renode"
_TESTS: Final = Path(__file__).parent
_SLOW: Final = {
    "cli/test_cli_bench.py": "whole runs",
    "cli/test_cli_debug.py": "a process for each test",
    "cli/test_cli_doctor.py": "a process for each test",
    "cli/test_cli_endpoint_stubs.py": "whole runs",
    "cli/test_cli_monitor.py": "a process for each test",
    "cli/test_cli_monitor_port.py": "a process for each test",
    "cli/test_cli_new.py": "a process for each test",
    "cli/test_cli_output.py": "a process for each test",
    "cli/test_cli_run.py": "whole runs",
    "cli/test_cli_simulate.py": "a process for each test",
    "config/test_config_properties.py": "generated devicetrees",
    "config/test_config_variants.py": "forty broken pairs of files, each several times",
    "config/test_icbmsg_verdict.py": "every generation with every other",
    "config/test_verdict_against_bonding.py": "every mode with every other",
    "docs/test_docs_architecture.py": "every module",
    "docs/test_docs_commands.py": "every command of every page",
    "docs/test_docs_errors.py": "every text of every module",
    "docs/test_docs_examples.py": "a process for each example",
    "docs/test_docs_picture.py": "every import of every module",
    "engines/embedded/models/test_core_clock.py": "busy waits",
    "engines/embedded/models/test_nrf54_mailboxes.py": "compiled firmware",
    "engines/embedded/test_breakpoints.py": "a run with stops everywhere",
    "engines/embedded/test_engine_lifetime.py": "machines by the dozen",
    "engines/embedded/test_engine_time.py": "one run in many steps",
    "engines/embedded/test_m33_exclusive_access.py": "every place of an interrupt",
    "engines/embedded/test_m33_it_blocks.py": "every place of a block",
    "engines/embedded/test_m33_masking.py": "every instruction as the first of a slice",
    "engines/embedded/test_m33_random_programs.py": "generated programs",
    "engines/embedded/test_m33_stress.py": "compiled firmware",
    "engines/embedded/test_vpr_random_programs.py": "generated programs",
    "engines/remote": "machines behind commands",
    "engines/renode": "machines over a stand-in for .NET",
    "firmware": "compiled firmware",
    "fuzz": "random inputs",
    "gdb": "whole runs with a debugger",
    "link": "whole exchanges",
    "machine/test_source_places.py": "compiled firmware",
    "machine/test_variables.py": "compiled firmware",
    "monitor/test_icmsg_verbs.py": "a bonded machine for each test",
    "monitor/test_monitor_foreign_scripts.py": "each script several times",
    "monitor/test_monitor_scripts.py": "whole exchanges",
    "pytest_plugin": "a run of pytest for each test",
    "renode_files/test_models_source.py": "a compiler of C#",
    "renode_files/test_same_text_as_the_verbs.py": "generated regions",
    "robot": "runs of Robot Framework",
    "soc/platform/test_platform_equivalence.py": "generated platform files",
    "soc/test_front_ends.py": "every front end on every platform",
    "soc/test_one_soc_is_known_in_one_place.py": "every word of every module",
    "test_docstrings.py": "every module",
    "test_wheel.py": "a package built and installed",
    "views": "whole runs, and the readers of their traces",
    "zephyr": "processes of west",
}
_FIRST: Final = (
    "test_wheel.py",
    "firmware/test_stub_rebuild.py",
    "robot/test_every_way.py",
    "robot/test_other_socs.py",
    "docs/test_docs_commands.py",
)
"""Modules whose tests take longest: at the end of a run one of two workers would wait for them."""


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
    """Mark what lies in the folders and modules above, and begin with what takes longest."""
    for item in items:
        if _is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: _place(item.path) not in _FIRST)


def pytest_collection_finish() -> None:
    """Let the collector of cycles not look at modules and tests again and again: that took a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Load nothing that ``make test-fast`` leaves out."""
    return True if config.getoption("markexpr") == "not slow" and _is_slow(collection_path) else None


@cache
def _place(path: Path) -> str:
    return path.relative_to(_TESTS).as_posix() if path.is_relative_to(_TESTS) else ""


@cache
def _is_slow(path: Path) -> bool:
    place = _place(path)
    return any(place == slow or place.startswith(f"{slow}/") for slow in _SLOW)


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
