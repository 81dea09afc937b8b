"""The CSR instructions (RISC-V, Zicsr): on the core's own registers, and on those that devices of its bus have.

The peripheral registers that a loop reads, from its instructions (RISC-V unprivileged architecture).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.memory import IoRange
from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from icmsg.engines.embedded.emulator.native import NativeCore, RegisterBatch
    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.vpr.csrs import Csrs
    from icmsg.hw.bus import Bus


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


_LOAD, _STORE, _BRANCH, _JAL, _LUI, _ADDI = 0x03, 0x23, 0x63, 0x6F, 0x37, 0x13
_LONGEST_LOOP: Final = 128
"""Bytes behind the last place where a loop was seen in which its jump back is looked for."""
_PERIPHERALS: Final = 0x4000_0000
_ABI: Final = (
    *("ZERO", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0", "S1"),
    *(f"A{number}" for number in range(6)),
)


def polled(pcs: Collection[int], registers: Mapping[str, int], bus: Bus) -> Iterator[int]:
    """Yield the addresses of peripheral registers that the loop around ``pcs`` loads from."""
    at, end = _loop(pcs, bus)
    loop: list[tuple[int, int]] = []
    while at <= end:
        loop.append(_fetch(at, bus))
        at += loop[-1][1]
    changed = {_target(code, size) for code, size in loop}
    known = {number: registers.get(name, 0) for number, name in enumerate(_ABI) if number not in changed}
    for code, size in loop:
        place = _wide(code) if size == 4 else _narrow(code)
        if place is not None and place[0] in known:
            address = known[place[0]] + place[1] & 0xFFFF_FFFF
            if address >= _PERIPHERALS:
                yield address
        target, value = _target(code, size), _constant(code, known) if size == 4 else None
        known.pop(target, None)
        if value is not None:
            known[target] = value & 0xFFFF_FFFF


def _loop(pcs: Collection[int], bus: Bus) -> tuple[int, int]:
    """Return where the loop begins and ends: slices may end at the same few of its instructions each time."""
    lowest, highest = min(pcs), max(pcs)
    at = highest
    while at < highest + _LONGEST_LOOP:
        code, size = _fetch(at, bus)
        target = at + (_jump(code) if size == 4 else _short_jump(code))
        if highest - _LONGEST_LOOP < target <= lowest and target < at:
            return target, at
        at += size
    return lowest, highest


def _fetch(at: int, bus: Bus) -> tuple[int, int]:
    code = bus.read16(at)
    return (code | bus.read16(at + 2) << 16, 4) if code & 3 == 3 else (code, 2)


def _jump(code: int) -> int:
    """Return how far a branch or a JAL jumps, 0 for another instruction."""
    if code & 0x7F == _BRANCH:
        offset = (code >> 8 & 15) << 1 | (code >> 25 & 0x3F) << 5 | (code >> 7 & 1) << 11
        return offset - (code >> 31 << 12)
    if code & 0x7F == _JAL:
        offset = (code >> 21 & 0x3FF) << 1 | (code >> 20 & 1) << 11 | (code >> 12 & 0xFF) << 12
        return offset - (code >> 31 << 20)
    return 0


def _short_jump(code: int) -> int:
    """Return how far C.BEQZ, C.BNEZ or C.J jumps, 0 for another instruction."""
    if code & 0xC003 == 0xC001:
        offset = (code >> 3 & 3) << 1 | (code >> 10 & 3) << 3 | (code >> 2 & 1) << 5 | (code >> 5 & 3) << 6
        return offset - ((code >> 12 & 1) << 8)
    if code & 0xE003 == 0xA001:
        offset = (code >> 3 & 7) << 1 | (code >> 11 & 1) << 4 | (code >> 2 & 1) << 5 | (code >> 7 & 1) << 6
        offset |= (code >> 6 & 1) << 7 | (code >> 9 & 3) << 8 | (code >> 8 & 1) << 10
        return offset - ((code >> 12 & 1) << 11)
    return 0


def _target(code: int, size: int) -> int:
    """Return the register that an instruction writes, 0 for none."""
    kind, rd = code >> 13 & 7, code >> 7 & 31
    if size == 4:
        return 0 if code & 0x7F in (_STORE, _BRANCH) else rd
    if code & 3 == 0:
        return 8 + (code >> 2 & 7) if kind in (0, 2) else 0
    if code & 3 == 1:
        return (rd, 1, rd, rd, 8 + (rd & 7), 0, 0, 0)[kind]
    if kind == 4 and not code >> 2 & 31:
        return code >> 12 & 1  # C.JALR writes RA, C.JR nothing
    return rd if kind in (0, 2, 4) else 0


def _constant(code: int, known: Mapping[int, int]) -> int | None:
    """Return what LUI or ADDI makes of registers whose values are known."""
    if code & 0x7F == _LUI:
        return code & 0xFFFF_F000
    source = known.get(code >> 15 & 31)
    if code & 0x707F == _ADDI and source is not None:
        return source + (code >> 20 ^ 0x800) - 0x800
    return None


def _wide(code: int) -> tuple[int, int] | None:
    """Return base register and offset of LB, LH, LW, LBU and LHU."""
    if code & 0x7F != _LOAD:
        return None
    return code >> 15 & 31, (code >> 20 ^ 0x800) - 0x800


def _narrow(code: int) -> tuple[int, int] | None:
    """Return base register and offset of C.LW."""
    if code & 0xE003 != 0x4000:
        return None
    return 8 + (code >> 7 & 7), (code >> 10 & 7) << 3 | (code >> 6 & 1) << 2 | (code >> 5 & 1) << 6
