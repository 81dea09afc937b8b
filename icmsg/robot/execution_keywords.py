"""Keywords about a machine and what its cores execute: making it, virtual time, halting and resetting.

Stops at functions and lines, words of a region that firmware touches, and which lines were reached.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from robot.api import logger
from robot.api.deco import keyword

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT, find_board
from icmsg.engines.choice import EngineName
from icmsg.errors import ConfigurationError, VirtualTimeoutError
from icmsg.link.watch import RegionAccess, RegionWatch
from icmsg.robot.context import Keywords
from icmsg.robot.report import save_trace
from icmsg.robot.settings import CoreName, RegionName, as_timedelta, nanoseconds, robot_variables
from icmsg.timers import format_time
from icmsg.views.execution import Coverage

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.base_machine import AccessKind
    from icmsg.machine.machine import Core
    from icmsg.robot.context import KeywordContext

_PLACE: Final = re.compile(r"([A-Za-z_$][\w.$]*)(?:\+(0[xX][0-9a-fA-F]+|\d+))?")


class ExecutionKeywords(Keywords):
    """Execution of firmware: coming to a place of a core's image, and, on the embedded engine, the lines reached."""

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


class WatchpointKeywords(Keywords):
    """Regions are called ``tx`` and ``rx`` as the core has them that is named before.

    Words are ``rd_idx``, ``wr_idx``, ``handshake`` and ``data``.
    """

    def __init__(self, context: KeywordContext) -> None:
        super().__init__(context)
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


class MachineKeywords(Keywords):
    """The machine and its cores: making it, and what a core is told from outside."""

    @keyword(tags=["machine"])
    def create_machine(
        self,
        engine: EngineName | None = None,
        script: str | None = None,
        platform: str | None = None,
        soc: str | None = None,
        **variables: str,
    ) -> None:
        """Makes the SoC; an earlier machine is freed.

        Without ``script`` all cores are halted. ``script`` is the path of a Renode script (``.resc``) or the name
        of a shipped one: ``firmware-firmware``, ``app-python``, ``net-python``, ``python-python``. ``variables`` are
        its ``$variables``, such as ``netelf``; a path is given as it is, without ``@``. ``platform`` is the path of
        a platform file (``.repl``): without a script the machine is made of it, and a script gets it as ``$platform``.
        ``soc`` is the name of an SoC that comes with the package instead (``nrf5340``, ``nrf54l15``, ``nrf54h20``).

        ``engine`` overrides the engine of the library, see `Engines`.

        | Create Machine | | | # both cores halted |
        | Create Machine | script=app-python | netelf=${ELF} | # firmware on the network core |
        | Create Machine | soc=nrf54l15 | | # another SoC |
        """
        if soc is not None:
            if platform is not None:
                raise ConfigurationError(f"soc={soc} and platform={platform}: give one of them")
            board = find_board(soc)
            platform = None if board is DEFAULT else str(platform_file(board.name))
        self._context.clear()
        self._context.emulation.create(engine, script, platform, variables)
        self._context.recorder.clear()
        _ = self._context.machine

    @keyword(tags=["machine"])
    def close_machine(self) -> None:
        """Frees the machine, if there is one. Without it the machine is freed at the end of the test.

        As teardown of a test that failed it saves the trace, see `Save Trace`. Under renode-test it does what Renode's
        own teardown does.
        """
        status = robot_variables().get("TEST_STATUS")
        if status == "FAIL" and len(self._context.recorder) and not self._context.trace_saved:
            try:
                save_trace(self._context)
            except ConfigurationError as error:  # no second failure, and the machine has to be freed
                logger.warn(str(error))
        if status is not None:
            self._context.emulation.end_test()
        self._context.clear()

    @keyword(tags=["machine"])
    def get_engine(self) -> str:
        """Returns the engine of the machine: ``embedded``, ``renode`` or ``remote``."""
        return self._context.machine.engine

    @keyword(tags=["machine"])
    def halt_core(self, core: CoreName) -> None:
        """Stops the firmware of a core where it is; `Resume Core` lets it go on."""
        self._firmware_of(core, "halted")
        self._context.core(core).halt()

    @keyword(tags=["machine"])
    def resume_core(self, core: CoreName) -> None:
        """Lets firmware go on that `Halt Core` stopped."""
        self._firmware_of(core, "resumed")
        self._context.core(core).resume()

    @keyword(tags=["machine"])
    def reset_core(self, core: CoreName) -> None:
        """Resets a core and the peripherals that belong to it; all memories keep their contents.

        Firmware starts again. On a core that Python plays every instance is off afterwards, without telling its
        peer, and `Play Core` opens one as after power-up.
        """
        target = self._context.core(core)
        played = self._context.played.pop(core, None)
        if played is not None:
            played.reset()
        target.reset()

    def _firmware_of(self, core: CoreName, what: str) -> None:
        if core in self._context.played:
            raise AssertionError(
                f"core {core} is played by Python and cannot be {what}: use `Close Instance` or `Reset Core`"
            )


class TimeKeywords(Keywords):
    """The time of the emulated SoC."""

    @keyword(tags=["time"])
    def let_time_pass(self, duration: timedelta) -> None:
        """Runs for a virtual time."""
        self._context.let_pass(duration)

    @keyword(tags=["time"])
    def get_virtual_time(self) -> timedelta:
        """Returns the virtual time since the machine was made."""
        return as_timedelta(self._context.machine.now_ns)

    @keyword(tags=["time"])
    def virtual_time_should_be_at_least(self, time: timedelta) -> None:
        """Fails if less virtual time has passed since the machine was made."""
        now = self._context.machine.now_ns
        if now < nanoseconds(time):
            raise self._context.failure(
                f"only {format_time(now)} have passed, expected {format_time(nanoseconds(time))}"
            )

    @keyword(tags=["time"])
    def virtual_time_should_be_at_most(self, time: timedelta) -> None:
        """Fails if more virtual time has passed since the machine was made."""
        now = self._context.machine.now_ns
        if now > nanoseconds(time):
            raise self._context.failure(
                f"{format_time(now)} have passed, expected no more than {format_time(nanoseconds(time))}"
            )
