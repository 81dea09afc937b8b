"""Causes of firmware's faults, and how they are said: the same words on every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError
from icmsg.hw.mailbox import channels_in
from icmsg.machine.machine import Hang

if TYPE_CHECKING:
    from icmsg.machine.base_core import BaseCore

CAUSES: Final = {
    1: "an instruction that this core does not have",
    3: "execution where there is no code",
    7: "a BKPT instruction without a debugger",
    17: "a coprocessor that is not enabled, or that this core does not have",
    18: "a branch to an address without the Thumb bit",
}
"""Causes by the numbers of QEMU's Arm target, from which both engines have theirs."""
TRAPS: Final = {
    0x100: "instruction address misaligned",
    0x101: "instruction access fault",
    0x102: "illegal instruction",
    0x103: "breakpoint",
    0x104: "load address misaligned",
    0x105: "load access fault",
    0x106: "store address misaligned",
    0x107: "store access fault",
    0x10B: "environment call",
    0x118: "misaligned stacking",
    0x119: "bus fault on stacking",
    0x11A: "interrupt vector fault",
    0x11B: "misaligned unstacking",
    0x11C: "bus fault on unstacking",
    0x11F: "fault on exception stacking",
}
"""Exceptions of a VPR core by the numbers of FAULT events, 0x100 + mcause (MDK: VPRCSR_MCAUSE)."""
FIRST_TRAP: Final = 0x100
STORM_TIMES: Final = 20_000
"""A handler that was entered so often without any other code between is a storm: StormAfter of ExceptionWatch.cs."""
NO_HANDLER: Final = "where no fault handler can run"


def fault_name(number: int) -> str:
    """Return the exception of a FAULT event in words, of a core of either architecture."""
    if number < FIRST_TRAP:
        return f"fault exception {number}"
    return f"exception {number - FIRST_TRAP} ({TRAPS.get(number, 'reserved')})"


def lock_up_words(core: BaseCore, text: str, pc: int) -> str:
    """Return that a core is locked up, because of ``text``."""
    return f"core {core.name} is locked up at PC 0x{pc:08X}: {text}, {NO_HANDLER} ({core.locate(pc)})"


def storm_of(core: BaseCore, name: str, interrupt: int | None, handler: int, times: int) -> Hang:
    """Return that the handler at byte address ``handler`` was entered ``times`` times in a row.

    ``name`` is what a person calls the exception, ``interrupt`` its number as an external one (None: it is none).
    """
    return Hang(
        core.name,
        f"interrupt storm: core {core.name} took {name} more than {times} times in a row in "
        f"{core.locate(handler).partition('+')[0]}: its handler returns without clearing what causes it"
        f"{_latched(core, interrupt)}",
        is_storm=True,
    )


def _latched(core: BaseCore, interrupt: int | None) -> str:
    """Return which events of the core's mailbox are set, if it is that which interrupts."""
    try:
        port = core.mailbox_port
    except EngineError:
        return ""
    if interrupt not in port.interrupts.values():
        return ""
    state = port.kind.read_state(core.bus, port.base)
    still = channels_in(state.latched & state.enabled)
    return "".join(f", {state.words.event.format(n)} is still set" for n in still)
