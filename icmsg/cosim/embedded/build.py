"""From a platform description to slots, memories and models: which types the embedded engine knows.

What it does not know is an error that names the file, the line and the type: the renode engine runs all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.cosim.embedded.memory import IoModel, IoRange, Memory, MemoryRange
from icmsg.cosim.embedded.models.nrf_ipc import NrfIpcModel
from icmsg.cosim.embedded.models.nrf_uarte import NrfUarteModel
from icmsg.cosim.embedded.scs_registers import PRIORITY_MASK, SCS_BASE
from icmsg.cosim.embedded.slot import Slot
from icmsg.cosim.platform import Peripheral, PlatformDescription, Reference
from icmsg.cosim.soc import short_name
from icmsg.errors import ConfigurationError, PlatformError

if TYPE_CHECKING:
    from icmsg.cosim.embedded.line import Line
    from icmsg.cosim.embedded.scheduler import Scheduler
    from icmsg.cosim.events import EventStream

CPU: Final = "CPU.CortexM"
NVIC: Final = "IRQControllers.NVIC"
MEMORY: Final = "Memory.MappedMemory"

_HERTZ_PER_MIPS: Final = 1_000_000
_DEFAULT_MIPS: Final = 100  # Renode's


class Model(IoModel, Protocol):
    """A peripheral with one interrupt line."""

    @property
    def irq(self) -> Line:
        """The interrupt line."""


ModelBuilder = Callable[[Slot, int, dict[str, Model]], Model]
"""(owner, base address, models that attributes refer to) -> model"""


@dataclass(frozen=True, slots=True)
class ModelType:
    """How one Renode type is modelled: the attributes it may have, and how to build it.

    ``references`` are attributes that name another peripheral; ``fixed`` those that may only have one value.
    """

    build: ModelBuilder
    references: tuple[str, ...] = ()
    fixed: tuple[tuple[str, object], ...] = ()


MODELS: Final[dict[str, ModelType]] = {
    "Miscellaneous.NRF_IPC": ModelType(
        lambda slot, base, refs: NrfIpcModel(slot, base=base, peer=_as(NrfIpcModel, refs.get("peer"))),
        references=("peer",),
    ),
    "UART.NRF52840_UART": ModelType(
        lambda slot, base, _refs: NrfUarteModel(slot, base=base), fixed=(("easyDMA", True),)
    ),
}


@dataclass(frozen=True, slots=True)
class Rates:
    """Clock rates of the platform: ticks per second, instructions and SysTick cycles per second and core."""

    ticks_per_second: int
    instruction_hz: dict[str, int]
    systick_hz: dict[str, int]


def read_rates(description: PlatformDescription) -> Rates:
    """Find a tick of which every core's instruction and every SysTick cycle is a whole multiple.

    Raises:
        PlatformError: the platform has no core, a core that is not a Cortex-M33, or one without an NVIC.
    """
    cores = [item for item in description if item.type == CPU]
    if not cores:
        raise PlatformError(
            f"no {CPU} in this platform; the embedded engine needs at least one", file=description.file
        )
    instruction_hz: dict[str, int] = {}
    systick_hz: dict[str, int] = {}
    for core in cores:
        _check_attributes(core, {"cpuType", "nvic", "cpuId", "id", "PerformanceInMips"})
        if core.attributes.get("cpuType") != "cortex-m33":
            raise core.error(
                f"cpuType {core.attributes.get('cpuType')!r} is not modelled by the embedded engine; it runs "
                '"cortex-m33", the renode engine runs all',
                "cpuType",
            )
        for kind in ("init", "reset"):
            for command in getattr(core, kind):
                if command.split() != ["IsHalted", "true"]:
                    raise core.error(
                        f"the {kind} command {command!r} is not modelled by the embedded engine; "
                        "the renode engine runs it"
                    )
        name = short_name(core.name)
        instruction_hz[name] = _positive(core, "PerformanceInMips", _DEFAULT_MIPS) * _HERTZ_PER_MIPS
        systick_hz[name] = _positive(_nvic_of(description, core), "systickFrequency", 0)
    ticks = math.lcm(*instruction_hz.values(), *systick_hz.values())
    return Rates(ticks, instruction_hz, systick_hz)


class Builder:
    """Builds everything a platform description has; the results are its public attributes."""

    def __init__(
        self,
        description: PlatformDescription,
        rates: Rates,
        scheduler: Scheduler,
        events: EventStream,
        nanoseconds: Callable[[int], int],
    ) -> None:
        self._description = description
        self.slots: Final[dict[str, Slot]] = {}
        self.memories: Final[dict[str, Memory]] = {}
        self.models: Final[dict[str, Model]] = {}
        self._nvics: dict[str, Slot] = {}
        try:
            for index, name in enumerate(rates.instruction_hz):
                self.slots[name] = Slot(
                    name=name,
                    index=index,
                    ticks_per_instruction=rates.ticks_per_second // rates.instruction_hz[name],
                    scheduler=scheduler,
                    events=events,
                    nanoseconds=nanoseconds,
                )
            for item in self._in_order():
                self._add(item)
            for item in description:
                self._connect(item)
        except BaseException:
            self.release_memory()
            raise

    def release_memory(self) -> None:
        """Give all memories back."""
        for memory in self.memories.values():
            memory.close()

    def _in_order(self) -> Iterable[Peripheral]:
        return [self._description[name] for name in self._description.creation_order]

    def _add(self, item: Peripheral) -> None:
        if item.type == CPU:
            return
        if item.type == NVIC:
            self._add_nvic(item)
        elif item.type == MEMORY:
            self._add_memory(item)
        elif item.type in MODELS:
            self._add_model(item, MODELS[item.type])
        else:
            known = ", ".join(sorted([CPU, NVIC, MEMORY, *MODELS]))
            raise item.error(
                f"type {item.type} of {item.name} is not modelled by the embedded engine (it has {known}); "
                "the renode engine runs it: --engine renode"
            )
        for kind in ("preinit", "init", "reset"):
            if getattr(item, kind):
                raise item.error(
                    f"the {kind} section of {item.name} is not modelled by the embedded engine; "
                    "the renode engine runs it"
                )

    def _add_nvic(self, item: Peripheral) -> None:
        _check_attributes(item, {"priorityMask", "systickFrequency"})
        if item.attributes.get("priorityMask", PRIORITY_MASK) != PRIORITY_MASK:
            raise item.error(
                f"priorityMask must be 0x{PRIORITY_MASK:02X}; the embedded engine models three priority bits",
                "priorityMask",
            )
        for place in item.registrations:
            if place.address != SCS_BASE or place.cpu is None:
                raise place.place.error(
                    f"{item.name} must be registered at 0x{SCS_BASE:08X} for one core (cpu: …)"
                )
            self._nvics[item.name] = self._slot(item, place.cpu)

    def _add_memory(self, item: Peripheral) -> None:
        _check_attributes(item, {"size"})
        size = item.attributes.get("size")
        if not isinstance(size, int):
            raise item.error(f"{item.name} needs a size in bytes", "size")
        try:
            memory = Memory(item.name, size)
        except ConfigurationError as error:
            raise item.error(str(error), "size") from None
        self.memories[item.name] = memory
        for place in item.registrations:
            if place.address is None:
                raise place.place.error(f"{item.name} needs an address on sysbus")
            slots = self.slots.values() if place.cpu is None else [self._slot(item, place.cpu)]
            for slot in slots:
                self._register(item, slot, MemoryRange(place.address, place.address + size, memory))

    def _add_model(self, item: Peripheral, kind: ModelType) -> None:
        _check_attributes(item, {*kind.references, *(name for name, _ in kind.fixed)})
        for name, value in kind.fixed:
            if item.attributes.get(name, value) != value:
                raise item.error(
                    f"{name} of {item.type} must be {str(value).lower()} for the embedded engine; "
                    "the renode engine takes any value",
                    name,
                )
        owners = {place.cpu for place in item.registrations}
        if len(owners) != 1 or None in owners:
            raise item.error(
                f"{item.name} must be registered for exactly one core (cpu: …), whose memory it uses and "
                "with which it is reset"
            )
        slot = self._slot(item, owners.pop())
        refs = {name: self._model(item, name) for name in kind.references if name in item.attributes}
        base = item.registrations[0].address or 0
        model = kind.build(slot, base, refs)
        self.models[item.name] = model
        slot.peripherals.append(model)
        for place in item.registrations:
            start = place.address or 0
            self._register(item, slot, IoRange(start, start + (place.size or 0x1000), model, item.name))

    def _register(self, item: Peripheral, slot: Slot, where: MemoryRange | IoRange) -> None:
        try:
            slot.space.add(where)
        except ConfigurationError as error:
            raise item.error(str(error)) from None

    def _connect(self, item: Peripheral) -> None:
        if item.type in (CPU, NVIC):
            return  # an NVIC's wire to its core is what `nvic:` of the core says as well
        for wire in item.connections:
            slot = self._nvics.get(wire.destination)
            model = self.models.get(item.name)
            if slot is None or model is None or wire.source not in (None, "IRQ") or wire.index is not None:
                raise wire.place.error(
                    f"this connection of {item.name} is not modelled by the embedded engine; it models "
                    "IRQ -> an NVIC, the renode engine runs all"
                )
            model.irq.connect(slot.set_line, wire.irq)

    def _model(self, item: Peripheral, attribute: str) -> Model:
        value = item.attributes[attribute]
        if not isinstance(value, Reference) or value.name not in self.models:
            raise item.error(
                f"{attribute} of {item.name} must name a peripheral that the embedded engine models",
                attribute,
            )
        return self.models[value.name]

    def _slot(self, item: Peripheral, cpu: str | None) -> Slot:
        slot = self.slots.get(short_name(cpu or ""))
        if slot is None:
            raise item.error(f"{cpu} is not a {CPU} of this platform")
        return slot


def _nvic_of(description: PlatformDescription, core: Peripheral) -> Peripheral:
    reference = core.attributes.get("nvic")
    if not isinstance(reference, Reference) or description[reference.name].type != NVIC:
        raise core.error(f"{core.name} needs nvic: the name of an {NVIC}", "nvic")
    return description[reference.name]


def _positive(item: Peripheral, attribute: str, default: int) -> int:
    value = item.attributes.get(attribute, default)
    if not isinstance(value, int) or value <= 0:
        raise item.error(f"{attribute} of {item.name} must be a whole number > 0", attribute)
    return value


def _check_attributes(item: Peripheral, known: set[str]) -> None:
    for name in item.attributes:
        if name not in known:
            raise item.error(
                f"attribute {name} of {item.type} is not modelled by the embedded engine (it knows "
                f"{', '.join(sorted(known)) or 'none'}); the renode engine runs it",
                name,
            )


def _as(kind: type[NrfIpcModel], model: Model | None) -> NrfIpcModel | None:
    if model is not None and not isinstance(model, kind):
        raise ConfigurationError("peer must be another NRF_IPC")
    return model
