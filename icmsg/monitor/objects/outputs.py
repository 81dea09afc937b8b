"""Levels of numbered outputs, as the models in ``renode/`` have them that a core from outside looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.hw.exposed import BOOL, INT32, exposed

if TYPE_CHECKING:
    from collections.abc import Callable, Container


class NumberedOutputs:
    """Outputs of these ``numbers``; ``is_high(number)`` is the level of one."""

    def __init__(self, numbers: Container[int], is_high: Callable[[int], bool]) -> None:
        self._numbers: Final = numbers
        self._is_high: Final = is_high

    @exposed(BOOL, number=INT32)
    def is_output_set(self, number: int) -> bool:
        """Return whether an output is high."""
        if number not in self._numbers:
            raise MonitorError(f"The given key '{number}' was not present in the dictionary.")
        return self._is_high(number)
