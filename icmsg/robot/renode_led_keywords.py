"""Renode's own keywords about LEDs, for suites that renode-test does not run.

Names, arguments, defaults and failures are those of LedKeywords.cs of Renode 1.16.1.

Renode's LED tester: whether an LED is on, for how long, and how often that changes.

What it asserts and how it says so follows LEDTester.cs of Renode 1.16.1, but for the duty cycle of an LED that never
changes: it is 0 or 100 %, where Renode divides by zero and passes.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from robot.api import logger
from robot.api.deco import keyword

from icmsg.robot.context import Keywords
from icmsg.robot.testers import Testers, keyword_exception
from icmsg.timers import S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.engines.embedded.models.board_devices import LedModel
    from icmsg.machine.machine import Machine
    from icmsg.robot.context import KeywordContext

    AnyLed: TypeAlias = "LedModel | PolledLed"


class Change(NamedTuple):
    """Moment in ns at which an LED went on or off."""

    time_ns: int
    state: bool


class PolledLed:
    """LED that only a Monitor knows: it is asked at every look, and a change is dated then."""

    def __init__(self, context: KeywordContext, machine: Machine, name: str) -> None:
        self._context: Final = context
        self._machine: Final = machine
        self._name: Final = name
        self.sinks: Final[list[Callable[[int, bool], None]]] = []
        self._last = self.state

    @property
    def state(self) -> bool:
        """True while it is on."""
        return self._context.execute(f"{self._name} State").strip() == "True"

    def poll(self) -> None:
        """Look at it."""
        state = self.state
        if state is not self._last:
            self._last = state
            for sink in tuple(self.sinks):
                sink(self._machine.now_ns, state)


class LedTester:
    """Tester of ``led`` on ``machine``, which is called ``name``; times are seconds of virtual time."""

    def __init__(
        self,
        context: KeywordContext,
        machine: Machine,
        name: str,
        led: AnyLed,
        timeout: float,
    ) -> None:
        _check("defaultTimeout", timeout, zero=True)
        self._context: Final = context
        self._machine: Final = machine
        self.name: Final = name
        self._led: Final = led
        self._timeout: Final = timeout

    def assert_state(self, state: bool, timeout: float | None = None) -> None:
        """Run until it is on, or off; AssertionError if that does not happen."""
        timeout = self._timeout if timeout is None else timeout
        _check("timeout", timeout, zero=True)
        if self._led.state is state:
            return
        with self._changes() as changes:
            if not self._run(timeout, lambda: bool(changes)):
                raise _failed("LED assertion not met.")

    def assert_and_hold(self, state: bool, timeout_assert: float, timeout_hold: float) -> None:
        """Run until it is on, or off, and as long as it has to stay so; AssertionError if it does not."""
        _check("timeoutAssert", timeout_assert, zero=True)
        _check("timeoutHold", timeout_hold)
        with self._changes() as changes:
            left = timeout_hold
            most = 0 if self._led.state is state else 1
            if most:
                if not self._run(timeout_assert, lambda: bool(changes)):
                    raise _failed("Initial LED assertion not met.")
                left -= (self._machine.now_ns - changes[0].time_ns) / S
            if self._run(max(left, 0), lambda: len(changes) > most):
                raise _failed("LED changed state.")

    def assert_duty_cycle(self, duration: float, expected: float, tolerance: float) -> float:
        """Run for a time and return the part in which it was on, from the first change to the last."""
        _check("testDuration", duration)
        _check_part("expectedDutyCycle", expected)
        _check_part("tolerance", tolerance)
        spans = self._spans(duration)
        total = sum(length for _state, length in spans)
        high = sum(length for state, length in spans if state)
        part = high / total if total else float(self._led.state)
        if not expected - tolerance <= part <= expected + tolerance:
            raise _failed(
                f"Fill assertion not met: expected {expected * 100:g} with tolerance {tolerance * 100:g}%, "
                f"but got {part * 100:g}"
            )
        return part

    def assert_is_blinking(self, duration: float, on: float, off: float, tolerance: float) -> int:
        """Run for a time and return how often it was on or off; AssertionError where that was too long or short."""
        for name, value in (("testDuration", duration), ("onDuration", on), ("offDuration", off)):
            _check(name, value)

        def fits(state: bool, length_ns: int) -> bool:
            expected = (on if state else off) * S
            return expected * (1 - tolerance) <= length_ns <= expected * (1 + tolerance)

        def differs(changes: list[Change]) -> bool:
            return not all(fits(*span) for span in _between(changes)[-1:])

        spans = self._spans(duration, differs)
        if not spans:
            raise _failed("Expected blinking pattern not detected (LED state never changed)")
        wrong = next((span for span in spans if not fits(*span)), None)
        if wrong is not None:
            raise _failed(
                "Expected blinking pattern not detected (State duration was out of specified range): "
                f"it was {'on' if wrong[0] else 'off'} for {wrong[1] / S:g} s"
            )
        return len(spans)

    def _spans(
        self, duration: float, ends: Callable[[list[Change]], bool] = lambda _changes: False
    ) -> list[tuple[bool, int]]:
        with self._changes() as changes:
            self._run(duration, lambda: ends(changes))
        return _between(changes)

    @contextmanager
    def _changes(self) -> Iterator[list[Change]]:
        """Give a list of what changes, which grows while time passes."""
        found: list[Change] = []

        def heard(time_ns: int, state: bool) -> None:
            found.append(Change(time_ns, state))

        self._led.sinks.append(heard)
        try:
            yield found
        finally:
            self._led.sinks.remove(heard)

    def _run(self, seconds: float, satisfied: Callable[[], bool]) -> bool:
        poll = getattr(self._led, "poll", lambda: None)

        def is_satisfied() -> bool:
            poll()
            return satisfied()

        return self._context.run_until(is_satisfied, round(seconds * S))


def _between(changes: list[Change]) -> list[tuple[bool, int]]:
    """Return what it was between two changes, and for how many ns."""
    return [(first.state, second.time_ns - first.time_ns) for first, second in pairwise(changes)]


def _check(name: str, value: float, *, zero: bool = False) -> None:
    if value < 0 or (value == 0 and not zero):
        what = "not be negative" if zero else "be positive"
        raise keyword_exception(f"Value must {what}, but was {value:g} (Parameter '{name}')")


def _check_part(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise keyword_exception(f"Value must be in range [0; 1], but was {value:g} (Parameter '{name}')")


def _failed(text: str) -> AssertionError:
    return AssertionError(f"InvalidOperationException: {text}")


class RenodeLedKeywords(Keywords):
    """LED testers by number; times are seconds of virtual time."""

    def __init__(self, context: KeywordContext) -> None:
        super().__init__(context)
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
            from icmsg.engines.embedded.models.board_devices import LedModel  # needs the engine
            from icmsg.monitor.command import parts_of

            return dict(parts_of(emulation.machines[name].devices, LedModel))
        return {
            full: PolledLed(self._context, machine, full)
            for item in machine.description
            if item.type == "Miscellaneous.LED" and item.registrations
            for full in [f"sysbus.{item.registrations[0].parent}.{item.alias or item.name}"]
        }

    def _tell(self, tester: LedTester, what: str) -> None:
        logger.info(f"{tester.name}: {what}")
