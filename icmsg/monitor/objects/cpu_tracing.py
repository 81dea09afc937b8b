"""Members of a core in the Monitor that say how Renode executes it, and show what it executes, run by run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, ConfigurationError, MonitorError
from icmsg.files import create_file
from icmsg.hw.exposed import BOOL, INT32, INT64, STRING, UINT64, VOID, Kind, exposed
from icmsg.views.execution import FunctionLog, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine_core import MachineCore

_MODE: Final = Kind("ExecutionMode", members=("Continuous", "SingleStep"))
_ACCESS: Final = Kind("MpuAccess", members=("Read", "Write", "InstructionFetch"))
_BLOCK: Final = 0x7FF
"""Instructions of a block of Renode's translation, unless a script says otherwise."""
_MPU_CONTROL: Final = 0xD94
"""Offset of MPU_CTRL in the system control space (Armv8-M)."""


class CpuModes:
    """Execution of one core, and where an address lies.

    ``is_started`` tells whether the emulation is not paused, ``log`` takes a line. ``has_mpu`` tells whether the core
    is an Armv8-M, whose system control space has an MPU.
    """

    def __init__(
        self,
        core: MachineCore,
        control: CoreControl,
        *,
        has_mpu: bool,
        is_started: Callable[[], bool],
        log: Callable[[str], None],
    ) -> None:
        self._core: Final = core
        self._control: Final = control
        self._has_mpu: Final = has_mpu
        self._is_started = is_started
        self._log = log
        self._block = _BLOCK
        self._told = False

    @exposed(VOID)
    def pause(self) -> None:
        """Do nothing while the emulation is paused, as every core is then."""
        self._refuse_while_started("Pause", "true")

    @exposed(VOID)
    def resume(self) -> None:
        """Do nothing while the emulation is paused: the core goes on with it."""
        self._refuse_while_started("Resume", "false")

    def _refuse_while_started(self, member: str, halted: str) -> None:
        if self._is_started():
            raise MonitorError(
                f"the embedded engine has no {member} for one core while the emulation runs: use IsHalted {halted}"
            )

    @property
    @exposed(_MODE)
    def execution_mode(self) -> str:
        """The way in which the core executes: all the time, or what ``Step`` asks for.

        Whether time passes meanwhile is a matter of ``emulation SingleStepBlocking``.
        """
        return "SingleStep" if self._control.single_step else "Continuous"

    @execution_mode.setter
    def execution_mode(self, mode: str) -> None:
        self._control.single_step = mode == "SingleStep"

    @property
    @exposed(INT32)
    def maximum_block_size(self) -> int:
        """The number of instructions that Renode translates at once; of no effect here, where slices are exact."""
        return self._block

    @maximum_block_size.setter
    def maximum_block_size(self, size: int) -> None:
        if size < 1:
            raise MonitorError("a block has at least one instruction")
        self._block = size
        if not self._told:
            self._told = True
            self._log(
                "MaximumBlockSize has no effect on the embedded engine: time is exact to the instruction"
            )

    @exposed(UINT64, logical_address=UINT64, access_type=_ACCESS)
    def translate_address(self, logical_address: int, access_type: str) -> int:
        """Return the physical address, which is the logical one: these cores have no MMU."""
        if self._has_mpu and self._core.system_control.read32(_MPU_CONTROL) & 1:
            raise MonitorError(
                f"the MPU of this core is enabled, and whether it lets a {access_type} at 0x{logical_address:X} pass "
                "only firmware sees; the address itself is not translated"
            )
        return logical_address


_PROFILER: Final = Kind("ProfilerType", members=("CollapsedStack", "Perfetto"))


