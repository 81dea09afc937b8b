"""Call chains of RISC-V firmware: by the call frame tables of its image, without them the caller that RA names.

A caller that only RA names is marked as "perhaps": where the function has made a call of its own, RA is of that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icmsg.machine.backtrace import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from icmsg.machine.image import FirmwareImage

_MOST: Final = 32
_RA, _SP = 1, 2
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
    """Yield the call chain of a RISC-V core, innermost first; the arguments are as those of ``backtrace.unwind``."""
    pc = registers["PC"]
    known = {number: registers[name] for number, name in enumerate(REGISTERS) if name in registers}
    perhaps, seen = False, set[tuple[int, int]]()
    for depth in range(_MOST):
        seen.add((pc, known.get(_SP, 0)))
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
        if not pc or not image.is_code(pc - 2) or (pc, known.get(_SP, 0)) in seen:
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
    caller[_SP] = cfa
    return caller
