"""The types of cores on which firmware is loaded, started and reset here: what Renode calls things of each.

Ways between the console of a core on Renode and its firmware: Renode's UART, and what lies in memory.

Renode's models receive at once: bytes do not come at a baud rate there. They log what no receiver took.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import EngineError
from icmsg.machine.memory_console import MemoryConsoles, no_rtt, no_uart, nobody_reads
from icmsg.soc.soc import CORTEX_M, VPR, SocCore, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.engines.lockstep.core import SteppedCore
    from icmsg.engines.lockstep.stepper import CoreMachine
    from icmsg.machine.image import FirmwareImage
    from icmsg.soc.wiring import ForceOff


@dataclass(frozen=True, slots=True)
class CoreType:
    """Members of a core in Renode: ``entry`` says where it begins after a reset, ``registers`` those that are shown."""

    entry: str
    registers: Mapping[str, str]
    has_vector_table: bool


_TYPES: Final = {
    CORTEX_M: CoreType(
        "VectorTableOffset",
        {"PC": "PC", "SP": "SP", "LR": "LR", "XPSR": "XProgramStatusRegister"},
        has_vector_table=True,
    ),
    VPR: CoreType(
        "PC",
        {name: name for name in ("PC", "SP", "RA", "MSTATUS", "MCAUSE", "MEPC", "MTVAL")},
        has_vector_table=False,
    ),
}


_NUMBER: Final = r"(0x[0-9A-Fa-f]{1,16}|[1-9][0-9]{0,19}|0)\b.*"
_STATE: Final = re.compile(rf"(True|False)\n{_NUMBER}(?:\n{_NUMBER})?")


def runs_here(place: SocCore) -> bool:
    """Tell whether firmware can be loaded into a core, started and reset here; Renode runs others by its commands."""
    return place.kind in _TYPES


def type_of(place: SocCore) -> CoreType:
    """Return the type of a core.

    Raises:
        EngineError: firmware of its type is left to Renode's own commands.
    """
    found = _TYPES.get(place.kind)
    if found is None:
        raise EngineError(
            f"core {place.name} is a {place.kind}, and firmware is loaded here into a {' or '.join(_TYPES)} only; use "
            f"Renode's commands: execute('sysbus LoadELF @FILE cpu={place.cpu}'), execute('{place.cpu} IsHalted false')"
        )
    return found


class CoreState(NamedTuple):
    """State of a core in Renode; ``vector_table`` is None for a core that has none."""

    is_halted: bool
    pc: int
    vector_table: int | None


def state_questions(place: SocCore) -> list[str]:
    """Return the commands of which each prints a part of a core's state, on a line."""
    has_table = runs_here(place) and type_of(place).has_vector_table
    members = ["IsHalted", "PC", *(["VectorTableOffset"] if has_table else [])]
    return [f"{place.cpu} {member}" for member in members]


def read_state(answers: Sequence[str]) -> CoreState:
    """Read what Renode prints at :func:`state_questions`.

    Raises:
        EngineError: it is something else.
    """
    found = _STATE.fullmatch("\n".join(answers))
    if found is None:
        raise EngineError(
            f"Renode printed {[answer[:80] for answer in answers]} where the state of a core was expected"
        )
    halted, pc, table = found.groups()
    return CoreState(halted == "True", int(pc, 0), None if table is None else int(table, 0))


def watched(place: SocCore, interrupt: int) -> list[Wire]:
    """Return the outputs whose level is an interrupt of a core as somebody sees it who plays the core.

    An NVIC passes every line, since nobody has set it up then. A CLIC has an output for each interrupt, which is high
    while line and enable are (``renode/NRF_CLIC.cs``).
    """
    wires = place.wires.get(interrupt, [])
    if wires and place.kind == VPR and place.nvic is not None:
        return [Wire(place.nvic, str(interrupt))]
    return wires


def played_command(force_off: ForceOff, played: bool) -> str:
    """Return the command that tells the block which holds a core in reset whether somebody outside plays the core."""
    member = "IsNetworkPlayed" if force_off.start is None else "IsPlayed"
    return f"{force_off.peripheral} {member} {str(played).lower()}"


class SteppedConsole:
    """The console of ``core``, whose UART the platform file calls ``uart``; None where it has none."""

    def __init__(self, core: SteppedCore, machine: CoreMachine, uart: str | None) -> None:
        self._core: Final = core
        self._machine: Final = machine
        self._uart: Final = uart
        self._memory: tuple[FirmwareImage, MemoryConsoles] | None = None
        core.console.connect_input(self._write)

    @property
    def are_in_memory(self) -> bool:
        """True if the firmware that runs has consoles in memory, for which somebody has to look."""
        memory = self._consoles()
        return memory is not None and bool(memory.each) and not self._core.is_halted

    def poll(self, time_ns: int) -> None:
        """Take over what firmware has printed into memory, and hand it what was written."""
        memory = self._consoles()
        if memory is not None:
            memory.poll(lambda data: self._core.console.feed(data, time_ns))

    def _consoles(self) -> MemoryConsoles | None:
        """Return the consoles of the image that was loaded last."""
        image = self._core.image
        if image is None or self._core.is_played:
            return None
        if self._memory is None or self._memory[0] is not image:
            self._memory = image, MemoryConsoles(self._core.bus, image.symbols)
        return self._memory[1]

    def _write(self, data: bytes, through: str | None) -> int:
        self._machine.check_open()
        if self._core.is_played:
            raise nobody_reads(self._core.name)
        memory = self._consoles()
        rtt = None if memory is None else memory.rtt
        if through is None:
            through = "uart" if rtt is None else "rtt"
        if through == "rtt":
            if rtt is None:
                raise no_rtt(self._core.name)
            rtt.write(data)
        elif self._uart is None:
            raise no_uart(self._core.name)
        else:
            for byte in data:
                self._machine.command(f"{self._uart} WriteChar 0x{byte:02X}")
            self._machine.take()
        return self._machine.clock.time_ns