class CpuTracing:
    """View of what one core executes; ``log`` takes a line."""

    def __init__(self, core: MachineCore, log: Callable[[str], None]) -> None:
        self._core: Final = core
        self._log: Final = log
        self._functions: FunctionLog | None = None
        self._profile: tuple[Profile, str] | None = None

    @property
    def is_attached(self) -> bool:
        """True while there is a log of functions or a profile."""
        return bool(self._functions or self._profile)

    @exposed(VOID, value=BOOL, remove_duplicates=BOOL)
    def log_function_names(self, value: bool, remove_duplicates: bool = False) -> None:
        """Write a line into the log for each function that firmware enters, or comes back to."""
        self._log_functions(value, "", remove_duplicates)

    @exposed(
        VOID, name="LogFunctionNames", value=BOOL, space_separated_prefixes=STRING, remove_duplicates=BOOL
    )
    def log_function_names_with_prefixes(
        self, value: bool, space_separated_prefixes: str, remove_duplicates: bool = False
    ) -> None:
        """Do so for functions whose names begin with one of the prefixes."""
        self._log_functions(value, space_separated_prefixes or "", remove_duplicates)

    def _log_functions(self, value: bool, prefixes: str, changes_only: bool) -> None:
        if self._functions is not None:
            self._functions.stop()
            self._functions = None
        if value:
            self._functions = FunctionLog(
                self._core, self._entered, prefixes=prefixes.split(), changes_only=changes_only
            )

    def _entered(self, name: str, address: int) -> None:
        entry = "" if "+0x" in name or name.startswith("0x") else " (entry)"
        self._log(f"Entering function {name}{entry} at 0x{address:X}")

    @exposed(
        VOID,
        filename=STRING,
        flush_instantly=BOOL,
        file_size_limit=INT64,
        maximum_nested_contexts=INT32,
    )
    def enable_profiler_collapsed_stack(
        self,
        filename: str,
        flush_instantly: bool = False,
        file_size_limit: int | None = None,
        maximum_nested_contexts: int | None = None,
    ) -> None:
        """Count the instructions of each chain of calls from now on; the file is written at the end."""
        if flush_instantly or file_size_limit is not None or maximum_nested_contexts is not None:
            raise MonitorError(
                "the embedded engine writes the file as a whole, by DisableProfiler, FlushProfiler or at the end of "
                "the machine: leave the other parameters out"
            )
        if self._profile is not None:
            raise MonitorError("the profiler is enabled on this core already: DisableProfiler first")
        try:
            file, moved = create_file(Path(filename))
        except OSError as error:
            raise ConfigurationError(f"{filename} cannot be written: {error.strerror}") from None
        file.close()
        if moved is not None:
            self._log(f"Old file {filename} moved to {moved}")
        self._profile = Profile(self._core), filename
        self._save()  # where it cannot be written, that is said now

    @exposed(VOID, type=_PROFILER, filename=STRING, flush_instantly=BOOL)
    def enable_profiler(self, type: str, filename: str, flush_instantly: bool = False) -> None:  # noqa: A002
        """Do the same as EnableProfilerCollapsedStack."""
        if type != "CollapsedStack":
            raise MonitorError(
                "the embedded engine writes collapsed stacks: EnableProfiler CollapsedStack @FILE"
            )
        self.enable_profiler_collapsed_stack(filename, flush_instantly)

    @exposed(VOID)
    def disable_profiler(self) -> None:
        """Count no longer, and write the file."""
        profile, _ = self._enabled()
        profile.stop()
        self._save()
        self._profile = None

    @exposed(VOID)
    def flush_profiler(self) -> None:
        """Write the file with what was counted so far."""
        self._enabled()
        self._save()

    def _enabled(self) -> tuple[Profile, str]:
        if self._profile is None:
            raise MonitorError("The profiler is not enabled on this core")
        return self._profile

    def _save(self) -> None:
        profile, filename = self._enabled()
        try:
            profile.save(filename)
        except ConfigurationError:
            profile.stop()
            self._profile = None
            raise

    def close(self) -> None:
        """Write what was counted; the machine ends."""
        if self._profile is not None:
            self.disable_profiler()


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """Instructions of an architecture: its LLVM ``triple``, and how long they are.

    Bytes stand in memory as ``part`` little-endian bytes each, the first part first; that is how their hex is written.
    """

    triple: str
    part: int
    length: Callable[[int], int]

    def hex(self, code: bytes) -> str:
        """Return the bytes of an instruction as Renode writes them."""
        part = self.part if len(code) % self.part == 0 else 2
        return "".join(code[at : at + part][::-1].hex() for at in range(0, len(code), part))

    def split(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes of each instruction."""
        at = 0
        while at + 2 <= len(data):
            size = self.length(int.from_bytes(data[at : at + 2], "little"))
            yield data[at : at + size]
            at += size


def arm_length(halfword: int) -> int:
    """Return the bytes of a Thumb instruction that begins with ``halfword`` (Armv8-M ARM, C2.2)."""
    return 4 if halfword >> 11 in (0b11101, 0b11110, 0b11111) else 2


def riscv_length(halfword: int) -> int:
    """Return the bytes of an instruction of RISC-V that begins with ``halfword``."""
    return 4 if halfword & 3 == 3 else 2


THUMB: Final = InstructionSet("thumb", 2, arm_length)
RISCV: Final = InstructionSet("riscv32", 4, riscv_length)


class ExecutedBlocks:
    """Tells ``told(address, count)`` behind each run of instructions of ``core``, from now on until :meth:`stop`.

    A run that ends early, because of an interrupt or the end of a slice, counts what was executed.
    """

    def __init__(self, core: MachineCore, told: Callable[[int, int], None]) -> None:
        self._core: Final = core
        self._told: Final = told
        self._begin = -1
        self._before = 0
        self._end = core.watch_firmware(lambda firmware: firmware.watch_runs(self._on_block))

    def _on_block(self, address: int, _size: int) -> None:
        self.flush()
        self._begin, self._before = address, self._core.executed

    def flush(self) -> None:
        """Tell what was executed of the run that began last."""
        executed = self._core.executed
        begin, self._begin = self._begin, -1
        if begin >= 0 and executed > self._before:
            self._told(begin, executed - self._before)

    def stop(self) -> None:
        """Tell of the last run, and of no more."""
        self.flush()
        self._end()


def executed_code(
    core: MachineCore, instructions: InstructionSet, address: int, count: int
) -> Iterator[tuple[int, bytes]]:
    """Yield (address, bytes) of ``count`` instructions from ``address`` on."""
    for _ in range(count):
        try:
            size = instructions.length(core.bus.read16(address))
            code = core.bus.read_block(address, size)
        except BusError:
            return
        yield address, code
        address += size
