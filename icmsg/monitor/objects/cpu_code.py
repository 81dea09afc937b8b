"""Assembler and disassembler of a core in the Monitor (the extra ``assembler``: keystone and capstone)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import BusError, MonitorError
from icmsg.hw.exposed import BOOL, STRING, UINT32, UINT64, exposed
from icmsg.monitor.executed_code import THUMB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.engines.embedded.core_control import CoreControl
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.monitor.executed_code import InstructionSet

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
