"""Devices of a machine in the Monitor: which name has which objects.

The machine is made out of all its descriptions, again whenever there is one more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icmsg.assets import platform_file
from icmsg.config.boards import DEFAULT
from icmsg.engines.embedded.clocks import CLIC, CONTROLLERS, CPUS, begins_halted
from icmsg.engines.embedded.core_control import ConsoleModel
from icmsg.engines.embedded.models.board_devices import DummySensor
from icmsg.engines.embedded.models.stand_in import ArrayMemoryModel
from icmsg.engines.embedded.riscv.vpr_registers import INTERRUPTS
from icmsg.engines.embedded.wiring import lines_of
from icmsg.errors import MonitorError, PlatformError
from icmsg.hw.mailboxes import find_kind
from icmsg.hw.model import WideModel
from icmsg.monitor.command import Device
from icmsg.monitor.log import LogLevel
from icmsg.monitor.objects.bus_contents import BusRanges, Loader
from icmsg.monitor.objects.cpu import ArmRegisters, CpuObject, ForeignCpu, RiscVRegisters, kind_of
from icmsg.monitor.objects.cpu_execution import CpuCode, CpuExecution, ExecutionTrace
from icmsg.monitor.objects.cpu_tracing import RISCV, THUMB, CpuModes, CpuTracing
from icmsg.monitor.objects.emulation import SensorPlace
from icmsg.monitor.objects.hooks import AccessLog, BusHooks, CpuHooks
from icmsg.monitor.objects.mailbox import MailboxWait, StepRecords
from icmsg.monitor.objects.registers import (
    InterruptLines,
    MemoryBlock,
    NumberedOutputs,
    NvicRegisters,
    OutputLevel,
    PendingExceptions,
    RegisterAccess,
    WideRegisterAccess,
)
from icmsg.monitor.objects.sysbus import BusAccess, MemoryLog
from icmsg.monitor.objects.uart import UartObject
from icmsg.soc.platform import Reference
from icmsg.soc.platform.load import describe as platform_description
from icmsg.soc.platform.load import with_used
from icmsg.soc.platform.parser import parse
from icmsg.soc.soc import CORTEX_M
from icmsg.soc.wiring import HARTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.monitor.log import MachineLog
    from icmsg.monitor.objects.bus_contents import UnhandledAccesses
    from icmsg.monitor.objects.machine import AddParts
    from icmsg.monitor.python_scripts import HookScript
    from icmsg.soc.platform import Peripheral, PlatformDescription
    from icmsg.soc.platform.description import PlatformFile

AddTrace = Callable[[str, Callable[[], ExecutionTrace]], ExecutionTrace]

_NUMBERS = "cpuId", "id", "hartId"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Parts of the Monitor that devices of a machine need.

    ``place`` gives the path of a file that a device is to write, ``unhandled`` says which accesses the log tells,
    ``script(text, itself, *others)`` makes the script of a hook of the device ``itself``, and
    ``add_trace(name, make)`` makes a trace of a name. ``set_mips(cpu, mips)`` changes the speed of a core, ``started``
    notes that the emulation is started. ``uarts`` are the UARTs that there are already, and will be;
    ``add_parts`` adds something to the machine. ``join(sensor, environment)`` puts a sensor into an environment.
    """

    log: MachineLog
    is_started: Callable[[], bool]
    place: Callable[[str], Path]
    unhandled: UnhandledAccesses
    script: Callable[..., HookScript]
    add_trace: AddTrace
    set_mips: Callable[[str, int], None]
    started: Callable[[], None]
    uarts: dict[str, UartObject]
    add_parts: AddParts
    join: Callable[[str, str], None]


