"""Commands that ``renode/LockstepExtensions.cs`` adds to a mailbox: time that passes until its interrupt rises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import VirtualTimeoutError
from icmsg.hw.exposed import BOOL, STRING, UINT64, VOID, exposed

if TYPE_CHECKING:
    from collections.abc import Collection

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.hw.line import Line


class MailboxWait:
    """Waits of the mailbox with these interrupt lines."""

    def __init__(self, machine: EmbeddedMachine, lines: Collection[Line]) -> None:
        self._machine: Final = machine
        self._lines: Final = lines

    @exposed(BOOL, microseconds=UINT64)
    def run_until_interrupt(self, microseconds: int) -> bool:
        """Let time pass until an interrupt is high, or so many microseconds; return whether one is."""
        try:
            self._machine.run_until(
                lambda: any(line.level for line in self._lines), timeout_ns=1000 * microseconds
            )
        except VirtualTimeoutError:
            return False
        return True

    @exposed(VOID)
    def end_lockstep(self) -> None:
        """Nothing holds this engine between waits, so nothing has to end."""

    @exposed(STRING)
    def elapsed_nanoseconds(self) -> str:
        """Return the virtual time as a decimal number."""
        return str(self._machine.now_ns)
