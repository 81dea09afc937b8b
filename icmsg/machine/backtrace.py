"""Call chains of Arm and RISC-V firmware: where a core stands, who called that, and what an exception interrupted.

Frames come from the call frame tables of the image where it has them. On Arm they come else from what a function's
first instructions do to the stack, else from a search of the stack for addresses behind a call; a caller that was found
by either of the two, and whose call does not go to the function below it, is marked as "perhaps". Reading changes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from icmsg.machine.frames import is_call, stack_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from icmsg.machine.image import FirmwareImage

_MOST: Final = 32
"""Frames; a chain that is longer is cut."""
_SEARCHED: Final = 0x400
"""Bytes of a stack that are looked through for the next caller."""
_LINE: Final = 0x100
"""Bytes of memory that are read at once."""
_SP: Final = 13
_LR: Final = 14
_NAMES: Final = (*(f"R{number}" for number in range(13)), "SP", "LR")
_EXC_RETURN: Final = 0xFFFF_FF00
_SPSEL, _THREAD, _BASIC, _NO_STATE = 1 << 2, 1 << 3, 1 << 4, 1 << 5
_IPSR: Final = 0x1FF
_ALIGNED: Final = 1 << 9
_EXCEPTIONS: Final = {
    2: "NMI",
    3: "HardFault",
    4: "MemManage",
    5: "BusFault",
    6: "UsageFault",
    7: "SecureFault",
    11: "SVCall",
    12: "DebugMonitor",
    14: "PendSV",
    15: "SysTick",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """Function of a call chain, innermost first.

    ``address`` is where it stands (of a caller: where it goes on), ``place`` is ``function+0x12 (file.c:34)``.
    ``interrupted_by`` names the exception whose handler is the frame before; ``perhaps``: the caller was found by a
    search that can be wrong.
    """

    address: int
    place: str
    interrupted_by: str | None = None
    perhaps: bool = False

    def __str__(self) -> str:
        mark = "perhaps " if self.perhaps else ""
        taken = f", interrupted by {self.interrupted_by}" if self.interrupted_by else ""
        return f"{mark}{self.place}{taken}"


def exception_name(number: int) -> str:
    """Return what a person calls an exception by its number in IPSR."""
    interrupt = external_interrupt(number)
    return _EXCEPTIONS.get(number, f"exception {number}") if interrupt is None else f"interrupt {interrupt}"


def external_interrupt(number: int) -> int | None:
    """Return the external interrupt that an exception is by its number in IPSR; None for one of the core's own."""
    return number - 16 if number >= 16 else None


def chain_line(frames: tuple[Frame, ...]) -> str:
    """Return a call chain as one line: ``a ← b ← c``."""
    return " ← ".join(map(str, frames))


class _EndError(Exception):
    """The chain ends here."""


@dataclass(slots=True)
class _State:
    """Registers of one frame by number; ``pc`` is exact where ``exact``, else the address behind a call."""

    pc: int
    registers: dict[int, int]
    mode: int  # XPSR of it
    exact: bool = True
    interrupted_by: str | None = None
    perhaps: bool = False

    @property
    def at(self) -> int:
        """An address of the instruction that the frame executes."""
        return self.pc if self.exact else self.pc - 2


def unwind(
    registers: Mapping[str, int],
    image: FirmwareImage | None,
    read: Callable[[int, int], bytes | None],
) -> tuple[Frame, ...]:
    """Return the call chain of a core.

    ``registers`` is what :attr:`icmsg.machine.machine.Core.registers` has, which need not be all; ``read(address,
    size)`` reads memory and nothing else, and returns None where there is none.
    """
    if "PC" not in registers:
        return ()
    return tuple(_Unwinder(registers, image, read).frames())