def make_devices(
    name: str, machine: EmbeddedMachine, controls: Mapping[str, CoreControl], around: Surroundings
) -> dict[str, Device]:
    """Return the devices of ``machine``, which the Monitor calls ``name``, by their full names."""
    log, is_started, unhandled = around.log, around.is_started, around.unhandled
    warn = partial(log.write, LogLevel.WARNING)
    bus = BusAccess(
        machine,
        name,
        unhandled,
        partial(warn, source="sysbus"),
        partial(log.write, LogLevel.DEBUG, source="sysbus"),
    )
    loader = Loader(machine, controls, is_started)
    ranges = BusRanges(machine, unhandled, around.add_parts, partial(warn, source="sysbus"))
    memory_log = MemoryLog(machine, log)
    accesses = AccessLog(machine, log, memory_log)
    parts: tuple[object, ...] = bus, ranges, loader, accesses, memory_log, BusHooks(machine, around.script)
    devices = {"sysbus": Device("sysbus", "SystemBus", *parts)}
    records = StepRecords(machine, is_started)
    for item in machine.description:
        if item.name in machine.memories and not item.registrations:
            continue  # as in Renode, what is registered nowhere has no name
        full = _full_name(item, machine)
        source = item.alias or item.name
        parts = _parts(item, machine, controls, records, partial(warn, source=source), around)
        if item.type in CPUS:
            core = machine.core(machine.soc.by_cpu[item.name].name)
            tell = partial(_inform, machine, log, source)
            modes = CpuModes(
                core, controls[core.name], has_mpu=item.type == CORTEX_M, is_started=is_started, log=tell
            )
            code = THUMB if item.type == CORTEX_M else RISCV
            hooks = CpuHooks(
                machine,
                core,
                partial(_script_of_core, around.script, full),
                code,
                partial(warn, source=source),
            )
            execution = CpuExecution(core, code, around.place, around.add_trace, tell)
            parts = (
                *parts,
                modes,
                hooks,
                CpuCode(core, controls[core.name], code),
                execution,
                CpuTracing(core, tell),
            )
        model = machine.models.get(item.name)
        if model is not None and isinstance(model, ConsoleModel):
            owner = next((each for each in machine.soc.cores.values() if each.uart == item.name), None)
            console = None if owner is None else machine.core(owner.name).console
            tell = partial(log.write, LogLevel.INFO, source=source)
            level = OutputLevel(lines_of(model)[0])
            uart = around.uarts.get(full)
            if uart is None:
                uart = UartObject(source, model, console, around.place, tell, around.script)
                around.uarts[full] = uart
            else:
                uart.move_to(model, console)
            parts = uart, level, *parts
        if isinstance(model, DummySensor):
            parts = SensorPlace(full, around.join), *parts
        devices[full] = Device(full, item.type.rsplit(".", 1)[-1], *parts)
    for item in machine.foreign_cores.values():
        full = f"sysbus.{item.alias or item.name}"
        devices[full] = Device(full, item.type.rsplit(".", 1)[-1], ForeignCpu(item))
    return devices


def _script_of_core(script: Callable[..., HookScript], core: str, text: str) -> HookScript:
    return script(text, core, "cpu")


def _full_name(item: Peripheral, machine: EmbeddedMachine) -> str:
    """Return the name of a peripheral with those of what it is registered in, as ``sysbus.gpio0.led``."""
    name = item.alias or item.name
    parent = next((place.parent for place in item.registrations), "sysbus")
    description = machine.description
    return f"{_full_name(description[parent], machine) if parent in description else 'sysbus'}.{name}"


def _inform(machine: EmbeddedMachine, log: MachineLog, source: str, text: str) -> None:
    log.write(LogLevel.INFO, text, source, machine.now_ns)


