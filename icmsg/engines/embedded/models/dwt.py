"""A core's DWT: CYCCNT, which firmware measures and waits with. Comparators and other counters are stored only.

The registers of a Cortex-M33's DWT: the cycle counter, and comparators that are stored only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot


COMPARATORS: Final = 4

DWT: Final = RegisterBlock(
    "DWT",
    (
        Register(
            "CTRL",
            0x000,
            reset=COMPARATORS << 28,
            fields=(
                Field("CYCCNTENA", 0, meaning="1 counts cycles"),
                Field("NUMCOMP", 28, width=4, access=Access.R),
            ),
        ),
        Register("CYCCNT", 0x004, meaning="cycles of the core's clock, 32 bits"),
        Register("CPICNT", 0x008),
        Register("EXCCNT", 0x00C),
        Register("SLEEPCNT", 0x010),
        Register("LSUCNT", 0x014),
        Register("FOLDCNT", 0x018),
        Register("PCSR", 0x01C, access=Access.R),
        Register("COMP", 0x020, count=COMPARATORS, stride=0x10),
        Register("FUNCTION", 0x028, count=COMPARATORS, stride=0x10),
        Register("LAR", 0xFB0, access=Access.W),
        Register("LSR", 0xFB4, access=Access.R),
        Register("DEVARCH", 0xFBC, access=Access.R, reset=0x47701A02),
    ),
    source="Armv8-M Architecture Reference Manual, D1 (DWT)",
)


_ENABLE: Final = 1
_CONSTANT: Final = 0xF << 28
_MASK: Final = 0xFFFFFFFF


class DwtModel(RegisterModel):
    """The DWT of the core in ``slot``, whose clock has ``frequency`` Hz at the core's first rate.

    The counter counts while the core executes; it stands in sleep, when the core's clock does. Instructions and
    cycles change their rates together (:meth:`icmsg.engines.embedded.slot.Slot.set_speed`), so cycles are a fixed
    multiple of instructions.

    Raises:
        ConfigurationError: a frequency that is not positive.
    """

    irq: Final = None

    def __init__(self, slot: Slot, *, base: int, frequency: int) -> None:
        super().__init__(DWT, base=base, core=slot.name)
        if frequency <= 0:
            raise ConfigurationError(f"frequency must be > 0, not {frequency}")
        self._slot = slot
        self._frequency = frequency
        self._since: int | None = None  # instructions at which the counter was _first, while it counts
        self._first = 0

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._since, self._first = None, 0

    @on_write("CTRL")
    def _control(self, _index: int, value: int) -> None:
        self._set(self._count(0))
        self.poke("CTRL", (value & ~_CONSTANT) | self.block.register("CTRL").reset)
        self._since = self._slot.instructions() if value & _ENABLE else None

    @on_read("CYCCNT")
    def _count(self, _index: int) -> int:
        if self._since is None:
            return self._first
        executed = self._slot.instructions() - self._since
        return (self._first + executed * self._frequency // self._slot.instruction_hz) & _MASK

    @on_write("CYCCNT")
    def _write_count(self, _index: int, value: int) -> None:
        self._set(value)

    def _set(self, value: int) -> None:
        self._first = value
        if self._since is not None:
            self._since = self._slot.instructions()
