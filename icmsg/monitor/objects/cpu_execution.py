"""Instructions that a core of the Monitor has executed: a trace in a file, and counters of opcodes.

Assembler and disassembler of a core in the Monitor (the extra ``assembler``: keystone and capstone).
"""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import BusError, MonitorError
from icmsg.files import create_bytes_file, create_file
from icmsg.hw.exposed import BOOL, INT32, STRING, TABLE, UINT32, UINT64, VOID, Kind, exposed
from icmsg.monitor.objects.cpu_tracing import THUMB, ExecutedBlocks, executed_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.monitor.objects.cpu_tracing import InstructionSet


_HERE: Final = (1 << 64) - 1
"""Renode's address of "where the core is"."""
_MOST: Final = 1 << 20
_EXTRA: Final = "{} is not installed: pip install 'icmsg[assembler]'"


class CpuCode:
    """Code of one core, in ``instructions``."""

    def __init__(self, core: MachineCore, control: CoreControl, instructions: InstructionSet) -> None:
        self._core: Final = core
        self._control: Final = control
        self._instructions: Final = instructions

    @exposed(STRING, addr=UINT64, block_size=UINT32, triple=STRING, alternate_dialect=BOOL)
    def disassemble_block(
        self,
        addr: int = _HERE,
        block_size: int = 40,
        triple: str | None = None,
        alternate_dialect: bool = False,
    ) -> str:
        """Return the instructions in ``block_size`` bytes, at the program counter without an address."""
        del alternate_dialect  # Arm and RISC-V have one
        self._check(triple)
        if addr == _HERE:
            addr = self._control.registers().get("PC", 0)
        if block_size > _MOST:
            raise MonitorError(f"{block_size} bytes at once are too many; at most {_MOST}")
        try:
            data = self._core.bus.read_block(addr, block_size)
        except BusError as error:
            raise MonitorError(str(error)) from None
        return "\n".join([*disassembled(self._instructions, addr, data), ""])

    @exposed(UINT32, addr=UINT64, instructions=STRING, triple=STRING, alternate_dialect=BOOL)
    def assemble_block(
        self, addr: int, instructions: str, triple: str | None = None, alternate_dialect: bool = False
    ) -> int:
        """Write instructions into memory, several with ``;`` or lines between them; return how many bytes."""
        del alternate_dialect
        self._check(triple)
        if self._instructions is not THUMB:
            raise MonitorError("keystone assembles no RISC-V: write the bytes with sysbus WriteBytes")
        try:
            import keystone
        except ImportError:
            raise MonitorError(_EXTRA.format("the assembler")) from None
        try:
            made, _ = keystone.Ks(keystone.KS_ARCH_ARM, keystone.KS_MODE_THUMB).asm(instructions, addr)
        except keystone.KsError as error:
            raise MonitorError(f"Failed to assemble. Reason: {error}") from None
        code = bytes(made or ())
        try:
            self._core.bus.write_block(addr, code)
        except BusError as error:
            raise MonitorError(str(error)) from None
        return len(code)

    def _check(self, triple: str | None) -> None:
        if triple not in (None, "", self._instructions.triple):
            raise MonitorError(f"Unsupported triple {triple!r}: this core has {self._instructions.triple}")


def disassembled(instructions: InstructionSet, address: int, data: bytes) -> Iterator[str]:
    """Yield a line for each instruction in ``data``, in Renode's form.

    Raises:
        MonitorError: there is no disassembler here.
    """
    engine = _engine(instructions)
    for code in instructions.split(data):
        found = next(engine.disasm(code, address, 1), None)
        if found is None:
            yield f"0x{address:08x}:  No valid instruction, disassembling stopped."
            return
        text = f"{found.mnemonic}\t{found.op_str}".rstrip()
        yield f"0x{address:08x}:   {instructions.hex(code):<14} {text}"
        address += len(code)


def _engine(instructions: InstructionSet) -> Any:
    try:
        import capstone
    except ImportError:
        raise MonitorError(_EXTRA.format("the disassembler")) from None
    if instructions is THUMB:
        mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8
        return capstone.Cs(capstone.CS_ARCH_ARM, mode)
    return capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)


_FORMAT: Final = Kind(
    "TraceFormat", members=("PC", "Opcode", "PCAndOpcode", "TraceBasedModel", "Disassembly")
)
_TEXT: Final = ("PC", "Opcode", "PCAndOpcode", "Disassembly")
_NO_TEXT: Final = "Tracing don't support {} output file with the '{}' formatting."
_HALFWORD: Final = 0xFFFF
_AT_ONCE: Final = 1 << 16


