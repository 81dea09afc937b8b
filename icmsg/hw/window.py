"""Bytes behind a bus that are nothing but memory: the short way for whoever accesses them often.

A method call costs more than the access itself. Who works on the same few bytes again and again asks once for a
window (:func:`icmsg.hw.memory_bus.window_of`), and goes through the bus where the window is empty::

    value = bus.read32(address) if window.words is None else window.words[0]
"""

from __future__ import annotations


class Window:
    """Some bytes of a :class:`~icmsg.hw.memory_bus.MemoryBus`, as ``data`` and as 32-bit ``words``.

    Both are None in an empty window, and become None when the bus is closed.
    """

    __slots__ = ("data", "words")

    def __init__(self, data: memoryview | None = None) -> None:
        self.data = data
        self.words: memoryview[int] | None = data.cast("I") if data is not None else None

    def close(self) -> None:
        """Let go of the memory."""
        for view in (self.words, self.data):
            if view is not None:
                view.release()
        self.data = self.words = None
