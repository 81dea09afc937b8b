"""Hooks of a core in the Monitor: scripts that run where its firmware comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError, FirmwareError, MonitorError
from icmsg.hw.exposed import STRING, UINT64, VOID, exposed
from icmsg.machine.events import EventKind
from icmsg.monitor.executed_code import ExecutedBlocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.machine.events import Event
    from icmsg.monitor.executed_code import InstructionSet
    from icmsg.monitor.python_scripts import HookScript

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
