"""Keywords about what firmware executes and touches: functions, lines, words of a region.

Keywords about what firmware executes: coming to a function, and which lines were reached.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from robot.api import logger
from robot.api.deco import keyword

from icmsg.errors import ConfigurationError, VirtualTimeoutError
from icmsg.link.watch import RegionAccess, RegionWatch
from icmsg.robot.settings import CoreName, RegionName, as_timedelta, robot_variables
from icmsg.views.execution import Coverage

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.firmware_stops import AccessKind
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


_SHOWN: Final = 8
_KEPT: Final = 20_000


class WatchpointKeywords:
    """Regions are called ``tx`` and ``rx`` as the core has them that is named before.

    Words are ``rd_idx``, ``wr_idx``, ``handshake`` and ``data``.
    """

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._kept: dict[tuple[str, str, str | None], list[RegionAccess]] = {}

    @keyword(tags=["regions"])
    def watch_region(
        self,
        core: CoreName,
        region: RegionName,
        *words: str,
        loads: bool = False,
        instance: str | None = None,
    ) -> None:
        """Records every store to a region from now on, or to these words of it; with ``loads=True`` loads, too.

        Use it before firmware runs; `Get Region Accesses` returns what came.

        | Watch Region | app | tx | wr_idx | |
        """
        kept = self._kept[str(core), region, instance] = []

        def told(access: RegionAccess) -> None:
            if len(kept) < _KEPT:
                kept.append(access)

        self._watch(core, region, instance, told, words, ("store", "load") if loads else ("store",))

    @keyword(tags=["regions"])
    def get_region_accesses(
        self, core: CoreName, region: RegionName, instance: str | None = None
    ) -> list[dict[str, object]]:
        """Returns the accesses since `Watch Region`, at most 20,000: dictionaries as of `Wait For Access`."""
        key = str(core), region, instance
        if key not in self._kept:
            raise AssertionError(
                f"nobody watches {region}-region of {core}; use `Watch Region    {core}    {region}` first"
            )
        return [_as_robot(access) for access in self._kept[key]]

    @keyword(tags=["regions"])
    def wait_for_access(
        self,
        core: CoreName,
        region: RegionName,
        word: str = "wr_idx",
        by: CoreName | None = None,
        kind: str = "store",
        function: str | None = None,
        timeout: timedelta | None = None,
        instance: str | None = None,
    ) -> dict[str, object]:
        """Runs until a core touches a word of a region, and returns who, when, what and where.

        ``by`` is the core, ``kind`` is ``store`` or ``load`` (by firmware), ``function`` the function that does it. The
        dictionary has ``core``, ``time``, ``kind``, ``word``, ``offset``, ``value``, ``pc``, ``function``, ``place``; a
        core that Python plays has ``Python`` as function.

        | ${access}= | Wait For Access | app | rx | wr_idx | by=net | timeout=5 ms |
        | Should Be Equal | ${access.function} | pbuf_write | | | |
        """
        if kind not in ("store", "load"):
            raise AssertionError(f"kind={kind}: use store or load")
        seen: list[RegionAccess] = []
        found: list[RegionAccess] = []

        def told(access: RegionAccess) -> None:
            right = by in (None, access.core) and function in (None, access.function)
            if len(seen) < _KEPT:
                seen.append(access)
            if right and not found:
                found.append(access)

        wanted: AccessKind = "load" if kind == "load" else "store"
        watch = self._watch(core, region, instance, told, (word,), (wanted,))
        what = f"a {kind} to {word} in {region}-region of {core}"
        what += (f" by {by}" if by else "") + (f" in {function}" if function else "")
        try:
            self._context.wait(lambda: bool(found), timeout, what)
        except AssertionError as error:
            first, *others = str(error).splitlines()
            lines = [f"meanwhile: {access}" for access in seen[-_SHOWN:]]
            raise AssertionError(
                "\n".join([first, *(lines or ["meanwhile: none at all"]), *others])
            ) from None
        finally:
            watch.stop()
        return _as_robot(found[0])

    def _watch(
        self,
        core: CoreName,
        region: RegionName,
        instance: str | None,
        told: Callable[[RegionAccess], None],
        words: tuple[str, ...],
        kinds: tuple[AccessKind, ...],
    ) -> RegionWatch:
        links = self._context.links
        other = links.other(core)
        own, mirror = links.of(core, instance), links.of(other, instance)
        regions = (
            {core: own.tx_region, other: mirror.rx_region}
            if region == "tx"
            else {core: own.rx_region, other: mirror.tx_region}
        )
        layout = own.tx_layout if region == "tx" else own.rx_layout
        return RegionWatch(self._context.machine, regions, layout, told, words=words, kinds=kinds)


def _as_robot(access: RegionAccess) -> dict[str, object]:
    return {
        "core": access.core,
        "time": as_timedelta(access.time_ns),
        "kind": access.kind,
        "word": access.word,
        "offset": access.offset,
        "value": access.value,
        "pc": access.pc,
        "function": access.function,
        "place": access.place,
    }
