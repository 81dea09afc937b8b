"""Cores of one server as GDB sees them, with the registers of each architecture.

Cores of one server as GDB sees them: threads with registers, memory, breakpoints and watchpoints.

Core registers as GDB numbers and describes them, for each architecture (GDB manual, Standard Target Features).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.engines.embedded.processor import StopKind
from icmsg.errors import BusError, IcmsgError
from icmsg.machine import backtrace
from icmsg.soc.soc import CORTEX_M, VPR
from icmsg.soc.wiring import HARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icmsg.engines.embedded.machine_core import MachineCore


@dataclass(frozen=True)
class RegisterSet:
    """Registers of one architecture; ``engine_names`` are the engine's, by GDB's number in :attr:`xml`.

    A name of None is a register that always reads zero.
    """

    xml: bytes
    engine_names: tuple[str | None, ...]
    pc: int
    """The number of the program counter."""

    def pack(self, values: Mapping[str, int]) -> str:
        """Return all registers as ``g`` answers them."""
        return "".join(_hex(values.get(name or "", 0)) for name in self.engine_names)

    def one(self, number: int, values: Mapping[str, int]) -> str:
        """Return one register as ``p`` answers it; IndexError if there is none of that number."""
        return _hex(values.get(self.engine_names[number] or "", 0))

    def unpack(self, text: str) -> dict[str, int]:
        """Return the registers that ``G`` has sent by the engine's names; ValueError where it sent something else."""
        if len(text) != 8 * len(self.engine_names):
            raise ValueError(text)
        values = (value_of(text[at : at + 8]) for at in range(0, len(text), 8))
        return {
            name: value for name, value in zip(self.engine_names, values, strict=True) if name is not None
        }


def _hex(value: int) -> str:
    return (value & 0xFFFF_FFFF).to_bytes(4, "little").hex()


def value_of(text: str) -> int:
    """Return the value of a register in hexadecimal, in the order of the target; ValueError if it is none."""
    data = bytes.fromhex(text)
    if len(data) != 4:
        raise ValueError(text)
    return int.from_bytes(data, "little")


def _describe(architecture: str, features: Mapping[str, tuple[tuple[str, str], ...]]) -> bytes:
    parts = []
    for feature, registers in features.items():
        lines = "".join(f'<reg name="{name}" bitsize="32" type="{kind}"/>' for name, kind in registers)
        parts.append(f'<feature name="{feature}">{lines}</feature>')
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">'
        f"<target><architecture>{architecture}</architecture><osabi>none</osabi>{''.join(parts)}</target>"
    ).encode()


_THUMB: Final = (
    *((f"r{number}", "uint32") for number in range(13)),
    ("sp", "data_ptr"),
    ("lr", "int"),
    ("pc", "code_ptr"),
    ("xpsr", "int"),
)
_THUMB_SYSTEM: Final = (("msp", "data_ptr"), ("psp", "data_ptr"))
_THUMB_MASKS: Final = tuple((name, "int") for name in ("primask", "basepri", "faultmask", "control"))
_RISCV_KINDS: Final = {
    "ra": "code_ptr",
    "sp": "data_ptr",
    "gp": "data_ptr",
    "tp": "data_ptr",
    "fp": "data_ptr",
}
_RISCV_CSRS: Final = ("mstatus", "mepc", "mcause", "mtval")


def _riscv(registers: int) -> RegisterSet:
    """Return the set of a core with 16 or 32 registers."""
    own = backtrace.REGISTERS[:registers]
    abi = ["fp" if name == "S0" else name.lower() for name in own]
    xml = _describe(
        "riscv:rv32",
        {
            "org.gnu.gdb.riscv.cpu": (
                *((name, _RISCV_KINDS.get(name, "int")) for name in abi),
                ("pc", "code_ptr"),
            ),
            "org.gnu.gdb.riscv.csr": tuple((name, "int") for name in _RISCV_CSRS),
        },
    )
    return RegisterSet(xml, (None, *own[1:], "PC", *(name.upper() for name in _RISCV_CSRS)), pc=registers)


REGISTERS: Final[Mapping[str, RegisterSet]] = {
    CORTEX_M: RegisterSet(
        _describe(
            "arm",
            {
                "org.gnu.gdb.arm.m-profile": _THUMB,
                "org.gnu.gdb.arm.m-system": _THUMB_SYSTEM,
                "icmsg.arm.m-masks": _THUMB_MASKS,
            },
        ),
        tuple(name.upper() for name, _ in (*_THUMB, *_THUMB_SYSTEM, *_THUMB_MASKS)),
        pc=15,
    ),
    VPR: _riscv(16),
    **dict.fromkeys(HARTS, _riscv(32)),
}
"""Register sets by the type of the core in a platform file."""


SOFTWARE, HARDWARE, WRITES, READS, ACCESSES = range(5)
"""Kinds of breakpoints and watchpoints, as the protocol numbers them."""
_WATCHED: Final = {
    WRITES: (StopKind.STORED,),
    READS: (StopKind.LOADED,),
    ACCESSES: (StopKind.STORED, StopKind.LOADED),
}
_WATCH_WORDS: Final = {WRITES: "watch", READS: "rwatch", ACCESSES: "awatch"}
MOST_POINTS: Final = 1024
"""Breakpoints and watchpoints of one client."""
_PAGE: Final = 4096
TRAP: Final = 5
INTERRUPTED: Final = 2


