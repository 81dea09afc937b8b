"""Ring of the last things that happened: a trace that becomes a file, in any format, when a test has failed."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import InstanceConfig
from icmsg.errors import BusError, ConfigurationError
from icmsg.files import create_stream
from icmsg.link.endpoints.followed import follow_endpoints
from icmsg.link.endpoints.link import EndpointsLink
from icmsg.link.link import Link, default_link
from icmsg.views.recording import Sink, format_of, unwritable, write_companions
from icmsg.views.tracer import Tracer
from icmsg.views.writer import Message, TracedDirection, TraceEnd, TraceWriter, subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Machine
    from icmsg.views.writer import TraceSubject

_KEPT: Final = 50_000
"""Things that are kept, about ten for a message: of a longer run the last ones explain the failure."""
_TOLD: Final = (
    "sent", "rang", "signal_lost", "interrupt", "interrupt_taken", "interrupt_ended", "received", "dropped", "filled",
    "full", "stalled",
    "controlled", "state", "session", "core_changed", "fault", "warning", "region_changed", "printed", "written",
    "noted",
)  # fmt: skip
"""The methods of a writer whose calls are kept."""


class _Nowhere:
    def write(self, data: bytes | bytearray) -> None:
        """Write nothing."""

    def flush(self) -> None:
        """Do nothing."""


class _Keeper(TraceWriter):
    """Keeps the last ``limit`` calls of its methods."""

    def __init__(self, subject: TraceSubject, limit: int) -> None:
        super().__init__(subject, _Nowhere())
        self.kept: Final[deque[tuple[str, tuple[Any, ...]]]] = deque(maxlen=limit)
        for name in _TOLD:
            setattr(self, name, self._keeping(name))

    def _keeping(self, name: str) -> Callable[..., None]:
        append = self.kept.append

        def keep(*told: Any) -> None:
            append((name, told))

        return keep


class RecentTrace:
    """Keeps the last ``limit`` things that happen on ``machine`` from now on, for :meth:`save`."""

    def __init__(self, machine: Machine, links: Sequence[AnyLink] = (), *, limit: int = _KEPT) -> None:
        self._machine: Final = machine
        self._limit: Final = limit
        self._begin(links or _default_links(machine))

    def _begin(self, links: Sequence[AnyLink], kept: Iterable[tuple[str, tuple[Any, ...]]] = ()) -> None:
        subject = subject_of(self._machine, links, {}, {})
        self._keeper = _Keeper(subject, self._limit)
        self._keeper.kept.extend(kept)
        self._tracer = Tracer(self._keeper, exact=False)

    def follow(
        self,
        core: str,
        other: str,
        config: InstanceConfig | SeveralConfig,
        names: Iterable[str] = (),
    ) -> None:
        """Follow the instance that ``core`` has from now on, instead of another one in the same memory.

        ``other`` is the core at the other end, ``names`` are those of the endpoints. Call it before the instance is
        open. What was kept of an instance that is followed no longer is forgotten.
        """
        self._tracer.catch_up()
        links = list(self._keeper.subject.links)
        over = [link for link in links if _overlaps(link, config)]
        known = next((link for link in over if set(link.cores) == {core, other}), None)
        link = _link_of(core, other, config, names, known)
        if known is not None and len(over) == 1 and _on_the_wire(link) == _on_the_wire(known):
            if isinstance(link, EndpointsLink) and isinstance(known, EndpointsLink):
                first, second = (self._machine.core(name) for name in link.cores)
                own, peer = link.configs.values()
                follow_endpoints(
                    self._machine, first, second, own, link.names, peer
                ).stop()  # knows the names now
            return
        if not over:
            self._tracer.follow(link)
            return
        kept = [call for call in self._keeper.kept if not any(_is_of_a_link(told) for told in call[1])]
        self._tracer.stop()
        self._begin([each if each is not over[0] else link for each in links if each not in over[1:]], kept)

    def __len__(self) -> int:
        self._tracer.catch_up()
        return len(self._keeper.kept)

    def note(self, time_ns: int, core: str, text: str) -> None:
        """Add what a test did to the machine."""
        names = self._keeper.subject.names
        if core in names:
            self._tracer.note(time_ns, names.index(core), text)

    def stop(self) -> None:
        """Keep what there is and add nothing more."""
        self._tracer.stop()

    def save(self, path: Path | str, title: str = "") -> Path:
        """Write what is kept into a file, whose suffix says in which format, and return its path.

        ``title`` is the name of what was traced, such as a test's.

        Raises:
            ConfigurationError: no format has this suffix, or the file cannot be written.
        """
        path = Path(path)
        self._tracer.look()
        chosen, gzipped = format_of(path)
        try:
            sink = Sink(create_stream(path), gzipped=gzipped)
            try:
                writer = chosen.make(replace(self._keeper.subject, title=title), sink)
                for name, told in list(self._keeper.kept):
                    getattr(writer, name)(*told)
                self._tracer.tell_stalls(writer, self._machine.now_ns)
                writer.close(TraceEnd(self._machine.now_ns, seen=writer.see_end()))
            finally:
                sink.close()
            write_companions(writer, path)
        except OSError as error:
            raise unwritable(path, error) from None
        return path


def _default_links(machine: Machine) -> list[AnyLink]:
    """Return the link of an SoC with the default instance; none where its regions are no memory of that SoC."""
    link = default_link(machine.soc)
    try:
        for core, config in link.configs.items():
            machine.core(core).bus.read32(config.tx_region.address)
    except BusError:
        return []
    return [link]


def _overlaps(link: AnyLink, config: InstanceConfig | SeveralConfig) -> bool:
    there = next(iter(link.configs.values()))
    return any(
        one.overlaps(other)
        for one in (there.tx_region, there.rx_region)
        for other in (config.tx_region, config.rx_region)
    )


def _link_of(
    core: str,
    other: str,
    config: InstanceConfig | SeveralConfig,
    names: Iterable[str],
    known: AnyLink | None,
) -> AnyLink:
    """Return the link of ``core``, which has ``config``; the other core keeps what it has if it is of the same kind."""
    first, second = (core, other) if known is None else known.cores
    theirs = None if known is None else known.configs[other]
    if isinstance(config, InstanceConfig):
        peer = theirs if isinstance(theirs, InstanceConfig) else config.mirrored()
        packets = {core: config, other: peer}
        return Link(first, second, {name: packets[name] for name in (first, second)})
    several = config.mirrored() if theirs is None or isinstance(theirs, InstanceConfig) else theirs
    blocks = {core: config, other: several}
    before = known.names if isinstance(known, EndpointsLink) else ()
    all_names = tuple(dict.fromkeys((*before, *names)))
    return EndpointsLink(first, second, {name: blocks[name] for name in (first, second)}, all_names)


def _on_the_wire(link: AnyLink) -> list[tuple[object, ...]]:
    """Return what decides how memory is read."""
    return [
        (
            name,
            type(config),
            config.name,
            config.tx_region,
            config.tx_channel,
            config.tx_layout
            if isinstance(config, InstanceConfig | IcbmsgConfig)
            else config.control.tx_layout,
            config.slots if isinstance(config, IcbmsgConfig) else 0,
        )
        for name, config in link.configs.items()
    ]


def _is_of_a_link(told: Any) -> bool:
    """Tell whether a thing that was told belongs to a direction, which other numbers may stand for later."""
    if isinstance(told, list):
        return any(isinstance(each, Message) for each in told)
    return isinstance(told, TracedDirection | Message)


def suffixes_of(formats: str) -> list[str]:
    """Return the suffixes of formats as a person lists them: ``pftrace, pcapng``; none for an empty text.

    Raises:
        ConfigurationError: no format has such a suffix; the text lists them.
    """
    words = formats.replace(",", " ").split()
    found = [f".{word.lstrip('.')}" for word in words]
    for suffix in found:
        format_of(f"*{suffix}")
    return found


def try_recent(machine: Machine) -> RecentTrace | None:
    """Return a ring for the link of a machine; None where it has none."""
    try:
        return RecentTrace(machine)
    except ConfigurationError:
        return None
