"""Hooks of cores and of ``sysbus`` in the Monitor, and the log of accesses.

``sysbus LogPeripheralAccess``: a line in the log for every access to a peripheral's registers.

Hooks of ``sysbus`` in the Monitor: scripts that run at accesses, and may change what is read or written.

Hooks of a core in the Monitor: scripts that run where its firmware comes to.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError, FirmwareError, MonitorError
from icmsg.hw.exposed import BOOL, PERIPHERAL, RANGE, STRING, UINT64, VOID, Kind, exposed
from icmsg.hw.model import RegisterModel
from icmsg.hw.model_bus import AccessFilter, AccessObserver, Change, WholeAccessFilter
from icmsg.machine.events import EventKind
from icmsg.monitor.log import LogLevel
from icmsg.monitor.objects.cpu_tracing import ExecutedBlocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.wiring import Model
    from icmsg.hw.registers import AccessKind
    from icmsg.machine.events import Event
    from icmsg.monitor.log import MachineLog
    from icmsg.monitor.objects.cpu_tracing import InstructionSet
    from icmsg.monitor.objects.sysbus import MemoryLog
    from icmsg.monitor.python_scripts import HookScript


class AccessLog:
    """Accesses of firmware, Python and the Monitor, in Renode's words; registers have the manual's names."""

    def __init__(self, machine: EmbeddedMachine, log: MachineLog, memories: MemoryLog) -> None:
        self._machine: Final = machine
        self._log: Final = log
        self._memories: Final = memories
        self._models: Final = {
            name: model for name, model in machine.models.items() if isinstance(model, RegisterModel)
        }
        self._observers: dict[str, AccessObserver] = {}

    @property
    def is_attached(self) -> bool:
        """True while there is a log of accesses."""
        return bool(self._observers)

    @exposed(VOID, bus_peripheral=PERIPHERAL, enable=BOOL)
    def log_peripheral_access(self, bus_peripheral: str, enable: bool = True) -> None:
        """Begin or end with one peripheral."""
        name = bus_peripheral.rsplit(".", 1)[-1]
        if self._memories.has(name):
            self._memories.show(name, enable)
            return
        if name not in self._models:
            raise MonitorError(
                f"the embedded engine logs accesses to {', '.join(self._models)}; not to {name}"
            )
        self._log_accesses(name, enable)

    @exposed(VOID, enable=BOOL)
    def log_all_peripherals_access(self, enable: bool = True) -> None:
        """Begin or end with all peripherals that have registers."""
        for name in self._models:
            self._log_accesses(name, enable)

    def _log_accesses(self, name: str, enable: bool) -> None:
        observer = self._observers.pop(name, None)
        if observer is not None:
            observer.stop()
        if enable:
            self._observers[name] = AccessObserver(self._models[name], partial(self._tell, name))

    def _tell(self, name: str, kind: AccessKind, offset: int, value: int) -> None:
        register = self._models[name].block.describe(offset)
        text = (
            f"ReadUInt32 from 0x{offset:X} ({register}), returned 0x{value:X}"
            if kind == "read"
            else f"WriteUInt32 to 0x{offset:X} ({register}), value 0x{value:X}"
        )
        who = self._machine.accessing()
        where = "" if who is None else f"[{self._machine.soc.cores[who[0]].cpu}: 0x{who[1]:X}] "
        self._log.write(LogLevel.INFO, where + text, name)


_WORD: Final = 0xFFFF_FFFF
_Filter = AccessFilter | WholeAccessFilter
_WIDTH: Final = Kind(
    "SysbusAccessWidth", members=("Byte", "Word", "DoubleWord", "QuadWord"), numbers=(1, 2, 4, 8)
)
_ACCESS: Final = Kind("Access", members=("Read", "Write", "ReadAndWrite"), numbers=(1, 2, 3))
_BYTES: Final = dict(zip(_WIDTH.members, _WIDTH.numbers, strict=True))
_MODELS: Final = "the embedded engine has hooks at {}; not at {}"


class BusHooks:
    """Hooks of accesses; ``script(text, itself, *others)`` makes the script of one."""

    def __init__(self, machine: EmbeddedMachine, script: Callable[..., HookScript]) -> None:
        self._machine: Final = machine
        self._script = script
        self._watches: Final[dict[int, list[Callable[[], None]]]] = {}
        self._reads: Final[dict[str, _Filter]] = {}
        self._writes: Final[dict[str, _Filter]] = {}

    @property
    def is_attached(self) -> bool:
        """True while there is a hook."""
        return bool(self._watches or self._reads or self._writes)

    @exposed(VOID, address=UINT64, width=_WIDTH, access=_ACCESS, python_script=STRING)
    def add_watchpoint_hook(self, address: int, width: str, access: str, python_script: str) -> None:
        """Run a script at each access of this width that firmware makes at an address, before it is made.

        The script has ``self`` (the bus), ``cpu``, ``address``, ``width`` and ``value``, which is 0 for a read.
        """
        script = self._script(python_script, "sysbus")
        for core in self._machine.cores.values():
            for loads in (False, True):
                if access in ("ReadAndWrite", "Read" if loads else "Write"):
                    self._watch(core, address, _BYTES[width], script, loads=loads)

    def _watch(self, core: MachineCore, address: int, width: int, script: HookScript, *, loads: bool) -> None:
        cpu = script.names["machine"][f"sysbus.{self._machine.soc.cores[core.name].cpu}"]

        def told(where: int, value: int, _pc: Callable[[], int]) -> None:
            script.run(cpu=cpu, address=where, width=width, value=value & ((1 << 8 * width) - 1))

        end = core.watch_firmware(
            lambda firmware: firmware.watch_stores(address, address + 1, told, loads=loads, width=width)
        )
        self._watches.setdefault(address, []).append(end)

    @exposed(VOID, address=UINT64)
    def remove_all_watchpoint_hooks(self, address: int) -> None:
        """Run no script at accesses to an address any more."""
        for end in self._watches.pop(address, ()):
            end()

    @exposed(VOID, peripheral=PERIPHERAL, python_script=STRING, subrange=RANGE)
    def set_hook_after_peripheral_read(
        self, peripheral: str, python_script: str, subrange: tuple[int, int] | None = None
    ) -> None:
        """Run a script behind each read of a peripheral's registers; what it leaves in ``value`` is what is read."""
        name, model, change = self._filtered(self._reads, peripheral, python_script, subrange)
        self._reads[name] = (
            AccessFilter(model, read=lambda offset, value: change(offset, value) & _WORD)
            if isinstance(model, RegisterModel)
            else WholeAccessFilter(model, read=change)
        )

    @exposed(VOID, peripheral=PERIPHERAL)
    def clear_hook_after_peripheral_read(self, peripheral: str) -> None:
        """Run no script behind its reads any more."""
        _stop(self._reads, self._model(peripheral)[0])

    @exposed(VOID, peripheral=PERIPHERAL, python_script=STRING, subrange=RANGE)
    def set_hook_before_peripheral_write(
        self, peripheral: str, python_script: str, subrange: tuple[int, int] | None = None
    ) -> None:
        """Run a script before each write to a peripheral's registers; what it leaves in ``value`` is written."""
        name, model, change = self._filtered(self._writes, peripheral, python_script, subrange)
        self._writes[name] = (
            AccessFilter(model, write=lambda offset, value: change(offset, value) & _WORD)
            if isinstance(model, RegisterModel)
            else WholeAccessFilter(model, write=change)
        )

    def _filtered(
        self,
        kept: dict[str, _Filter],
        peripheral: str,
        python_script: str,
        subrange: tuple[int, int] | None,
    ) -> tuple[str, Model, Change]:
        """Return name and model of a peripheral, and what a script makes of its values; end the filter in ``kept``."""
        name, model = self._model(peripheral)
        change = partial(_changed, self._script(python_script, peripheral), subrange)
        _stop(kept, name)
        return name, model, change

    def _model(self, peripheral: str) -> tuple[str, Model]:
        name = peripheral.rsplit(".", 1)[-1]
        model = self._machine.models.get(name)
        if model is None:
            raise MonitorError(_MODELS.format(", ".join(self._machine.models) or "no peripheral", name))
        if not isinstance(model, RegisterModel) and any(
            core.firmware for core in self._machine.cores.values()
        ):
            raise MonitorError(
                f"the embedded engine fixes what answers at {name} when a core starts: set hooks there before time "
                "passes"
            )
        return name, model


