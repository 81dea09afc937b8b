"""Fill level of a ring over time, in a bounded number of steps, and its curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.machine.simtime import format_time
from icmsg.views.report.markup import escaped

if TYPE_CHECKING:
    from icmsg.views.writer import TracedDirection

_STEPS: Final = 1024
"""Steps that are kept; at more of them each becomes twice as long."""
_WIDTH: Final = 1000
_HEIGHT: Final = 100


class FillLevel:
    """Fill level of one direction: of each step of time the smallest, the largest and the last one."""

    def __init__(self, direction: TracedDirection, start_ns: int) -> None:
        self.direction: Final = direction
        _, self.unit = direction.room
        self.capacity: Final = direction.capacity
        self.almost_full: Final = direction.almost_full
        self._length: Final = direction.layout.data_length if direction.layout is not None else None
        level = direction.level(direction.rd_idx, direction.wr_idx)
        self.now = level if self._length is None or direction.wr_idx < self._length else 0
        self.peak = self.now
        self.peak_ns = start_ns
        self.changes = 0
        self._start_ns: Final = start_ns
        self._shift = 0
        self._steps: dict[int, tuple[int, int, int]] = {0: (self.now, self.now, self.now)}

    def add(self, time_ns: int, rd_idx: int, wr_idx: int, level: int) -> None:
        """Take the level after a change; indices that are none are said elsewhere."""
        if self._length is not None and (rd_idx >= self._length or wr_idx >= self._length):
            return
        self.now = level
        self.changes += 1
        if level > self.peak:
            self.peak, self.peak_ns = level, time_ns
        step = time_ns - self._start_ns >> self._shift if time_ns > self._start_ns else 0
        while step >= _STEPS:
            self._double()
            step >>= 1
        steps = self._steps
        if (known := steps.get(step)) is None:
            steps[step] = (level, level, level)
        else:
            low, high, _ = known
            steps[step] = (level if level < low else low, level if level > high else high, level)

    def _double(self) -> None:
        before = sorted(self._steps.items())
        self._shift += 1
        self._steps = {}
        for step, (low, high, last) in before:
            own = self._steps.get(step >> 1, (low, high, last))
            self._steps[step >> 1] = (min(low, own[0]), max(high, own[1]), last)

    def curve(self, end_ns: int) -> str:
        """Return the curve as an SVG, as wide as the page."""
        span = max(1, end_ns - self._start_ns)
        top = max(self.peak, 1)
        line, y = "", _number(_HEIGHT)
        for step, (low, high, last) in sorted(self._steps.items()):
            x = _number(min(_WIDTH, (step << self._shift) * _WIDTH / span))
            line += f"L{x} {y}" if line else f"M{x} {y}"
            for level in (high, low, last) if high != low else (last,):
                y = _number(_HEIGHT - level * _HEIGHT / top)
                line += f"L{x} {y}"
        line += f"L{_WIDTH} {y}"
        title = escaped(self.direction.title)
        share = f"{100 * self.peak / self.capacity:.1f} %"
        if self.peak >= self.almost_full:
            share = f'<b class="bad">{share}</b>'
        return (
            f'<figure class="curve"><figcaption><b>{title}</b> ({escaped(self.direction.instance)}): '
            f"at most {self.peak} of {self.capacity} {self.unit} ({share}), at {format_time(self.peak_ns)}; "
            f"{self.now} at the end</figcaption>\n"
            f'<svg width="100%" height="150" role="img" aria-label="fill level of {title}">'
            f'<svg x="0" y="16" width="100%" height="108" viewBox="0 -4 {_WIDTH} 108" preserveAspectRatio="none">'
            f'<path class="area" d="{line}L{_WIDTH} {_HEIGHT}L0 {_HEIGHT}Z"/>'
            f'<path class="level" d="{line}"/>'
            f'<path class="axis" d="M0 {_HEIGHT}H{_WIDTH}M0 0H{_WIDTH}"/></svg>'
            f'<text x="0" y="12">{self.peak} {self.unit}</text>'
            f'<text x="0" y="142">{format_time(self._start_ns)}</text>'
            f'<text x="50%" y="142" text-anchor="middle">{format_time(self._start_ns + span // 2)}</text>'
            f'<text x="100%" y="142" text-anchor="end">{format_time(end_ns)}</text></svg></figure>\n'
        )


def _number(value: float) -> str:
    return f"{value:.1f}"