class ExecutionTrace:
    """Trace of what ``core`` executes from now on, a line for each instruction, in ``path``; ``log`` takes a line.

    Raises:
        MonitorError: the file cannot be written, or there is no disassembler.
    """

    def __init__(
        self,
        core: MachineCore,
        instructions: InstructionSet,
        path: Path,
        form: str,
        *,
        compress: bool,
        log: Callable[[str], None],
    ) -> None:
        self._core: Final = core
        self._instructions: Final = instructions
        self._path: Final = path
        self._form: Final = form
        self._log: Final = log
        self._text = io.StringIO()
        if form == "Disassembly":
            list(disassembled(instructions, 0, b""))
        try:
            file, moved = create_bytes_file(path)
        except OSError as error:
            raise MonitorError(f"{path} cannot be written: {error.strerror}") from None
        if moved is not None:
            log(f"Old file {path} moved to {moved}")
        self._raw: Final = file
        self._file = gzip.GzipFile(fileobj=file, mode="wb", mtime=0) if compress else file
        self._blocks: ExecutedBlocks | None = ExecutedBlocks(core, self._executed)

    @property
    @exposed(BOOL)
    def is_running(self) -> bool:
        """True until it was stopped."""
        return self._blocks is not None

    @exposed(VOID)
    def stop(self) -> None:
        """Write what is left, and end."""
        if self._blocks is not None:
            self._blocks.stop()
            self._blocks = None
            self._flush()
            self._file.close()
            self._raw.close()
            self._log(f"Execution tracer stopped, output file: {self._path}")

    def close(self) -> None:
        """Do the same."""
        self.stop()

    def _executed(self, address: int, count: int) -> None:
        for at, code in executed_code(self._core, self._instructions, address, count):
            self._text.write(self._line(at, code))
        if self._text.tell() > _AT_ONCE:
            self._flush()

    def _line(self, address: int, code: bytes) -> str:
        if self._form == "PC":
            return f"0x{address:X}\n"
        if self._form == "Disassembly":
            text = next(disassembled(self._instructions, address, code)).replace("\t", " ")
            name = self._core.image.name_of(address) if self._core.image is not None else "0x"
            return f"{text}\n" if name.startswith("0x") else f"{text:<60} [{name}]\n"
        opcode = f"0x{self._instructions.hex(code).upper()}\n"
        return opcode if self._form == "Opcode" else f"0x{address:X}: {opcode}"

    def _flush(self) -> None:
        self._file.write(self._text.getvalue().encode())
        self._text = io.StringIO()


