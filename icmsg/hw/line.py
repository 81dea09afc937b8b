"""An interrupt line: a level from a peripheral to the interrupt controllers it is wired to."""

from __future__ import annotations

from collections.abc import Callable

Input = Callable[[int, bool], None]
"""(interrupt number, level)"""


class Line:
    """Edge-filtered level; several inputs may listen (``->`` with ``|`` in the platform file).

    With ``edge`` an interrupt controller latches it where it rises, and only there: one that stays high does not
    interrupt again.
    """

    __slots__ = ("_inputs", "edge", "level")

    def __init__(self, *, edge: bool = False) -> None:
        self._inputs: tuple[tuple[Input, int], ...] = ()
        self.edge = edge
        self.level = False

    def connect(self, receiver: Input, number: int) -> None:
        """Drive input ``number`` of ``receiver`` too."""
        self._inputs = (*self._inputs, (receiver, number))

    def set(self, level: bool) -> None:
        """Drive the line; nothing happens when it already has this level."""
        if level is not self.level:
            self.level = level
            for receiver, number in self._inputs:
                receiver(number, level)
