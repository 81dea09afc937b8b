"""Types of Renode's peripherals that the embedded engine has a model for, and cores that it does not execute.

Types of Renode's peripherals that the embedded engine has a model for, and what their attributes may say.

Cores of a platform that the embedded engine does not execute, with what belongs to them: they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.architecture import Armv8M
from icmsg.engines.embedded.clocks import (
    check_attributes,
    cortex_m_of,
    hart_of,
    priority_mask_of,
    wfi_needs_mie,
)
from icmsg.engines.embedded.models.board_devices import DummySensor, NrfGpioModel
from icmsg.engines.embedded.models.interrupt_controllers import PLIC_BYTES, PlicModel, RenesasIcuModel
from icmsg.engines.embedded.models.nrf_clock import Nrf54lClockModel, NrfClockModel
from icmsg.engines.embedded.models.nrf_events import NrfEguModel, NrfPpiModel
from icmsg.engines.embedded.models.nrf_grtc import NrfGrtcModel
from icmsg.engines.embedded.models.nrf_system import (
    NrfResetModel,
    NrfRngModel,
    NrfTempModel,
    NrfVprModel,
    NrfWdtModel,
)
from icmsg.engines.embedded.models.nrf_timers import NrfRtcModel, NrfTimerModel
from icmsg.engines.embedded.models.stand_in import ArrayMemoryModel
from icmsg.engines.embedded.models.timers import CLINT_BYTES, ClintModel, DwtModel, LitexTimerModel
from icmsg.engines.embedded.models.uart import Nrf54lUarteModel, NrfUarteModel, NumberedUart, UartModel
from icmsg.engines.embedded.riscv.hart import RiscV32, hart_type
from icmsg.engines.embedded.riscv.vpr import Vpr
from icmsg.errors import ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.mailboxes import find_kind
from icmsg.hw.nrf54_peripherals import CHANNELS, GROUPS
from icmsg.hw.nrf_peripherals import RTC_COMPARATORS, TIMER_COMPARATORS
from icmsg.hw.uart_layout import NS16550_WIDE, PL011_SBSA
from icmsg.hw.uarts import LPUART_WITHOUT_GLOBALS, NRF_UART, UARTS
from icmsg.soc.platform import EnumMember
from icmsg.soc.soc import VPR
from icmsg.soc.wiring import HARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.processor import Architecture
    from icmsg.engines.embedded.slot import Slot
    from icmsg.engines.embedded.wiring import Model
    from icmsg.hw.mailboxes import MailboxKind
    from icmsg.hw.uart_layout import UartLayout
    from icmsg.soc.platform import Peripheral, PlatformDescription
    from icmsg.soc.platform.description import Value


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts that a model is built from: the core it belongs to, its address there, and what its attributes name.

    ``outputs`` are the cores to which its outputs are wired; ``time()`` is the tick of whoever accesses it, of
    ``ticks_per_second``.
    ``attributes`` are all that the platform file says. ``show`` takes what a UART sends, and which one it
    is; it returns the virtual time in nanoseconds. ``missed`` counts what a UART did not receive.
    """

    slot: Slot
    base: int
    models: Mapping[str, Model]
    cores: Mapping[str, Slot]
    nvics: Mapping[str, Slot]
    numbers: Mapping[str, int]
    outputs: Mapping[int, Slot]
    time: Callable[[], int]
    ticks_per_second: int
    attributes: Mapping[str, Value]
    show: Callable[[bytes, object], int]
    missed: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ModelType:
    """Model of one Renode type: the attributes it may have, and how to build it.

    ``models`` are attributes that name another peripheral, ``cores`` those that name a core, ``nvics`` those that
    name a core's interrupt controller, ``numbers`` those that are a whole number and ``fixed`` those that may only
    have one value; the ones in ``required`` must be there.
    ``size`` in bytes is what a registration covers that says nothing else; None = what the attribute ``size`` says.
    ``lenient`` marks one that may have any other attribute, since none changes what is modelled.
    ``anybodys`` marks one that belongs to the first core where nothing says to which.
    ``coreless`` marks one that is there in a platform without cores, too.
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
    coreless: bool = False

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


def _clint(parts: Parts, *, divider: str = "divider", tells_divider: bool = False) -> ClintModel:
    return ClintModel(
        parts.outputs,
        time=parts.time,
        ticks_per_second=parts.ticks_per_second,
        frequency=parts.numbers["frequency"],
        targets=parts.numbers.get("numberOfTargets", 1),
        divider=parts.numbers.get(divider, 1),
        tells_divider=tells_divider,
    )


def _plic(parts: Parts) -> PlicModel:
    return PlicModel(
        sources=parts.numbers["numberOfSources"],
        contexts=parts.numbers["numberOfContexts"],
        has_priorities=parts.attributes.get("prioritiesEnabled") is not False,
    )


def find_model(type_name: str) -> ModelType | None:
    """Return how a type is modelled, mailboxes included; None if it is not."""
    kind = find_kind(type_name)
    if kind is not None:
        return _mailbox(kind)
    found = MODELS.get(type_name)
    return _uart(UARTS[type_name]) if found is None and type_name in UARTS else found


def stands_in(item: Peripheral) -> bool:
    """Return whether a peripheral only keeps what is written."""
    kind = find_model(item.type)
    return kind is not None and kind.stands_in


def number(item: Peripheral, attribute: str) -> int:
    """Return a whole number that an attribute says; PlatformError, at the attribute, if it is none."""
    value = item.attributes[attribute]
    if not isinstance(value, int) or isinstance(value, bool):
        raise item.error(f"{attribute} of {item.name} must be a whole number", attribute)
    return value


def _uart(layout: UartLayout) -> ModelType:
    return ModelType(
        lambda parts: _uart_model(layout, parts),
        size=layout.size,
        lenient=True,
        anybodys=True,
        coreless=True,
    )


def _uart_model(layout: UartLayout, parts: Parts) -> UartModel:
    if parts.attributes.get("hasGlobalRegisters") is False:
        layout = LPUART_WITHOUT_GLOBALS
    if parts.attributes.get("wideRegisters") is True:
        layout = NS16550_WIDE
    if parts.attributes.get("sbsa") is True:
        layout = PL011_SBSA
    clocks = (parts.attributes.get(name) for name in ("frequency", "clockFrequency", "systemClockFrequency"))
    clock_hz = next((clock for clock in clocks if isinstance(clock, int)), 0)
    numbered = any(isinstance(each.output, int) for each in layout.interrupts)
    model = (NumberedUart if numbered else UartModel)(layout, parts.show, clock_hz=clock_hz)
    model.missed = parts.missed
    return model


def _nrf_uart(parts: Parts) -> NrfUarteModel | UartModel:
    if parts.attributes.get("easyDMA") is True:
        return NrfUarteModel(parts.slot, base=parts.base)
    return _uart_model(NRF_UART, parts)


def _litex_timer(size: int, width: int) -> ModelType:
    def build(parts: Parts) -> LitexTimerModel:
        return LitexTimerModel(parts.slot, frequency=parts.numbers["frequency"], width=width)

    return ModelType(build, size=size, numbers=("frequency",), required=("frequency",))


def _icu(parts: Parts) -> RenesasIcuModel:
    family = parts.attributes.get("eventToInterruptLink")
    return RenesasIcuModel(
        parts.nvics["nvic"],
        interrupts=parts.numbers.get("numberOfNVICOutputs", 96),
        pins=parts.numbers.get("numberOfExternalInterrupts", 16),
        is_ra2=isinstance(family, EnumMember) and family.member == "RA2",
    )


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
    "IRQControllers.CoreLevelInterruptor": ModelType(
        _clint,
        size=CLINT_BYTES,
        numbers=("frequency", "numberOfTargets", "divider"),
        required=("frequency",),
        shared=True,
    ),
    "IRQControllers.MiV_CoreLevelInterruptor": ModelType(
        lambda parts: _clint(parts, divider="prescaler", tells_divider=True),
        size=CLINT_BYTES,
        numbers=("frequency", "numberOfTargets", "prescaler"),
        required=("frequency",),
        shared=True,
    ),
    "IRQControllers.PlatformLevelInterruptController": ModelType(
        _plic,
        size=PLIC_BYTES,
        numbers=("numberOfSources", "numberOfContexts"),
        required=("numberOfSources", "numberOfContexts"),
        shared=True,
        lenient=True,
    ),
    "IRQControllers.RenesasRA_ICU": ModelType(
        _icu,
        nvics=("nvic",),
        numbers=("numberOfNVICOutputs", "numberOfExternalInterrupts"),
        required=("nvic",),
        lenient=True,
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
    "Miscellaneous.NRF52840_EGU": ModelType(lambda parts: NrfEguModel(parts.slot, base=parts.base)),
    "Miscellaneous.NRF52840_PPI": ModelType(
        lambda parts: NrfPpiModel(parts.slot, base=parts.base), anybodys=True
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
    "Sensors.DummySensor": ModelType(lambda _parts: DummySensor(), size=4, stands_in=True),
    "Timers.LiteX_Timer": _litex_timer(size=0x68, width=8),
    "Timers.LiteX_Timer_CSR32": _litex_timer(size=0x2C, width=32),
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


def architecture_of(description: PlatformDescription, core: Peripheral) -> Architecture:
    """Return the processor of a core, as its type and attributes say."""
    if core.type == VPR:
        return Vpr(hart=hart_of(core), wfi_needs_mie=wfi_needs_mie(core))
    if core.type in HARTS:
        return RiscV32(hart_type(core), hart=hart_of(core))
    return Armv8M(cortex_m_of(description, core), priority_mask=priority_mask_of(description, core))