class CpuExecution:
    """Trace and opcode counters of one core.

    ``place`` gives the path of a new file, ``add(name, make)`` makes a trace of that name, ``log`` takes a line.
    """

    def __init__(
        self,
        core: MachineCore,
        instructions: InstructionSet,
        place: Callable[[str], Path],
        add: Callable[[str, Callable[[], ExecutionTrace]], ExecutionTrace],
        log: Callable[[str], None],
    ) -> None:
        self._core: Final = core
        self._instructions: Final = instructions
        self._place: Final = place
        self._add: Final = add
        self._log: Final = log
        self._traces: list[ExecutionTrace] = []
        self._counting: ExecutedBlocks | None = None
        self._patterns: dict[str, tuple[int, int]] = {}
        self._counts: dict[str, int] = {}

    @property
    def is_attached(self) -> bool:
        """True while there is a trace or a counter."""
        return bool(self._traces or self._counting)

    @exposed(
        VOID,
        name="CreateExecutionTracing",
        name_=STRING,
        file_name=STRING,
        format=_FORMAT,
        is_binary=BOOL,
        compress=BOOL,
        is_synchronous=BOOL,
        alternate_dialect=BOOL,
        block_queue_capacity=INT32,
    )
    def create_execution_tracing(
        self,
        name_: str,
        file_name: str,
        format: str,  # noqa: A002 - Renode's parameter
        is_binary: bool = False,
        compress: bool = False,
        is_synchronous: bool = False,
        alternate_dialect: bool = False,
        block_queue_capacity: int | None = None,
    ) -> None:
        """Write every instruction that is executed from now on into a file; ``name Stop`` ends that."""
        del is_synchronous, alternate_dialect, block_queue_capacity  # it is written as it happens
        if is_binary:
            raise MonitorError(
                "the embedded engine writes traces as text: leave isBinary out, or give false; compress may be true"
            )
        if format not in _TEXT:
            raise MonitorError(_NO_TEXT.format("text", format))
        place = self._place(file_name)

        def make() -> ExecutionTrace:
            return ExecutionTrace(
                self._core, self._instructions, place, format, compress=compress, log=self._log
            )

        self._traces.append(self._add(name_, make))

    @exposed(VOID, name="CreateExecutionTracingSynchronous", name_=STRING, file_name=STRING, format=_FORMAT)
    def create_execution_tracing_synchronous(self, name_: str, file_name: str, format: str) -> None:  # noqa: A002
        """Do the same as CreateExecutionTracing."""
        self.create_execution_tracing(name_, file_name, format)

    @exposed(VOID)
    def disable_execution_tracing(self) -> None:
        """End all traces of this core."""
        for trace in self._traces:
            trace.stop()
        self._traces.clear()

    # Opcodes

    @property
    @exposed(BOOL)
    def enable_opcodes_counting(self) -> bool:
        """True while opcodes are counted."""
        return self._counting is not None

    @enable_opcodes_counting.setter
    def enable_opcodes_counting(self, on: bool) -> None:
        if on and self._counting is None:
            self._counting = ExecutedBlocks(self._core, self._count)
        elif not on and self._counting is not None:
            self._counting.stop()
            self._counting = None

    @exposed(VOID, name="InstallOpcodeCounterPattern", name_=STRING, pattern=STRING)
    def install_opcode_counter_pattern(self, name_: str, pattern: str) -> None:
        """Count opcodes that look so: 16 or 32 characters, each 0, 1, or anything else for either."""
        if len(pattern) not in (16, 32):
            raise MonitorError("Currently only 16 and 32-bit opcode patterns are supported")
        mask = int("".join("1" if bit in "01" else "0" for bit in pattern), 2)
        value = int("".join("1" if bit == "1" else "0" for bit in pattern), 2)
        self.install_opcode_counter(name_, value, mask)

    @exposed(VOID, name="InstallOpcodeCounterPattern", name_=STRING, opcode=UINT64, mask=UINT64)
    def install_opcode_counter(self, name_: str, opcode: int, mask: int) -> None:
        """Count opcodes that are ``opcode`` where ``mask`` is 1; in Thumb 16 bits mean the first ones, as in Renode."""
        if name_ in self._patterns:
            raise MonitorError(f"Opcode '{name_}' already registered")
        self._patterns[name_] = opcode, mask
        self._counts[name_] = 0

    @exposed(UINT64, name="GetOpcodeCounter", name_=STRING)
    def get_opcode_counter(self, name_: str) -> int:
        """Return how often such an opcode was executed."""
        self._settle()
        if name_ not in self._counts:
            raise MonitorError(f"Couldn't find the {name_} opcode")
        return self._counts[name_]

    @exposed(TABLE)
    def get_all_opcodes_counters(self) -> list[tuple[str, str]]:
        """Return all counters."""
        self._settle()
        return [("Opcode", "Count"), *((name, str(count)) for name, count in self._counts.items())]

    @exposed(VOID, path=STRING)
    def save_all_opcodes_counters(self, path: str) -> None:
        """Write all counters into a file, a line ``name;count`` for each."""
        self._settle()
        try:
            file, _ = create_file(self._place(path))
            with file:
                file.writelines(f"{name};{count}\n" for name, count in self._counts.items())
        except OSError as error:
            raise MonitorError(f"{path} cannot be written: {error.strerror}") from None

    @exposed(VOID)
    def reset_opcodes_counters(self) -> None:
        """Let all counters begin at 0."""
        self._settle()
        self._counts = dict.fromkeys(self._counts, 0)

    def _settle(self) -> None:
        if self._counting is not None:
            self._counting.flush()

    def _count(self, address: int, count: int) -> None:
        for _, code in executed_code(self._core, self._instructions, address, count):
            whole = int(self._instructions.hex(code), 16)
            first = whole >> 16 if self._instructions.part == 2 and len(code) > 2 else whole
            for name, (value, mask) in self._patterns.items():
                self._counts[name] += (first if mask <= _HALFWORD else whole) & mask == value

    def close(self) -> None:
        """End everything; the machine ends."""
        self.disable_execution_tracing()
        self.enable_opcodes_counting = False
