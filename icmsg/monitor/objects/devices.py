"""The devices of a machine: which name has which objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from icmsg.engines.embedded.clocks import CLIC, CONTROLLERS, CPUS
from icmsg.engines.embedded.core_control import ConsoleModel
from icmsg.engines.embedded.model_lines import lines_of
from icmsg.engines.embedded.models.dummy_sensor import DummySensor
from icmsg.engines.embedded.vpr.clic import INTERRUPTS
from icmsg.hw.mailboxes import find_kind
from icmsg.hw.model import WideModel
from icmsg.monitor.command import Device
from icmsg.monitor.executed_code import RISCV, THUMB
from icmsg.monitor.log import LogLevel
from icmsg.monitor.objects.bus_ranges import BusRanges
from icmsg.monitor.objects.cpu import CpuObject, ForeignCpu
from icmsg.monitor.objects.cpu_execution import CpuCode, CpuExecution, ExecutionTrace
from icmsg.monitor.objects.cpu_registers import ArmRegisters, RiscVRegisters, kind_of
from icmsg.monitor.objects.cpu_tracing import CpuModes, CpuTracing
from icmsg.monitor.objects.environment import SensorPlace
from icmsg.monitor.objects.hooks import AccessLog, BusHooks, CpuHooks
from icmsg.monitor.objects.interrupts import InterruptLines, NumberedOutputs, OutputLevel, PendingExceptions
from icmsg.monitor.objects.loader import Loader
from icmsg.monitor.objects.mailbox import MailboxWait, StepRecords
from icmsg.monitor.objects.memory_log import MemoryLog
from icmsg.monitor.objects.registers import MemoryBlock, NvicRegisters, RegisterAccess, WideRegisterAccess
from icmsg.monitor.objects.sysbus import BusAccess
from icmsg.monitor.objects.uart import UartObject
from icmsg.soc.mailbox_ports import HARTS
from icmsg.soc.soc import CORTEX_M

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.monitor.log import MachineLog
    from icmsg.monitor.objects.additions import AddParts
    from icmsg.monitor.objects.bus_ranges import UnhandledAccesses
    from icmsg.monitor.python_scripts import HookScript
    from icmsg.soc.platform import Peripheral


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
