"""Writer of the report: collects figures and rows of bounded size meanwhile, and writes the page at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.timers import format_time
from icmsg.views.report.diagram import PROBLEMS, KeptRows
from icmsg.views.report.ending import Ending, ending_of
from icmsg.views.report.figures import Collected, CoreFigures, DirectionFigures, FillLevel, Lines, Problem
from icmsg.views.report.page import page
from icmsg.views.writer import AT_END, TraceWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.views.writer import Control, Message, TracedDirection, TraceEnd, TraceOutput, TraceSubject

_LINE: Final = 500
"""Characters of a text in a row."""
_BOUND: Final = frozenset(("CONNECTED_SID_DISABLED", "CONNECTED_SID_ENABLED", "READY", "CONNECTED"))


class HtmlWriter(TraceWriter):
    """Writes one page that needs nothing else."""

    def __init__(self, subject: TraceSubject, output: TraceOutput) -> None:
        super().__init__(subject, output)
        levels = [FillLevel(each, subject.start_ns) for each in subject.directions]
        self._ways: Final = [
            DirectionFigures(each, level) for each, level in zip(subject.directions, levels, strict=True)
        ]
        self._back: Final = [self._ways[each.number ^ 1] for each in subject.directions]
        self._cores: Final = {core.index: CoreFigures(core) for core in subject.cores}
        self._rows: Final = KeptRows()
        self._in_ring: Final[dict[Message, None]] = {}
        """Packets that are in a ring now, the oldest first."""
        self._consoles: Final = {core.index: Lines() for core in subject.cores}
        self._by_channel: Final = {(each.writer.index, each.channel): each for each in subject.directions}
        self._problems: Final[list[Problem]] = []
        self._problem_count = 0
        self._left: Final[dict[int, list[tuple[Message, Problem]]]] = {}
        """Messages in a ring at the end, by direction."""
        self._lost_bells: Final[dict[Message, int]] = {}
        """Places among the problems of lost doorbells, by the messages that they announced."""
        self._was_full: Final[set[int]] = set()
        self._bound_ns: int | None = None

    def _problem(
        self,
        time_ns: int,
        core: int,
        kind: str,
        text: str,
        packet: Message | None = None,
        towards: int | None = None,
    ) -> None:
        serial = self._rows.add(time_ns, core, kind, text, packet, towards, is_problem=True)
        self._problem_count += 1
        if len(self._problems) < PROBLEMS:
            self._problems.append(Problem(time_ns, self._cores[core].core.name, text, serial))

    # Messages

    def sent(self, time_ns: int, message: Message) -> None:
        """Begin an arrow."""
        direction = message.direction
        core = direction.writer.index
        self._in_ring[message] = None
        if message.number:
            self._ways[direction.number].sends(message, self._back[direction.number])
            self._rows.add(time_ns, core, "sent", "", message)
        else:
            self._rows.add(time_ns, core, "magic sent", "", message)
        self._cores[core].last = time_ns, "sent", message.title

    def rang(self, time_ns: int, core: int, channel: int, messages: Sequence[Message]) -> None:
        """Count it; one that announces nothing is an arrow of its own."""
        figures = self._cores[core]
        figures.rung[channel] += 1
        figures.last = time_ns, "rang channel", str(channel)
        direction = self._by_channel.get((core, channel))
        if direction is not None:
            way = self._ways[direction.number]
            way.rung += 1
            way.rung_for_nothing += not messages
        if not messages:
            towards = None if direction is None else direction.reader.index
            self._rows.add(time_ns, core, "ring", f"doorbell {channel}", None, towards)

    def signal_lost(self, time_ns: int, core: int, channels: int, messages: Sequence[Message]) -> None:
        """Draw an arrow that does not arrive."""
        direction = messages[0].direction if messages else None
        mask = [channel for channel in range(channels.bit_length()) if channels >> channel & 1]
        numbers = mask if direction is None else [direction.channel]
        for channel in numbers:
            self._cores[core].lost[channel] += 1
            found = self._by_channel.get((core, channel))
            if found is not None:
                self._ways[found.number].lost += 1
                direction = direction or found
        what = f"doorbell {', '.join(map(str, numbers))} LOST"
        of = ", ".join(message.title for message in messages)
        towards = None if direction is None else direction.reader.index
        if len(self._problems) < PROBLEMS:
            self._lost_bells.update(dict.fromkeys(messages, len(self._problems)))
        self._problem(time_ns, core, "lost", f"{what} for {of}" if of else what, None, towards)

    def interrupt(self, time_ns: int, core: int, number: int, messages: Sequence[Message]) -> None:  # noqa: ARG002 - they know it
        """Count it."""
        self._cores[core].interrupts[number] += 1

    def received(self, time_ns: int, message: Message) -> None:
        """End an arrow."""
        self._in_ring.pop(message, None)
        if message.is_lost and (place := self._lost_bells.pop(message, None)) is not None:
            before, after = self._problems[place], format_time(max(0, time_ns - message.sent_ns))
            text = f"{before.text}; {message.title} was received all the same, {after} after it was sent"
            self._problems[place] = replace(before, text=text)
        direction = message.direction
        core, number = direction.reader.index, direction.number
        if message.number:
            self._ways[number].receives(message, time_ns, self._back[number])
            self._rows.add(time_ns, core, "received", "", message)
        else:
            self._rows.add(time_ns, core, "magic received", "", message)
        self._cores[core].last = time_ns, "received", message.title

    def dropped(self, time_ns: int, message: Message, why: str) -> None:
        """End an arrow before its aim."""
        self._in_ring.pop(message, None)
        if not message.is_magic:
            self._ways[message.direction.number].drops(message, at_end=why == AT_END)
        bell = "" if message.rung_ns is not None else "; no doorbell"
        bell = "; its doorbell was lost" if message.is_lost else bell
        text = f"{message.title} not received: {why}{bell}"
        core = message.direction.reader.index
        if why == AT_END:
            serial = self._rows.add(time_ns, core, "dropped", text, message, is_problem=True)
            left = self._left.setdefault(message.direction.number, [])
            left.append((message, Problem(time_ns, self._cores[core].core.name, text, serial)))
        else:
            self._problem(time_ns, core, "dropped", text, message)

    def filled(self, time_ns: int, direction: TracedDirection, rd_idx: int, wr_idx: int, level: int) -> None:
        """Take the level."""
        levels = self._ways[direction.number].levels
        levels.add(time_ns, rd_idx, wr_idx, level)
        if level >= levels.almost_full and direction.number not in self._was_full:
            self._was_full.add(direction.number)
            what = f"{direction.title} almost full for the first time: {level} of {levels.capacity} {levels.unit}"
            self._problem(time_ns, direction.writer.index, "full", what)

    def controlled(self, time_ns: int, direction: TracedDirection, control: Control) -> None:
        """Count it, and show what binds: what gives blocks back comes with nearly each message."""
        self._ways[direction.number].released += control.is_release
        if not control.is_release:
            self._cores[direction.writer.index].last = time_ns, control.words, ""
            text = f"to {direction.reader.name}: {control.words[:_LINE]}"
            self._rows.add(time_ns, direction.writer.index, "control", text)

    # Cores and instances

    def state(self, time_ns: int, core: int, name: str) -> None:
        """Take the state, and when the link was bound for the first time."""
        self._cores[core].state = name
        if name in _BOUND and self._bound_ns is None:
            self._bound_ns = time_ns
        self._cores[core].last = time_ns, f"is {name}", ""
        self._rows.add(time_ns, core, "state", name)

    def session(self, time_ns: int, core: int, own: int, acknowledged: int) -> None:
        """Show both ids."""
        self._rows.add(time_ns, core, "session", f"session {own}, acknowledges {acknowledged or 'none'}")

    def core_changed(self, time_ns: int, core: int, what: str) -> None:
        """Show what a core does; that it sleeps and wakes is only its last activity."""
        figures = self._cores[core]
        before, figures.activity = figures.activity, what
        if what == "sleeps" or (what == "runs" and before in ("sleeps", "runs")):
            return
        figures.resets += what == "reset"
        figures.last = time_ns, what, ""
        self._rows.add(time_ns, core, "core", {"runs": "starts"}.get(what, what))

    def fault(self, time_ns: int, core: int, text: str, pc: int) -> None:
        """Show the fault."""
        words = f"{text} at PC 0x{pc:08X}"
        self._cores[core].faults += 1
        self._cores[core].last = time_ns, words, ""
        self._problem(time_ns, core, "fault", words)

    def warning(self, time_ns: int, core: int, text: str) -> None:
        """Show the text."""
        self._cores[core].warnings += 1
        self._problem(time_ns, core, "warning", text)

    def region_changed(self, time_ns: int, direction: TracedDirection, text: str) -> None:
        """Show the text."""
        words = f"region {direction.title}: {text}"
        self._problem(time_ns, direction.writer.index, "region", words)

    def printed(self, time_ns: int, core: int, text: str) -> None:
        """Keep the line."""
        self._consoles[core].add(time_ns, text)
        self._cores[core].last = time_ns, "printed a line", ""
        self._rows.add(time_ns, core, "printed", f"prints {text[:_LINE]}")

    def written(self, time_ns: int, core: int, text: str) -> None:
        """Keep the input among the lines of its console."""
        self._consoles[core].add(time_ns, f"« {text}")
        self._rows.add(time_ns, core, "printed", f"is written to: {text[:_LINE]}")

    def noted(self, time_ns: int, core: int, text: str) -> None:
        """Show what a test did."""
        self._rows.add(time_ns, core, "noted", f"test: {text[:_LINE]}")

    # The end

    def see_end(self) -> Ending:
        """Look at regions and cores, and examine the links."""
        return ending_of(self.subject)

    def close(self, end: TraceEnd) -> None:
        """Write the page; what is in a ring is not received, also where the trace goes on elsewhere."""
        ending = end.seen if isinstance(end.seen, Ending) else Ending()
        end_ns = max(self._rows.latest_ns, end.now_ns)
        for figures in self._cores.values():
            own = figures.core
            if not own.player:
                figures.core = replace(own, player=ending.players.get(own.name, ""))
        for message in list(self._in_ring):
            self.dropped(end_ns, message, AT_END)
        for number, left in self._left.items():
            self._problem_count += 1
            self._problems.append(_all_of(self._ways[number], left))
        collected = Collected(
            self.subject,
            self._ways,
            list(self._cores.values()),
            self._rows,
            {index: lines for index, lines in self._consoles.items() if lines.count},
            self._problems,
            self._problem_count,
            self._bound_ns,
            end_ns,
            end.report,
            ending,
        )
        self.output.write(page(collected).encode())


def _all_of(way: DirectionFigures, left: Sequence[tuple[Message, Problem]]) -> Problem:
    """Return one problem for all messages that one reader has left in its ring, with who has stalled since when."""
    (first, problem), (last, _) = left[0], left[-1]
    text = problem.text
    if len(left) > 1:
        text = f"{len(left)} messages, {first.title} to {last.title}, not received: {AT_END}"
    since_ns, title = way.last_taken
    if title:
        text += (
            f"; {problem.core} has taken none for {format_time(problem.time_ns - since_ns)}, since {title}"
        )
    else:
        text += f"; {problem.core} has never taken one"
    return replace(problem, text=text)