class StopReason(NamedTuple):
    """Signal, core (an index of :attr:`Target.cores`), and the words of a stop reply about it."""

    signal: int
    core: int
    words: str = ""


class Target:
    """The cores of one server, all of one architecture; ``stopped`` is called where one of them stops."""

    def __init__(
        self,
        cores: Sequence[MachineCore],
        registers: RegisterSet,
        stopped: Callable[[StopReason], None],
    ) -> None:
        self.cores: Final = tuple(cores)
        self.registers: Final = registers
        self._stopped: Final = stopped
        self._points: dict[tuple[int, int, int], list[Callable[[], None]]] = {}
        self._step = 0  # the number of the last step that was asked for

    # Registers

    def read_registers(self, core: int) -> dict[str, int]:
        """Return the registers by the engine's names; none where no firmware was started."""
        return self.cores[core].registers

    def write_registers(self, core: int, values: dict[str, int]) -> bool:
        """Set those that are not equal already; return whether all could be set."""
        firmware = self.cores[core].firmware
        if firmware is None:
            return False
        now = firmware.read_registers()
        changed = {name: value for name, value in values.items() if now.get(name) != value}
        if "PC" in changed:
            changed["PC"] &= ~1
        try:
            if changed:
                firmware.write_registers(changed)
        except KeyError:  # one that can only be read
            return False
        return True

    # Memory

    def read_memory(self, core: int, address: int, size: int) -> bytes:
        """Return bytes from ``address`` on, up to where nothing is; registers of peripherals are read as words."""
        bus, data = self.cores[core].bus, bytearray()
        while len(data) < size:
            at = address + len(data)
            part = min(size - len(data), _PAGE - at % _PAGE)
            try:
                data += bus.read_block(at, part)
            except BusError:
                try:
                    data += self._read_words(core, at, part)
                except BusError:
                    break
        return bytes(data)

    def _read_words(self, core: int, address: int, size: int) -> bytes:
        bus, data = self.cores[core].bus, bytearray()
        while len(data) < size:
            at = address + len(data)
            word = bus.read32(at & ~3).to_bytes(4, "little")[at & 3 :]
            data += word[: size - len(data)]
        return bytes(data)

    def write_memory(self, core: int, address: int, data: bytes) -> bool:
        """Write bytes; return whether all could be written. A register of a peripheral takes a word at a time."""
        bus = self.cores[core].bus
        try:
            bus.write_block(address, data)
        except BusError:
            if address % 4 or len(data) % 4:
                return False
            try:
                for at in range(0, len(data), 4):
                    bus.write32(address + at, int.from_bytes(data[at : at + 4], "little"))
            except BusError:
                return False
        return True

    # Breakpoints, watchpoints, steps

    def insert(self, kind: int, address: int, size: int) -> bool:
        """Insert a breakpoint or watchpoint on all cores; return whether there is room, and code for it on any."""
        key = kind, address, size
        if key in self._points:
            return True
        is_break = kind not in _WATCHED
        if len(self._points) >= MOST_POINTS or (
            is_break and not any(core.can_stop_at(address & ~1) for core in self.cores)
        ):
            return False
        removers: list[Callable[[], None]] = []
        for number, core in enumerate(self.cores):
            if not is_break:
                told = partial(self._accessed, number, _WATCH_WORDS[kind])
                removers += [
                    core.stops.on_access(address, address + max(size, 1), access, told)
                    for access in _WATCHED[kind]
                ]
            else:
                words = "swbreak:;" if kind == SOFTWARE else "hwbreak:;"
                told_reached = partial(self._stopped, StopReason(TRAP, number, words))
                removers.append(core.stops.on_reach(address & ~1, told_reached))
        self._points[key] = removers
        return True

    def remove(self, kind: int, address: int, size: int) -> None:
        """Remove what was inserted with the same numbers, if it was."""
        for remove in self._points.pop((kind, address, size), ()):
            remove()

    def step(self, core: int) -> None:
        """Stop behind the next instruction of a core; at once where it executes none."""
        self._step += 1
        place, number = self.cores[core], self._step
        if place.firmware is None or place.is_halted or place.is_locked_up:
            self._stopped(StopReason(TRAP, core))
        else:
            place.stops.on_step(lambda: self._stepped(core, number))

    def forget_step(self) -> None:
        """Let no step that was asked for stop anything any more."""
        self._step += 1

    def clear(self) -> None:
        """Remove everything, for a client that has gone."""
        self.forget_step()
        points, self._points = self._points, {}
        for removers in points.values():
            for remove in removers:
                with suppress(IcmsgError):
                    remove()

    def _stepped(self, core: int, number: int) -> None:
        if number == self._step:
            self._stopped(StopReason(TRAP, core))

    def _accessed(self, core: int, word: str, address: int) -> None:
        self._stopped(StopReason(TRAP, core, f"{word}:{address:x};"))
