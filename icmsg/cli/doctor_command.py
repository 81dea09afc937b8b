"""``icmsg doctor``: what was found on this machine, what is missing, and how to get it."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from icmsg import __version__
from icmsg.assets import platform_file, stub_names
from icmsg.config.boards import BOARDS
from icmsg.engines.choice import REMOTE_USE, choose_engine
from icmsg.engines.renode.locate import GET_PYRENODE, GET_RENODE, find_pyrenode, find_renode, find_setup
from icmsg.errors import EngineNotAvailableError, IcmsgError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

Verdict = Literal["ok", "missing", "broken"]
_REMEDY: Final = "install the package again"
_STYLE: dict[Verdict, str] = {"ok": "green", "missing": "yellow", "broken": "bold red"}


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """Line of the report; ``needed`` findings that are not ok make the command fail."""

    what: str
    verdict: Verdict
    detail: str
    needed: bool = True


def add_parser(commands: Any) -> None:
    """Add ``doctor`` to the sub-commands."""
    parser = commands.add_parser("doctor", help="what was found, what is missing, how to get it")
    parser.set_defaults(execute=execute)


def execute(_options: argparse.Namespace) -> int:
    """Print the findings; 0 if everything that is needed is there, else 1."""
    from rich.table import Table  # every command loads this module, only this one prints it
    from rich.text import Text

    from icmsg.cli.render import CommandConsole

    findings = list(examine())
    table = Table(title=f"icmsg {__version__}", title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="cyan", overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(finding.what, f"[{_STYLE[finding.verdict]}]{finding.verdict}[/]", Text(finding.detail))
    CommandConsole().print(table)
    return int(any(finding.needed and finding.verdict != "ok" for finding in findings))


def examine() -> Iterator[DoctorFinding]:
    """Look at everything that a run may need."""
    from importlib import metadata  # slow to load

    yield DoctorFinding("Python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield _try("embedded engine", _embedded)
    yield _try("platform file", lambda: ", ".join(str(platform_file(name)) for name in BOARDS))
    yield _try("firmware stubs", lambda: ", ".join(stub_names()) or "none")
    yield _try("robotframework", lambda: metadata.version("robotframework"))
    yield _tool(
        "arm-none-eabi-gcc or ziglang", _compiler(), "only to rebuild the stubs: pip install ziglang==0.13.0"
    )
    yield from _renode()
    yield DoctorFinding("remote engine", "ok", f"needs nothing here; {REMOTE_USE}", needed=False)
    choice = choose_engine("auto")
    yield DoctorFinding("--engine auto", "ok", f"runs {choice.name}: {choice.reason}")


def _try(what: str, look: Callable[[], str]) -> DoctorFinding:
    try:
        return DoctorFinding(what, "ok", look())
    except (IcmsgError, ImportError) as error:  # a package that is missing is an ImportError too
        text = str(error)
        return DoctorFinding(what, "broken", text if _REMEDY in text else f"{text}; {_REMEDY}")


def _tool(what: str, found: str | None, remedy: str) -> DoctorFinding:
    return DoctorFinding(what, "ok" if found else "missing", found or remedy, needed=False)


def _renode() -> Iterator[DoctorFinding]:
    """Look at both halves of the renode engine, and at whether they fit; nothing is loaded here."""
    try:
        renode = find_renode()
        yield _tool("Renode", str(renode) if renode else None, f"only for the renode engine: {GET_RENODE}")
    except EngineNotAvailableError as error:
        yield DoctorFinding("Renode", "broken", str(error), needed=False)
    pyrenode = find_pyrenode()
    yield _tool(
        "pyrenode3", str(pyrenode) if pyrenode else None, f"only for the renode engine: {GET_PYRENODE}"
    )
    try:
        setup = find_setup()
    except EngineNotAvailableError as error:
        yield DoctorFinding("renode engine", "missing", str(error), needed=False)
    else:
        shown = ", ".join(f"{name}={value}" for name, value in setup.variables.items())
        yield DoctorFinding(
            "renode engine", "ok", f"Renode and pyrenode3 fit; loaded with {shown}", needed=False
        )


def _compiler() -> str | None:
    from importlib import util  # slow to load

    if found := shutil.which("arm-none-eabi-gcc"):
        return found
    return "ziglang" if util.find_spec("ziglang") is not None else None


def _embedded() -> str:
    from importlib import metadata  # slow to load

    from icmsg.engines.embedded.machine import EmbeddedMachine

    with EmbeddedMachine() as machine:
        machine.run_for(1)
        return f"unicorn {metadata.version('unicorn')}, cores {', '.join(machine.cores)}"
