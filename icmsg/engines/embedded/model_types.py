"""Types of Renode's peripherals that the embedded engine has a model for, and what their attributes may say.

Cores of a platform that the embedded engine does not execute, with what belongs to them: they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.embedded.clocks import CPUS, check_attributes
from icmsg.engines.embedded.models.core_holder import NrfResetModel, NrfVprModel
from icmsg.engines.embedded.models.dwt import DwtModel
from icmsg.engines.embedded.models.nrf_clock import Nrf54lClockModel, NrfClockModel
from icmsg.engines.embedded.models.nrf_grtc import NrfGrtcModel
from icmsg.engines.embedded.models.nrf_system import NrfRngModel, NrfTempModel, NrfWdtModel
from icmsg.engines.embedded.models.nrf_timers import NrfRtcModel, NrfTimerModel
from icmsg.engines.embedded.models.nrf_uarte import Nrf54lUarteModel, NrfUarteModel
from icmsg.engines.embedded.models.pin_devices import NrfGpioModel
from icmsg.engines.embedded.models.stand_in import ArrayMemoryModel
from icmsg.engines.embedded.models.uart import NumberedUart, UartModel
from icmsg.errors import ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.mailboxes import SeveralLines, find_kind
from icmsg.hw.model import IoModel
from icmsg.hw.nrf54_peripherals import CHANNELS, GROUPS
from icmsg.hw.nrf_peripherals import RTC_COMPARATORS, TIMER_COMPARATORS
from icmsg.hw.uarts import LPUART_WITHOUT_GLOBALS, NRF_UART, NS16550_WIDE, UARTS
from icmsg.soc.platform import Reference
from icmsg.soc.soc import short_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.mailboxes import MailboxKind
    from icmsg.hw.uart_layout import UartLayout
    from icmsg.soc.platform import Peripheral, PlatformDescription, Registration
    from icmsg.soc.platform.values import Value


class OneOrNone(IoModel, Protocol):
    """A peripheral with one interrupt line, or with none."""

    @property
    def irq(self) -> Line | None:
        """The interrupt line."""


Model = OneOrNone | SeveralLines


def line_of(model: Model, output: str | int | None) -> Line | None:
    """Return an interrupt line by its name or number, or, for None, the only one; None if there is no such one."""
    if isinstance(model, UartModel) and output is not None:
        return model.named.get(output)
    if hasattr(model, "outputs") is isinstance(output, int) and output in (None, "IRQ", *lines_of(model)):
        return lines_of(model).get(output if isinstance(output, int) else 0)
    return None


def lines_of(model: Model) -> Mapping[int, Line]:
    """Return the interrupt lines of a model by output; that of one with a single line is output 0."""
    outputs: Mapping[int, Line] | None = getattr(model, "outputs", None)
    if outputs is not None:
        return outputs
    line: Line | None = getattr(model, "irq", None)
    return {} if line is None else {0: line}


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts that a model is built from: the core it belongs to, its address there, and what its attributes name.

    ``outputs`` are the cores to which its outputs are wired; ``time()`` is the tick of whoever accesses it.
    ``attributes`` are all that the platform file says.
    """

    slot: Slot
    base: int
    models: Mapping[str, Model]
    cores: Mapping[str, Slot]
    nvics: Mapping[str, Slot]
    numbers: Mapping[str, int]
    outputs: Mapping[int, Slot]
    time: Callable[[], int]
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class ModelType:
    """Model of one Renode type: the attributes it may have, and how to build it.

    ``models`` are attributes that name another peripheral, ``cores`` those that name a core, ``nvics`` those that
    name a core's interrupt controller, ``numbers`` those that are a whole number and ``fixed`` those that may only
    have one value; the ones in ``required`` must be there.
    ``size`` in bytes is what a registration covers that says nothing else; None = what the attribute ``size`` says.
    ``lenient`` marks one that may have any other attribute, since none changes what is modelled.
    ``anybodys`` marks one that belongs to the first core where nothing says to which.
    ``stands_in`` marks a type that only keeps what is written, so that it does not matter whom it belongs to.
    ``shared`` marks one that several cores may reach: it belongs to the core to which all its outputs are wired, or
    to none.
    """

    build: Callable[[Parts], Model]
    size: int | None = 0x1000
    models: tuple[str, ...] = ()
    cores: tuple[str, ...] = ()
    nvics: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    fixed: tuple[tuple[str, object], ...] = ()
    required: tuple[str, ...] = ()
    stands_in: bool = False
    shared: bool = False
    lenient: bool = False
    anybodys: bool = False

    @property
    def attributes(self) -> set[str]:
        """The names of all attributes it may have."""
        return {*self.models, *self.cores, *self.nvics, *self.numbers, *(name for name, _ in self.fixed)}

    def check(self, item: Peripheral) -> None:
        """Refuse attributes of a peripheral that are missing or that say what is not modelled.

        Raises:
            PlatformError: at the attribute.
        """
        if not self.lenient:
            check_attributes(item, self.attributes)
        for name in self.required:
            if name not in item.attributes:
                raise item.error(f"{item.name} needs the attribute {name}")
        for name, value in self.fixed:
            if item.attributes.get(name, value) != value:
                raise item.error(
                    f"{name} of {item.type} must be {str(value).lower()} for the embedded engine; "
                    "the renode engine takes any value",
                    name,
                )


