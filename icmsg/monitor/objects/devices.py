"""The devices of a machine: which name has which objects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from icmsg.engines.embedded.core_console import ConsoleModel
from icmsg.engines.embedded.model_types import lines_of
from icmsg.engines.embedded.rates import CLIC, CONTROLLERS, CPUS, mips_of
from icmsg.engines.embedded.vpr.clic import INTERRUPTS
from icmsg.hw.mailboxes import find_kind
from icmsg.monitor.log import LogLevel
from icmsg.monitor.members import Device
from icmsg.monitor.objects.access_log import AccessLog
from icmsg.monitor.objects.bus_ranges import BusRanges
from icmsg.monitor.objects.cpu import ArmRegisterNames, CpuObject
from icmsg.monitor.objects.cpu_modes import CpuModes
from icmsg.monitor.objects.cpu_tracing import CpuTracing
from icmsg.monitor.objects.foreign_cpu import ForeignCpu
from icmsg.monitor.objects.interrupts import InterruptLines, OutputLevel, PendingExceptions
from icmsg.monitor.objects.loader import Loader
from icmsg.monitor.objects.mailbox import MailboxWait
from icmsg.monitor.objects.memory import MemoryBlock
from icmsg.monitor.objects.outputs import NumberedOutputs
from icmsg.monitor.objects.records import StepRecords
from icmsg.monitor.objects.registers import NvicRegisters, RegisterAccess
from icmsg.monitor.objects.sysbus import BusAccess
from icmsg.monitor.objects.uart import UartObject
from icmsg.monitor.objects.vpr import VprRegisters
from icmsg.soc.soc import VPR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.monitor.log import Log
    from icmsg.monitor.objects.bus_ranges import UnhandledAccesses
    from icmsg.soc.platform import Peripheral


_NUMBERS = "cpuId", "id", "hartId"


def make_devices(
    name: str,
    machine: EmbeddedMachine,
    controls: Mapping[str, CoreControl],
    log: Log,
    is_started: Callable[[], bool],
    place: Callable[[str], Path],
    unhandled: UnhandledAccesses,
) -> dict[str, Device]:
    """Return the devices of ``machine``, which the Monitor calls ``name``, by their full names.

    ``place`` gives the path of a file that a device is to write, ``unhandled`` says which accesses the log tells.
    """
    warn = partial(log.write, LogLevel.WARNING)
    bus = BusAccess(machine, name, unhandled, partial(warn, source="sysbus"))
    loader = Loader(machine, controls, is_started)
    ranges = BusRanges(machine, unhandled)
    parts: tuple[object, ...] = bus, ranges, loader, AccessLog(machine, log)
    devices = {"sysbus": Device("sysbus", "SystemBus", *parts)}
    records = StepRecords(machine, is_started)
    for item in machine.description:
        full = _full_name(item, machine)
        source = item.alias or item.name
        parts = _parts(item, machine, controls, records, partial(warn, source=source))
        if item.type in CPUS:
            core = machine.core(machine.soc.by_cpu[item.name].name)
            tell = partial(_inform, machine, log, source)
            modes = CpuModes(core, has_mpu=item.type != VPR, is_started=is_started, log=tell)
            parts = (*parts, modes, CpuTracing(core, tell))
        model = machine.models.get(item.name)
        if model is not None and isinstance(model, ConsoleModel):
            owner = next((each for each in machine.soc.cores.values() if each.uart == item.name), None)
            console = None if owner is None else machine.core(owner.name).console
            tell = partial(log.write, LogLevel.INFO, source=source)
            level = OutputLevel(lines_of(model)[0])
            parts = UartObject(source, model, console, place, tell), level, *parts
        devices[full] = Device(full, item.type.rsplit(".", 1)[-1], *parts)
    for item in machine.foreign_cores.values():
        full = f"sysbus.{item.alias or item.name}"
        devices[full] = Device(full, item.type.rsplit(".", 1)[-1], ForeignCpu(item))
    return devices


def _full_name(item: Peripheral, machine: EmbeddedMachine) -> str:
    """Return the name of a peripheral with those of what it is registered in, as ``sysbus.gpio0.led``."""
    name = item.alias or item.name
    parent = next((place.parent for place in item.registrations), "sysbus")
    description = machine.description
    return f"{_full_name(description[parent], machine) if parent in description else 'sysbus'}.{name}"


def _inform(machine: EmbeddedMachine, log: Log, source: str, text: str) -> None:
    log.write(LogLevel.INFO, text, source, machine.now_ns)


def _parts(
    item: Peripheral,
    machine: EmbeddedMachine,
    controls: Mapping[str, CoreControl],
    records: StepRecords,
    warn: Callable[[str], None],
) -> tuple[object, ...]:
    if item.type in CPUS:
        core = machine.core(machine.soc.by_cpu[item.name].name)
        number = next((item.attributes[name] for name in _NUMBERS if name in item.attributes), 0)
        assert isinstance(number, int)
        common = CpuObject(core, controls[core.name], mips_of(item), number, warn)
        return common, VprRegisters(core) if item.type == VPR else ArmRegisterNames()
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
        return block, RegisterAccess(block, warn)
    model = machine.models.get(item.name)
    if model is None:
        return ()
    access = RegisterAccess(model, warn)
    lines = lines_of(model)
    numbered = (
        (NumberedOutputs(lines, lambda number: lines[number].level),) if hasattr(model, "outputs") else ()
    )
    if find_kind(item.type) is not None:
        return model, MailboxWait(machine, lines.values()), records, *numbered, access
    return model, *numbered, access
