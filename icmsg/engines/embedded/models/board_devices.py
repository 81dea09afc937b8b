"""Devices of a board: what is on the pins of a GPIO port, such a port of Nordic's, and a sensor without registers.

LEDs and buttons are Renode's ``Miscellaneous.LED`` and ``Miscellaneous.Button``. They have no registers: a wire of the
platform file leads from a pin to an LED (``13 -> led@0``), or from a button to a pin (``-> gpio0@11``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from icmsg.hw.exposed import BOOL, DECIMAL, INT32, VOID, exposed
from icmsg.hw.line import Line
from icmsg.hw.model import RegisterModel, SizedModel, on_read, on_write
from icmsg.hw.nrf_peripherals import GPIO, PINS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.engines.embedded.slot import Slot
    from icmsg.soc.platform import Peripheral, PlatformDescription

_NOTHING: Final = "0"


class DummySensor(SizedModel):
    """Temperature in °C and relative humidity in percent, which an environment of the Monitor sets, and how often.

    It is Renode's ``Sensors.DummySensor``, without registers.
    On the bus it reads 0, and writes go nowhere; Renode's takes no access at all.
    """

    irq: Line | None = None

    def __init__(self) -> None:
        self._temperature = self._humidity = _NOTHING
        self._temperature_updates = self._humidity_updates = 0

    def reset(self) -> None:
        """Measure nothing, which counts as an update."""
        self.temperature = self.humidity = _NOTHING

    def take_over(self, other: DummySensor) -> None:
        """Go on as another one, which is no more."""
        vars(self).update(vars(other))

    def _read(self, _offset: int, _size: int) -> int:
        return 0

    def _write(self, _offset: int, _size: int, _value: int) -> None:
        """Write nothing."""

    @property
    @exposed(DECIMAL)
    def temperature(self) -> str:
        """The temperature in °C."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: str) -> None:
        self._temperature = value
        self._temperature_updates += 1

    @property
    @exposed(DECIMAL)
    def humidity(self) -> str:
        """The relative humidity in percent."""
        return self._humidity

    @humidity.setter
    def humidity(self, value: str) -> None:
        self._humidity = value
        self._humidity_updates += 1

    @property
    @exposed(INT32)
    def temperature_update_counter(self) -> int:
        """Number of times that the temperature was set."""
        return self._temperature_updates

    @temperature_update_counter.setter
    def temperature_update_counter(self, count: int) -> None:
        self._temperature_updates = count

    @property
    @exposed(INT32)
    def humidity_update_counter(self) -> int:
        """Number of times that the humidity was set."""
        return self._humidity_updates

    @humidity_update_counter.setter
    def humidity_update_counter(self, count: int) -> None:
        self._humidity_updates = count


_OUTPUT: Final = 1
_PULL_UP: Final = 0b11 << 2


class NrfGpioModel(RegisterModel):
    """Port of Nordic's GPIO as the core of ``slot`` sees it; the other core has registers of its own for the same pins.

    Outputs drive what is on their pins; inputs have what drives them, or their pulls.
    """

    irq: Final = None

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(GPIO, base=base, core=slot.name)
        self._first_pin = self.slot("PIN_CNF")
        self.pins: Final = {pin: Line() for pin in range(PINS)}
        """The pins as this core drives them; one that becomes an input keeps its level here, as in Renode."""
        self._driven = self._inputs = 0

    def set_input(self, pin: int, level: bool) -> None:
        """Drive a pin from outside, from now on."""
        self._driven |= 1 << pin
        self._inputs = self._inputs & ~(1 << pin) | level << pin

    def reset(self) -> None:
        """Reset the registers; what drives pins from outside goes on with it."""
        super().reset()
        for line in self.pins.values():
            line.set(False)

    @on_read("IN")
    def _levels(self, _index: int) -> int:
        outputs = self.peek("DIR")
        pulled = sum(
            1 << pin
            for pin, config in enumerate(self.words[self._first_pin : self._first_pin + PINS])
            if config & _PULL_UP == _PULL_UP
        )
        inputs = self._inputs & self._driven | pulled & ~self._driven
        return self.peek("OUT") & outputs | inputs & ~outputs

    @on_write("OUT")
    def _drive(self, _index: int, value: int) -> None:
        outputs = self.peek("DIR")
        for pin, line in self.pins.items():
            if outputs >> pin & 1:
                line.set(bool(value >> pin & 1))

    @on_write("DIR")
    def _set_directions(self, _index: int, value: int) -> None:
        for pin in range(PINS):
            config = self.words[self._first_pin + pin] & ~_OUTPUT
            self.words[self._first_pin + pin] = config | value >> pin & 1
        self._drive(0, self.peek("OUT"))

    @on_write("PIN_CNF")
    def _configure(self, pin: int, value: int) -> None:
        directions = self.peek("DIR") & ~(1 << pin)
        self.poke("DIR", directions | (value & _OUTPUT) << pin)
        self._drive(0, self.peek("OUT"))