def _array_memory(parts: Parts) -> ArrayMemoryModel:
    return ArrayMemoryModel(parts.numbers["size"], parts.numbers.get("initialValue", 0))


def _clock(parts: Parts) -> NrfClockModel:
    slot = parts.slot
    if any(other is not slot for other in (*parts.cores.values(), *parts.nvics.values())):
        raise ConfigurationError(
            f"clocked and clockedNvic must be of the core {slot.name}, which has the registers"
        )
    if set(parts.cores) != {name.removesuffix("Nvic") for name in parts.nvics}:
        raise ConfigurationError("clocked and clockedNvic go together: a core and its interrupt controller")
    return NrfClockModel(
        slot,
        base=parts.base,
        start_us=parts.numbers.get("startMicroseconds", 10),
        divides=bool(parts.cores),
    )


def _timer(parts: Parts) -> NrfTimerModel:
    count = parts.numbers.get("numberOfEvents", TIMER_COMPARATORS)
    if not 1 <= count <= TIMER_COMPARATORS:
        raise ConfigurationError(f"numberOfEvents must be 1…{TIMER_COMPARATORS}, not {count}")
    return NrfTimerModel(parts.slot, base=parts.base, comparators=count)


def _rtc(parts: Parts) -> NrfRtcModel:
    count = parts.numbers.get("numberOfEvents", RTC_COMPARATORS)
    if not 1 <= count <= RTC_COMPARATORS:
        raise ConfigurationError(f"numberOfEvents must be 1…{RTC_COMPARATORS}, not {count}")
    return NrfRtcModel(parts.slot, base=parts.base)


def _wdt(parts: Parts) -> NrfWdtModel:
    controller = parts.models["resetController"]
    if not isinstance(controller, NrfResetModel) or controller.held is not parts.slot:
        raise ConfigurationError(
            f"resetController must be the NRF_RESET that resets the core {parts.slot.name}, which has this watchdog"
        )
    return NrfWdtModel(parts.slot, base=parts.base)


def _reset(parts: Parts) -> NrfResetModel:
    if parts.cores["network"] is parts.slot:
        raise ConfigurationError(
            "network must be another core than the one that has the registers: it could not let itself go"
        )
    return NrfResetModel(parts.slot, base=parts.base, network=parts.cores["network"])


def _vpr(parts: Parts) -> NrfVprModel:
    if parts.cores["vpr"] is parts.slot:
        raise ConfigurationError("vpr must be another core than the one that has the registers")
    return NrfVprModel(parts.slot, base=parts.base, vpr=parts.cores["vpr"])


