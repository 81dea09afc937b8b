"""Single instructions: what is executed where one is asked for. An IT block is executed as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.mpu_query import it_state

if TYPE_CHECKING:
    from collections.abc import Callable

_WFI: Final = 0xBF30
_WFI_WIDE: Final = (0xF3AF, 0x8003)
_WIDE: Final = 0xE800
"""The lowest first halfword of an instruction of four bytes."""


def unit(pc: int, xpsr: int, halfword: Callable[[int], int]) -> tuple[int, int | None]:
    """Return how many instructions are executed together from ``pc`` on, at most, and where the next one is.

    Where it is one alone, the address is None.
    """
    code = halfword(pc)
    state, count, at = it_state(xpsr), 0, pc
    if code & 0xFF00 == 0xBF00 and code & 0xF:  # IT
        state, count, at = code & 0xFF, 1, pc + 2
    if not state & 0xF:
        return 1, None
    for _ in range(4 - ((state & -state).bit_length() - 1)):
        at += 4 if halfword(at) >= _WIDE else 2
        count += 1
    return count, at


def sleep_before(address: int, halfword: Callable[[int], int]) -> int | None:
    """Return the address of the WFI directly before an address, if one is there."""
    if halfword(address - 2) == _WFI:
        return address - 2
    if (halfword(address - 4), halfword(address - 2)) == _WFI_WIDE:
        return address - 4
    return None
