"""Slots, memories and models, built from a platform description: which types the embedded engine knows.

What it does not know is an error that names the file, the line and the type: the renode engine runs all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.architecture import Armv8M
from icmsg.engines.embedded.armv8m.scs_registers import PRIORITY_MASK, SCS_BASE
from icmsg.engines.embedded.bus import CoreBus
from icmsg.engines.embedded.memory import PAGE, AddressSpace, IoRange, MappedMemory, Memory
from icmsg.engines.embedded.model_types import Model, ModelType, Parts, find_model, lines_of, modelled
from icmsg.engines.embedded.models.array_memory import ArrayMemoryModel
from icmsg.engines.embedded.models.tagged import TaggedPage
from icmsg.engines.embedded.rates import (
    CLIC,
    CONTROLLERS,
    CPUS,
    NVIC,
    Rates,
    check_attributes,
    hart_of,
    has_fpu,
    wfi_needs_mie,
)
from icmsg.engines.embedded.shared_page import SharedPage
from icmsg.engines.embedded.slot import Slot
from icmsg.engines.embedded.vpr.architecture import Vpr
from icmsg.engines.embedded.vpr.clic_registers import CLIC_BASE
from icmsg.errors import ConfigurationError
from icmsg.hw.mailboxes import ManySided
from icmsg.soc.bus_setup import reaches, tags
from icmsg.soc.platform import Peripheral, Reference
from icmsg.soc.soc import VPR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icmsg.engines.embedded.processor import Architecture
    from icmsg.engines.embedded.scheduler import Scheduler
    from icmsg.hw.line import Line
    from icmsg.hw.model import IoModel
    from icmsg.machine.events import EventStream
    from icmsg.soc.bus_setup import Tag
    from icmsg.soc.platform import PlatformDescription
    from icmsg.soc.platform.description import Registration
    from icmsg.soc.platform.values import Connection
    from icmsg.soc.soc import Soc

MEMORY: Final = "Memory.MappedMemory"


class Builder:
    """Builds everything a platform description has; the results are its public attributes."""

    def __init__(
        self,
        soc: Soc,
        rates: Rates,
        scheduler: Scheduler,
        events: EventStream,
        nanoseconds: Callable[[int], int],
    ) -> None:
        self._soc = soc
        self._time = scheduler.time
        self._description = description = soc.description
        self.slots: Final[dict[str, Slot]] = {}
        self.memories: Final[dict[str, Memory]] = {}
        self.models: Final[dict[str, Model]] = {}
        self.common: Final = AddressSpace("")
        """Everything that is there for everybody: what a debugger sees that looks through no core's eyes."""
        self.tags: Final[list[Tag]] = []
        self._nvics: dict[str, Slot] = {}
        cores = [item for item in description if item.type in CPUS]
        try:
            for index, (name, core) in enumerate(zip(rates.instruction_hz, cores, strict=True)):
                self.slots[name] = Slot(
                    name=name,
                    index=index,
                    ticks_per_second=rates.ticks_per_second,
                    instruction_hz=rates.instruction_hz[name],
                    architecture=_architecture(description, core),
                    scheduler=scheduler,
                    events=events,
                    nanoseconds=nanoseconds,
                )
            for item in self._in_order():
                self._add(item)
            for item in description:
                self._connect(item)
            for tag in tags(description):
                self.add_tag(tag)
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
        if item.type in CPUS:
            return
        if item.type in CONTROLLERS.values():
            self._add_controller(item)
        elif item.type == MEMORY:
            self._add_memory(item)
        elif (modelled_as := find_model(item.type)) is not None:
            self._add_model(item, modelled_as)
        else:
            known = ", ".join(sorted([*CPUS, *CONTROLLERS.values(), MEMORY, *modelled()]))
            raise item.error(
                f"type {item.type} of {item.name} is not modelled by the embedded engine (it has {known}); "
                "the renode engine runs it: --engine renode"
            )
        for kind in ("preinit", "init", "reset"):
            if getattr(item, kind) and not (kind == "init" and _stands_in(item)):
                raise item.error(
                    f"the {kind} section of {item.name} is not modelled by the embedded engine; "
                    "the renode engine runs it"
                )

    def _add_controller(self, item: Peripheral) -> None:
        check_attributes(item, {"priorityMask", "systickFrequency"} if item.type == NVIC else set())
        if item.attributes.get("priorityMask", PRIORITY_MASK) != PRIORITY_MASK:
            raise item.error(
                f"priorityMask must be 0x{PRIORITY_MASK:02X}; the embedded engine models three priority bits",
                "priorityMask",
            )
        for place in item.registrations:
            base = SCS_BASE if item.type == NVIC else CLIC_BASE
            if place.address != base or place.cpu is None:
                raise place.place.error(
                    f"{item.name} must be registered at 0x{base:08X} for one core (cpu: …)"
                )
            self._nvics[item.name] = self._slot(item, place.cpu)

    def _add_memory(self, item: Peripheral) -> None:
        check_attributes(item, {"size"})
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
            for space in self._spaces_of(item, place):
                self._register(item, space, MappedMemory(place.address, place.address + size, memory))

    def _add_model(self, item: Peripheral, kind: ModelType) -> None:
        outputs = self._outputs(item)
        owners = self._owners(item, kind, outputs)
        _check_values(item, kind)
        parts = Parts(
            slot=owners[0],
            base=item.registrations[0].address or 0,
            models={name: self._model(item, name) for name in kind.models if name in item.attributes},
            nvics={name: self._nvic(item, name) for name in kind.nvics if name in item.attributes},
            cores={name: self._core(item, name) for name in kind.cores if name in item.attributes},
            numbers={name: _number(item, name) for name in kind.numbers if name in item.attributes},
            outputs=outputs,
            time=self._time,
        )
        try:
            model = kind.build(parts)
            if isinstance(model, ArrayMemoryModel):
                for command in item.init:
                    model.command(command)
        except ConfigurationError as error:
            raise item.error(str(error)) from None
        self.models[item.name] = model
        if not kind.stands_in and len(owners) == 1:
            owners[0].peripherals.append(model)
        for place in item.registrations:
            size = place.size or kind.size or parts.numbers["size"] - place.offset
            for space in self._spaces_of(item, place):
                self._register_io(item, space, place, size, self._seen_from(space, model))

    def _seen_from(self, space: AddressSpace, model: Model) -> IoModel:
        """Return what a core sees of a model; some have to know who writes."""
        slot = self.slots.get(space.core)
        return model.seen_from(slot) if isinstance(model, ManySided) and slot is not None else model

    def _outputs(self, item: Peripheral) -> dict[int, Slot]:
        """Return the cores to whose interrupt controllers the outputs of a peripheral are wired."""
        wired = {core.nvic: self.slots[core.name] for core in self._soc.by_cpu.values()}
        return {
            wire.index or 0: wired[wire.destination] for wire in item.connections if wire.destination in wired
        }

    def _owners(self, item: Peripheral, kind: ModelType, outputs: Mapping[int, Slot]) -> list[Slot]:
        """Return the cores to which it belongs: one, but for stand-ins and what has outputs to several cores."""
        if not item.registrations or any(place.address is None for place in item.registrations):
            raise item.error(f"{item.name} needs an address on sysbus")
        if kind.stands_in:
            return [slot for place in item.registrations for slot in self._slots_of(item, place)]
        cpus = {place.cpu for place in item.registrations}
        if kind.shared and (len(cpus) > 1 or None in cpus):
            if not outputs:
                raise item.error(
                    f"{item.name} is reached by several cores and needs a connection to the interrupt controller of "
                    "the core to which it belongs"
                )
            return list(dict.fromkeys(outputs.values()))
        if len(cpus - {None}) != 1:
            raise item.error(
                f"{item.name} must be registered for exactly one core (cpu: …), whose memory it uses and "
                "with which it is reset"
            )
        return [self._slot(item, next(iter(cpus - {None})))]

    def _slots_of(self, item: Peripheral, place: Registration) -> list[Slot]:
        return list(self.slots.values()) if place.cpu is None else [self._slot(item, place.cpu)]

    def _spaces_of(self, item: Peripheral, place: Registration) -> list[AddressSpace]:
        if place.cpu is None and not reaches(item, place, ""):
            return [self.common]
        spaces = [slot.space for slot in self._slots_of(item, place)]
        return [*spaces, self.common] if place.cpu is None else spaces

    def add_tag(self, tag: Tag) -> None:
        """Let ``tag`` answer where nothing else does, page by page."""
        self.tags.append(tag)
        for space in [*(slot.space for slot in self.slots.values()), self.common]:
            for base in range(tag.start & -PAGE, tag.end, PAGE):
                found = space.pages.get(base // PAGE)
                if found is None:
                    found = IoRange(base, base + PAGE, TaggedPage(base, space.core), tag.name)
                    space.add(found)
                if isinstance(found, IoRange) and isinstance(found.model, TaggedPage):
                    found.model.add(tag)

    def add_io(self, name: str, start: int, size: int, make: Callable[[CoreBus], IoModel]) -> None:
        """Let ``make(bus)``, of the bus of each address space, answer at some addresses.

        Raises:
            ConfigurationError: something is there already.
        """
        for space in [*(slot.space for slot in self.slots.values()), self.common]:
            model, end = make(CoreBus(space)), start + size
            for base in range(start & -PAGE, end, PAGE):
                found = space.pages.get(base // PAGE)
                if found is None:
                    found = IoRange(base, base + PAGE, SharedPage(base, space.core), name)
                    space.add(found)
                page = found.model if isinstance(found, IoRange) else None
                if not isinstance(page, SharedPage):
                    raise ConfigurationError(f"core {space.core} has two things at 0x{found.start:08X}")
                first, last = max(start, base) - base, min(end, base + PAGE) - base
                page.add(first, last, model, name, shift=base - start)

    def _register_io(
        self, item: Peripheral, space: AddressSpace, place: Registration, size: int, model: IoModel
    ) -> None:
        start = place.address or 0
        end = start + size
        if start % PAGE == end % PAGE == place.offset == 0:
            self._register(item, space, IoRange(start, end, model, item.name))
            return
        for base in range(start - start % PAGE, end, PAGE):
            found = space.pages.get(base // PAGE)
            if not isinstance(found, IoRange) or not isinstance(found.model, SharedPage):
                found = IoRange(base, base + PAGE, SharedPage(base, space.core), item.name)
                self._register(item, space, found)
            page = found.model
            assert isinstance(page, SharedPage)
            first, last = max(start, base) - base, min(end, base + PAGE) - base
            try:
                page.add(first, last, model, item.name, shift=base - start + place.offset)
            except ConfigurationError as error:
                raise item.error(str(error)) from None

    def _register(self, item: Peripheral, space: AddressSpace, where: MappedMemory | IoRange) -> None:
        try:
            space.add(where)
        except ConfigurationError as error:
            raise item.error(str(error)) from None

    def _connect(self, item: Peripheral) -> None:
        if item.type in (*CPUS, *CONTROLLERS.values()):
            return  # a controller's wire to its core is what `nvic:` or `clic:` of the core says as well
        for wire in item.connections:
            slot = self._nvics.get(wire.destination)
            model = self.models.get(item.name)
            line = None if model is None else _line(model, wire)
            if slot is None or line is None:
                raise wire.place.error(
                    f"this connection of {item.name} is not modelled by the embedded engine; it models "
                    "IRQ -> an NVIC, and what numbered outputs its models have; the renode engine runs all"
                )
            lines = slot.architecture.interrupts
            if wire.irq >= lines:
                raise wire.place.error(
                    f"{item.name} is wired to interrupt {wire.irq} of {wire.destination}, which has "
                    f"{lines}: use 0 to {lines - 1}"
                )
            line.connect(slot.set_line, wire.irq)
            if line.edge:
                slot.latch_edges(wire.irq)

    def _model(self, item: Peripheral, attribute: str) -> Model:
        value = item.attributes[attribute]
        if not isinstance(value, Reference) or value.name not in self.models:
            raise item.error(
                f"{attribute} of {item.name} must name a peripheral that the embedded engine models",
                attribute,
            )
        return self.models[value.name]

    def _nvic(self, item: Peripheral, attribute: str) -> Slot:
        value = item.attributes[attribute]
        if not isinstance(value, Reference) or value.name not in self._nvics:
            raise item.error(f"{attribute} of {item.name} must name an {NVIC} or {CLIC}", attribute)
        return self._nvics[value.name]

    def _core(self, item: Peripheral, attribute: str) -> Slot:
        value = item.attributes[attribute]
        core = self._soc.by_cpu.get(value.name) if isinstance(value, Reference) else None
        if core is None:
            raise item.error(f"{attribute} of {item.name} must name a core", attribute)
        return self.slots[core.name]

    def _slot(self, item: Peripheral, cpu: str | None) -> Slot:
        core = self._soc.by_cpu.get(cpu or "")
        if core is None:
            raise item.error(f"{cpu} is not a {' or '.join(CPUS)} of this platform")
        return self.slots[core.name]


def _architecture(description: PlatformDescription, core: Peripheral) -> Architecture:
    if core.type == VPR:
        return Vpr(hart=hart_of(core), wfi_needs_mie=wfi_needs_mie(core))
    return Armv8M(has_fpu=has_fpu(description, core))


def _line(model: Model, wire: Connection) -> Line | None:
    """Return the output of a model that a wire begins at, None if it has no such one."""
    numbered = hasattr(model, "outputs")
    if wire.source not in (None, "IRQ") or numbered is (wire.index is None):
        return None
    return lines_of(model).get(wire.index or 0)


def _stands_in(item: Peripheral) -> bool:
    kind = find_model(item.type)
    return kind is not None and kind.stands_in


def _check_values(item: Peripheral, kind: ModelType) -> None:
    check_attributes(item, kind.attributes)
    for name in kind.required:
        if name not in item.attributes:
            raise item.error(f"{item.name} needs the attribute {name}")
    for name, value in kind.fixed:
        if item.attributes.get(name, value) != value:
            raise item.error(
                f"{name} of {item.type} must be {str(value).lower()} for the embedded engine; "
                "the renode engine takes any value",
                name,
            )


def _number(item: Peripheral, attribute: str) -> int:
    value = item.attributes[attribute]
    if not isinstance(value, int) or isinstance(value, bool):
        raise item.error(f"{attribute} of {item.name} must be a whole number", attribute)
    return value