def _grtc(parts: Parts) -> NrfGrtcModel:
    return NrfGrtcModel(
        parts.outputs,
        base=parts.base,
        time=parts.time,
        ticks_per_second=parts.slot.ticks_per_second,
        channels=parts.numbers.get("channels", CHANNELS),
        groups=parts.numbers.get("groups", GROUPS),
    )


def find_model(type_name: str) -> ModelType | None:
    """Return how a type is modelled, mailboxes included; None if it is not."""
    kind = find_kind(type_name)
    if kind is not None:
        return _mailbox(kind)
    found = MODELS.get(type_name)
    return _uart(UARTS[type_name]) if found is None and type_name in UARTS else found


def _uart(layout: UartLayout) -> ModelType:
    return ModelType(lambda parts: _uart_model(layout, parts), size=layout.size, lenient=True, anybodys=True)


def _uart_model(layout: UartLayout, parts: Parts) -> UartModel:
    if parts.attributes.get("hasGlobalRegisters") is False:
        layout = LPUART_WITHOUT_GLOBALS
    if parts.attributes.get("wideRegisters") is True:
        layout = NS16550_WIDE
    clocks = (parts.attributes.get(name) for name in ("frequency", "clockFrequency", "systemClockFrequency"))
    clock_hz = next((clock for clock in clocks if isinstance(clock, int)), 0)
    numbered = any(isinstance(each.output, int) for each in layout.interrupts)
    return (NumberedUart if numbered else UartModel)(layout, parts.slot, clock_hz=clock_hz)


def _nrf_uart(parts: Parts) -> NrfUarteModel | UartModel:
    if parts.attributes.get("easyDMA") is True:
        return NrfUarteModel(parts.slot, base=parts.base)
    return UartModel(NRF_UART, parts.slot)


def _mailbox(kind: MailboxKind) -> ModelType:
    return ModelType(
        lambda parts: kind.model(parts.slot, parts.base, {**parts.models, **parts.numbers}),
        size=kind.size,
        models=kind.peers,
        numbers=kind.numbers,
        shared=kind.rings_peer,
    )


MODELS: Final[dict[str, ModelType]] = {
    "GPIOPort.NRF52840_GPIO": ModelType(lambda parts: NrfGpioModel(parts.slot, base=parts.base), size=0x300),
    # Nothing reaches the pins of this engine from outside, so nothing could happen in a GPIOTE.
    "GPIOPort.NRF52840_GPIOTasksEvents": ModelType(
        lambda _parts: ArrayMemoryModel(0x1000, line=Line()), models=("port0", "port1")
    ),
    "Memory.ArrayMemory": ModelType(
        _array_memory, size=None, numbers=("size", "initialValue"), required=("size",), stands_in=True
    ),
    "Miscellaneous.DWT": ModelType(
        lambda parts: DwtModel(parts.slot, base=parts.base, frequency=parts.numbers["frequency"]),
        numbers=("frequency",),
        required=("frequency",),
        anybodys=True,
    ),
    "Miscellaneous.NRF52840_RNG": ModelType(lambda parts: NrfRngModel(parts.slot, base=parts.base)),
    "Miscellaneous.NRF5340_CLOCK": ModelType(
        _clock, size=0x600, cores=("clocked",), nvics=("clockedNvic",), numbers=("startMicroseconds",)
    ),
    "Miscellaneous.NRF_CLOCK": ModelType(lambda parts: NrfClockModel(parts.slot, base=parts.base)),
    "Miscellaneous.NRF54L_CLOCK": ModelType(
        lambda parts: Nrf54lClockModel(
            parts.slot, base=parts.base, start_us=parts.numbers.get("startMicroseconds", 10)
        ),
        numbers=("startMicroseconds",),
        shared=True,
    ),
    "Miscellaneous.NRF_RESET": ModelType(_reset, cores=("network",), required=("network",)),
    "Miscellaneous.NRF_TEMP": ModelType(lambda parts: NrfTempModel(parts.slot, base=parts.base)),
    "Miscellaneous.NRF_VPR": ModelType(_vpr, cores=("vpr",), required=("vpr",)),
    "Timers.NRF52840_Timer": ModelType(_timer, numbers=("numberOfEvents",)),
    "Timers.NRF52840_RTC": ModelType(_rtc, numbers=("numberOfEvents",)),
    "Timers.NRF52840_Watchdog": ModelType(lambda parts: NrfWdtModel(parts.slot, base=parts.base)),
    "Timers.NRF_GRTC": ModelType(_grtc, numbers=("channels", "groups"), shared=True),
    "Timers.NRF_RTC": ModelType(lambda parts: NrfRtcModel(parts.slot, base=parts.base)),
    "Timers.NRF_WDT": ModelType(_wdt, models=("resetController",), required=("resetController",)),
    "UART.NRF52840_UART": ModelType(_nrf_uart, lenient=True),
    "UART.NRF54H20_UARTE": ModelType(
        lambda parts: Nrf54lUarteModel(parts.slot, base=parts.base), shared=True
    ),
    "UART.NRF54L_UARTE": ModelType(lambda parts: Nrf54lUarteModel(parts.slot, base=parts.base), shared=True),
}


