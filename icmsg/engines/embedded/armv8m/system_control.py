"""The System Control Space as a peripheral: how firmware programs its NVIC, SysTick and SCB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.embedded.armv8m.native import Version
from icmsg.engines.embedded.armv8m.nvic import (
    BUS_FAULT,
    INTERRUPT_MASK,
    INTERRUPTS,
    MEM_MANAGE,
    NMI,
    PENDSV,
    SCS,
    SCS_BASE,
    SYSTICK,
    USAGE_FAULT,
    Nvic,
)
from icmsg.engines.embedded.processor import ignore
from icmsg.hw.model import RegisterModel, on_read, on_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.armv8m.native import CortexM
    from icmsg.timers import ScheduledTimer, Timers

_VECTKEY: Final = 0x05FA
_VECTKEY_READ: Final = 0xFA05
_COUNTFLAG: Final = 1 << 16
_SLEEPONEXIT: Final = 1 << 1
_SEVONPEND: Final = 1 << 4
_CCR: Final = {
    Version.V6M: (0x208, 0),
    Version.V8M_BASELINE: (0x209, 0x402),
    Version.V7M: (0x200, 0x7011B),
    Version.V8M_MAIN: (0x201, 0x51A),
}
"""Bits of CCR that are one and stay so, and those that can be written: USERSETMPEND, UNALIGN_TRP, DIV_0_TRP, BFHFNMIGN
and STKOFHFNMIGN; in Armv7-M also NONBASETHRDENA and the caches, which do nothing here."""
_CP10: Final = 3 << 20
_CPACR_FPU: Final = 0xF << 20
_NSACR_FPU: Final = 0x3 << 10
"""The bits of CPACR and NSACR that a core with an FPU, and no other coprocessor, has."""
_SYSTEM_PRIORITIES: Final = (0xFFFFFFFF, 0xFF000000, 0xFFFF00FF)
"""The bytes of SHPR that belong to an exception."""
_FAULT_ENABLES: Final = ((16, MEM_MANAGE), (17, BUS_FAULT), (18, USAGE_FAULT))
_REGION_GIVEN: Final = 1 << 4
"""RBAR.VALID of Armv7-M: the value says which region it is for."""
_RELOAD_MASK: Final = 0xFFFFFF
_ICSR: Final = {field.name: field.mask for field in SCS.register("ICSR").fields}
_VECTPENDING: Final = _ICSR["VECTPENDING"] & -_ICSR["VECTPENDING"]
_RETTOBASE, _ISRPENDING = _ICSR["RETTOBASE"], _ICSR["ISRPENDING"]
_PENDSVSET, _PENDSVCLR = _ICSR["PENDSVSET"], _ICSR["PENDSVCLR"]
_PENDSTSET, _PENDSTCLR = _ICSR["PENDSTSET"], _ICSR["PENDSTCLR"]
_PENDNMISET: Final = _ICSR["PENDNMISET"]


class Clocked(Protocol):
    """The core that the System Control Space belongs to."""

    @property
    def timers(self) -> Timers:
        """The timers of this core."""

    def now(self) -> int:
        """Return the core's tick, exact within an access."""

    def retime(self) -> None:
        """The timers have changed: do not run past the next one."""

    def signal_event(self) -> None:
        """Set the core's event register, which ends a WFE."""