class _Unwinder:
    def __init__(
        self,
        registers: Mapping[str, int],
        image: FirmwareImage | None,
        read: Callable[[int, int], bytes | None],
    ) -> None:
        self._image = image
        self._read = read
        self._lines: dict[int, bytes | None] = {}
        self._banked = registers.get("MSP"), registers.get("PSP")
        known = {number: registers[name] for number, name in enumerate(_NAMES) if name in registers}
        self._first = _State(registers["PC"] & ~1, known, registers.get("XPSR", 0))

    def frames(self) -> Iterator[Frame]:
        state = self._first
        seen: set[tuple[int, int | None]] = set()
        for _ in range(_MOST):
            yield from self._shown(state)
            seen.add((state.pc, state.registers.get(_SP)))
            if self._is_outermost(state):
                return
            try:
                state = self._caller(state)
            except _EndError:
                return
            if (state.pc, state.registers.get(_SP)) in seen:
                return

    def _shown(self, state: _State) -> Iterator[Frame]:
        image = self._image
        places = (f"0x{state.pc:08X}",) if image is None else image.places(state.pc, call=not state.exact)
        for number, place in enumerate(places):
            yield Frame(state.pc, place, None if number else state.interrupted_by, state.perhaps)

    def _is_outermost(self, state: _State) -> bool:
        """Tell whether nothing called the function: it is the one that the core starts in."""
        image = self._image
        if image is None:
            return False
        own, first = image.function_at(state.at), image.function_at(image.entry & ~1)
        return own is not None and own == first and not state.mode & _IPSR

    def _caller(self, state: _State) -> _State:
        if not self._is_code(state.at):  # it was called, or jumped to: LR may tell by whom
            back = self._needed(state.registers.get(_LR))
            if back >= _EXC_RETURN or self._call_to(back)[0]:
                return self._returned(state, dict(state.registers), back)
            return self._by_search(state)
        found = self._by_table(state)
        if found is None:
            found = self._by_prologue(state)
        if found is not None:
            back, registers, certain = found
            if back >= _EXC_RETURN or (certain and self._is_code((back & ~1) - 2)):
                return self._returned(state, registers, back, certain=certain)
            if not certain and self._call_to(back)[0]:
                return self._returned(state, registers, back)
            if certain or not self._is_code(back & ~1):
                raise _EndError  # the first function of a thread: nobody called it
        return self._by_search(state)

    def _returned(
        self, state: _State, registers: dict[int, int], back: int, *, certain: bool = False
    ) -> _State:
        if back >= _EXC_RETURN:
            return self._interrupted(state, registers, back)
        if not back & 1:
            raise _EndError
        if not certain:
            is_one, target = self._call_to(back)
            if not is_one:
                raise _EndError
            own = self._function(state.at)
            certain = target == own if target is not None else not self._is_code(state.at)
        return _State(back & ~1, registers, state.mode, exact=False, perhaps=state.perhaps or not certain)

    def _call_to(self, back: int) -> tuple[bool, int | None]:
        if not back & 1 or not self._is_code((back & ~1) - 2):
            return False, None
        return is_call(back & ~1, self._halfword)

    # By the call frame table

    def _by_table(self, state: _State) -> tuple[int, dict[int, int], bool] | None:
        rules = self._image.frame_rules(state.at) if self._image is not None else None
        if rules is None:
            return None
        row, column, keeps = rules
        cfa_rule: Any = row["cfa"]
        base = state.registers.get(cfa_rule.reg) if cfa_rule.reg is not None else None
        if base is None:
            return None
        cfa = (base + cfa_rule.offset) & 0xFFFF_FFFF
        registers = {number: value for number, value in state.registers.items() if number >= 4}
        for number, rule in row.items():
            if isinstance(number, int) and number < 16:
                value = self._kept(rule, number, cfa, state)
                registers.pop(number, None)
                registers |= {} if value is None else {number: value}
        if row[column].type == "UNDEFINED" if column in row else not state.exact:
            raise _EndError  # it never returns: it has made a call and has not kept LR
        if not keeps and self._makes_calls(state.at):
            raise _EndError  # nor does it here: LR is that of a call which has returned
        back = registers.get(column)
        if back is None or back in (0, 0xFFFF_FFFF):
            raise _EndError
        registers[_SP] = cfa
        return back, registers, True

    def _makes_calls(self, address: int) -> bool:
        """Tell whether the function at an address calls another one."""
        found = self._image.function_at(address) if self._image is not None else None
        if found is None:
            return False
        ends = range(found.start + 2, found.start + found.size + 1, 2)
        return any(is_call(end, self._halfword)[0] for end in ends)

    def _kept(self, rule: Any, number: int, cfa: int, state: _State) -> int | None:
        if rule.type == "OFFSET":
            return self._word(cfa + rule.arg)
        if rule.type == "VAL_OFFSET":
            return int(cfa + rule.arg)
        source = {"SAME_VALUE": number, "REGISTER": rule.arg}.get(rule.type)
        return None if source is None else state.registers.get(source)

    # By the instructions

    def _by_prologue(self, state: _State) -> tuple[int, dict[int, int], bool] | None:
        start = self._function(state.at)
        use = None if start is None else stack_use(start, state.pc, self._halfword)
        if use is None:
            return None
        base = state.registers.get(7 if use.pointer is not None else _SP)
        if base is None:
            return None
        cfa = base + (use.pointer if use.pointer is not None else use.size)
        registers = {number: value for number, value in state.registers.items() if number >= 4}
        for number, distance in use.saved.items():
            value = self._word(cfa - distance)
            if value is None:
                return None
            registers[number] = value
        if _LR not in use.saved and not state.exact:
            raise _EndError  # it never returns
        back = registers.get(_LR)
        if back in (0, 0xFFFF_FFFF):
            raise _EndError
        registers[_SP] = cfa
        return None if back is None else (back, registers, False)

    # By a search

    def _by_search(self, state: _State) -> _State:
        stack = self._needed(state.registers.get(_SP)) & ~3
        for place in range(stack, stack + _SEARCHED, 4):
            word = self._word(place)
            if word is None:
                break
            if self._call_to(word)[0]:
                return _State(word & ~1, {_SP: place + 4}, state.mode, exact=False, perhaps=True)
        raise _EndError

    # Through an exception

    def _interrupted(self, state: _State, registers: dict[int, int], back: int) -> _State:
        """Return what an exception interrupted, from its frame (Armv8-M ARM, B3.19)."""
        msp, psp = self._banked
        frame = psp if back & _SPSEL else registers.get(_SP, msp)
        frame = self._needed(frame)
        if not back & _NO_STATE:
            frame += 0x28  # R4 to R11 of a call between security states
        words = [self._needed(self._word(frame + 4 * index)) for index in range(8)]
        r0, r1, r2, r3, r12, lr, pc, xpsr = words
        after = frame + (0x20 if back & _BASIC else 0x68) + (4 if xpsr & _ALIGNED else 0)
        known = {number: value for number, value in registers.items() if 4 <= number <= 11}
        known |= {0: r0, 1: r1, 2: r2, 3: r3, 12: r12, _SP: after, _LR: lr}
        name = exception_name(state.mode & _IPSR) if state.mode & _IPSR else "an exception"
        return _State(pc & ~1, known, xpsr, interrupted_by=name, perhaps=state.perhaps)

    # Memory

    def _function(self, address: int) -> int | None:
        found = self._image.function_at(address) if self._image is not None else None
        return None if found is None else found.start

    def _is_code(self, address: int) -> bool:
        return self._image is not None and self._image.is_code(address)

    def _halfword(self, address: int) -> int | None:
        return self._number(address, 2)

    def _word(self, address: int) -> int | None:
        return self._number(address, 4) if not address & 3 else None

    def _number(self, address: int, size: int) -> int | None:
        line = address & -_LINE
        if line not in self._lines:
            self._lines[line] = self._read(line, _LINE) if 0 <= line < 1 << 32 else None
        data = self._lines[line]
        if data is None:
            return None
        return int.from_bytes(data[address - line : address - line + size], "little")

    @staticmethod
    def _needed(value: int | None) -> int:
        if value is None:
            raise _EndError
        return value


