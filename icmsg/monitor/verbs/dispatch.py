"""The command line behind the word ``icmsg``: finds out which verb is meant, and lets it work on the machine.

``icmsg ring`` and ``icmsg write``: what no well-behaved core would do.

``icmsg trace``: files that show what happens, from now until ``icmsg trace off`` or the end.

``icmsg var``: a variable of firmware, read or written by its name.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from icmsg.config.boards import DEFAULT
from icmsg.errors import BusError, IcmsgError, MonitorError
from icmsg.machine.c_types import ArrayType, bare
from icmsg.monitor.verbs.played_cores import BOND_NS, RECEIVE_NS, PlayedCores, refused
from icmsg.monitor.verbs.settings import LinkSettings
from icmsg.monitor.verbs.status import (
    dump_lines,
    dump_several,
    packet_lines,
    region_lines,
    status_lines,
    view_of,
)
from icmsg.monitor.verbs.syntax import (
    VERBS,
    check_call,
    completions,
    find_verb,
    help_lines,
    hex_bytes,
    message,
    number,
    option,
    setting,
    time_ns,
)
from icmsg.monitor.verbs.watch import Watch
from icmsg.views.recording import trace_to

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Core, Machine
    from icmsg.monitor.verbs.settings import LinkDirection
    from icmsg.views.recording import TraceFile


def ring(core: Core, other: Core, channel: int) -> list[str]:
    """Let ``core`` signal a channel, whether or not its driver has connected it, and say who latched it."""
    port = core.mailbox_port
    if not 0 <= channel < port.kind.channels:
        raise MonitorError(f"no channel {channel}: use 0…{port.kind.channels - 1}")
    state = port.kind.read_state(core.bus, port.base)
    signals = state.sends[channel] if state.wired else 1 << channel
    try:
        port.kind.force_ring(core.bus, port.tx_base, channel)
    except BusError as error:
        return [f"{core.name} rings {channel}: {error.reason}"]
    return [f"{core.name} rings {channel}: {_heard(other, signals)}"]


def _heard(core: Core, signals: int) -> str:
    port = core.mailbox_port
    state = port.kind.read_state(core.bus, port.base)
    latched = state.hears_signals(signals)
    if not latched:
        return f"{core.name} has not connected this channel, so nothing is latched"
    if not state.enabled & latched:
        return f"latched in {port.name}, whose interrupt is not enabled"
    return f"{core.name} is interrupted"


def write(machine: Machine, direction: LinkDirection, offset: int, data: bytes) -> list[str]:
    """Overwrite bytes of a region, and say what was there."""
    region = direction.region
    if not 0 <= offset <= region.size - len(data):
        raise MonitorError(
            f"{len(data)} bytes at offset {offset} leave the region of {region.size} bytes: "
            f"use an offset of 0…{region.size - len(data)}"
        )
    bus = machine.core(direction.writer).bus
    before = bus.read_block(region.address + offset, len(data))
    bus.write_block(region.address + offset, data)
    was, now = (_shown(part) for part in (before, data))
    return [f"{direction.title} +{offset}{_field(direction, offset)}: {was} is now {now}"]


def _shown(data: bytes, limit: int = 16) -> str:
    return data[:limit].hex(" ") + (" ..." if len(data) > limit else "")


def _field(direction: LinkDirection, offset: int) -> str:
    layout = direction.layout
    fields = {
        layout.rd_idx_offset: "rd_idx",
        layout.wr_idx_offset: "wr_idx",
        layout.handshake_offset: "handshake",
    }
    if offset >= layout.data_offset:
        return f" (data +{offset - layout.data_offset})"
    return f" ({name})" if (name := fields.get(offset & ~3)) else ""


class TraceFiles:
    """The files that are being written."""

    def __init__(self) -> None:
        self._files: list[TraceFile] = []

    def begin(self, machine: Machine, path: str, link: AnyLink) -> list[str]:
        """Write one more file; ConfigurationError if it has no suffix of a format, or cannot be written."""
        if any(str(file.path) == path for file in self._files):
            return [f"{path} is being written already; icmsg trace off ends it"]
        self._files.append(trace_to(machine, path, (link,)))
        return [f"tracing to {path}; icmsg trace off ends it"]

    def end(self) -> list[str]:
        """End all files, and say what is in each."""
        files, self._files = self._files, []
        lines = []
        for file in files:
            file.close()
            lines.append(f"{file.path}: {file.messages} message{'s' * (file.messages != 1)}")
        return lines or ["no trace is being written: icmsg trace FILE begins one"]


def write_variable(core: Core, name: str, text: str) -> list[str]:
    """Put the value that a text says into a variable; say what was there."""
    variable = core.variable(name)
    kind = bare(variable.type)
    before = str(variable)
    is_bytes = isinstance(kind, ArrayType) and kind.is_bytes and text.startswith("hex:")
    variable.write(hex_bytes(text.removeprefix("hex:")) if is_bytes else text)
    return [f"{name} = {core.variable(name)} (was {before})"]


_CHECK_THEMSELVES: Final = ("dump", "bond", "send", "recv", "unbound")
"""Verbs that take options off before their words are counted."""
_MACHINES: Final = 8
"""Number of machines that are remembered with who plays their cores."""


class IcmsgVerbs:
    """The verbs over one emulation; ``machine`` gives the selected machine at each command.

    ``output`` takes the lines of ``icmsg watch``, one at a time, while virtual time passes.
    """

    def __init__(
        self, machine: Callable[[], Machine | None], output: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._machine: Final = machine
        self._output: Final = output
        self._settings: Final = LinkSettings()
        self._played: Final[list[PlayedCores]] = []
        self._watch: Watch | None = None
        self._traces: Final = TraceFiles()
        self._verbs: Final[dict[str, Callable[[list[str]], list[str]]]] = {
            "status": self._show_status,
            "dump": self._dump,
            "watch": self._watch_or_not,
            "trace": self._trace,
            "bond": self._bond,
            "send": self._send,
            "recv": self._receive,
            "unbound": self._close,
            "release": self._release,
            "reset": self._reset,
            "ring": self._ring,
            "write": self._write,
            "var": self._variable,
            "config": self._configure,
            "regions": self._show_regions,
            "help": self._help,
        }

    def execute(self, words: Sequence[str]) -> str:
        """Run one verb with its arguments, quotes taken off; return what it prints, without the last line end.

        Raises:
            MonitorError: the verb does not exist, is called in another way, or cannot do what was asked.
        """
        name, *rest = words or ["help"]
        find_verb(name)
        self._suit()

        def run() -> list[str]:
            if name not in _CHECK_THEMSELVES:
                check_call(name, rest)
            return self._verbs[name](rest)

        return "\n".join(refused(run))

    def complete(self, words: Sequence[str]) -> list[str]:
        """Return what the last of ``words`` may become; ``[""]`` and ``["du"]`` are verbs."""
        *before, last = words or [""]
        self._suit()
        is_verb = not before or before[:1] == ["help"]
        known = list(VERBS) if is_verb else completions(before[0], self._settings)
        return [word for word in known if word.startswith(last)]

    # Looking

    def _show_status(self, _words: list[str]) -> list[str]:
        played = self._running()
        return status_lines(played.machine, self._settings, played)

    def _dump(self, words: list[str]) -> list[str]:
        if "--packets" in words[1:]:
            words = [word if word != "--packets" else "65535" for word in words]
        check_call("dump", words)
        direction = self._settings.find(words[0])
        machine = self._running().machine
        if self._settings.several.is_on:
            most = number(words[1], "number of packets") if len(words) == 2 else None
            config = self._settings.several_configs[direction.writer]
            return dump_several(machine, direction.writer, direction.reader, config, most)
        view = view_of(machine, direction)
        head = region_lines(direction.title, view)
        if len(words) == 2:
            return [*head, *packet_lines(view, number(words[1], "number of packets"))]
        region = direction.region
        content = machine.core(direction.writer).bus.read_block(region.address, region.size)
        return [*head, *dump_lines(content, region.address, direction.layout)]

    def _watch_or_not(self, words: list[str]) -> list[str]:
        wanted = words[0].lower() if words else "on"
        if wanted not in ("on", "off", "true", "false"):
            raise MonitorError(f"{words[0]!r} is neither on nor off; usage: {VERBS['watch'].usage}")
        self._stop_watching()
        if wanted in ("on", "true"):
            self._watch = Watch(self._running().machine, self._settings, self._output)
            return ["watching: a line for each doorbell and what came with it"]
        return ["no longer watching"]

    def _stop_watching(self) -> bool:
        """Watch no longer; tell whether somebody did."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        return watch is not None

    def _trace(self, words: list[str]) -> list[str]:
        if words[0] == "off":
            return self._traces.end()
        return self._traces.begin(
            self._running().machine, words[0].removeprefix("@"), self._settings.any_link
        )

    def close(self) -> None:
        """End what is being written."""
        self._traces.end()

    # Playing a core

    def _bond(self, words: list[str]) -> list[str]:
        words, timeout = option(words, "--timeout")
        check_call("bond", words)
        return self._running().bond(words, BOND_NS if timeout is None else time_ns(timeout))

    def _send(self, words: list[str]) -> list[str]:
        words, endpoint = setting(words, "endpoint")
        if len(words) > 2:
            raise MonitorError(f"put a text with spaces into quotes; usage: {VERBS['send'].usage}")
        if not words:
            check_call("send", words)
        return self._running().send(message(words[0]), words[1] if len(words) > 1 else None, endpoint)

    def _receive(self, words: list[str]) -> list[str]:
        words, endpoint = setting(words, "endpoint")
        words, timeout = option(words, "--timeout")
        check_call("recv", words)
        name = words[0] if words else None
        return self._running().receive(name, RECEIVE_NS if timeout is None else time_ns(timeout), endpoint)

    def _close(self, words: list[str]) -> list[str]:
        words, endpoint = setting(words, "endpoint")
        check_call("unbound", words)
        return self._running().close(words[0] if words else None, endpoint)

    def _release(self, words: list[str]) -> list[str]:
        return self._running().release(words)

    def _reset(self, words: list[str]) -> list[str]:
        return self._running().reset(words[0])

    # Injecting

    def _ring(self, words: list[str]) -> list[str]:
        played = self._running()
        core, channel = played.core(words[0]), number(words[1], "channel")
        return ring(core, played.other(core), channel)

    def _write(self, words: list[str]) -> list[str]:
        direction = self._settings.find(words[0])
        offset, data = number(words[1], "offset"), hex_bytes(words[2])
        return write(self._running().machine, direction, offset, data)

    def _variable(self, words: list[str]) -> list[str]:
        core = self._running().machine.core(words[0])
        if len(words) > 2:
            return write_variable(core, *words[1:])
        return [f"{words[1]} = {core.variable(words[1])}"]

    # The instance

    def _configure(self, words: list[str]) -> list[str]:
        if words:
            self._settings.change(words)
            if self._stop_watching():
                self._watch_or_not([])
        return self._settings.lines()

    def _show_regions(self, words: list[str]) -> list[str]:
        line = self._settings.change_regions(words)
        if words and self._stop_watching():
            self._watch_or_not([])
        return [line]

    def _help(self, words: list[str]) -> list[str]:
        return help_lines(words[0] if words else None, self._settings)

    def _suit(self) -> None:
        """Take the names of cores from the selected machine, if it has a link."""
        with suppress(IcmsgError):  # who needs the machine is told what is wrong with it
            if (machine := self._machine()) is not None:
                self._settings.suit(machine.soc)

    def _running(self) -> PlayedCores:
        """Return who plays the cores of the selected machine."""
        machine = self._machine()
        if machine is None:
            raise MonitorError(
                f"there is no machine: make one with include @renode/{DEFAULT.name}.resc, or select one with mach set"
            )
        self._settings.suit(machine.soc)
        found = next((played for played in self._played if played.machine is machine), None)
        if found is None:
            found = PlayedCores(machine, self._settings)
            self._played[:0] = [found]
            del self._played[_MACHINES:]
        return found
