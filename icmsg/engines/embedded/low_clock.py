"""The 32.768 kHz clock of one core: whether it runs, and who counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


class LowFrequencyClock:
    """Runs unless something that starts and stops it takes it over (:meth:`take_over`)."""

    def __init__(self) -> None:
        self.running = True
        self.before_change: Final[list[Callable[[], None]]] = []
        """Called before it starts or stops: what was counted up to now."""
        self.after_change: Final[list[Callable[[], None]]] = []
        """Called when it has started or stopped."""
        self._asked = True
        self._forced = False

    def take_over(self) -> None:
        """Stop it until it is asked for."""
        self.ask(False)

    def ask(self, run: bool) -> None:
        """Let it run or stop, as CLOCK is told to."""
        self._asked = run
        self._change()

    def force(self, run: bool) -> None:
        """Let it run whatever CLOCK is told to, or no longer, as a watchdog does."""
        self._forced = run
        self._change()

    def _change(self) -> None:
        running = self._asked or self._forced
        if running != self.running:
            for tell in self.before_change:
                tell()
            self.running = running
            for tell in self.after_change:
                tell()
