"""Keywords that make a machine, and what a core is told from outside.

Keywords about virtual time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT, find_board
from icmsg.engines.choice import EngineName
from icmsg.errors import ConfigurationError
from icmsg.robot.settings import CoreName, as_timedelta, nanoseconds, robot_variables
from icmsg.robot.watching_keywords import save_trace
from icmsg.timers import format_time

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class MachineKeywords:
    """The machine and its cores."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

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


class TimeKeywords:
    """The time of the emulated SoC."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

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
