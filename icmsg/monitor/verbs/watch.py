"""``icmsg watch``: a line for everything that passes, whoever plays the cores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.events import Event, EventKind
from icmsg.cosim.simtime import S
from icmsg.errors import IcmsgError
from icmsg.hw.mailbox import channels_in
from icmsg.ipc import LegacyState, State
from icmsg.monitor.verbs.follower import Follower

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.machine import Machine
    from icmsg.monitor.verbs.settings import LinkSettings

_HAPPENED: Final = {
    EventKind.CORE_STARTED: "starts",
    EventKind.CORE_HALTED: "is halted",
    EventKind.CORE_RESET: "is reset",
}

_WATCHED: Final = (
    *_HAPPENED,
    EventKind.DOORBELL,
    EventKind.FAULT,
    EventKind.SIGNAL_LOST,
    EventKind.STATE,
)
_NOTHING: Final = "nothing new"


class Watch:
    """Watches one machine until :meth:`stop`; a doorbell is the moment at which is looked for news."""

    def __init__(self, machine: Machine, settings: LinkSettings, output: Callable[[str], None]) -> None:
        self.machine: Final = machine
        self._output = output
        self._signalling = {name: config.signalling for name, config in settings.configs.items()}
        there, back = settings.directions
        self._names = {core.index: name for name, core in machine.cores.items()}
        self._followers = {
            tx.writer: Follower(machine.core(tx.writer).bus, tx, rx)
            for tx, rx in ((there, back), (back, there))
        }
        self._idle, self._skipped, self._last_ns = "", 0, 0
        self._remove = machine.events.add_sink(self._happened, _WATCHED)

    def stop(self) -> None:
        """Watch no longer."""
        self._remove()

    def _happened(self, event: Event) -> None:
        for line in self._lines(event):
            if line == self._idle:
                self._skipped += 1
                continue
            if self._skipped:
                self._output(f"{stamp(self._last_ns)} {self._idle}, {self._skipped} more until here")
            self._idle, self._skipped = (line if line.endswith(_NOTHING) else ""), 0
            self._output(f"{stamp(event.time_ns)} {line}")
        self._last_ns = event.time_ns

    def _lines(self, event: Event) -> list[str]:
        name = self._names.get(event.core, f"core {event.core}")
        if event.kind is EventKind.DOORBELL:
            return self._rang(name, event.a)
        if event.kind is EventKind.STATE:
            states = State if self._signalling.get(name) == "ring-back" else LegacyState
            return [f"{name} is {states(event.a).name}"]
        if event.kind is EventKind.SIGNAL_LOST:
            return [f"{name}'s ring of {' and '.join(map(str, channels_in(event.b)))} is lost"]
        if event.kind is EventKind.FAULT:
            return [f"{name} takes exception {event.a} at PC 0x{event.b:08X}"]
        return [f"{name} {_HAPPENED[event.kind]}"]

    def _rang(self, name: str, channel: int) -> list[str]:
        follower = self._followers.get(name)
        try:
            news = follower.news() if follower is not None else []
        except IcmsgError as error:
            news = [f"cannot decode what {name} sent: {error}"]
        return news or [f"{name} rings {channel}, {_NOTHING}"]


def stamp(time_ns: int) -> str:
    """Return a virtual time in seconds, as every live line begins with it."""
    return f"[{time_ns // S}.{time_ns % S:09d}]"