_CORES = "CPU."


def split(description: PlatformDescription) -> tuple[PlatformDescription, dict[str, Peripheral]]:
    """Return the platform without cores of types that are not executed here, and those cores by their names.

    What only they reach, or what has interrupts for them alone, goes with them. A platform of nothing else is returned
    as it is.

    Raises:
        PlatformError: something that stays refers to what is left out.
    """
    foreign = {
        item.name: item for item in description if item.type.startswith(_CORES) and item.type not in CPUS
    }
    if not foreign or not any(item.type in CPUS for item in description):
        return description, {}
    gone = dict(foreign)
    while more := {item.name: item for item in description if item.name not in gone and _belongs(item, gone)}:
        gone |= more
    kept = tuple(_without(item, gone, foreign) for item in description if item.name not in gone)
    order = tuple(name for name in description.creation_order if name not in gone)
    return replace(description, peripherals=kept, creation_order=order), foreign


def check(foreign: Mapping[str, Peripheral], name: str) -> None:
    """Raise ConfigurationError if ``name`` is that of a core that was left out."""
    item = next((item for item in foreign.values() if name in (item.name, short_name(item.name))), None)
    if item is not None:
        raise ConfigurationError(refusal(item))


def refusal(core: Peripheral) -> str:
    """Return what is said to who wants to use a core that was left out."""
    return (
        f"core {short_name(core.name)} is a {core.type}, which the embedded engine does not execute; "
        "the renode engine runs it: --engine renode"
    )


def _belongs(item: Peripheral, gone: Mapping[str, Peripheral]) -> bool:
    places = [_is_seen_by(place, gone) for place in item.registrations if place.parent == "sysbus"]
    wires = [wire.destination in gone for wire in item.connections]
    return (bool(places) and all(places)) or (bool(wires) and all(wires))


def _is_seen_by(place: Registration, gone: Mapping[str, Peripheral]) -> bool:
    """Return whether only what is left out sees something there: a core, a cluster of them."""
    return place.cpu in gone or place.cluster in gone


def _without(
    item: Peripheral, gone: Mapping[str, Peripheral], foreign: Mapping[str, Peripheral]
) -> Peripheral:
    for name, value in item.attributes.items():
        if isinstance(value, Reference) and value.name in gone and find_model(item.type) is not None:
            owner = next(iter(foreign.values()))
            raise item.error(f"{item.name} refers to {value.name}, and {refusal(owner)}", name)
    return replace(
        item,
        registrations=tuple(place for place in item.registrations if not _is_seen_by(place, gone)),
        connections=tuple(wire for wire in item.connections if wire.destination not in gone),
    )
