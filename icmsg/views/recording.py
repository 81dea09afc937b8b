"""Traces of a machine into files: what ``icmsg run --trace``, keywords, fixtures and the Monitor begin and end.

Formats of traces by the suffix of a file's name: the one list of them, for every front end.

A new format is a module with a :class:`~icmsg.views.writer.TraceWriter`, and its line in :data:`FORMATS`.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from icmsg.errors import ConfigurationError, closest
from icmsg.link.link import default_link
from icmsg.outputs import create_stream, replace_file
from icmsg.views.tracer import Tracer, subject_of
from icmsg.views.writer import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from icmsg.link.endpoints.link import AnyLink
    from icmsg.machine.machine import Machine
    from icmsg.views.writer import TraceOutput, TraceSubject, TraceWriter


_GZIP: Final = ".gz"


@dataclass(frozen=True, slots=True)
class TraceFormat:
    """A format: ``writer`` is ``module:Class``, loaded at first use; ``may_gzip``: its tools open a compressed file."""

    name: str
    suffix: str
    meaning: str
    writer: str
    may_gzip: bool = False
    streams: bool = True
    """True if a reader at the other end of a pipe can follow."""

    def make(self, subject: TraceSubject, output: TraceOutput) -> TraceWriter:
        """Return a writer of this format to ``output``."""
        module, _, name = self.writer.partition(":")
        # Typed at its definition: a format's class takes what TraceWriter takes.
        made = cast(
            "Callable[[TraceSubject, TraceOutput], TraceWriter]", getattr(import_module(module), name)
        )
        return made(subject, output)


FORMATS: Final = (
    TraceFormat("text", ".txt", "a line for each thing", "icmsg.views.text:TextWriter", may_gzip=True),
    TraceFormat(
        "perfetto",
        ".pftrace",
        "a timeline for ui.perfetto.dev",
        "icmsg.views.perfetto:PerfettoWriter",
        may_gzip=True,
        streams=False,
    ),
    TraceFormat(
        "pcapng", ".pcapng", "packets for Wireshark", "icmsg.views.pcapng:PcapngWriter", may_gzip=True
    ),
    TraceFormat(
        "vcd", ".vcd", "waveforms for GTKWave and Surfer", "icmsg.views.vcd:VcdWriter", streams=False
    ),
    TraceFormat(
        "html", ".html", "a report for a browser", "icmsg.views.report.writer:HtmlWriter", streams=False
    ),
)
"""All formats; the first one is what is written where nobody asks for another."""


def suffixes() -> tuple[str, ...]:
    """Return every suffix that a file's name may end with."""
    return tuple(
        suffix
        for each in FORMATS
        for suffix in ((each.suffix, each.suffix + _GZIP) if each.may_gzip else (each.suffix,))
    )


def format_of(path: Path | str) -> tuple[TraceFormat, bool]:
    """Return the format that a file's name says, and whether it is to be compressed.

    Raises:
        ConfigurationError: no format has this suffix; the text lists them.
    """
    name = Path(path).name.lower()
    gzipped = name.endswith(_GZIP)
    bare = name.removesuffix(_GZIP)
    for each in FORMATS:
        if bare.endswith(each.suffix) and (each.may_gzip or not gzipped):
            return each, gzipped
    raise ConfigurationError(
        f"trace {path}: the suffix says which format, and this is none; use one of {', '.join(suffixes())}"
    )


def format_named(name: str) -> TraceFormat:
    """Return a format by name; ConfigurationError lists those there are."""
    names = [each.name for each in FORMATS]
    for each in FORMATS:
        if each.name == name:
            return each
    raise ConfigurationError(f"no trace format {name!r}{closest(name, names)}; there are {', '.join(names)}")


class TraceFile:
    """A trace that is being written, until :meth:`close`; use :func:`trace_to`. ``path`` is None for a stream."""

    def __init__(self, path: Path | None, tracer: Tracer, sink: Sink) -> None:
        self.path: Final = path
        self._tracer = tracer
        self._sink: Sink | None = sink

    @property
    def messages(self) -> int:
        """Messages so far."""
        return self._tracer.messages

    def note(self, time_ns: int, core: int, text: str) -> None:
        """Add what a test did to the machine."""
        self._tracer.writer.noted(time_ns, core, text)

    def close(self, report: Mapping[str, Any] | None = None) -> None:
        """End the file; a second time does nothing.

        ``report`` is that of the run, see :meth:`icmsg.views.writer.TraceWriter.conclude`.

        Raises:
            ConfigurationError: not all could be written.
            BrokenPipeError: nobody reads the stream any more.
        """
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            self._tracer.stop(report)
        finally:
            try:
                sink.close()
                if self.path is not None:
                    write_companions(self._tracer.writer, self.path)
            except BrokenPipeError:
                raise
            except OSError as error:
                raise unwritable(self.path, error) from None

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def trace_to(
    machine: Machine,
    path: Path | str,
    links: Sequence[AnyLink] = (),
    *,
    about: Mapping[str, str] | None = None,
    players: Mapping[str, str] | None = None,
    exact: bool = True,
) -> TraceFile:
    """Write what happens on ``machine`` from now on into a file; its suffix says in which format.

    ``links`` are those whose messages are shown; by default the one of the SoC. ``players`` says who will play a core,
    where that is not known yet. ``exact``: see :class:`icmsg.views.tracer.Tracer`.

    Raises:
        ConfigurationError: no format has this suffix, the file cannot be written, or the SoC has no such link.
    """
    path = Path(path)
    chosen, gzipped = format_of(path)
    try:
        stream = create_stream(path)
    except OSError as error:
        raise unwritable(path, error) from None
    live = stat.S_ISFIFO(path.stat().st_mode)
    return _begin(
        machine, Sink(stream, gzipped=gzipped, live=live), chosen, links, about, players, exact, path
    )


def trace_into(
    machine: Machine,
    stream: BinaryIO,
    chosen: TraceFormat,
    links: Sequence[AnyLink] = (),
    *,
    about: Mapping[str, str] | None = None,
    players: Mapping[str, str] | None = None,
) -> TraceFile:
    """Do as :func:`trace_to`, to a stream that stays open and is read along, such as standard output."""
    return _begin(machine, Sink(stream, live=True, closes=False), chosen, links, about, players, True, None)


def _begin(
    machine: Machine,
    sink: Sink,
    chosen: TraceFormat,
    links: Sequence[AnyLink],
    about: Mapping[str, str] | None,
    players: Mapping[str, str] | None,
    exact: bool,
    path: Path | None,
) -> TraceFile:
    try:
        subject = subject_of(machine, links or (default_link(machine.soc),), about or {}, players or {})
        return TraceFile(path, Tracer(chosen.make(subject, sink), exact=exact), sink)
    except BaseException:
        sink.close()
        raise


def write_companions(writer: TraceWriter, path: Path) -> None:
    """Write what stands beside a trace that has ended."""
    for suffix, text in writer.companions(path.name).items():
        replace_file(path.with_suffix(suffix), text)


def unwritable(path: Path | None, error: OSError) -> ConfigurationError:
    """Return the error for a file that cannot be written; None is standard output."""
    name = "-" if path is None else path
    return ConfigurationError(f"trace {name} cannot be written: {error.strerror}; give a folder that can be")
