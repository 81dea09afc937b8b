"""Why firmware faults, and how that is said: the same words on every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.backtrace import exception_name
from icmsg.cosim.machine import Hang
from icmsg.errors import EngineError
from icmsg.hw.nrf_ipc import CHANNELS, IPC

if TYPE_CHECKING:
    from icmsg.cosim.machine import Core

CAUSES: Final = {
    1: "an instruction that this core does not have",
    3: "execution where there is no code",
    7: "a BKPT instruction without a debugger",
    17: "a coprocessor that is not enabled, or that this core does not have",
    18: "a branch to an address without the Thumb bit",
}
"""By the numbers of QEMU's Arm target, from which both engines have theirs."""
NO_HANDLER: Final = "where no fault handler can run"


def lock_up_words(core: Core, text: str, pc: int) -> str:
    """Return that a core is locked up, because of ``text``."""
    return f"core {core.name} is locked up at PC 0x{pc:08X}: {text}, {NO_HANDLER} ({core.locate(pc)})"


def storm(core: Core, number: int, times: int, vector_table: int) -> Hang:
    """Return that the handler of exception ``number`` was entered ``times`` times in a row."""
    handler = core.locate(core.bus.read32(vector_table + 4 * number) & ~1).partition("+")[0]
    return Hang(
        core.name,
        f"interrupt storm: core {core.name} took {exception_name(number)} more than {times} times in a row in "
        f"{handler}: its handler returns without clearing what causes it{_latched(core, number)}",
        is_storm=True,
    )


def _latched(core: Core, number: int) -> str:
    """Return which events of the core's mailbox are set, if it is that which interrupts."""
    try:
        port = core.mailbox_port
    except EngineError:
        return ""
    if port.interrupt != number - 16:
        return ""
    enabled = core.bus.read32(port.base + IPC.register("INTEN").offset)
    events = port.base + IPC.register("EVENTS_RECEIVE").offset
    still = [n for n in range(CHANNELS) if enabled >> n & 1 and core.bus.read32(events + 4 * n)]
    return "".join(f", EVENTS_RECEIVE[{n}] is still set" for n in still)
