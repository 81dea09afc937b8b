"""Which of Renode's peripheral types the embedded engine has a model for, and what their attributes may say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.cosim.embedded.line import Line
from icmsg.cosim.embedded.memory import IoModel
from icmsg.cosim.embedded.models.array_memory import ArrayMemoryModel
from icmsg.cosim.embedded.models.nrf_clock import NrfClockModel
from icmsg.cosim.embedded.models.nrf_gpio import NrfGpioModel
from icmsg.cosim.embedded.models.nrf_ipc import NrfIpcModel
from icmsg.cosim.embedded.models.nrf_reset import NrfResetModel
from icmsg.cosim.embedded.models.nrf_rtc import NrfRtcModel
from icmsg.cosim.embedded.models.nrf_uarte import NrfUarteModel
from icmsg.cosim.embedded.models.nrf_wdt import NrfWdtModel
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.cosim.embedded.slot import Slot


class Model(IoModel, Protocol):
    """A peripheral with one interrupt line, or with none."""

    @property
    def irq(self) -> Line | None:
        """The interrupt line."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a model is built from: the core that it belongs to, its address there, and what its attributes name."""

    slot: Slot
    base: int
    models: Mapping[str, Model]
    cores: Mapping[str, Slot]
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ModelType:
    """How one Renode type is modelled: the attributes it may have, and how to build it.

    ``models`` are attributes that name another peripheral, ``cores`` those that name a core, ``numbers`` those that
    are a whole number and ``fixed`` those that may only have one value; the ones in ``required`` must be there.
    ``size`` in bytes is what a registration covers that says nothing else; None = what the attribute ``size`` says.
    ``stands_in`` marks a type that only keeps what is written, so that it does not matter whom it belongs to.
    """

    build: Callable[[Parts], Model]
    size: int | None = 0x1000
    models: tuple[str, ...] = ()
    cores: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    fixed: tuple[tuple[str, object], ...] = ()
    required: tuple[str, ...] = ()
    stands_in: bool = False

    @property
    def attributes(self) -> set[str]:
        """The names of all attributes it may have."""
        return {*self.models, *self.cores, *self.numbers, *(name for name, _ in self.fixed)}


def _ipc(parts: Parts) -> NrfIpcModel:
    peer = parts.models.get("peer")
    if peer is not None and not isinstance(peer, NrfIpcModel):
        raise ConfigurationError("peer must be another NRF_IPC")
    return NrfIpcModel(parts.slot, base=parts.base, peer=peer)


def _array_memory(parts: Parts) -> ArrayMemoryModel:
    return ArrayMemoryModel(parts.numbers["size"], parts.numbers.get("initialValue", 0))


def _clock(parts: Parts) -> NrfClockModel:
    return NrfClockModel(parts.slot, base=parts.base, start_us=parts.numbers.get("startMicroseconds", 10))


def _wdt(parts: Parts) -> NrfWdtModel:
    controller = parts.models["resetController"]
    if not isinstance(controller, NrfResetModel) or controller.network is not parts.slot:
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


MODELS: Final[dict[str, ModelType]] = {
    "GPIOPort.NRF52840_GPIO": ModelType(lambda parts: NrfGpioModel(parts.slot, base=parts.base), size=0x300),
    # Nothing reaches the pins of this engine from outside, so nothing could happen in a GPIOTE.
    "GPIOPort.NRF52840_GPIOTasksEvents": ModelType(
        lambda _parts: ArrayMemoryModel(0x1000, line=Line()), models=("port0", "port1")
    ),
    "Memory.ArrayMemory": ModelType(
        _array_memory, size=None, numbers=("size", "initialValue"), required=("size",), stands_in=True
    ),
    "Miscellaneous.NRF5340_CLOCK": ModelType(_clock, size=0x600, numbers=("startMicroseconds",)),
    "Miscellaneous.NRF_IPC": ModelType(_ipc, models=("peer",)),
    "Miscellaneous.NRF_RESET": ModelType(_reset, cores=("network",), required=("network",)),
    "Timers.NRF52840_RTC": ModelType(
        lambda parts: NrfRtcModel(parts.slot, base=parts.base),
        fixed=(("numberOfEvents", 4),),
        required=("numberOfEvents",),
    ),
    "Timers.NRF_WDT": ModelType(_wdt, models=("resetController",), required=("resetController",)),
    "UART.NRF52840_UART": ModelType(
        lambda parts: NrfUarteModel(parts.slot, base=parts.base), fixed=(("easyDMA", True),)
    ),
}
