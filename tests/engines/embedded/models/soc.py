"""Addresses of the nRF5340, from its device description and not from this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from rig import Rig

US: Final = 1_000
MS: Final = 1_000_000
S: Final = 1_000_000_000


class Instance(NamedTuple):
    """A peripheral of ``core`` at ``base`` with external interrupt ``irq``."""

    core: str
    base: int
    irq: int


CLOCKS: Final = {"app": Instance("app", 0x50005000, 5), "net": Instance("net", 0x41005000, 5)}
RTCS: Final = {
    "app RTC0": Instance("app", 0x50014000, 20),
    "app RTC1": Instance("app", 0x50015000, 21),
    "net RTC0": Instance("net", 0x41011000, 17),
    "net RTC1": Instance("net", 0x41016000, 22),
}
WDT: Final = Instance("net", 0x4100B000, 11)
UARTES: Final = {"app": Instance("app", 0x50008000, 8), "net": Instance("net", 0x41013000, 19)}
LFCLKALWAYSRUN: Final = 0x574
FORCEOFF: Final = 0x50005614


def keep_low_frequency_clocks(rig: Rig) -> None:
    """Let both LFCLKs run all the time, which RTCs count; a reset of a core ends it."""
    for where in CLOCKS.values():
        rig.machine.core(where.core).bus.write32(where.base + LFCLKALWAYSRUN, 1)


def low_frequency_clock(core: str) -> str:
    """Assembly that does the same for one core, with R0 and R1."""
    return f" ldr r0, ={CLOCKS[core].base + LFCLKALWAYSRUN}; movs r1, #1; str r1, [r0]\n"


TICKS_PER_SECOND: Final = 128_000_000
"""The resolution of the machine's time with this platform: an instruction of the application core."""


class Ticks:
    """Lets time pass up to exact ticks; nothing else may let time pass meanwhile."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._asked = rig.machine.now_ns

    def run_to(self, tick: int) -> None:
        nanosecond = tick * S // TICKS_PER_SECOND  # the latest one that is rounded up to this tick
        self._rig.machine.run_for(nanosecond - self._asked)
        self._asked = nanosecond


class Block:
    """Accesses one instance as software on its core does; offsets are the SoC's."""

    def __init__(self, rig: Rig, where: Instance) -> None:
        core = rig.machine.core(where.core)
        self._bus = core.bus
        self._base = where.base
        self._nvic = core
        self._irq = where.irq

    def __getitem__(self, offset: int) -> int:
        return self._bus.read32(self._base + offset)

    def __setitem__(self, offset: int, value: int) -> None:
        self._bus.write32(self._base + offset, value)

    @property
    def line(self) -> bool:
        """Whether the interrupt line is high: a pending interrupt that cannot be taken back."""
        register, bit = divmod(self._irq, 32)
        self._bus.write32(0xE000E280 + 4 * register, 1 << bit)
        return bool(self._bus.read32(0xE000E200 + 4 * register) >> bit & 1)