def _stop(kept: dict[str, _Filter], name: str) -> None:
    if name in kept:
        kept.pop(name).stop()


def _changed(script: HookScript, subrange: tuple[int, int] | None, offset: int, value: int) -> int:
    if subrange is not None and not subrange[0] <= offset < subrange[0] + subrange[1]:
        return value
    script.run(value=value, offset=offset)
    return int(script.names["value"])


_IRQ: Final = 5
_INDEXES: Final = {4: 4, 5: 21, 6: 1, 11: 2}
"""Renode's ``exceptionIndex`` of exceptions of a Cortex-M that differ from interrupts (``EXCP_…`` of its tlib)."""


class CpuHooks:
    """Hooks of one core, which executes ``instructions``; ``script(text)`` makes the script of one.

    ``warn`` writes a line into the log.
    """

    def __init__(
        self,
        machine: EmbeddedMachine,
        core: MachineCore,
        script: Callable[[str], HookScript],
        instructions: InstructionSet,
        warn: Callable[[str], None],
    ) -> None:
        self._machine: Final = machine
        self._core: Final = core
        self._script = script
        self._instructions: Final = instructions
        self._warn = warn
        self._reached: Final[dict[int, list[Callable[[], None]]]] = {}
        self._begins: Callable[[], None] | None = None
        self._ends: ExecutedBlocks | None = None
        self._sleep: list[HookScript] = []
        self._interrupts: list[HookScript] = []
        self._symbols: list[tuple[str, str]] = []

    @property
    def is_attached(self) -> bool:
        """True while there is a hook."""
        return bool(
            self._reached or self._begins or self._ends or self._sleep or self._interrupts or self._symbols
        )

    @exposed(VOID, addr=UINT64, python_script=STRING)
    def add_hook(self, addr: int, python_script: str) -> None:
        """Run a script directly before the instruction at an address; it has ``self``, ``cpu``, ``machine``, ``pc``."""
        script = self._script(python_script)
        try:
            end = self._core.on_reach(addr & ~1, lambda: script.run(pc=addr & ~1))
        except EngineError as error:
            raise MonitorError(str(error)) from None
        self._reached.setdefault(addr & ~1, []).append(end)

    @exposed(VOID, name="AddSymbolHook", symbol=STRING, python_script=STRING)
    def add_symbol_hook(self, symbol: str, python_script: str) -> None:
        """Do so at a function of the core's image, or of the one that it has when time passes next."""
        try:
            self.add_hook(self._core.address_of(symbol), python_script)
        except FirmwareError:
            self._script(python_script)  # what is wrong with it is said now
            if not self._symbols:
                self._machine.before_run.append(self._find_symbols)
            self._symbols.append((symbol, python_script))

    def _find_symbols(self) -> None:
        symbols, self._symbols = self._symbols, []
        for symbol, python_script in symbols:
            self._find_symbol(symbol, python_script)

    def _find_symbol(self, symbol: str, python_script: str) -> None:
        try:
            self.add_hook(self._core.address_of(symbol), python_script)
        except FirmwareError as error:
            self._warn(f"no script runs at {symbol}: {error}")

    @exposed(VOID, addr=UINT64)
    def remove_hooks_at(self, addr: int) -> None:
        """Run no script at an address any more."""
        for end in self._reached.pop(addr & ~1, ()):
            end()

    @exposed(VOID)
    def remove_all_hooks(self) -> None:
        """Run no script at any address any more."""
        for addr in list(self._reached):
            self.remove_hooks_at(addr)

    @exposed(VOID, python_script=STRING)
    def set_hook_at_block_begin(self, python_script: str) -> None:
        """Run a script where a run of instructions begins; it has ``pc``, and ``size``: how many instructions."""
        script = self._script(python_script)
        if self._begins is not None:
            self._begins()

        def began(address: int, size: int) -> None:
            code = self._core.bus.read_block(address, size)
            script.run(pc=address, size=len(list(self._instructions.split(code))))

        self._begins = self._core.watch_firmware(lambda firmware: firmware.watch_runs(began))

    @exposed(VOID, python_script=STRING)
    def set_hook_at_block_end(self, python_script: str) -> None:
        """Run a script where a run of instructions has ended; it has ``pc``, where it began, and ``size``."""
        script = self._script(python_script)
        if self._ends is not None:
            self._ends.stop()
        self._ends = ExecutedBlocks(self._core, lambda address, count: script.run(pc=address, size=count))

    @exposed(VOID, python_script=STRING)
    def add_hook_at_interrupt_begin(self, python_script: str) -> None:
        """Run a script where an exception is entered; it has ``exceptionIndex``, which is 5 for interrupts."""
        self._tell_exceptions(self._machine.slots[self._core.name].nvic.entered, python_script)

    @exposed(VOID, python_script=STRING)
    def add_hook_at_interrupt_end(self, python_script: str) -> None:
        """Run a script where an exception returns."""
        self._tell_exceptions(self._machine.slots[self._core.name].nvic.left, python_script)

    def _tell_exceptions(self, told: list[Callable[[int], None]], python_script: str) -> None:
        script = self._script(python_script)
        self._interrupts.append(script)
        told.append(lambda number: script.run(exceptionIndex=_INDEXES.get(number, _IRQ)))

    @exposed(VOID, python_script=STRING)
    def add_hook_at_wfi_state_change(self, python_script: str) -> None:
        """Run a script where firmware falls asleep, and where it wakes; it has ``isInWfi``."""
        script = self._script(python_script)
        if not self._sleep:
            self._machine.events.add_sink(self._slept, (EventKind.SLEEP,))
        self._sleep.append(script)

    def _slept(self, event: Event) -> None:
        if event.core == self._core.index:
            for script in self._sleep:
                script.run(isInWfi=bool(event.a))
