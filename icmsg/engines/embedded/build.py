"""Slots, memories and models, built from a platform description: which types the embedded engine knows.

What it does not know becomes a stand-in, which keeps what is written: :attr:`Builder.stand_ins` says which those are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from icmsg.engines.embedded.armv8m.nvic import SCS_BASE
from icmsg.engines.embedded.clocks import (
    CLIC,
    CONTROLLERS,
    CPUS,
    NVIC,
    Rates,
    check_attributes,
)
from icmsg.engines.embedded.memory import PAGE, AddressSpace, place_io
from icmsg.engines.embedded.memory_groups import NO_MEMORIES, MemoryPart, fill, place_memories, size_of
from icmsg.engines.embedded.model_types import (
    ModelType,
    Parts,
    architecture_of,
    find_model,
    number,
    stands_in,
)
from icmsg.engines.embedded.models.board_devices import PIN_DEVICES
from icmsg.engines.embedded.models.python_peripheral import SCRIPTED, PythonPeripheral, scripted
from icmsg.engines.embedded.models.stand_in import ArrayMemoryModel, StandInModel, forget, name_range
from icmsg.engines.embedded.riscv.vpr_registers import CLIC_BASE
from icmsg.engines.embedded.slot import Slot
from icmsg.engines.embedded.wiring import Model, Wiring, has_sides
from icmsg.errors import ConfigurationError
from icmsg.soc.platform import Peripheral, Reference
from icmsg.soc.wiring import HARTS, on_bus, reaches, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.engines.embedded.memory import MappedMemory, Memory
    from icmsg.engines.embedded.models.python_peripheral import ScriptMaker
    from icmsg.engines.embedded.scheduler import Scheduler
    from icmsg.engines.embedded.wiring import Warner
    from icmsg.hw.mailboxes import ManySided
    from icmsg.hw.model import IoModel
    from icmsg.machine.events import EventStream
    from icmsg.soc.platform.description import Registration
    from icmsg.soc.soc import Soc
    from icmsg.soc.wiring import Tag

MEMORY: Final = "Memory.MappedMemory"
ARRAY_MEMORY: Final = "Memory.ArrayMemory"


class Builder:
    """Builds everything a platform description has; the results are its public attributes.

    ``first_access(what, address)`` is told once of each stand-in; ``scripts`` makes the scripts of peripherals.
    """

    def __init__(
        self,
        soc: Soc,
        rates: Rates,
        scheduler: Scheduler,
        events: EventStream,
        nanoseconds: Callable[[int], int],
        first_access: Callable[[str, int], None],
        scripts: ScriptMaker | None,
    ) -> None:
        self._soc = soc
        self._scripts = scripts
        self._first_access = first_access
        self._time = scheduler.time
        self._ticks_per_second = rates.ticks_per_second
        self._nanoseconds = nanoseconds
        self._description = description = soc.description
        self.slots: Final[dict[str, Slot]] = {}
        self.memories: Final[dict[str, Memory | MemoryPart]] = {}
        self._pieces: list[Memory] = []
        self.models: Final[dict[str, Model]] = {}
        self.common: Final = AddressSpace("")
        """Everything that is there for everybody: what a debugger sees that looks through no core's eyes."""
        self.stand_ins: Final[dict[str, Peripheral]] = {}
        """Peripherals that nothing models, by name, in the order in which it was made."""
        self.left_out: Final[list[str]] = []
        """Commands of the platform file that nobody runs, since Python would have to be executed."""
        self.tags: Final[list[Tag]] = []
        self._nvics: dict[str, Slot] = {}
        self._starts = sorted(place.address or 0 for item in description for place in on_bus(item))
        cores = [item for item in description if item.type in CPUS]
        try:
            for index, (name, core) in enumerate(zip(rates.instruction_hz, cores, strict=True)):
                self.slots[name] = Slot(
                    name=name,
                    index=index,
                    ticks_per_second=rates.ticks_per_second,
                    instruction_hz=rates.instruction_hz[name],
                    architecture=architecture_of(description, core),
                    scheduler=scheduler,
                    events=events,
                    nanoseconds=nanoseconds,
                )
                if core.type in HARTS:
                    self._nvics[core.name] = self.slots[name]
            self._add_memories()
            for item in self._in_order():
                self._add(item)
            wiring = Wiring(soc, self.slots, self._nvics, self.models, self.stand_ins)
            for item in cores:
                wiring.provide_time(item)
            for item in description:
                wiring.connect(item)
            for tag in tags(description):
                self.add_tag(tag)
            for slot in self.slots.values():
                slot.space.is_partial = bool(self.stand_ins) or not soc.mailboxes()
        except BaseException:
            self.release_memory()
            raise

    def release_memory(self) -> None:
        """Give all memories back."""
        for part in self.memories.values():
            if isinstance(part, MemoryPart):
                part.close()
        for memory in self._pieces:
            memory.close()

    def _in_order(self) -> Iterable[Peripheral]:
        return [self._description[name] for name in self._description.creation_order]

    def _add(self, item: Peripheral) -> None:
        if item.type in CPUS or item.type in PIN_DEVICES:
            return
        if item.type in CONTROLLERS.values():
            self._add_controller(item)
        elif item.type == MEMORY:
            pass  # they are all there
        elif (modelled_as := find_model(item.type)) is not None and (
            self.slots or modelled_as.stands_in or modelled_as.coreless
        ):
            self._add_model(item, modelled_as)
        else:
            self._add_stand_in(item)
            return
        for kind in ("preinit", "init", "reset"):
            if getattr(item, kind) and not (kind == "init" and (item.type == MEMORY or stands_in(item))):
                raise item.error(
                    f"the {kind} section of {item.name} is not modelled by the embedded engine; "
                    "the renode engine runs it"
                )

    def _add_controller(self, item: Peripheral) -> None:
        known = {"priorityMask", "systickFrequency", "haltSystickOnDeepSleep"} if item.type == NVIC else set()
        check_attributes(item, known)
        base = SCS_BASE if item.type == NVIC else CLIC_BASE
        owner = next((core for core in self._soc.by_cpu.values() if core.nvic == item.name), None)
        if owner is None:
            raise item.error(
                f"no core has {item.name} for its interrupt controller: write `nvic: {item.name}` there"
            )
        if not any(place.address == base for place in item.registrations):
            raise item.error(f"{item.name} must be registered at 0x{base:08X}, where every core has its own")
        for place in item.registrations:
            if place.cpu not in (None, owner.cpu):
                raise place.place.error(
                    f"{item.name} is the interrupt controller of {owner.cpu}, and registered for {place.cpu}: write "
                    f"`cpu: {owner.cpu}`"
                )
        self._nvics[item.name] = self.slots[owner.name]

    def _add_memories(self) -> None:
        items = [item for item in self._in_order() if item.type == MEMORY]
        for piece in place_memories(items, lambda item: check_attributes(item, {"size"})):
            self._pieces.append(piece.memory)
            self.memories.update((part.name, part) for part in piece.parts)
            for part, item in zip(piece.parts, piece.items, strict=True):
                self.left_out.extend(fill(item, part))
            for address, item, place in piece.places:
                for space in self._spaces_of(item, place):
                    self._register(item, space, piece.mapped(address, place))
        for item in items:  # in the order of the file, whatever shares a page
            self.memories[item.name] = self.memories.pop(item.name)

    def _add_stand_in(self, item: Peripheral) -> None:
        model = None
        if item.type == SCRIPTED:
            base = next((place.address or 0 for place in on_bus(item)), 0)
            model = scripted(item, self._scripts, lambda what: self._first_access(what, base))
        if model is None and item.type.startswith("Memory.") and item.type not in NO_MEMORIES:
            raise item.error(
                f"{item.type} is no memory that the embedded engine has: use {MEMORY} or {ARRAY_MEMORY}; the renode "
                "engine runs it: --engine renode"
            )
        if model is None:
            self.stand_ins[item.name] = item
        regions: dict[str | None, PythonPeripheral | StandInModel] = {}
        for place in on_bus(item):
            if place.region not in regions:
                tell = partial(self._tell_access, item, place)
                regions[place.region] = model or StandInModel(tell)
            start = place.address or 0
            size = place.size or size_of(item) or min(PAGE, self._gap(start))
            for space in self._spaces_of(item, place):
                if space.has_room_for_io(start, size) and start & -PAGE != SCS_BASE:
                    self._register_io(item, space, place, size, regions[place.region])
        if regions:
            self.models[item.name] = next(iter(regions.values()))

    def _tell_access(self, item: Peripheral, place: Registration, what: str, offset: int) -> None:
        text = f"{what} of {item.name} ({item.type}), which nothing models: it keeps what is written"
        self._first_access(text, (place.address or 0) + offset)

    def _tell_use(self, item: Peripheral, base: int, what: str, offset: int, why: str) -> None:
        self._first_access(f"{what} of {item.name} ({item.type}), {why}", base + offset)

    def _gap(self, start: int) -> int:
        """Return how far it is from an address to the next one where something begins."""
        return min(other - start for other in (*self._starts, 1 << 32) if other > start)

    def _add_model(self, item: Peripheral, kind: ModelType) -> None:
        if kind.lenient and not item.registrations:
            return  # it exists, and no bus reaches it
        outputs = self._outputs(item)
        owners = self._owners(item, kind)
        kind.check(item)
        parts = Parts(
            slot=owners[0] if owners else cast("Slot", None),  # what is there without cores asks for none
            base=next((place.address or 0 for place in on_bus(item)), 0),
            models={name: self._model(item, name) for name in kind.models if name in item.attributes},
            nvics={name: self._nvic(item, name) for name in kind.nvics if name in item.attributes},
            cores={name: self._core(item, name) for name in kind.cores if name in item.attributes},
            numbers={name: number(item, name) for name in kind.numbers if name in item.attributes},
            outputs=outputs,
            time=self._time,
            ticks_per_second=self._ticks_per_second,
            attributes=item.attributes,
            show=owners[0].print if owners else lambda _data, _uart: self._nanoseconds(self._time()),
            missed=owners[0].missed if owners else lambda _count: None,
        )
        try:
            model = kind.build(parts)
            if isinstance(model, ArrayMemoryModel):
                for command in item.init:
                    model.command(command)
        except ConfigurationError as error:
            raise item.error(str(error)) from None
        self.models[item.name] = model
        if hasattr(model, "warn"):  # a check against a protocol takes as long as making the model
            cast("Warner", model).warn = partial(self._tell_use, item, parts.base)
        if not kind.stands_in and len(owners) == 1:
            owners[0].peripherals.append(model)
        for place in on_bus(item):
            size = place.size or kind.size or parts.numbers["size"] - place.offset
            if kind.lenient and place.size is None:
                size = min(size, self._gap(place.address or 0))
            for space in self._spaces_of(item, place):
                self._register_io(item, space, place, size, self._seen_from(space, model))

    def _seen_from(self, space: AddressSpace, model: Model) -> IoModel:
        """Return what a core sees of a model; some have to know who writes."""
        slot = self.slots.get(space.core)
        sides = cast("ManySided", model) if has_sides(type(model)) else None
        return model if sides is None or slot is None else sides.seen_from(slot)

    def _outputs(self, item: Peripheral) -> dict[int, Slot]:
        """Return the cores to whose interrupt controllers the outputs of a peripheral are wired."""
        wired = {core.nvic: self.slots[core.name] for core in self._soc.by_cpu.values()}
        return {
            wire.index or 0: wired[wire.destination] for wire in item.connections if wire.destination in wired
        }

    def _owners(self, item: Peripheral, kind: ModelType) -> list[Slot]:
        """Return the cores to which it belongs: one, but for plain storage and what has outputs to several cores.

        It is the only core, or the one for which it is registered, or that to which all its outputs are wired.
        """
        places = on_bus(item)
        if not places and not kind.stands_in:
            raise item.error(f"{item.name} needs an address on sysbus")
        if kind.stands_in:
            return [slot for place in places for slot in self._slots_of(item, place)]
        cpus = {place.cpu for place in places}
        wired = {wire.destination for wire in item.connections}
        owners = [self.slots[core.name] for core in self._soc.by_cpu.values() if core.nvic in wired]
        if len(self.slots) <= 1:
            return list(self.slots.values())
        if kind.shared and (len(cpus) > 1 or None in cpus):
            if not owners:
                raise item.error(
                    f"{item.name} is reached by several cores and needs a connection to the interrupt controller of "
                    "the core to which it belongs"
                )
            return owners
        if len(cpus - {None}) == 1:
            return [self._slot(item, next(iter(cpus - {None})))]
        if not owners and kind.anybodys:
            return [next(iter(self.slots.values()))]
        if len(owners) != 1:
            raise item.error(
                f"{item.name} must be registered for exactly one core (cpu: …), whose memory it uses and "
                "with which it is reset, or be wired to the interrupt controller of one"
            )
        return owners

    def _slots_of(self, item: Peripheral, place: Registration) -> list[Slot]:
        return list(self.slots.values()) if place.cpu is None else [self._slot(item, place.cpu)]

    def _spaces_of(self, item: Peripheral, place: Registration) -> list[AddressSpace]:
        if place.cpu is None and not reaches(item, place, ""):
            return [self.common]
        spaces = [slot.space for slot in self._slots_of(item, place)]
        return [*spaces, self.common] if place.cpu is None else spaces

    def add_tag(self, tag: Tag) -> None:
        """Let ``tag`` answer where nothing else does, in whole pages; one that overrides also where something does."""
        self.tags.append(tag)
        for space in self._every_space():
            name_range(space, tag, own=SCS_BASE // PAGE)

    def remove_tags(self, address: int) -> None:
        """Let no tag answer any more that has an address."""
        self.tags[:] = [tag for tag in self.tags if not tag.has(address)]
        for space in self._every_space():
            forget(space, address)

    def _every_space(self) -> list[AddressSpace]:
        return [*(slot.space for slot in self.slots.values()), self.common]

    def _register_io(
        self, item: Peripheral, space: AddressSpace, place: Registration, size: int, model: IoModel
    ) -> None:
        try:
            place_io(space, place.address or 0, size, model, item.name, offset=place.offset)
        except ConfigurationError as error:
            raise item.error(str(error)) from None

    def _register(self, item: Peripheral, space: AddressSpace, where: MappedMemory) -> None:
        try:
            space.add(where)
        except ConfigurationError as error:
            raise item.error(str(error)) from None

    def _model(self, item: Peripheral, attribute: str) -> Model:
        value = item.attributes[attribute]
        model = self.models.get(value.name) if isinstance(value, Reference) else None
        if model is None:
            words = f"{attribute} of {item.name} must name a peripheral that the embedded engine models"
            raise item.error(words, attribute)
        return model

    def _nvic(self, item: Peripheral, attribute: str) -> Slot:
        value = item.attributes[attribute]
        if not isinstance(value, Reference) or value.name not in self._nvics:
            raise item.error(f"{attribute} of {item.name} must name an {NVIC} or {CLIC}", attribute)
        return self._nvics[value.name]

    def _core(self, item: Peripheral, attribute: str) -> Slot:
        value = item.attributes[attribute]
        if not isinstance(value, Reference) or value.name not in self._soc.by_cpu:
            raise item.error(f"{attribute} of {item.name} must name a core", attribute)
        return self.slots[self._soc.by_cpu[value.name].name]

    def _slot(self, item: Peripheral, cpu: str | None) -> Slot:
        if cpu not in self._soc.by_cpu:
            raise item.error(f"{cpu} is not a {' or '.join(CPUS)} of this platform")
        return self.slots[self._soc.by_cpu[cpu].name]
