"""Accesses of firmware to memory in the log: ``sysbus LogPeripheralAccess`` of a memory.

As in Renode they are told only in pages that ``sysbus SetPageAccessViaIo`` names: elsewhere a core reaches its memory
without the bus.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import PAGE
from icmsg.engines.embedded.memory_groups import size_of
from icmsg.hw.exposed import UINT64, VOID, exposed
from icmsg.monitor.log import LogLevel
from icmsg.soc.bus_setup import on_bus, reaches

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.processor import Processor
    from icmsg.monitor.log import MachineLog

TYPES: Final = {1: "Byte", 2: "UInt16", 4: "UInt32"}
"""C# types by their size in bytes, as the log has them."""


class MemoryLog:
    """Log of accesses to the memories of ``machine``."""

    def __init__(self, machine: EmbeddedMachine, log: MachineLog) -> None:
        self._machine: Final = machine
        self._log: Final = log
        self._named: Final[set[str]] = set()
        self._pages: Final[set[int]] = set()
        self._ends: Final[list[Callable[[], None]]] = []

    @property
    def is_attached(self) -> bool:
        """True while there is a log of accesses."""
        return bool(self._named)

    def has(self, name: str) -> bool:
        """Tell whether a memory has this name."""
        return name in self._machine.memories

    def show(self, name: str, enable: bool) -> None:
        """Begin or end with one memory."""
        (self._named.add if enable else self._named.discard)(name)
        self._watch()

    @exposed(VOID, address=UINT64)
    def set_page_access_via_io(self, address: int) -> None:
        """Let accesses of firmware to the page of 4 KiB at an address be told."""
        self._pages.add(address & -PAGE)
        self._watch()

    @exposed(VOID, address=UINT64)
    def clear_page_access_via_io(self, address: int) -> None:
        """Let accesses to that page be told no more."""
        self._pages.discard(address & -PAGE)
        self._watch()

    def _watch(self) -> None:
        while self._ends:
            self._ends.pop()()
        for name in sorted(self._named):
            item = self._machine.description[name]
            for place in on_bus(item):
                start = place.address or 0
                end = start + (place.size or size_of(item))
                cores = [
                    core
                    for core in self._machine.cores.values()
                    if reaches(item, place, self._machine.soc.cores[core.name].cpu)
                ]
                for page in sorted(self._pages):
                    first, last = max(start, page), min(end, page + PAGE)
                    for core in cores if first < last else ():
                        self._ends.extend(self._watches(core, name, start, first, last))

    def _watches(
        self, core: MachineCore, name: str, start: int, first: int, last: int
    ) -> list[Callable[[], None]]:
        def install(loads: bool, size: int, firmware: Processor) -> Callable[[], None]:
            told = partial(self._tell, core, name, start, loads, size)
            return firmware.watch_stores(first, last, told, loads=loads, width=size)

        return [
            core.watch_firmware(partial(install, loads, size)) for loads in (False, True) for size in TYPES
        ]

    def _tell(
        self,
        core: MachineCore,
        name: str,
        start: int,
        loads: bool,
        size: int,
        address: int,
        value: int,
        pc: Callable[[], int],
    ) -> None:
        if loads:
            value = int.from_bytes(core.bus.read_block(address, size), "little")
        else:
            value &= (1 << 8 * size) - 1
        what, end = ("Read{} from", "returned") if loads else ("Write{} to", "value")
        text = f"{what.format(TYPES[size])} 0x{address - start:X} (unknown), {end} 0x{value:X}"
        cpu = self._machine.soc.cores[core.name].cpu
        self._log.write(LogLevel.INFO, f"[{cpu}: 0x{pc():X}] {text}", name)