LED: Final = "Miscellaneous.LED"
BUTTON: Final = "Miscellaneous.Button"
PIN_DEVICES: Final = (LED, BUTTON)

LedSink = Callable[[int, bool], None]
"""(virtual time in ns, whether it is on)"""


@runtime_checkable
class Port(Protocol):
    """GPIO port whose pins are lines: ``pins`` of those that firmware drives, ``set_input`` from outside."""

    @property
    def pins(self) -> Mapping[int, Line]:
        """The pins by number, as firmware drives them."""

    def set_input(self, pin: int, level: bool) -> None:
        """Drive a pin from outside."""


class LedModel:
    """An LED, on where its pin is high, or with ``invert`` low; off at first, ``invert`` on, as Renode's."""

    def __init__(self, now_ns: Callable[[], int], *, invert: bool) -> None:
        self._now_ns: Final = now_ns
        self._invert: Final = invert
        self._state = invert
        self.is_driven = False
        """True if a port that is modelled drives it."""
        self.sinks: Final[list[LedSink]] = []
        """Called whenever it goes on or off."""

    @property
    @exposed(BOOL)
    def state(self) -> bool:
        """True while it is on."""
        return self._state

    def drive(self, _number: int, level: bool) -> None:
        """Take the level of its pin."""
        state = level is not self._invert
        if state is not self._state:
            self._state = state
            for sink in tuple(self.sinks):
                sink(self._now_ns(), state)


class ButtonModel:
    """A button that drives its pins high while it is pressed, or with ``invert`` low."""

    def __init__(self, *, invert: bool) -> None:
        self._inverted: Final = invert
        self._pressed = False
        self.line: Final = Line()
        self.line.level = invert

    @property
    @exposed(BOOL)
    def pressed(self) -> bool:
        """True while it is pressed."""
        return self._pressed

    @property
    @exposed(BOOL)
    def inverted(self) -> bool:
        """True if its pins are low while it is pressed."""
        return self._inverted

    @exposed(VOID)
    def press(self) -> None:
        """Press it until it is released."""
        self._set(True)

    @exposed(VOID)
    def release(self) -> None:
        """Release it."""
        self._set(False)

    @exposed(VOID)
    def press_and_release(self) -> None:
        """Press and release it at the same moment."""
        self._set(True)
        self._set(False)

    @exposed(VOID)
    def toggle(self) -> None:
        """Press it, or release it where it is pressed."""
        self._set(not self._pressed)

    def _set(self, pressed: bool) -> None:
        self._pressed = pressed
        self.line.set(pressed is not self._inverted)


PinDevice = LedModel | ButtonModel


def place_on_pins(
    description: PlatformDescription, models: Mapping[str, object], now_ns: Callable[[], int]
) -> dict[str, PinDevice]:
    """Return the LEDs and buttons of a platform by name, wired to those of ``models`` that are ports.

    Raises:
        PlatformError: a wire leads to a pin that its port has not.
    """
    found: dict[str, PinDevice] = {}
    for item in description:
        if item.type == LED:
            found[item.name] = LedModel(now_ns, invert=_inverted(item))
        elif item.type == BUTTON:
            found[item.name] = ButtonModel(invert=_inverted(item))
    for item in description:
        for wire in item.connections:
            source, sink = models.get(item.name), found.get(wire.destination)
            if isinstance(sink, LedModel) and isinstance(source, Port):
                pin = source.pins.get(-1 if wire.index is None else wire.index)
                if pin is None:
                    raise wire.place.error(
                        f"{item.name} has no pin {wire.index}: use 0 to {len(source.pins) - 1}"
                    )
                pin.connect(sink.drive, wire.irq)
                sink.is_driven = True
            button, port = found.get(item.name), models.get(wire.destination)
            if isinstance(button, ButtonModel) and isinstance(port, Port):
                if wire.irq not in port.pins:
                    raise wire.place.error(
                        f"{wire.destination} has no pin {wire.irq}: use 0 to {len(port.pins) - 1}"
                    )
                button.line.connect(port.set_input, wire.irq)
                port.set_input(wire.irq, button.line.level)
    return found


def _inverted(item: Peripheral) -> bool:
    invert = item.attributes.get("invert", False)
    if not isinstance(invert, bool):
        raise item.error(f"invert of {item.name} must be true or false", "invert")
    return invert
