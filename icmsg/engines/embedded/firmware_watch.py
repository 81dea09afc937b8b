"""Observation of what a core's firmware does, whatever firmware the core runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.processor import Processor


class FirmwareWatch:
    """Watch over every firmware that the core runs; ``install(firmware)`` watches one, and returns how to end that."""

    def __init__(self, install: Callable[[Processor], Callable[[], None]]) -> None:
        self._install = install
        self._on: Processor | None = None
        self._stop: Callable[[], None] | None = None

    def begin(self, firmware: Processor | None) -> None:
        """Watch ``firmware``, if it is not watched already."""
        if firmware is not None and firmware is not self._on:
            self._on, self._stop = firmware, self._install(firmware)

    def end(self, firmware: Processor | None) -> None:
        """Watch no longer; a core that was freed meanwhile is left alone."""
        if self._stop is not None and firmware is self._on:
            self._stop()
        self._on = self._stop = None


class FirmwareWatches:
    """Watches of one core; ``current()`` is the firmware that it runs now."""

    def __init__(self, current: Callable[[], Processor | None]) -> None:
        self._current: Final = current
        self._all: Final[list[FirmwareWatch]] = []

    def __len__(self) -> int:
        return len(self._all)

    def add(self, install: Callable[[Processor], Callable[[], None]]) -> Callable[[], None]:
        """Watch every firmware from now on; the function returned ends that, before the next slice."""
        watch = FirmwareWatch(install)
        self._all.append(watch)
        watch.begin(self._current())

        def stop() -> None:
            if watch in self._all:
                self._all.remove(watch)
                watch.end(self._current())

        return stop

    def begin(self) -> None:
        """Take over the firmware that the core runs from now on."""
        for watch in self._all:
            watch.begin(self._current())