def _parts(
    item: Peripheral,
    machine: EmbeddedMachine,
    controls: Mapping[str, CoreControl],
    records: StepRecords,
    warn: Callable[[str], None],
    around: Surroundings,
) -> tuple[object, ...]:
    if item.type in CPUS:
        core = machine.core(machine.soc.by_cpu[item.name].name)
        number = next((item.attributes[name] for name in _NUMBERS if name in item.attributes), 0)
        assert isinstance(number, int)
        set_mips = partial(around.set_mips, item.name)
        control = controls[core.name]
        kind = kind_of(item)
        common = CpuObject(core, control, kind, number, warn, set_mips, around.started)
        if item.type == CORTEX_M:
            return common, ArmRegisters(control, kind)
        hart = RiscVRegisters(control, kind, number)
        return (common, hart, InterruptLines(machine, core.name)) if item.type in HARTS else (common, hart)
    if item.type in CONTROLLERS.values():
        core = machine.core(next(each.name for each in machine.soc.cores.values() if each.nvic == item.name))
        controller = NvicRegisters(core, warn)
        inputs = InterruptLines(machine, core.name)
        if item.type == CLIC:
            return controller, inputs, NumberedOutputs(range(INTERRUPTS), core.offers)
        return controller, inputs, PendingExceptions(core)
    memory = machine.memories.get(item.name)
    if memory is not None:
        block = MemoryBlock(memory, memory.changed)
        return block, WideRegisterAccess(block, warn)
    if item.name in machine.pin_devices:
        return (machine.pin_devices[item.name],)
    model = machine.models.get(item.name)
    if model is None:
        return ()
    access = WideRegisterAccess(model, warn) if isinstance(model, WideModel) else RegisterAccess(model, warn)
    lines = lines_of(model)
    numbered = (
        (NumberedOutputs(lines, lambda number: lines[number].level),) if hasattr(model, "outputs") else ()
    )
    if find_kind(item.type) is not None:
        return model, MailboxWait(machine, lines.values()), records, *numbered, access
    return model, *numbered, access


_NAME: Final = "<LoadPlatformDescription>"
_LASTING: Final[tuple[type[Any], ...]] = (ArrayMemoryModel, DummySensor)
"""Models whose contents last."""


class DescriptionSource(NamedTuple):
    """Part of what a machine is made of: the description in ``file``, that in ``text``, or a peripheral less."""

    text: str = ""
    file: str = ""
    without: str = ""


def describe(sources: Sequence[DescriptionSource], folders: Sequence[Path]) -> PlatformDescription | None:
    """Return the description in all sources; None for the shipped one, which is known.

    Raises:
        PlatformError: there is something wrong with one.
        MonitorError: there is something wrong with its syntax.
    """
    first = sources[0].file if len(sources) == 1 else ""
    if first and Path(first).samefile(platform_file(DEFAULT.name)):
        return None
    files: list[PlatformFile] = []
    try:
        for source in sources:
            if source.without:
                files = [_without(file, source.without) for file in files]
            else:
                text = f'using "{source.file}"' if source.file else source.text
                files += with_used(parse(text, _NAME), folders)
    except PlatformError as error:
        if not error.syntax:
            raise
        raise MonitorError(f"{error.syntax}\n{error}") from None
    return platform_description(_NAME, files)


def _without(file: PlatformFile, name: str) -> PlatformFile:
    return replace(file, entries=tuple(entry for entry in file.entries if entry.name != name))


def needed_by(description: PlatformDescription, name: str) -> list[str]:
    """Return the peripherals that refer to another one: as an attribute, by a wire, or by their place."""
    found: list[str] = []
    for item in description:
        values = [value.name for value in item.attributes.values() if isinstance(value, Reference)]
        values += [wire.destination for wire in item.connections]
        values += [place.cpu for place in item.registrations if place.cpu]
        values += [place.parent for place in item.registrations]
        if item.name != name and name in values:
            found.append(item.name)
    return found


def take_over(
    new: EmbeddedMachine,
    new_controls: Mapping[str, CoreControl],
    old: EmbeddedMachine,
    old_controls: Mapping[str, CoreControl],
) -> None:
    """Bring over what was done to a machine before it was made again with more in it."""
    for name, memory in old.memories.items():
        if name in new.memories and new.memories[name].size == memory.size:
            new.memories[name].bytes[:] = memory.bytes
    for name, model in old.models.items():
        again: Any = new.models.get(name)
        if isinstance(model, _LASTING) and type(again) is type(model):
            again.take_over(model)
    for tag in old.tags:
        if tag not in new.tags:
            new.add_tag(tag)
    for name, control in old_controls.items():
        new.cores[name].image = old.cores[name].image
        new_controls[name].vector_table = control.vector_table
        new_controls[name].is_halted = control.is_halted
        new_controls[name].single_step = control.single_step
        for register, value in control.registers().items():
            new_controls[name].write_register(register, value)


def starts_halted(machine: EmbeddedMachine, core: str) -> bool:
    """Return whether the platform file says that a core executes nothing until somebody lets it."""
    return begins_halted(machine.description[machine.soc.cores[core].cpu])
