"""Levels of interrupt lines, asked for as seldom as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.remote.batched_monitor import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.engines.remote.batched_monitor import BatchedMonitor
    from icmsg.soc.soc import Wire


class IrqLines:
    """Known levels of the lines of played cores; for a mailbox that is its register of what is pending.

    What is known stays true while the emulation is held and no register is written, so it is kept only while
    ``monitor`` joins commands. ``mailboxes`` gives the byte offset of that register by the mailbox's name.
    """

    def __init__(self, monitor: BatchedMonitor, mailboxes: Mapping[str, int]) -> None:
        self._monitor = monitor
        self._pending: Final = mailboxes
        self._lines: list[Wire] = []
        self._known: dict[Wire, int] = {}

    def add(self, line: Wire) -> None:
        """Ask for this line, too, from now on."""
        if line not in self._lines:
            self._lines.append(line)
            self.forget()

    @property
    def questions(self) -> list[str]:
        """The commands that print the levels of all lines."""
        return [self._question(line) for line in self._lines]

    def _question(self, line: Wire) -> str:
        if line.source in self._pending:
            return f"{line.source} ReadDoubleWord 0x{self._pending[line.source]:X}"
        if line.output.isdecimal():
            return f"{line.source} IsOutputSet {line.output}"
        return f"{line.source} {line.output} IsSet"

    def learn(self, answers: Sequence[str]) -> None:
        """Take what the questions printed."""
        values = (int(text == "True") if text in ("True", "False") else number(text) for text in answers)
        self._known = dict(zip(self._lines, values, strict=True))

    def forget(self) -> None:
        """Forget the levels: a command may have changed one."""
        self._known.clear()

    def is_set(self, line: Wire) -> bool:
        """Return whether the line is high."""
        if line not in self._known:
            self.learn(self._monitor.ask(*self.questions))
        value = self._known[line]
        if not self._monitor.joins:
            self.forget()
        return value != 0

    def pending(self, mailbox: str) -> int | None:
        """Return what is pending in a mailbox, None where it is not known now."""
        return next((value for line, value in self._known.items() if line.source == mailbox), None)