class SystemControl(RegisterModel):
    """One core's System Control Space; ``ticks_per_cycle`` is the period of its SysTick in ticks after a reset."""

    def __init__(
        self,
        core: Clocked,
        nvic: Nvic,
        *,
        name: str,
        ticks_per_cycle: int,
        reset_requested: Callable[[], None],
        cpu: CortexM,
    ) -> None:
        super().__init__(SCS, base=SCS_BASE, core=name)
        self._clocked = core
        self._nvic = nvic
        self._ticks_per_cycle = self._slowest = ticks_per_cycle
        self._reset_requested = reset_requested
        self.cpu: Final = cpu
        """The core that it belongs to."""
        self._tick: ScheduledTimer | None = None
        self._zero_at = 0
        self._loaded = 0  # what the counter runs down from
        self._count = 0  # its value while it stands still
        self._counted = False  # COUNTFLAG
        self._mpu: list[list[int]] = []
        self._tell()
        self._vtor_slot = self.slot("VTOR")
        self.traps_changed: Callable[[], None] = _nothing
        """Called when CCR or CPACR has been written."""

    @property
    def vector_table(self) -> int:
        """VTOR: the byte address of the vector table."""
        return self.words[self._vtor_slot]

    @vector_table.setter
    def vector_table(self, address: int) -> None:
        self.words[self._vtor_slot] = address

    @property
    def sleep_on_exit(self) -> bool:
        """SCR.SLEEPONEXIT: whether the core sleeps when its last exception returns."""
        return bool(self.peek("SCR") & _SLEEPONEXIT)

    def reset(self) -> None:
        """Reset everything but the vector table's address, which a core reset takes from its image."""
        vector_table = self.vector_table
        super().reset()
        self.vector_table = vector_table
        self._stop_tick()
        self._count, self._counted = 0, False
        self._tell()

    def _tell(self) -> None:
        """Put what depends on the core into the registers."""
        cpu = self.cpu
        self.poke("CPUID", cpu.cpuid)
        self.poke("CCR", _CCR[cpu.version][0])
        self.poke("MPU_TYPE", cpu.mpu_regions << 8)
        self._mpu = [[0, 0] for _ in range(max(cpu.mpu_regions, 1))]

    # SysTick

    def set_speed(self, times: int) -> None:
        """Let SysTick count so many times as fast as after a reset, from its value on."""
        count = self._current_value() if self._tick is not None else 0
        self._ticks_per_cycle = self._slowest // times
        if self._tick is not None:
            loaded = self._loaded
            self._stop_tick()
            self._start_tick(count or loaded + 1)
            self._loaded = loaded

    @on_read("SYST_CSR")
    def _read_csr(self, _index: int) -> int:
        value = self.peek("SYST_CSR") | (_COUNTFLAG if self._counted else 0)
        self._counted = False
        return value

    @on_write("SYST_CSR")
    def _write_csr(self, _index: int, value: int) -> None:
        self.poke("SYST_CSR", value & 0x7)
        if value & 1:
            if self._tick is None:
                self._start_tick(self._count)
        elif self._tick is not None:
            self._count = self._current_value()
            self._stop_tick()

    @on_read("SYST_CVR")
    def _read_cvr(self, _index: int) -> int:
        return self._count if self._tick is None else self._current_value()

    @on_write("SYST_CVR")
    def _write_cvr(self, _index: int, _value: int) -> None:
        self._counted = False
        self._count = 0
        if self._tick is not None:
            self._stop_tick()
            self._start_tick(0)

    @on_write("SYST_RVR")
    def _write_rvr(self, _index: int, value: int) -> None:
        self.poke("SYST_RVR", value & _RELOAD_MASK)
        if self._tick is None and self.peek("SYST_CSR") & 1:
            self._start_tick(0)

    def _current_value(self) -> int:
        left = -(-(self._zero_at - self._clocked.now()) // self._ticks_per_cycle)
        return left if 0 < left <= self._loaded else 0

    def _start_tick(self, count: int) -> None:
        """Count down from ``count``; from 0, the counter takes the reload value with its next cycle."""
        self._loaded = self.peek("SYST_RVR")
        cycles = count or self._loaded + 1
        if cycles > 1 or count:
            self._loaded = max(self._loaded, count)
            self._zero_at = self._clocked.now() + cycles * self._ticks_per_cycle
            self._tick = self._clocked.timers.at(self._zero_at, self._expire)
            self._clocked.retime()

    def _stop_tick(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def _expire(self) -> None:
        self._counted = True
        self._loaded = self.peek("SYST_RVR")
        self._tick = None
        self._count = 0
        if self._loaded:
            self._zero_at += (self._loaded + 1) * self._ticks_per_cycle
            self._tick = self._clocked.timers.at(self._zero_at, self._expire)
        if self.peek("SYST_CSR") & 2:
            self._nvic.pend(1 << SYSTICK)

    # NVIC

    @on_read("NVIC_ISER", "NVIC_ICER")
    def _read_enabled(self, index: int) -> int:
        return self._nvic.enabled >> (16 + 32 * index) & 0xFFFFFFFF

    @on_write("NVIC_ISER")
    def _enable(self, index: int, value: int) -> None:
        self._nvic.enable(value << (16 + 32 * index) & INTERRUPT_MASK)

    @on_write("NVIC_ICER")
    def _disable(self, index: int, value: int) -> None:
        self._nvic.disable(value << (16 + 32 * index))

    @on_read("NVIC_ISPR", "NVIC_ICPR")
    def _read_pending(self, index: int) -> int:
        return self._nvic.pending >> (16 + 32 * index) & 0xFFFFFFFF

    @on_write("NVIC_ISPR")
    def _pend(self, index: int, value: int) -> None:
        self._nvic.pend(value << (16 + 32 * index) & INTERRUPT_MASK)

    @on_write("NVIC_ICPR")
    def _unpend(self, index: int, value: int) -> None:
        self._nvic.unpend(value << (16 + 32 * index))

    @on_read("NVIC_IABR")
    def _read_active(self, index: int) -> int:
        active = sum(1 << number for number in self._nvic.active)
        return active >> (16 + 32 * index) & 0xFFFFFFFF

    @on_write("NVIC_IPR")
    def _write_priority(self, index: int, value: int) -> None:
        if 4 * index < INTERRUPTS:
            self._set_priorities("NVIC_IPR", index, 16 + 4 * index, value)
        else:
            self.poke("NVIC_IPR", 0, index)

    @on_write("SHPR")
    def _write_system_priority(self, index: int, value: int) -> None:
        self._set_priorities("SHPR", index, 4 + 4 * index, value & _SYSTEM_PRIORITIES[index])

    def _set_priorities(self, register: str, index: int, first: int, value: int) -> None:
        value &= self._nvic.priority_mask * 0x01010101
        self.poke(register, value, index)
        self._nvic.priority[first : first + 4] = value.to_bytes(4, "little")
        self._nvic.changed()

    @on_write("STIR")
    def _trigger(self, _index: int, value: int) -> None:
        self._nvic.pend(1 << (16 + (value & 0x1FF)) & INTERRUPT_MASK)

    # SCB

    @on_read("ID")
    def _read_id(self, index: int) -> int:
        return self.cpu.ids[index]

    @on_read("ICSR")
    def _read_icsr(self, _index: int) -> int:
        nvic = self._nvic
        value = (nvic.most_urgent() or 0) * _VECTPENDING | (nvic.active[-1] if nvic.active else 0)
        if len(nvic.active) <= 1:
            value |= _RETTOBASE
        if nvic.pending >> 16:
            value |= _ISRPENDING
        if nvic.pending >> SYSTICK & 1:
            value |= _PENDSTSET
        if nvic.pending >> PENDSV & 1:
            value |= _PENDSVSET
        return value

    @on_write("ICSR")
    def _write_icsr(self, _index: int, value: int) -> None:
        if value & _PENDSVCLR:
            self._nvic.unpend(1 << PENDSV)
        if value & _PENDSTCLR:
            self._nvic.unpend(1 << SYSTICK)
        mask = 1 << PENDSV if value & _PENDSVSET else 0
        if value & _PENDSTSET:
            mask |= 1 << SYSTICK
        if value & _PENDNMISET:
            mask |= 1 << NMI
        self._nvic.pend(mask)

    @on_write("VTOR")
    def _write_vtor(self, _index: int, value: int) -> None:
        self.vector_table = value & ~0x7F

    @on_write("AIRCR")
    def _write_aircr(self, _index: int, value: int) -> None:
        ask = self.block.decode("AIRCR", value)
        if ask["VECTKEY"] == _VECTKEY:
            if not self.cpu.version.is_baseline:
                self._nvic.subpriority_bits = ask["PRIGROUP"] + 1
            self._nvic.changed()
        group = max(0, self._nvic.subpriority_bits - 1)
        self.poke("AIRCR", self.block.encode("AIRCR", VECTKEY=_VECTKEY_READ, PRIGROUP=group))
        if ask["VECTKEY"] == _VECTKEY and ask["SYSRESETREQ"]:
            self._reset_requested()

    @on_write("SCR")
    def _write_scr(self, _index: int, value: int) -> None:
        self._nvic.pended = self._clocked.signal_event if value & _SEVONPEND else ignore

    @on_write("CCR")
    def _write_ccr(self, _index: int, value: int) -> None:
        ones, writable = _CCR[self.cpu.version]
        self.poke("CCR", value & writable | ones)
        self.traps_changed()

    @property
    def is_fpu_enabled(self) -> bool:
        """CPACR.CP10: whether floating point may be used."""
        return bool(self.peek("CPACR") & _CP10)

    @on_write("CPACR")
    def _write_cpacr(self, _index: int, value: int) -> None:
        self.poke("CPACR", value & _CPACR_FPU if self.cpu.fpu else 0)
        self.traps_changed()

    @on_write("NSACR")
    def _write_nsacr(self, _index: int, value: int) -> None:
        # What non-secure code may use: nothing else, and these cores stay in Secure state (Armv8-M ARM, D1.2).
        self.poke("NSACR", value & _NSACR_FPU if self.cpu.fpu else 0)

    @on_write("SHCSR")
    def _write_shcsr(self, _index: int, value: int) -> None:
        if self.cpu.version.is_baseline:
            self.poke("SHCSR", 0)
            return
        for bit, number in _FAULT_ENABLES:
            if value >> bit & 1:
                self._nvic.enable(1 << number)
            else:
                self._nvic.disable(1 << number)

    # MPU: stored per region, so that what firmware writes it can read back

    @on_read("MPU_RBAR")
    def _read_rbar(self, _index: int) -> int:
        return self._mpu[self._region(0)][0]

    @on_write("MPU_RBAR")
    def _write_rbar(self, _index: int, value: int) -> None:
        if self.cpu.version in (Version.V6M, Version.V7M) and value & _REGION_GIVEN:
            self.poke("MPU_RNR", value & 0xF)
        self._mpu[self._region(0)][0] = value

    @on_read("MPU_RLAR")
    def _read_rlar(self, _index: int) -> int:
        return self._mpu[self._region(0)][1]

    @on_write("MPU_RLAR")
    def _write_rlar(self, _index: int, value: int) -> None:
        self._mpu[self._region(0)][1] = value

    @on_write("MPU_RBAR_A")
    def _write_rbar_alias(self, index: int, value: int) -> None:
        self._mpu[self._region(index + 1)][0] = value

    @on_write("MPU_RLAR_A")
    def _write_rlar_alias(self, index: int, value: int) -> None:
        self._mpu[self._region(index + 1)][1] = value

    def _region(self, alias: int) -> int:
        number = self.peek("MPU_RNR") % len(self._mpu)
        return number if alias == 0 else ((number & ~3) + alias) % len(self._mpu)

    def mpu_regions(self) -> list[tuple[int, int]]:
        """Return (RBAR, RLAR) of every MPU region."""
        return [(rbar, rlar) for rbar, rlar in self._mpu]


def _nothing() -> None:
    """Nobody has to know."""
