"""Interrupt controllers between peripherals and a core: the PLIC of RISC-V harts, and the ICU of Renesas RA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.line import Line
from icmsg.hw.model import SizedModel
from icmsg.hw.registers import WORD

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot

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
    """PLIC with ``sources`` numbered from 1 and an output for each of ``contexts`` (RISC-V PLIC Specification 1.0).

    As in Renode, each source has priority 1 until another one was written, and while a context has claimed a source it
    is interrupted by those of higher priority alone. Without ``has_priorities`` all sources have priority 1.

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


_MASK: Final = 0xFFFF_FFFF
_IELSR: Final = 0x300
_IR: Final = 1 << 16
_MOST: Final = 96
_FALLING, _RISING, _BOTH = range(3)
_GROUPS: Final = 8
_RA2_EVENTS: Final = {
    **{(1, group): 1 + group % 4 for group in range(_GROUPS)},
    **{(0x12, group): 0x71 for group in (0, 4)},
    **{(0x10, group): 0x72 for group in (1, 5)},
    **{(0x0F, group): 0x73 for group in (2, 6)},
    **{(0x0F, group): 0x74 for group in (3, 7)},
    (0x1E, 0): 0x77, (0x1B, 1): 0x78, (0x1B, 2): 0x79, (0x19, 3): 0x7A,
    (0x1E, 4): 0x7C, (0x1C, 5): 0x7D, (0x1E, 6): 0x7E, (0x1A, 7): 0x7F,
    (0x1D, 4): 0x8E, (0x1B, 5): 0x8F, (0x1C, 6): 0x90, (0x19, 7): 0x91,
    (0x1F, 0): 0x93, (0x1D, 1): 0x94, (0x1C, 2): 0x95, (0x1A, 3): 0x96,
}  # fmt: skip
"""Events by (IELS, number of the interrupt modulo 8): the pins and the SCIs of RA2 (RA2E1 manual, 13.3)."""


class RenesasIcuModel(SizedModel):
    """ICU of the core of ``slot``, with ``interrupts`` registers IELSR (RA6M5 manual, "Interrupt Controller Unit").

    Events of peripherals become interrupts of the core, as firmware links them by IELSR.
    An event that rises sets IR of each IELSR that names it, and the core's interrupt of that number is high until
    firmware writes 0 to IR. Events 1 to ``pins`` are those of pins, whose edge IRQCR chooses. ``is_ra2``: IELS
    means another event for each interrupt; those of pins and SCIs are known.

    Raises:
        ConfigurationError: a number of interrupts that no ICU has.
    """

    irq: Line | None = None
    inputs: Final = range(512)
    """Numbers of the events."""

    def __init__(self, slot: Slot, *, interrupts: int = _MOST, pins: int = 16, is_ra2: bool = False) -> None:
        if not 1 <= interrupts <= _MOST:
            raise ConfigurationError(f"numberOfNVICOutputs must be 1…{_MOST}, not {interrupts}")
        self._pins: Final = pins
        self._is_ra2: Final = is_ra2
        self._words: Final[dict[int, int]] = {}
        self._links: Final = [0] * interrupts
        self._levels: Final[dict[int, bool]] = {}
        self._lines: Final = [Line() for _ in range(interrupts)]
        for number, line in enumerate(self._lines):
            line.connect(slot.set_line, number)

    def reset(self) -> None:
        """Link nothing; all interrupts fall."""
        self._words.clear()
        for number, line in enumerate(self._lines):
            self._links[number] = 0
            line.set(False)

    def set_input(self, event: int, level: bool) -> None:
        """Take over the level of an event of a peripheral, or of a pin."""
        rose = level and not self._levels.get(event, False)
        changed = level is not self._levels.get(event, False)
        self._levels[event] = level
        edge = self._words.get(WORD * (event - 1), 0) & 3 if event <= self._pins else _RISING
        if not (rose if edge == _RISING else changed and (edge == _BOTH or not level)):
            return
        for number, link in enumerate(self._links):
            if event and self._event(number, link) == event:
                self._links[number] |= _IR
                self._lines[number].set(True)

    def _event(self, number: int, link: int) -> int:
        if self._is_ra2:
            return _RA2_EVENTS.get((link & 0x1F, number % _GROUPS), 0)
        return link & 0x1FF

    def _linked(self, offset: int) -> int | None:
        number = (offset - _IELSR) // WORD
        return number if 0 <= number < len(self._links) else None

    def _read(self, offset: int, _size: int) -> int:
        """Read a register, from the byte ``offset`` on."""
        number = self._linked(offset)
        value = self._words.get(offset & -WORD, 0) if number is None else self._links[number]
        return value >> 8 * (offset % WORD)

    def _write(self, offset: int, size: int, value: int) -> None:
        """Write a register, or a part of it; IR can only be cleared."""
        number, shift = self._linked(offset), 8 * (offset % WORD)
        written = ((1 << 8 * size) - 1) << shift & _MASK
        value = value << shift & written
        if number is None:
            word = offset & -WORD
            self._words[word] = self._words.get(word, 0) & ~written | value
            return
        old = self._links[number]
        new = old & ~written | value & ~_IR
        if old & _IR and not (written & ~value & _IR):
            new |= _IR
        self._links[number] = new
        self._lines[number].set(bool(new & _IR))
