"""The PLIC of RISC-V harts (RISC-V Platform-Level Interrupt Controller Specification 1.0).

As in Renode, each source has priority 1 until another one was written, and while a context has claimed a source it is
interrupted by those of higher priority alone.
"""

from __future__ import annotations

from typing import Final

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

PLIC_BYTES: Final = 0x400_0000
_PENDING, _ENABLES, _CONTEXTS = 0x1000, 0x2000, 0x20_0000
_ENABLES_STRIDE: Final = 0x80
_CONTEXT_STRIDE: Final = 0x1000
_MOST_SOURCES: Final = 1023
_MOST_CONTEXTS: Final = 15872
_PRIORITY: Final = 7


class _Context:
    """State of one context: the sources that it lets through, those that wait for it, and those it has claimed."""

    def __init__(self, line: Line) -> None:
        self.line: Final = line
        self.enabled = 0
        self.pending = 0
        self.threshold = 0
        self.claimed: list[int] = []

    def reset(self) -> None:
        self.enabled = self.pending = self.threshold = 0
        self.claimed.clear()


class PlicModel(SizedModel):
    """PLIC with ``sources`` numbered from 1 and an output for each of ``contexts``.

    Without ``has_priorities`` all sources have priority 1.

    Raises:
        ConfigurationError: more sources or contexts than the registers have room for.
    """

    def __init__(self, *, sources: int, contexts: int, has_priorities: bool = True) -> None:
        if not 1 <= sources <= _MOST_SOURCES:
            raise ConfigurationError(f"numberOfSources must be 1…{_MOST_SOURCES}, not {sources}")
        if not 1 <= contexts <= _MOST_CONTEXTS:
            raise ConfigurationError(f"numberOfContexts must be 1…{_MOST_CONTEXTS}, not {contexts}")
        self.outputs: Final = {number: Line() for number in range(contexts)}
        self._contexts: Final = [_Context(line) for line in self.outputs.values()]
        self._has_priorities: Final = has_priorities
        self._sources: Final = sources
        self._exist: Final = (1 << sources + 1) - 2
        self._priority = [1] * (sources + 1)
        self._levels = 0

    def reset(self) -> None:
        """Let nothing through; inputs stay as they are."""
        self._priority[:] = [1] * len(self._priority)
        for context in self._contexts:
            context.reset()
        self._drive()

    @property
    def inputs(self) -> range:
        """The numbers of the sources."""
        return range(1, self._sources + 1)

    def set_input(self, source: int, level: bool) -> None:
        """Drive a source."""
        bit = 1 << source
        self._levels = self._levels & ~bit | level << source
        if level:
            for context in self._contexts:
                context.pending |= bit & context.enabled
        self._drive()

    def _read(self, offset: int, _size: int) -> int:
        word = offset & -WORD
        return self._value(word) >> 8 * (offset - word)

    def _value(self, offset: int) -> int:
        """Read the register at an offset; a claim takes the source."""
        if offset // WORD <= self._sources:
            return self._priority[offset // WORD] if offset else 0
        if 0 <= (bit := 8 * (offset - _PENDING)) <= self._sources:
            pending = 0
            for context in self._contexts:
                pending |= context.pending
            return pending >> bit & 0xFFFF_FFFF
        if (found := self._enables(offset)) is not None:
            context, bit = found
            return context.enabled >> bit & 0xFFFF_FFFF
        context, register = self._context(offset, "read")
        return self._claim(context) if register else context.threshold

    def _write(self, offset: int, size: int, value: int) -> None:
        word = offset & -WORD
        if size != WORD and not self._is_claim(word):
            shift, mask = 8 * (offset - word), (1 << 8 * size) - 1
            value = self._value(word) & ~(mask << shift) | (value & mask) << shift
        if word // WORD <= self._sources:
            if word and self._has_priorities:
                self._priority[word // WORD] = value & _PRIORITY
        elif (found := self._enables(word)) is not None:
            context, bit = found
            context.enabled = (context.enabled & ~(0xFFFF_FFFF << bit) | value << bit) & self._exist
            context.pending = (context.pending | self._levels_of(bit)) & context.enabled
        else:
            context, register = self._context(word, "write")
            if register:
                self._complete(context, value)
            else:
                context.threshold = value & _PRIORITY
        self._drive()

    def _levels_of(self, bit: int) -> int:
        return self._levels & 0xFFFF_FFFF << bit

    def _enables(self, offset: int) -> tuple[_Context, int] | None:
        number, within = divmod(offset - _ENABLES, _ENABLES_STRIDE)
        if 0 <= number < len(self._contexts) and 8 * within <= self._sources:
            return self._contexts[number], 8 * within
        return None

    def _context(self, offset: int, what: str) -> tuple[_Context, int]:
        """Return the context of a register, and which one it is: 0 the threshold, 1 claim and complete."""
        number, within = divmod(offset - _CONTEXTS, _CONTEXT_STRIDE)
        if not 0 <= number < len(self._contexts) or within // WORD > 1:
            raise self._nothing(what, offset)
        return self._contexts[number], within // WORD

    @staticmethod
    def _is_claim(offset: int) -> bool:
        return offset >= _CONTEXTS and offset % _CONTEXT_STRIDE == WORD

    def _claim(self, context: _Context) -> int:
        waiting = [source for source in self.inputs if context.pending >> source & 1]
        if not waiting:
            return 0
        source = max(waiting, key=lambda source: (self._priority[source], -source))
        context.pending &= ~(1 << source)
        context.claimed.append(source)
        self._drive()
        return source

    def _complete(self, context: _Context, source: int) -> None:
        if context.claimed and context.claimed.pop() == source:
            bit = 1 << source
            context.pending = context.pending & ~bit | self._levels & bit & context.enabled

    def _drive(self) -> None:
        for context in self._contexts:
            above = context.threshold
            if context.claimed:
                above = max(above, self._priority[context.claimed[-1]])
            urgent = (
                context.pending >> source & 1 and self._priority[source] > above for source in self.inputs
            )
            context.line.set(bool(context.pending) and any(urgent))

    @staticmethod
    def _nothing(what: str, offset: int) -> BusError:
        return BusError(f"{what} where a PLIC has no such register", address=offset, width=32)
