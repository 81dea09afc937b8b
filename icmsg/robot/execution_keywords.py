"""Keywords about what firmware executes: coming to a function, and which lines were reached."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from robot.api import logger
from robot.api.deco import keyword

from icmsg.errors import ConfigurationError, VirtualTimeoutError
from icmsg.robot.settings import robot_variables
from icmsg.robot.values import CoreName, as_timedelta
from icmsg.views.coverage import Coverage

if TYPE_CHECKING:
    from icmsg.machine.machine import Core
    from icmsg.robot.context import KeywordContext

_PLACE: Final = re.compile(r"([A-Za-z_$][\w.$]*)(?:\+(0[xX][0-9a-fA-F]+|\d+))?")


class ExecutionKeywords:
    """Stops at a place of a core's image; and coverage of its lines, for the embedded engine."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["firmware"])
    def break_at(
        self, core: CoreName, place: str, timeout: timedelta | None = None, times: int = 1
    ) -> dict[str, object]:
        """Runs until firmware of a core has come to ``place``, and stands directly before that instruction.

        ``place`` is a function, ``function+0x12`` or an address; ``times`` is how often it has to come there. Returns
        ``place`` with its line, ``pc``, ``time``, ``registers`` and ``chain``, the functions that called it. The next
        keyword that waits goes on there, as if nobody had stopped it.

        | ${stop}= | Break At | net | link_send | timeout=10 ms |
        | Should Be Equal As Integers | ${stop.registers.R1} | 5 | |
        """
        found = self._context.machine.core(core)
        time_ns = self._run_to(found, _place(found, place), timeout, times)
        registers = found.registers
        return {
            "place": found.locate(registers["PC"]),
            "pc": registers["PC"],
            "time": as_timedelta(time_ns),
            "registers": registers,
            "chain": [str(frame) for frame in found.backtrace()],
        }

    @keyword(tags=["firmware"])
    def wait_until_function(
        self, core: CoreName, function: str, timeout: timedelta | None = None, times: int = 1
    ) -> timedelta:
        """Runs until firmware of a core enters a function, for the ``times``-th time from now; returns the time.

        Fails with the state of the link, and where the cores are, if that does not happen within ``timeout``; and at
        once, with the names that are like it, if the image has no such function.
        """
        found = self._context.machine.core(core)
        return as_timedelta(self._run_to(found, found.address_of(function), timeout, times))

    def _run_to(self, core: Core, address: int, timeout: timedelta | None, times: int) -> int:
        """Run until a core comes to an address, and return the exact time."""
        if times < 1:
            raise ConfigurationError(f"times={times}: use 1 or more")
        reached: list[int] = []
        end = core.on_reach(address, lambda: reached.append(self._context.machine.now_ns))
        try:
            core.run_to(address, timeout_ns=self._context.timeout_ns(timeout), times=times)
        except VirtualTimeoutError as error:
            often = f"; it came there {len(reached)} times" if times > 1 else ""
            raise self._context.failure(f"{error}{often}") from None
        finally:
            end()
        return reached[-1]

    @keyword(tags=["firmware"])
    def record_coverage(self) -> None:
        """Takes note of what firmware executes, on this machine and every later one of the suite.

        Use it before firmware starts; `Save Coverage` writes the lines that were reached. Images need ``-g``.
        """
        if self._context.coverage is None:
            coverage = Coverage()
            coverage.watch(self._context.machine)
            self._context.coverage = coverage

    @keyword(tags=["firmware"])
    def save_coverage(self, name: str = "coverage.info") -> str:
        """Writes which lines firmware has reached since `Record Coverage` into a file in Robot's output folder.

        Returns its path. It is a tracefile of ``lcov``: ``genhtml`` makes pages of it.
        """
        if self._context.coverage is None:
            raise AssertionError("nothing was recorded; use `Record Coverage` before firmware starts")
        variables = robot_variables()
        folder = Path(str(variables.get("OUTPUT_DIR") or "."))
        saved = self._context.coverage.save(folder / name, str(variables.get("SUITE_NAME", "")))
        for image in self._context.coverage.without_lines:
            logger.warn(f"coverage: there is nothing about lines in {image}: build it with -g")
        return str(saved)


def _place(core: Core, text: str) -> int:
    """Return the address of a place; FirmwareError, naming what is like it, if there is no such function."""
    try:
        return core.address_of(int(text, 0))
    except ValueError:
        found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"{text!r} is no place: use a function, function+0x12 or an address")
    return core.address_of(found[1]) + int(found[2] or "0", 0)
