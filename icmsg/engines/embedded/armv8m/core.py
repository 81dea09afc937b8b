"""Cortex-M that runs firmware: slices of instructions, sleep, interrupts, faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.armv8m.code_pages import ThumbPages
from icmsg.engines.embedded.armv8m.exception_flow import ExceptionFlow
from icmsg.engines.embedded.armv8m.exceptions import SP_RES0, ExceptionUnit
from icmsg.engines.embedded.armv8m.faults import Cause
from icmsg.engines.embedded.armv8m.instructions import polled, sleep_before, unit
from icmsg.engines.embedded.armv8m.native import CORTEX_M33, NativeArmCore, SpecialRegisters
from icmsg.engines.embedded.armv8m.nvic import SCS_BASE
from icmsg.engines.embedded.armv8m.traps import QueryUnit, Traps, it_state
from icmsg.engines.embedded.emulator.sliced_core import LockUp, SlicedCore
from icmsg.engines.embedded.emulator.watched_core import map_space
from icmsg.engines.embedded.memory import PAGE
from icmsg.errors import CoreFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from icmsg.engines.embedded.armv8m.native import CortexM
    from icmsg.engines.embedded.armv8m.nvic import Nvic
    from icmsg.engines.embedded.armv8m.system_control import SystemControl
    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.processor import Storm
    from icmsg.hw.bus import Bus
    from icmsg.timers import Timers

_THUMB: Final = 1 << 24
_YIELDS: Final = (0xBF10, 0x8001)
"""The last halfword of YIELD in its short and in its long form."""
_UNCATEGORIZED: Final = 1 << 25
"""Syndrome that unicorn keeps of an instruction that does not exist."""


class FirmwareCore(SlicedCore):
    """A core with an instruction stream.

    ``warn(what, address, pc)`` is told about accesses that nothing models, ``fault(exception, pc)`` about fault
    exceptions; ``events()`` is how many events there were, to tell a storm of interrupts from many that mean something.
    """

    __slots__ = (
        "_bad_load",
        "_control",
        "_event",
        "_exceptions",
        "_flow",
        "_queries",
        "_resume_at",
        "_special",
        "_stricter",
        "_syndrome",
        "_traps",
        "_waits_for_event",
        "_warn",
        "nvic",
    )

    _code: ThumbPages
    _unreserved = -1

    def __init__(
        self,
        *,
        name: str,
        space: AddressSpace,
        nvic: Nvic,
        control: SystemControl,
        ticks_per_instruction: int,
        timers: Timers,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int] = lambda: 0,
        cpu: CortexM = CORTEX_M33,
    ) -> None:
        super().__init__(
            native := NativeArmCore(),
            name=name,
            space=space,
            nvic=nvic,
            timers=timers,
            ticks_per_instruction=ticks_per_instruction,
        )
        self.nvic: Final = nvic
        self._event = False  # the event register: what WFE waits for
        self._waits_for_event = False  # asleep by WFE, not by WFI
        self._stricter = False  # whether the next run may need a stricter translation
        self._bad_load = 0  # the address of the load that ended the run
        self._resume_at = native.registers("PC", "XPSR")
        self._syndrome = native.registers("ESR")
        self._control = control
        start, end = space.gaps()[-1]
        # Not the last page: a stray EXC_RETURN value is an address there, and must find no code.
        self._special = SpecialRegisters(native, (start + end) // 2 & -PAGE)
        self._reserved = self._special.reserved
        self._exceptions = ExceptionUnit(native, space, self._special)
        self._flow = ExceptionFlow(
            native,
            nvic,
            control,
            self._exceptions,
            core=name,
            warn=warn,
            tell=fault,
            entered=self._on_entered,
            events=events,
        )
        self._queries = QueryUnit(native, space, control)
        self._traps = Traps(native, space, control, look_again=self._translate_again, cpu=cpu)
        self._code = ThumbPages(
            native,
            space,
            self._special,
            on_unmasking=self._on_unmasking,
            on_stack_limit=self._exceptions.limits_changed,
            on_stack_pointer=self._exceptions.align_stack_pointers,
            on_event=self._on_send_event,
            on_block=self._traps.translated,
            look_again=self.end_slice,
            cpu=cpu,
            checks_fpu=self._traps.checks_fpu,
        )
        self._warn = warn
        native.hook_pages(self._allows)
        map_space(
            native,
            space,
            self._special.page,
            warn=self._warn_of,
            lost=self._on_lost_store,
            load=self._on_bad_load,
            raise_later=self._raise_later,
        )
        native.hook_exceptions(self._on_exception)
        native.hook_invalid_instruction(self._on_invalid_instruction)

    def close(self) -> None:
        """Free the emulated core; memory may be released after this."""
        super().close()
        self._special.close()

    # Time

    def look(self) -> None:
        """Let the slice that runs end after the current instruction, if an exception may be taken there.

        Where one is held back, the instruction that lets it go ends the slice (:class:`ThumbPages`).
        """
        if self._running and self._flow.would_take():
            self.end_slice()

    # Running

    def reset(self, time: int, *, stack: int | None = None, entry: int | None = None) -> None:
        """Start again from the vector table at tick ``time``, as after a core reset.

        ``stack`` and ``entry`` replace the first two words of the table.

        Raises:
            CoreFault: there is no vector table, or its reset vector is no address of Thumb code.
        """
        self._control.reset()
        self.nvic.reset()
        self.asleep = self._event = False
        self.lock_up = None
        if time > self.time:
            self.time = time
        stack = self._vector(0) if stack is None else stack
        entry = self._vector(1) if entry is None else entry
        if not entry & 1:
            raise CoreFault(
                f"the reset vector of core {self.name} is 0x{entry:08X}: bit 0 must be set, as in the address "
                "of every Thumb function",
                core=self.name,
                pc=entry,
            )
        self._code.forget()
        self._traps.forget()
        self._exceptions.reset(stack, entry)
        self._traps.reset()

    def _vector(self, index: int) -> int:
        address = self._control.vector_table + 4 * index
        found = self.space.memory_at(address)
        if found is None:
            raise CoreFault(
                f"the vector table of core {self.name} at 0x{address:08X} is not in memory; load an image "
                "or set the vector table's address",
                core=self.name,
                pc=address,
            )
        return found.memory.words[(address - found.start) >> 2]

    def _resume(self) -> int:
        if self._code.gone:
            self._code.run_on()
        pc, xpsr = self._resume_at.read()
        if self._stricter:
            self._stricter = False
            self._traps.begin(pc)
        return pc | (1 if xpsr & _THUMB else 0)

    def _end_lost_store(self, address: int, pc: int) -> None:
        self._flow.fault_late(address, pc)

    def _end(self, cause: int | None, error: int) -> None:
        if cause == Cause.EXC_RETURN and not error:
            self._event = True
            if self._flow.leave():
                self._sleep(for_event=False)
        elif cause == Cause.WFI:
            if not (self._code.stops or self._code.gone) or not self._stop():
                self._sleep(for_event=False)
        elif cause == Cause.SVC and not error:
            self._flow.call_supervisor()
        elif cause == Cause.WFE and not error:
            self._wait_for_event()
        elif cause == Cause.DATA:
            self._flow.fault(cause, self._bad_load)
        elif cause == Cause.UNALIGNED and self._traps.permits(self.pc()):
            self._syndrome.write(0)
            self.time -= self.ticks_per_instruction  # it was refused, and is next
            self.instructions -= 1
        elif cause != Cause.YIELD or error:
            self._traps.end()  # a fault may have come before any code was translated
            self._flow.fault(cause, error)

    def _stop(self) -> bool:
        """Execute or refuse the instruction before which the run ended, if it is one that the emulator cannot execute.

        Return False where that was no reason for the run to end.
        """
        pc = self.pc()
        if not self._code.is_stop(pc):
            return pc in self._code.gone  # overwritten meanwhile; what stands there now is next
        if self._executed.value < self._budget.value:
            if (refused := self._code.stops[pc]) is not None:
                self._flow.fault(refused, 0)
            else:
                self._queries.execute()
                self.time += self.ticks_per_instruction
                self.instructions += 1
        return True

    def _unit(self, pc: int) -> tuple[int, int | None]:
        return unit(pc, self._resume_at.read()[1], self._halfword)

    def _is_in_unit(self) -> bool:
        return bool(it_state(self._resume_at.read()[1]) & 0xF)

    def _sleep_before(self, address: int) -> int | None:
        return sleep_before(address, self._halfword)

    # Sleep

    def _sleep(self, *, for_event: bool) -> None:
        self.asleep = True
        self._waits_for_event = for_event

    def _wait_for_event(self) -> None:
        if self._code.watch_events():
            return  # whether a SEV came before this was not watched; WFE may always go on
        if self._event:
            self._event = False
        else:
            self._sleep(for_event=True)

    def signal_event(self) -> None:
        """Set the event register: what ends a WFE."""
        self._event = True

    def take_interrupts(self) -> None:
        """Enter the most urgent pending exception, if it may run now; wake the core where Arm says so (B3.12)."""
        if self.lock_up is not None:
            return
        if self._event and self.asleep and self._waits_for_event:
            self._event = self.asleep = False
        try:
            if self._flow.take() and not self._waits_for_event:
                self.asleep = False
        except LockUp as problem:
            self._lock_up(problem)

    def _lock_up(self, problem: LockUp) -> None:
        super()._lock_up(problem)
        self._waits_for_event = False

    def _on_entered(self) -> None:
        self.asleep = False
        self._event = True

    @property
    def storm(self) -> Storm:
        """The exception that came most often in a row."""
        return self._flow.described_storm(self._vector)

    def polled(self, pcs: Collection[int], bus: Bus) -> Iterator[int]:
        """Yield the addresses of peripheral registers that the loop around ``pcs`` reads."""
        return polled(pcs, self.read_registers(), bus)

    # What a person asks for

    def pc(self) -> int:
        """Return the program counter; in an access, that of the instruction that makes it."""
        return self._resume_at.first() & ~1

    def read_registers(self) -> dict[str, int]:
        """Return the core registers by name."""
        names = [
            *(f"R{number}" for number in range(13)),
            *("SP", "LR", "PC", "XPSR", "MSP", "PSP", "CONTROL", "PRIMASK", "BASEPRI", "FAULTMASK"),
        ]
        return dict(zip(names, self._native.registers(*names).read(), strict=True))

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Set core registers by the names of :meth:`read_registers`; an instruction must not be under way.

        A PC is one of Thumb code, the only one there is, unless XPSR says otherwise.
        """
        if "PC" in values:  # the emulator takes the Thumb bit from there
            values = {"PC": values["PC"] | 1, **{name: values[name] for name in values if name != "PC"}}
        exact = (value & ~SP_RES0 if name.endswith("SP") else value for name, value in values.items())
        self._native.registers(*values).write(*exact)
        if "PC" in values:
            self.asleep = False
            self.lock_up = None

    # Hooks: unicorn is on the stack, so no exception may leave them

    def _allows(self, address: int, access: int) -> tuple[int, int]:
        if SCS_BASE <= address < SCS_BASE + PAGE and self._traps.refuses_unprivileged(access):
            self._cause = Cause.UNPRIVILEGED
            return address, 0
        return self._code.allows(address, access)

    def _warn_of(self, what: str, address: int) -> None:
        self._warn(what, address, self.pc())

    def _on_bad_load(self, address: int) -> bool:
        if self.space.tolerates(address):
            self._warn_of("read of 0 where the platform file has nothing", address)
            return True
        if self._flow.ignores_bus_faults():
            return True
        self._bad_load, self._cause = address, Cause.DATA
        return False

    def _on_lost_store(self, address: int) -> None:
        if self.space.tolerates(address):
            self._warn_of("write to where the platform file has nothing", address)
        elif self._lost_store is None and not self._flow.ignores_bus_faults():
            self._lost_store = address, self.pc()
            self.end_slice()

    def _on_exception(self, number: int) -> None:
        self._cause = number
        self._native.stop()

    def _on_invalid_instruction(self) -> bool:
        pc, xpsr = self._resume_at.read()
        if not xpsr & _THUMB:
            self._cause = Cause.INVALID_STATE
        elif self._syndrome.first() == _UNCATEGORIZED:
            divided = self._traps.divide(pc, xpsr)
            if divided:
                return True
            self._cause = Cause.UNDEFINED if divided is None else Cause.DIVIDE_BY_ZERO
        else:
            # WFE and YIELD come here too, after they have been executed.
            self._cause = Cause.YIELD if self._halfword(pc - 2) in _YIELDS else Cause.WFE
        self._native.stop()
        return True

    def _translate_again(self) -> None:
        self._stricter = True
        self.end_slice()

    def _on_send_event(self) -> None:
        self._event = True

    def _on_unmasking(self) -> None:
        # Where the slice only begins here, what could be taken has been; ending it would end every one like it.
        if self.nvic.pending & self.nvic.enabled and self._executed.value:
            self._budget.value = self._executed.value
