"""The instructions TT, TTT, TTA and TTAT, which ask for the MPU region and the permissions of an address.

The emulator knows no MPU and would answer "no region", at which Zephyr stops. So runs end before such an
instruction, and it is executed here, from the MPU registers that firmware has written (Armv8-M ARM, C2.4 and the
pseudocode of TTResp). The core is in Secure state and has no SAU regions: all memory is Secure, and the Non-secure
MPU is off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.engines.embedded.armv8m.system_control import SystemControl
    from icmsg.engines.embedded.emulator.native import NativeCore, RegisterBatch
    from icmsg.engines.embedded.memory import AddressSpace

_MPU_ENABLE: Final = 1 << 0
_PRIVILEGED_DEFAULT: Final = 1 << 2
_REGION_ENABLE: Final = 1 << 0
_ADDRESS: Final = 0xFFFFFFE0
_WITHIN: Final = 0x1F
_UNPRIVILEGED_TOO: Final = 1 << 1  # AP[1] in RBAR
_READ_ONLY: Final = 1 << 2  # AP[2] in RBAR

_REGION_VALID: Final = 1 << 16
_READABLE: Final = 1 << 18
_WRITABLE: Final = 1 << 19
_SECURE: Final = 1 << 22

_IPSR: Final = 0x1FF
_THUMB: Final = 1 << 24
_CONTROL_NPRIV: Final = 1
_NAMES: Final = (*(f"R{number}" for number in range(13)), "SP", "LR")


class Query(NamedTuple):
    """One such instruction: ``alternate`` asks for the Non-secure state, ``unprivileged`` for unprivileged code."""

    target: int
    source: int
    alternate: bool
    unprivileged: bool


def decode(first: int, second: int) -> Query | None:
    """Return the instruction in two halfwords, or None if they are another one."""
    if first & 0xFFF0 != 0xE840 or second & 0xF03F != 0xF000:
        return None
    return Query(second >> 8 & 0xF, first & 0xF, bool(second & 0x80), bool(second & 0x40))


def response(
    address: int, *, control: int, regions: Sequence[tuple[int, int]], privileged: bool, unprivileged: bool
) -> int:
    """Return the answer for ``address``.

    ``control`` is MPU_CTRL and ``regions`` are (RBAR, RLAR) of all regions. ``privileged`` says who executes the
    instruction, since only privileged code is told a region's number; ``unprivileged`` for whom it asks.
    """
    if not control & _MPU_ENABLE:
        return _SECURE | _READABLE | _WRITABLE
    found = [
        number
        for number, (base, limit) in enumerate(regions)
        if limit & _REGION_ENABLE and base & _ADDRESS <= address <= limit | _WITHIN
    ]
    if not found:
        allowed = control & _PRIVILEGED_DEFAULT and not unprivileged
        return _SECURE | (_READABLE | _WRITABLE if allowed else 0)
    if len(found) > 1:
        return _SECURE  # where regions overlap nobody may access anything
    base = regions[found[0]][0]
    answer = _SECURE | (_REGION_VALID | found[0] if privileged else 0)
    if not unprivileged or base & _UNPRIVILEGED_TOO:
        answer |= _READABLE | (0 if base & _READ_ONLY else _WRITABLE)
    return answer


def it_state(xpsr: int) -> int:
    """Return ITSTATE, the eight bits of which xPSR keeps in two places; 0 outside of an IT block."""
    return xpsr >> 8 & 0xFC | xpsr >> 25 & 0x3


def passes(condition: int, xpsr: int) -> bool:
    """Tell whether the flags in xPSR fulfil one of the 16 conditions (Armv8-M ARM, C1.3.1)."""
    n, z, c, v = (bool(xpsr >> bit & 1) for bit in (31, 30, 29, 28))
    holds = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
    return holds != bool(condition & 1) or condition == 0xF


class QueryUnit:
    """Executes these instructions for the core ``native``, whose MPU registers are in ``control``."""

    def __init__(self, native: NativeCore, space: AddressSpace, control: SystemControl) -> None:
        self._native: Final = native
        self._space: Final = space
        self._control: Final = control
        self._state: Final = native.registers(*_NAMES, "PC", "CONTROL", "XPSR")
        self._results: dict[int, RegisterBatch] = {}
        self._next = native.registers("EPSR", "PC")

    def execute(self) -> None:
        """Execute the instruction at PC, which is one of these, and go on behind it."""
        *values, pc, control, xpsr = self._state.read()
        query = decode(self._halfword(pc), self._halfword(pc + 2))
        assert query is not None
        block = it_state(xpsr)
        if not block or passes(block >> 4, xpsr):
            self._answer(query, values[query.source], control, xpsr)
        block = block & 0xE0 | block << 1 & 0x1F if block & 0x7 else 0
        self._next.write(_THUMB | (block & 0xFC) << 8 | (block & 0x3) << 25, pc + 4 | 1)

    def _answer(self, query: Query, address: int, control: int, xpsr: int) -> None:
        privileged = bool(xpsr & _IPSR) or not control & _CONTROL_NPRIV
        answer = response(
            address,
            control=0 if query.alternate else self._control.peek("MPU_CTRL"),
            regions=self._control.mpu_regions(),
            privileged=privileged and not query.alternate,
            unprivileged=query.unprivileged or not privileged,
        )
        result = self._results.get(query.target)
        if result is None:
            result = self._results[query.target] = self._native.registers(_NAMES[query.target])
        result.write(answer)

    def _halfword(self, address: int) -> int:
        found = self._space.memory_at(address)
        return 0 if found is None else found.memory.halfword(address - found.start)