_RA, _X2 = 1, 2
REGISTERS: Final = (
    *("ZERO", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0", "S1"),
    *(f"A{number}" for number in range(8)),
    *(f"S{number}" for number in range(2, 12)),
    *(f"T{number}" for number in range(3, 7)),
)
"""Names of the registers x0 to x31 by the ABI, which call frame tables number alike (RISC-V ELF psABI, "DWARF").

A core of RV32E has the first sixteen.
"""
_KEPT: Final = (3, 4, 8, 9, *range(18, 28))
"""Registers besides SP that are the caller's as long as no rule says otherwise: GP, TP, S0 to S11."""


def unwind_riscv(
    registers: Mapping[str, int],
    image: FirmwareImage | None,
    read: Callable[[int, int], bytes | None],
) -> Iterator[Frame]:
    """Yield the call chain of a RISC-V core, innermost first; the arguments are as those of :func:`unwind`.

    Callers come from the call frame tables of the image, without them from RA alone. A caller that only RA names is
    marked as "perhaps": where the function has made a call of its own, RA is of that one.
    """
    pc = registers["PC"]
    known = {number: registers[name] for number, name in enumerate(REGISTERS) if name in registers}
    perhaps, seen = False, set[tuple[int, int]]()
    for depth in range(_MOST):
        seen.add((pc, known.get(_X2, 0)))
        places = (f"0x{pc:08X}",) if image is None else image.places(pc, call=depth > 0)
        yield from (Frame(pc, place, perhaps=perhaps) for place in places)
        if image is None:
            return
        at = pc if not depth else pc - 2
        caller = _by_table(image, at, known, read)
        if caller is None:
            caller, perhaps = ({_RA: known.get(_RA, 0)} if not depth else {}), True
        pc = caller.pop(_RA, 0) & ~1
        known = caller
        if not pc or not image.is_code(pc - 2) or (pc, known.get(_X2, 0)) in seen:
            return


def _by_table(
    image: FirmwareImage, at: int, known: dict[int, int], read: Callable[[int, int], bytes | None]
) -> dict[int, int] | None:
    """Return the caller's registers, its address as RA; None where no table tells them."""
    found = image.frame_rules(at)
    if found is None:
        return None
    row, column, _ = found
    rule: Any = row["cfa"]
    base = known.get(rule.reg) if rule.reg is not None else None
    if base is None:
        return None
    cfa = base + rule.offset & 0xFFFF_FFFF
    caller = {number: known[number] for number in (*_KEPT, column) if number in known}
    for number, how in row.items():
        if not isinstance(number, int):
            continue
        caller.pop(number, None)
        word = read(cfa + how.arg, 4) if how.type == "OFFSET" else None
        if word is not None:
            caller[number] = int.from_bytes(word, "little")
    caller[_RA] = caller.pop(column, 0)
    caller[_X2] = cfa
    return caller
