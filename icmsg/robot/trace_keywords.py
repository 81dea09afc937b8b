"""The trace of a test as a file beside Robot's log."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from robot.api import logger
from robot.api.deco import keyword

from icmsg.errors import ConfigurationError
from icmsg.robot.settings import robot_variables
from icmsg.views.formats import suffixes
from icmsg.views.text import write_lines

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext

FOLDER = "icmsg-traces"
_SHOWN = 500
"""Lines of a trace that are in the log itself."""
_EMBEDDED = 1_000_000
"""Bytes of a page that is in the log itself; what is longer is only linked."""
_PABOT = "PABOTQUEUEINDEX"
_PABOT_FOLDER = "pabot_results"
"""The variable that pabot gives its workers, and the folder in which they have their output folders."""
_UNSAFE = re.compile(r"[^\w.-]+")


class TraceKeywords:
    """Keywords that give what happened as text."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["trace"])
    def save_trace(self, name: str | None = None) -> str:
        """Writes the trace of this test into a file in Robot's output folder, links it from the log, returns its path.

        A line for each doorbell, interrupt, packet, change of state and injected fault, with its virtual time. A test
        that fails saves it by itself. A name with the suffix of another format, such as ``mine.pftrace``, gives that:
        see ``traces`` of the library in `Failures`.
        """
        return str(save_trace(self._context, name))


def save_trace(context: KeywordContext, name: str | None = None) -> Path:
    """Write the trace, and show it in Robot's log: as a link, and folded, which no merging of logs can break."""
    if name is not None and (suffix := _other_suffix(name)):
        path = _write_recent(context, name.removesuffix(suffix), suffix)
        logger.info(f"trace: {_link(path)}", html=True)
        return path
    path = write_trace(context, name)
    link = " ".join(_link(each) for each in (path, *context.recent_files))
    lines = path.read_text(encoding="utf-8").splitlines()
    cut = f"… {len(lines) - _SHOWN} lines before\n" if len(lines) > _SHOWN else ""
    text = html.escape(cut + "\n".join(lines[-_SHOWN:]))
    logger.info(
        f"trace: {link}{_embedded(context)}<details><summary>what happened</summary><pre>{text}</pre></details>",
        html=True,
    )
    return path


def _embedded(context: KeywordContext) -> str:
    """Return the page of HTML among the files that were saved, folded, so that it goes wherever the log goes."""
    page = next((path for path in context.recent_files if path.suffix == ".html"), None)
    if page is None or page.stat().st_size > _EMBEDDED:
        return ""
    text = html.escape(page.read_text(encoding="utf-8"))
    style = "width: 100%; height: 45em; border: 1px solid #999"
    frame = f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{text}"></iframe>'
    return f"<details><summary>messages, doorbells and cores as a page</summary>{frame}</details>"


def write_trace(context: KeywordContext, name: str | None = None) -> Path:
    """Write the trace into a file that is called after the test, and those that the suite asks for beside it.

    ConfigurationError if one cannot be written.
    """
    context.trace_saved = True  # tried, at least
    context.recent_files.clear()
    path = write_lines(_path(name, ".txt"), [f"# {_test()}", *context.recorder.lines()])
    if context.recent is not None:
        context.recent_files.extend(
            _write_recent(context, name, suffix)
            for suffix in context.settings.trace_suffixes
            if suffix != ".txt"
        )
    return path


def _test() -> str:
    variables = robot_variables()
    return f"{variables.get('SUITE_NAME', '')}.{variables.get('TEST_NAME') or 'suite'}"


def _path(name: str | None, suffix: str) -> Path:
    folder = Path(str(robot_variables().get("OUTPUT_DIR") or ".")) / FOLDER
    return folder / f"{_UNSAFE.sub('-', name or _test())}{suffix}"


def _other_suffix(name: str) -> str:
    """Return the suffix of a name that is one of a format, if it is not that of the text."""
    return next((suffix for suffix in suffixes() if suffix != ".txt" and name.endswith(suffix)), "")


def _write_recent(context: KeywordContext, name: str | None, suffix: str) -> Path:
    if context.recent is None:
        raise ConfigurationError(
            f"Save Trace: {suffix} needs what happened from the start, with a link of the SoC: give the library "
            f"traces={suffix.lstrip('.')}"
        )
    return context.recent.save(_path(name, suffix), _test())


def _link(path: Path) -> str:
    return f'<a href="{html.escape(quote(_relative(path)))}">{html.escape(path.name)}</a>'


def _relative(path: Path) -> str:
    """Return the path from where the log will be; under pabot that is the folder that holds those of its workers."""
    folder = robot_variables().get("OUTPUT_DIR")
    if not folder:
        return path.as_posix()
    log = Path(str(folder))
    if _PABOT_FOLDER in log.parts and robot_variables().get(_PABOT) is not None:
        log = log.parents[log.parts[::-1].index(_PABOT_FOLDER)]
    return Path(os.path.relpath(path, log)).as_posix()
