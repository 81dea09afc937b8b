"""The trace of a test as a file beside Robot's log."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from icmsg.robot.settings import robot_variables
from icmsg.trace.text import write_lines

if TYPE_CHECKING:
    from icmsg.robot.scene import Scene

FOLDER = "icmsg-traces"
_UNSAFE = re.compile(r"[^\w.-]+")


class TraceKeywords:
    """What happened, as text."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @keyword(tags=["trace"])
    def save_trace(self, name: str | None = None) -> str:
        """Writes the trace of this test into a file in Robot's output folder, links it from the log, returns its path.

        A line for each doorbell, interrupt, packet, change of state and injected fault, with its virtual time. A test
        that fails saves it by itself.
        """
        return str(save_trace(self._scene, name))


def save_trace(scene: Scene, name: str | None = None) -> Path:
    """Write the trace, and link it from Robot's log."""
    path = write_trace(scene, name)
    logger.info(f'trace: <a href="{html.escape(_relative(path))}">{html.escape(path.name)}</a>', html=True)
    return path


def write_trace(scene: Scene, name: str | None = None) -> Path:
    """Write the trace into a file that is called after the test; ConfigurationError if it cannot be written."""
    variables = robot_variables()
    folder = Path(str(variables.get("OUTPUT_DIR") or ".")) / FOLDER
    test = f"{variables.get('SUITE_NAME', '')}.{variables.get('TEST_NAME') or 'suite'}"
    path = folder / f"{_UNSAFE.sub('-', name or test)}.txt"
    scene.trace_saved = True  # tried, at least
    return write_lines(path, [f"# {test}", *scene.recorder.lines()])


def _relative(path: Path) -> str:
    folder = robot_variables().get("OUTPUT_DIR")
    return os.path.relpath(path, str(folder)) if folder else str(path)
