"""Words of Renode's Monitor that the embedded engine refuses: why in one line, and what to use instead."""

from __future__ import annotations

from typing import Final

from icmsg.config.boards import DEFAULT

_NO_SNAPSHOTS: Final = (
    "the embedded engine keeps no snapshots: runs repeat exactly, so run the script again up to the same virtual time "
    "(emulation RunFor); the renode engine has Save and Load"
)
_NO_SCRIPTS: Final = (
    "the embedded engine runs no Python of Monitor commands: Renode's is Python 2.7, with objects of .NET. "
)
_AT_A_PLACE: Final = (
    f"{_NO_SCRIPTS}Use the keywords Break At and Wait Until Function, core.on_reach(place, function) in Python, "
    "or machine StartGdbServer"
)
_AT_AN_ACCESS: Final = (
    f"{_NO_SCRIPTS}Use the keywords Watch Region and Wait For Access, sysbus LogPeripheralAccess, or a watchpoint of "
    "GDB (machine StartGdbServer)"
)
_NO_MEDIUM: Final = (
    "the embedded engine has two cores and their messages, and no peripheral for {}; the renode engine has it"
)
_TESTER: Final = (
    "the embedded engine has no testers of Renode's in the Monitor: use the keywords of icmsg.robot, such as Create "
    "Terminal Tester"
)

COMMANDS: Final = {
    "Save": _NO_SNAPSHOTS,
    "Load": _NO_SNAPSHOTS,
    "autoSave": _NO_SNAPSHOTS,
    "reverseExecMode": _NO_SNAPSHOTS,
    "watch": (
        "watch repeats a command until a key is pressed, and time does not pass here while a command runs: use "
        "emulation RunFor and the command in turn, or icmsg watch for messages"
    ),
    "createPlatform": f"the embedded engine has no list of Renode's platforms: include @renode/{DEFAULT.name}.resc",
    "displayImage": "the embedded engine has no window; the renode engine has one where Renode has",
    "resd": "the embedded engine has no sensors that RESD files could feed; the renode engine has them",
    "networkLogger": "the embedded engine's log goes to the terminal and to files: use logFile",
}
"""Commands of Renode."""

MEMBERS: Final = {
    "LoadUImage": "the embedded engine loads no U-Boot images: unpack it, then sysbus LoadBinary @FILE ADDRESS",
    "Redirect": (
        "the embedded engine maps memories as the platform file says: register the memory there at both addresses "
        "(@ { sysbus 0x0; sysbus 0xC0000000 })"
    ),
    "ApplySVD": (
        "the embedded engine names registers from its own tables: use sysbus LogPeripheralAccess, or name a range with "
        "sysbus Tag"
    ),
    "SetHookBeforePeripheralRead": _AT_AN_ACCESS,
    "CreateExecutionTracing": (
        "the embedded engine writes no trace of every instruction: use LogFunctionNames, EnableProfilerCollapsedStack, "
        "or icmsg run --coverage"
    ),
    "EnableOpcodesCounting": (
        "the embedded engine counts no opcodes: ExecutedInstructions counts all, EnableProfilerCollapsedStack by "
        "function"
    ),
    "AssembleBlock": "the embedded engine has no assembler: sysbus WriteBytes [..] ADDRESS writes machine code",
    "DisassembleBlock": (
        "the embedded engine has no disassembler: use x/16i ADDRESS of a GDB (machine StartGdbServer), or objdump -d"
    ),
    "EnableProfiler": (
        "the embedded engine has no profiler of the whole machine: EnableProfilerCollapsedStack of a core counts its "
        "instructions by function"
    ),
    "PyDevFromFile": (
        "the embedded engine runs no peripherals in Renode's Python 2.7: name the range with sysbus Tag and a value"
    ),
    "UnregisterFromParent": (
        "the embedded engine builds the machine from its platform file: leave the peripheral out there"
    ),
    "CreateVirtualConsole": "the embedded engine has the UARTs of the platform file: showAnalyzer shows one",
    "SdCardFromFile": _NO_MEDIUM.format("SD cards"),
    "CreateServerSocketTerminal": (
        "the embedded engine opens no port for a UART: use emulation CreateUartPtyTerminal, and socat for a port"
    ),
    "CreateSwitch": _NO_MEDIUM.format("Ethernet"),
    "CreateBLEMedium": _NO_MEDIUM.format("radio"),
    "CreateIEEE802_15_4Medium": _NO_MEDIUM.format("radio"),
    "CreateEnvironment": _NO_MEDIUM.format("sensors"),
    "CreateLEDTester": _TESTER,
    "CreateTerminalTester": _TESTER,
    "CreateFrameBufferTester": _TESTER,
}
"""Members of Renode's objects."""
