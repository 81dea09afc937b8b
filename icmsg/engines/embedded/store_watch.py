"""Observation of the stores that a core's firmware makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.processor import Processor


class StoreWatch:
    """Watch over the stores to a range, by every firmware that the core runs."""

    def __init__(self, begin: int, end: int, told: Callable[[int, int, int], None]) -> None:
        self._range = begin, end
        self._told = told
        self._on: Processor | None = None
        self._stop: Callable[[], None] | None = None

    def begin(self, firmware: Processor | None) -> None:
        """Watch ``firmware``, if it is not watched already."""
        if firmware is not None and firmware is not self._on:
            self._on, self._stop = firmware, firmware.watch_stores(*self._range, self._told)

    def end(self, firmware: Processor | None) -> None:
        """Watch no longer; a core that was freed meanwhile is left alone."""
        if self._stop is not None and firmware is self._on:
            self._stop()
        self._on = self._stop = None
