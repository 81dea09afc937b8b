"""Words of Renode's Monitor that the embedded engine refuses: why in one line, and what to use instead."""

from __future__ import annotations

from typing import Final

from icmsg.config.boards import DEFAULT

_NO_SNAPSHOTS: Final = (
    "the embedded engine saves when it is told to, since Save does everything again to try it out: use Save @file "
    "where you want to come back to"
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
NO_SD: Final = _NO_MEDIUM.format("SD cards")
NO_LED: Final = (
    "the embedded engine has testers as Robot keywords alone: use Create LED Tester of icmsg.robot"
)
_TESTER: Final = (
    "the embedded engine has no testers of Renode's in the Monitor: use the keywords of icmsg.robot, such as Create "
    "Terminal Tester"
)

COMMANDS: Final = {
    "autoSave": _NO_SNAPSHOTS,
    "reverseExecMode": _NO_SNAPSHOTS,
    "watch": (
        "Watch command can be used on a full-featured terminal only: here time does not pass while a command runs. Use "
        "emulation RunFor and the command in turn, or icmsg watch for messages"
    ),
    "createPlatform": f"the embedded engine has no list of Renode's platforms: include @renode/{DEFAULT.name}.resc",
    "displayImage": "the embedded engine has no window; the renode engine has one where Renode has",
    "resd": "the embedded engine has no sensors that RESD files could feed; the renode engine has them",
}
"""Commands of Renode."""

MEMBERS: Final = {
    "SetHookBeforePeripheralRead": _AT_AN_ACCESS,
    "EnableProfiler": (
        "the embedded engine has no profiler of the whole machine: EnableProfilerCollapsedStack of a core counts its "
        "instructions by function"
    ),
    "CreateCANHub": _NO_MEDIUM.format("CAN"),
    "CreateBLEMedium": _NO_MEDIUM.format("radio"),
    "CreateIEEE802_15_4Medium": _NO_MEDIUM.format("radio"),
    "CreateFrameBufferTester": _TESTER,
}
"""Members of Renode's objects."""

UNKNOWN: Final = {"CreateTerminalTester": _TESTER}
"""Members that Renode's Monitor does not have either, though scripts use them."""
