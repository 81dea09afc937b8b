"""One Cortex-M33 that runs firmware: slices of instructions, sleep, interrupts, faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.embedded.exceptions import ExceptionUnit, FrameError
from icmsg.cosim.embedded.faults import Cause, FaultUnit, explain
from icmsg.cosim.embedded.memory import AddressSpace, IoRange, MemoryRange
from icmsg.cosim.embedded.native import NativeCore
from icmsg.cosim.embedded.nvic import HARD_FAULT, NMI, SVCALL, THREAD_PRIORITY, Nvic
from icmsg.errors import BusError, CoreFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icmsg.cosim.embedded.system_control import SystemControl
    from icmsg.cosim.embedded.timeline import Timeline

_WFE: Final = 0xBF20
_YIELD: Final = 0xBF10


class FirmwareCore:
    """A core with an instruction stream.

    ``time`` is the tick up to which the core has run; it is behind what :meth:`now` says only while a slice runs.
    ``warn(what, address, pc)`` is told about accesses that nothing models.
    """

    def __init__(
        self,
        *,
        name: str,
        space: AddressSpace,
        nvic: Nvic,
        control: SystemControl,
        ticks_per_instruction: int,
        timeline: Timeline,
        warn: Callable[[str, int, int], None],
    ) -> None:
        self.name: Final = name
        self.space: Final = space
        self.nvic: Final = nvic
        self.timeline: Final = timeline
        self.ticks_per_instruction: Final = ticks_per_instruction
        self.time = 0
        self.asleep = False
        self.instructions = 0
        self.slices = 0
        self._warn = warn
        self._native = native = NativeCore()
        self._executed = native.executed
        self._budget = native.budget
        self._running = False
        self._horizon = 0
        self._event = False  # the event register: what WFE waits for
        self._cause: int | None = None
        self._raised: BaseException | None = None
        self._exceptions = ExceptionUnit(native, space)
        self._masks = native.registers("PRIMASK", "BASEPRI", "FAULTMASK")
        self._pc = native.registers("PC")
        self._reset_state = native.registers(
            "MSP", "PSP", "CONTROL", "IPSR", "PRIMASK", "BASEPRI", "FAULTMASK", "LR", "PC"
        )
        self._control = control
        self._faults = FaultUnit(control, nvic)
        self._map_memory()
        native.hook_exceptions(self._on_exception)
        native.hook_invalid_instruction(self._on_invalid_instruction)

    # Building

    def _map_memory(self) -> None:
        for item in self.space.ranges:
            if isinstance(item, MemoryRange):
                self._native.map_memory(item.start, item.end - item.start, item.memory.pointer)
            else:
                self._map_io(item)
        for start, end in self.space.gaps():
            self._map_gap(start, end)

    def _map_io(self, item: IoRange) -> None:
        model = item.model
        read32, write32 = model.read32, model.write32
        narrow_reads = {1: model.read8, 2: model.read16}
        narrow_writes = {1: model.write8, 2: model.write16}

        def read(offset: int, size: int) -> int:
            try:
                return read32(offset) if size == 4 else narrow_reads[size](offset)
            except BusError:
                self._warn("read of an unmodelled register", item.start + offset, self._exact_pc())
                return 0
            except BaseException as error:
                self._raise_later(error)
                return 0

        def write(offset: int, size: int, value: int) -> None:
            try:
                if size == 4:
                    write32(offset, value)
                else:
                    narrow_writes[size](offset, value)
            except BusError:
                self._warn("write of an unmodelled register", item.start + offset, self._exact_pc())
            except BaseException as error:
                self._raise_later(error)

        self._native.map_io(item.start, item.end - item.start, read, write)

    def _map_gap(self, start: int, end: int) -> None:
        def read(offset: int, _size: int) -> int:
            self._warn("read where nothing is", start + offset, self._exact_pc())
            return 0

        def write(offset: int, _size: int, _value: int) -> None:
            self._warn("write where nothing is", start + offset, self._exact_pc())

        self._native.map_io(start, end - start, read, write)

    def watch(self, *, unmasking: Iterable[int], events: Iterable[int]) -> None:
        """Notice instructions that unicorn does not report, by their addresses.

        ``unmasking``: those that can lower PRIMASK, BASEPRI or FAULTMASK; an exception that waits for it has to be
        taken directly after them. ``events``: SEV.
        """
        for address in unmasking:
            self._native.hook_address(address, self._on_unmasking)
        for address in events:
            self._native.hook_address(address, self._on_send_event)

    def forget_code(self, address: int, size: int) -> None:
        """Drop translations of a range that the host has changed."""
        self._native.forget_code(address, size)

    def close(self) -> None:
        """Free the emulated core; memory may be released after this."""
        self._native.close()

    # Time

    def now(self) -> int:
        """Return the core's tick, exact to the instruction in an access of a slice that runs."""
        if self._running:
            return self.time + self._executed.value * self.ticks_per_instruction
        return self.time

    @property
    def running(self) -> bool:
        """Whether a slice runs, that is, whether a peripheral access of this core is on the stack."""
        return self._running

    def retime(self) -> None:
        """The timeline has changed: do not run past its next entry."""
        self.limit(self.timeline.next)

    def limit(self, time: int) -> None:
        """Do not run past tick ``time``, or the current instruction if that is later."""
        if time < self._horizon:
            self._horizon = time
        if self._running:
            count = -(-(time - self.time) // self.ticks_per_instruction)
            executed = self._executed.value
            if count < executed:
                count = executed
            if count < self._budget.value:
                self._budget.value = count

    def end_slice(self) -> None:
        """Let the slice that runs end after the current instruction."""
        if self._running:
            # Not emu_stop: it would leave PC on the access, which would then be made again.
            self._budget.value = self._executed.value

    # Running

    def reset(self) -> None:
        """Start again from the vector table, as after a core reset."""
        self._control.reset()
        self.nvic.reset()
        self.asleep = False
        stack, entry = self._vector(0), self._vector(1)
        self._reset_state.write(stack & ~3, 0, 0, 0, 0, 0, 0, 0xFFFFFFFF, entry | 1)

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

    def wake(self, time: int) -> None:
        """Bring a sleeping core to tick ``time``; it stays asleep until an interrupt is taken."""
        if time > self.time:
            self.time = time

    def run_to(self, until: int) -> None:
        """Run to tick ``until`` (at least one instruction), to sleep, or to an earlier :meth:`limit`.

        Raises:
            CoreFault: a fault in a fault handler (lock-up).
        """
        nvic = self.nvic
        self._horizon = until
        while True:
            self._run_slice()
            if nvic.pending & nvic.enabled:
                self.take_interrupts()
            if self.asleep or self.time >= self._horizon:
                return

    def _run_slice(self) -> None:
        """Run to the horizon (at least one instruction), or to WFI, an exception, or an early end."""
        count = -(-(self._horizon - self.time) // self.ticks_per_instruction)
        self._cause = None
        pc = self._pc.first()
        self._running = True
        error = self._native.run(pc, count if count > 0 else 1)
        self._running = False
        executed = self._executed.value
        cause = self._cause
        if cause is None and not error:
            if executed > self._budget.value:
                executed -= 1
            else:
                cause = Cause.WFI
        self.time += executed * self.ticks_per_instruction
        self.instructions += executed
        self.slices += 1
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised
        if cause is not None or error:
            self._end(cause, error)

    def _end(self, cause: int | None, error: int) -> None:
        if cause == Cause.EXC_RETURN and not error:
            try:
                self.nvic.finish(self._exceptions.leave())
                self._event = True
            except FrameError as fault:
                self._fault(Cause.STACK, fault.address)
        elif cause == Cause.WFI:
            self.asleep = True
        elif cause == Cause.SVC and not error:
            self._supervisor_call()
        elif cause == Cause.WFE and not error:
            self.asleep = not self._event
            self._event = False
        elif cause != Cause.YIELD or error:
            self._fault(cause, error)

    def take_interrupts(self) -> None:
        """Enter the most urgent pending exception, if it may run now; wake the core where Arm says so (B3.12)."""
        nvic = self.nvic
        number = nvic.most_urgent()
        if number is None:
            return
        priority = nvic.group(nvic.priority[number])
        limit = nvic.execution_priority()
        if priority >= limit:
            return
        primask, basepri, faultmask = self._masks.read()
        if basepri:
            limit = min(limit, nvic.group(basepri))
        if priority >= limit:
            return
        self.asleep = False  # PRIMASK does not keep a core asleep
        if primask & 1:
            limit = min(limit, 0)
        if faultmask & 1:
            limit = min(limit, -1)
        if priority < limit:
            self._enter(number)

    def _enter(self, number: int) -> None:
        try:
            self._exceptions.enter(number, self._control.vector_table)
        except FrameError as fault:
            raise self._lockup(
                f"{explain(Cause.STACK, fault.address)} on entry to exception {number}"
            ) from None
        self.nvic.begin(number)
        self.asleep = False
        self._event = True

    def _supervisor_call(self) -> None:
        nvic = self.nvic
        primask, basepri, faultmask = self._masks.read()
        limit = min(
            nvic.execution_priority(), basepri or THREAD_PRIORITY, 0 if primask & 1 else THREAD_PRIORITY
        )
        if nvic.priority[SVCALL] < limit and not faultmask & 1:
            self._enter(SVCALL)
        else:
            self._fault(Cause.SVC, 0)

    def _fault(self, cause: int | None, detail: int) -> None:
        text = explain(cause, detail)
        if any(number in (HARD_FAULT, NMI) for number in self.nvic.active):
            raise self._lockup(text)
        primask, basepri, faultmask = self._masks.read()
        limit = min(
            basepri or THREAD_PRIORITY,
            0 if primask & 1 else THREAD_PRIORITY,
            -1 if faultmask & 1 else THREAD_PRIORITY,
        )
        number = self._faults.number(cause, limit)
        self._warn(f"exception {number}: {text}", self.pc(), self.pc())
        self._enter(number)

    def _lockup(self, text: str) -> CoreFault:
        pc = self.pc()
        return CoreFault(
            f"core {self.name} is locked up at PC 0x{pc:08X}: {text}, while it handled a fault",
            core=self.name,
            pc=pc,
        )

    # What a person asks for

    def pc(self) -> int:
        """Return the program counter."""
        return self._pc.first() & ~1

    def read_registers(self) -> dict[str, int]:
        """Return the core registers by name."""
        names = [
            *(f"R{number}" for number in range(13)),
            "SP",
            "LR",
            "PC",
            "XPSR",
            "MSP",
            "PSP",
            "CONTROL",
            "PRIMASK",
            "BASEPRI",
            "FAULTMASK",
        ]
        return dict(zip(names, self._native.registers(*names).read(), strict=True))

    # Hooks: unicorn is on the stack, so no exception may leave them

    def _exact_pc(self) -> int:
        return self._pc.first() & ~1

    def _raise_later(self, error: BaseException) -> None:
        self._raised = self._raised or error
        self.end_slice()

    def _on_exception(self, number: int) -> None:
        self._cause = number
        self._native.stop()

    def _on_invalid_instruction(self) -> bool:
        pc = self._pc.first() & ~1
        found = self.space.memory_at(pc - 2)
        opcode = (
            int.from_bytes(found.memory.bytes[pc - 2 - found.start : pc - found.start], "little")
            if found
            else 0
        )
        self._cause = {_WFE: Cause.WFE, _YIELD: Cause.YIELD}.get(opcode, Cause.UNDEFINED)
        self._native.stop()
        return True

    def _on_send_event(self) -> None:
        self._event = True

    def _on_unmasking(self) -> None:
        if self.nvic.pending & self.nvic.enabled:
            self._budget.value = self._executed.value
