"""Instructions that a core has executed, run by run, and how they lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.engines.embedded.machine_core import MachineCore


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """Instructions of an architecture: its LLVM ``triple``, and how long they are.

    Bytes stand in memory as ``part`` little-endian bytes each, the first part first; that is how their hex is written.
    """

    triple: str
    part: int
    length: Callable[[int], int]

    def hex(self, code: bytes) -> str:
        """Return the bytes of an instruction as Renode writes them."""
        part = self.part if len(code) % self.part == 0 else 2
        return "".join(code[at : at + part][::-1].hex() for at in range(0, len(code), part))

    def split(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes of each instruction."""
        at = 0
        while at + 2 <= len(data):
            size = self.length(int.from_bytes(data[at : at + 2], "little"))
            yield data[at : at + size]
            at += size


def arm_length(halfword: int) -> int:
    """Return the bytes of a Thumb instruction that begins with ``halfword`` (Armv8-M ARM, C2.2)."""
    return 4 if halfword >> 11 in (0b11101, 0b11110, 0b11111) else 2


def riscv_length(halfword: int) -> int:
    """Return the bytes of an instruction of RISC-V that begins with ``halfword``."""
    return 4 if halfword & 3 == 3 else 2


THUMB: Final = InstructionSet("thumb", 2, arm_length)
RISCV: Final = InstructionSet("riscv32", 4, riscv_length)


class ExecutedBlocks:
    """Tells ``told(address, count)`` behind each run of instructions of ``core``, from now on until :meth:`stop`.

    A run that ends early, because of an interrupt or the end of a slice, counts what was executed.
    """

    def __init__(self, core: MachineCore, told: Callable[[int, int], None]) -> None:
        self._core: Final = core
        self._told: Final = told
        self._begin = -1
        self._before = 0
        self._end = core.watch_firmware(lambda firmware: firmware.watch_runs(self._on_block))

    def _on_block(self, address: int, _size: int) -> None:
        self.flush()
        self._begin, self._before = address, self._core.executed

    def flush(self) -> None:
        """Tell what was executed of the run that began last."""
        executed = self._core.executed
        begin, self._begin = self._begin, -1
        if begin >= 0 and executed > self._before:
            self._told(begin, executed - self._before)

    def stop(self) -> None:
        """Tell of the last run, and of no more."""
        self.flush()
        self._end()


def executed_code(
    core: MachineCore, instructions: InstructionSet, address: int, count: int
) -> Iterator[tuple[int, bytes]]:
    """Yield (address, bytes) of ``count`` instructions from ``address`` on."""
    for _ in range(count):
        try:
            size = instructions.length(core.bus.read16(address))
            code = core.bus.read_block(address, size)
        except BusError:
            return
        yield address, code
        address += size
