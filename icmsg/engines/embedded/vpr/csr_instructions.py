"""The CSR instructions (RISC-V, Zicsr): on the core's own registers, and on those that devices of its bus have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import IoRange
from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.emulator.native import NativeCore, RegisterBatch
    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.vpr.csrs import Csrs

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
        self._compiled: dict[int, Callable[[], bool]] = {}

    def execute(self, opcode: int) -> bool:
        """Execute a CSR instruction; return False if it is an illegal one."""
        return (self._compiled.get(opcode) or self._compile(opcode))()

    def _compile(self, opcode: int) -> Callable[[], bool]:
        number, kind, rd, rs, immediate = decode(opcode)
        target = self._registers[rd] if rd else None
        source = self._registers[rs] if rs and not immediate else None
        operand = rs if immediate else 0
        writes = kind == _RW or bool(rs)
        if kind not in _NAMES or (writes and number >> 10 == _READ_ONLY):
            run = _illegal
        elif number in self._csrs.readers:
            read, write = self._csrs.readers[number], self._csrs.writers.get(number)
            run = _own(read, write if writes else None, kind, target, source, operand)
        else:
            run = self._of_device(number, kind, target, source, operand, writes)
        self._compiled[opcode] = run
        return run

    def _of_device(
        self,
        number: int,
        kind: int,
        target: RegisterBatch | None,
        source: RegisterBatch | None,
        operand: int,
        writes: bool,
    ) -> Callable[[], bool]:
        address = WINDOW + _STRIDE * number
        where = {_RW: 0, _RS: _SET, _RC: _CLEAR}[kind]

        def run() -> bool:
            place = self._space.pages.get(address >> 12)
            if not isinstance(place, IoRange):
                return False
            offset = address - place.start
            value = operand if source is None else source.first()
            try:
                if target is not None or kind != _RW:
                    before = place.model.read32(offset)
                    if target is not None:
                        target.put(before)
                if writes:
                    place.model.write32(offset + where, value)
            except BusError:
                return False
            except BaseException as error:
                self._raise_later(error)
            return True

        return run


def _illegal() -> bool:
    return False


def _own(
    read: Callable[[], int],
    write: Callable[[int], None] | None,
    kind: int,
    target: RegisterBatch | None,
    source: RegisterBatch | None,
    operand: int,
) -> Callable[[], bool]:
    """Return what executes an instruction on a register of the core's own."""

    def run() -> bool:
        value = read()
        if write is not None:
            given = operand if source is None else source.first()
            write(given if kind == _RW else value | given if kind == _RS else value & ~given)
        if target is not None:
            target.put(value)
        return True

    return run
