"""The CSR instructions (RISC-V, Zicsr): on the core's own registers, and on those that devices of its bus have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.cosim.embedded.memory import IoRange
from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.embedded.emulator.native import NativeCore, Registers
    from icmsg.cosim.embedded.memory import AddressSpace
    from icmsg.cosim.embedded.vpr.csrs import Csrs

WINDOW: Final = 0xF001_0000
"""The byte address at which the core's bus has the CSRs of devices; its own loads and stores do not reach it."""
WINDOW_BYTES: Final = 0x1_0000
_STRIDE: Final = 0x10
_SET, _CLEAR = 4, 8
"""Byte offsets from a CSR there: a write sets, or clears, these bits."""
_RW, _RS, _RC = 1, 2, 3
_READ_ONLY: Final = 3
_NAMES: Final = {_RW: "csrrw", _RS: "csrrs", _RC: "csrrc"}
_DEVICE_CSRS: Final = (range(0x7C3, 0x800), range(0xBC0, 0xC00))


class CsrInstruction(NamedTuple):
    """One decoded instruction; ``source`` is None where ``operand`` is an immediate, ``target`` where nobody reads."""

    number: int
    kind: int
    target: Registers | None
    source: Registers | None
    operand: int
    writes: bool


def decode(opcode: int) -> tuple[int, int, int, int, bool]:
    """Return CSR, kind, rd, rs1 or immediate, and whether it is an immediate, of a CSR instruction."""
    return opcode >> 20, opcode >> 12 & 3, opcode >> 7 & 31, opcode >> 15 & 31, bool(opcode >> 14 & 1)


def describe(opcode: int) -> str:
    """Return a CSR instruction in words."""
    number, kind, _rd, _rs, immediate = decode(opcode)
    what = f"{_NAMES.get(kind, 'csr')}{'i' if immediate else ''} of CSR 0x{number:03X}"
    if any(number in numbers for numbers in _DEVICE_CSRS):
        return f"{what}, a real-time peripheral of the VPR (VTIM, VIO, …) that is not modelled"
    return f"{what}, which this core does not have"


class CsrUnit:
    """Executes them for one core; ``raise_later`` keeps what a device's model raises."""

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        csrs: Csrs,
        *,
        raise_later: Callable[[BaseException], None],
    ) -> None:
        self._space: Final = space
        self._csrs: Final = csrs
        self._raise_later: Final = raise_later
        self._registers: Final = [native.registers(f"X{number}") for number in range(32)]
        self._decoded: dict[int, CsrInstruction] = {}

    def execute(self, opcode: int) -> bool:
        """Execute a CSR instruction; return False if it is an illegal one."""
        found = self._decoded.get(opcode) or self._decode(opcode)
        number, kind, target, source, operand, writes = found
        read = self._csrs.readers.get(number)
        if read is None:
            return self._on_bus(found)
        if source is not None:
            operand = source.first()
        value = read()
        if writes:
            write = self._csrs.writers.get(number)
            if write is None:
                return False
            write(operand if kind == _RW else value | operand if kind == _RS else value & ~operand)
        if target is not None:
            target.write(value)
        return True

    def _decode(self, opcode: int) -> CsrInstruction:
        number, kind, rd, rs, immediate = decode(opcode)
        found = self._decoded[opcode] = CsrInstruction(
            number,
            kind,
            self._registers[rd] if rd else None,
            self._registers[rs] if rs and not immediate else None,
            rs if immediate else 0,
            kind == _RW or bool(rs),
        )
        return found

    def _on_bus(self, found: CsrInstruction) -> bool:
        place = self._space.pages.get((WINDOW + _STRIDE * found.number) >> 12)
        if not isinstance(place, IoRange) or (found.writes and found.number >> 10 == _READ_ONLY):
            return False
        offset = WINDOW + _STRIDE * found.number - place.start
        operand = found.operand if found.source is None else found.source.first()
        try:
            if found.target is not None or found.kind != _RW:
                value = place.model.read32(offset)
                if found.target is not None:
                    found.target.write(value)
            if found.writes:
                place.model.write32(offset + {_RW: 0, _RS: _SET, _RC: _CLEAR}[found.kind], operand)
        except BusError:
            return False
        except BaseException as error:
            self._raise_later(error)
        return True
