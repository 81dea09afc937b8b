"""Instructions of RISC-V that the engine reads itself: those on CSRs, and loops that poll.

The CSR instructions (RISC-V, Zicsr): on the core's own registers, and on those that devices of its bus have.

The peripheral registers that a loop reads, from its instructions (RISC-V unprivileged architecture).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.embedded.memory import IoRange
from icmsg.errors import BusError
from icmsg.machine.backtrace import REGISTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from icmsg.engines.embedded.emulator.native import NativeCore, RegisterBatch
    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.hw.bus import Bus


_SYSTEM, _FUNCTION = 0x73, 0x3000
"""Opcode of the CSR instructions, and the bits that tell which one it is."""
_STRIDE: Final = 0x10
_SET, _CLEAR = 4, 8
"""Byte offsets from a CSR there: a write sets, or clears, these bits."""
_RW, _RS, _RC = 1, 2, 3
_READ_ONLY: Final = 3
_NAMES: Final = {_RW: "csrrw", _RS: "csrrs", _RC: "csrrc"}


class CsrFile(Protocol):
    """The control and status registers of one core, with how they are read and written, by number."""

    @property
    def readers(self) -> Mapping[int, Callable[[], int]]:
        """Functions that read the registers."""

    @property
    def writers(self) -> Mapping[int, Callable[[int], None]]:
        """Functions that write those that can be written."""

    @property
    def ignores_read_only(self) -> bool:
        """True where numbers that say "read-only" do not."""

    @property
    def privilege(self) -> int:
        """The mode that the core is in: 3 = machine, 0 = user."""

    def absent(self, number: int) -> str:
        """Return what a register is that the core does not have: behind "csrrw of CSR 0x…, "."""


def decode(opcode: int) -> tuple[int, int, int, int, bool]:
    """Return CSR, kind, rd, rs1 or immediate, and whether it is an immediate, of a CSR instruction."""
    return opcode >> 20, opcode >> 12 & 3, opcode >> 7 & 31, opcode >> 15 & 31, bool(opcode >> 14 & 1)


def is_csr(opcode: int) -> bool:
    """Return whether an instruction is one on a CSR."""
    return opcode & 0x7F == _SYSTEM and bool(opcode & _FUNCTION)


class CsrUnit:
    """Executes them for one core; ``raise_later`` keeps what a device's model raises.

    ``window`` is the byte address at which the core's bus has the CSRs of devices, None where there are none; its own
    loads and stores do not reach it.
    """

    def __init__(
        self,
        native: NativeCore,
        space: AddressSpace,
        csrs: CsrFile,
        *,
        window: int | None,
        raise_later: Callable[[BaseException], None],
    ) -> None:
        self._space: Final = space
        self._window: Final = window
        self._csrs: Final = csrs
        self._raise_later: Final = raise_later
        self._registers: Final = [native.registers(f"X{number}") for number in range(32)]
        self._compiled: dict[int, Callable[[], bool]] = {}

    def execute(self, opcode: int) -> bool:
        """Execute a CSR instruction; return False if it is an illegal one."""
        return (self._compiled.get(opcode) or self._compile(opcode))()

    def describe(self, opcode: int) -> str:
        """Return a CSR instruction in words that is an illegal one."""
        number, kind, _rd, _rs, immediate = decode(opcode)
        what = f"{_NAMES.get(kind, 'csr')}{'i' if immediate else ''} of CSR 0x{number:03X}"
        if number in self._csrs.readers:
            readable = self._csrs.privilege >= number >> 8 & 3
            return f"{what}, which {'can only be read' if readable else 'is not for user mode'}"
        return f"{what}, {self._csrs.absent(number)}"

    def _compile(self, opcode: int) -> Callable[[], bool]:
        number, kind, rd, rs, immediate = decode(opcode)
        target = self._registers[rd] if rd else None
        source = self._registers[rs] if rs and not immediate else None
        operand = rs if immediate else 0
        writes = kind == _RW or bool(rs)
        csrs = self._csrs
        refused = writes and number >> 10 == _READ_ONLY and not csrs.ignores_read_only
        if kind not in _NAMES or refused:
            run = _illegal
        elif number in csrs.readers:
            write = csrs.writers.get(number) if writes else None
            run = _own(csrs, number, write, kind, target, source, operand)
        elif self._window is not None:
            run = self._of_device(self._window + _STRIDE * number, kind, target, source, operand, writes)
        else:
            run = _illegal
        self._compiled[opcode] = run
        return run

    def _of_device(
        self,
        address: int,
        kind: int,
        target: RegisterBatch | None,
        source: RegisterBatch | None,
        operand: int,
        writes: bool,
    ) -> Callable[[], bool]:
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
    csrs: CsrFile,
    number: int,
    write: Callable[[int], None] | None,
    kind: int,
    target: RegisterBatch | None,
    source: RegisterBatch | None,
    operand: int,
) -> Callable[[], bool]:
    """Return what executes an instruction on a register of the core's own."""

    read, needed = csrs.readers[number], number >> 8 & 3

    def run() -> bool:
        if csrs.privilege < needed:
            return False
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


def polled(
    pcs: Collection[int], registers: Mapping[str, int], bus: Bus, is_peripheral: Callable[[int], bool]
) -> Iterator[int]:
    """Yield the addresses of peripheral registers that the loop around ``pcs`` loads from."""
    at, end = _loop(pcs, bus)
    loop: list[tuple[int, int]] = []
    while at <= end:
        loop.append(_fetch(at, bus))
        at += loop[-1][1]
    changed = {_target(code, size) for code, size in loop}
    known = {number: registers.get(name, 0) for number, name in enumerate(REGISTERS) if number not in changed}
    for code, size in loop:
        place = _wide(code) if size == 4 else _narrow(code)
        if place is not None and place[0] in known:
            address = known[place[0]] + place[1] & 0xFFFF_FFFF
            if is_peripheral(address):
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
