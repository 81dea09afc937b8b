"""Renode's own keywords about LEDs, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of LedKeywords.cs of Renode 1.16.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from robot.api import logger
from robot.api.deco import keyword

from icmsg.robot.led_tester import LedTester, PolledLed
from icmsg.robot.renode_failures import keyword_exception
from icmsg.robot.testers import Testers

if TYPE_CHECKING:
    from icmsg.engines.embedded.models.pin_devices import LedModel
    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext

    AnyLed = LedModel | PolledLed


class RenodeLedKeywords:
    """LED testers by number; times are seconds of virtual time."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._timeout = 0.0
        self._testers: Final[Testers[AnyLed, LedTester]] = Testers(context, self._leds)

    @keyword(tags=["renode"])
    def set_default_led_timeout(self, timeout: float) -> None:
        """Sets the timeout of testers that are created without one; it is 0 at first."""
        self._timeout = timeout

    @keyword(tags=["renode"], name="Create LED Tester")
    def create_led_tester(
        self, led: str, defaultTimeout: float | None = None, machine: str | None = None
    ) -> int:
        """Makes a tester of an LED, such as ``sysbus.gpio0.led0``, and returns its number.

        It is a ``Miscellaneous.LED`` in the platform file, with a wire from a pin: ``gpio0: 13 -> led0@0``.
        """
        timeout = self._timeout if defaultTimeout is None else defaultTimeout

        def make(found: AnyLed, owner: Machine) -> LedTester:
            if not getattr(found, "is_driven", True):
                raise keyword_exception(
                    f"{led} is on no pin of a GPIO port that this engine models, so it never changes: use "
                    "renode-test, or another engine"
                )
            return LedTester(self._context, owner, led, found, timeout)

        return self._testers.create(led, machine, make)

    @keyword(tags=["renode"], name="Assert LED State")
    def assert_led_state(
        self,
        state: bool,
        timeout: float | None = None,
        testerId: int | None = None,
        pauseEmulation: bool = False,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> None:
        """Runs until an LED is on (``true``) or off (``false``)."""
        tester = self._testers.find(testerId)
        tester.assert_state(state, timeout)
        self._tell(tester, "on" if state else "off")

    @keyword(tags=["renode"], name="Assert And Hold LED State")
    def assert_and_hold_led_state(
        self,
        initialState: bool,
        timeoutAssert: float,
        timeoutHold: float,
        testerId: int | None = None,
        pauseEmulation: bool = False,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> None:
        """Runs until an LED is on or off, and fails if it does not stay so for ``timeoutHold``."""
        tester = self._testers.find(testerId)
        tester.assert_and_hold(initialState, timeoutAssert, timeoutHold)
        self._tell(tester, f"{'on' if initialState else 'off'} for {timeoutHold:g} s")

    @keyword(tags=["renode"], name="Assert LED Duty Cycle")
    def assert_led_duty_cycle(
        self,
        testDuration: float,
        expectedDutyCycle: float,
        tolerance: float = 0.05,
        testerId: int | None = None,
        pauseEmulation: bool = False,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> None:
        """Runs for a time; fails if the part in which an LED was on is another one (0 to 1)."""
        tester = self._testers.find(testerId)
        part = tester.assert_duty_cycle(testDuration, expectedDutyCycle, tolerance)
        self._tell(tester, f"on for {part:.1%} of the time")

    @keyword(tags=["renode"], name="Assert LED Is Blinking")
    def assert_led_is_blinking(
        self,
        testDuration: float,
        onDuration: float,
        offDuration: float,
        tolerance: float = 0.05,
        testerId: int | None = None,
        pauseEmulation: bool = False,  # noqa: ARG002 - time only passes while a keyword waits
    ) -> None:
        """Runs for a time; fails if an LED was on or off for longer or shorter; ``tolerance`` is a part of each."""
        tester = self._testers.find(testerId)
        count = tester.assert_is_blinking(testDuration, onDuration, offDuration, tolerance)
        self._tell(tester, f"{count} times on or off, as expected")

    def _leds(self, name: str, machine: Machine) -> dict[str, AnyLed]:
        emulation = self._context.emulation.embedded()
        if emulation is not None:
            from icmsg.engines.embedded.models.pin_devices import LedModel  # needs the engine

            return {
                full: part
                for full, device in emulation.machines[name].devices.items()
                for part in device.parts
                if isinstance(part, LedModel)
            }
        return {
            full: PolledLed(self._context, machine, full)
            for item in machine.description
            if item.type == "Miscellaneous.LED" and item.registrations
            for full in [f"sysbus.{item.registrations[0].parent}.{item.alias or item.name}"]
        }

    def _tell(self, tester: LedTester, what: str) -> None:
        logger.info(f"{tester.name}: {what}")
