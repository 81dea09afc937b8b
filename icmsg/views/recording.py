"""Formats of traces by suffix, and the traces of a machine into files.

Traces of a machine into files: what ``icmsg run --trace``, keywords, fixtures and the Monitor begin and end.

Formats of traces by the suffix of a file's name: the one list of them, for every front end.

File, compressor or pipe behind a trace: collects small writes, and keeps an error until the run can hear of it.

A new format is a module with a :class:`~icmsg.views.writer.TraceWriter`, and its line in :data:`FORMATS`.
"""

from __future__ import annotations

import gzip
import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from icmsg.errors import ConfigurationError, closest
from icmsg.files import create_stream, replace_file
from icmsg.link.link import default_link
from icmsg.views.moments import WriterProcess, may_be_apart
from icmsg.views.tracer import Tracer
from icmsg.views.writer import TraceEnd, subject_of

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

    def __init__(self, path: Path | None, tracer: Tracer, sink: Sink, *, apart: bool = False) -> None:
        self.path: Final = path
        self._tracer: Final = tracer
        self._sink: Final = sink
        self._process: WriterProcess | None = None
        if apart and may_be_apart():
            self._process = WriterProcess(tracer.take, self._end_apart)
            tracer.send_to(self._process.send)

    @property
    def messages(self) -> int:
        """Messages so far; not of one that is written apart."""
        return self._tracer.messages

    def note(self, time_ns: int, core: int, text: str) -> None:
        """Add what a test did to the machine."""
        self._tracer.note(time_ns, core, text)

    def close(self, report: Mapping[str, Any] | None = None) -> None:
        """End the file; a second time does nothing.

        ``report`` is that of the run, see :class:`icmsg.views.writer.TraceEnd`.

        Raises:
            ConfigurationError: not all could be written.
            BrokenPipeError: nobody reads the stream any more.
        """
        end = self._tracer.detach(report)
        if end is None:
            return
        if self._process is None:
            self._end(end)
            return
        try:
            self._process.end(end)
        finally:
            self._sink.leave()

    def _end_apart(self, end: TraceEnd | None) -> None:
        self._end(end or TraceEnd(self._tracer.latest_ns))

    def _end(self, end: TraceEnd) -> None:
        try:
            self._tracer.finish(end)
        finally:
            try:
                self._sink.close()
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
    apart: bool = False,
) -> TraceFile:
    """Write what happens on ``machine`` from now on into a file; its suffix says in which format.

    ``links`` are those whose messages are shown; by default the one of the SoC. ``players`` says who will play a core,
    where that is not known yet. ``exact``: see :class:`icmsg.views.tracer.Tracer`. ``apart``: a process of its own
    writes the file where that saves time (:mod:`icmsg.views.moments`); only for who ends it before the machine.

    Raises:
        ConfigurationError: no format has this suffix, the file cannot be written, or the SoC has no such link.
    """
    path = Path(path)
    chosen, gzipped = format_of(path)
    try:
        stream = create_stream(path)
    except OSError as error:
        raise unwritable(path, error) from None
    live = stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    return _begin(
        machine,
        Sink(stream, gzipped=gzipped, live=live),
        chosen,
        links,
        about,
        players,
        path,
        exact=exact,
        apart=apart,
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
    return _begin(machine, Sink(stream, live=True, closes=False), chosen, links, about, players, None)


def _begin(
    machine: Machine,
    sink: Sink,
    chosen: TraceFormat,
    links: Sequence[AnyLink],
    about: Mapping[str, str] | None,
    players: Mapping[str, str] | None,
    path: Path | None,
    *,
    exact: bool = True,
    apart: bool = False,
) -> TraceFile:
    try:
        subject = subject_of(machine, links or (default_link(machine.soc),), about or {}, players or {})
        tracer = Tracer(chosen.make(subject, sink), exact=exact, at_once=sink.is_live)
        apart = (
            apart and not sink.is_live and machine.engine == "embedded"
        )  # Renode has threads, which a fork ends
        return TraceFile(path, tracer, sink, apart=apart)
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


_BLOCK: Final = 1 << 16
_QUICK: Final = 1
"""Level of compression: the events of a run repeat, so more takes much longer and gives little."""


class Sink:
    """Writes to ``stream`` in blocks, or, if somebody reads along (``live``), whenever a writer has finished a thing.

    Things happen in the middle of an instruction, where nobody could handle an error of the disk: it is kept in
    ``error``, and nothing is written any more.
    """

    __slots__ = ("_buffer", "_closes", "_is_gzipped", "_stream", "_target", "error", "is_live")

    def __init__(
        self, stream: BinaryIO, *, gzipped: bool = False, live: bool = False, closes: bool = True
    ) -> None:
        self.error: OSError | None = None
        self._buffer = bytearray()
        self.is_live = live
        self._stream: Final = stream
        self._is_gzipped: Final = gzipped
        self._target: TraceOutput | None = None
        self._closes: list[BinaryIO] = [stream] if closes else []

    def write(self, data: bytes | bytearray) -> None:
        """Take bytes."""
        self._buffer += data
        if len(self._buffer) >= _BLOCK:
            self._hand_on()

    def flush(self) -> None:
        """Hand on what was taken, if somebody reads along."""
        if self.is_live:
            self._hand_on(flush=True)

    def _hand_on(self, *, flush: bool = False) -> None:
        try:
            if self.error is None:
                target = self._target or self._begin()
                target.write(self._buffer)
                if flush:
                    target.flush()
        except OSError as error:
            self.error = error
        self._buffer = bytearray()

    def _begin(self) -> TraceOutput:
        """Return what is written to; made as late as this, since a compressor writes something of its own."""
        if not self._is_gzipped:
            self._target = self._stream
            return self._stream
        target = self._target = compressed(self._stream)
        self._closes.insert(0, cast("BinaryIO", target))
        return target

    def leave(self) -> None:
        """Write nothing: another process does, which has the same file, and nothing was handed on yet."""
        for stream in self._closes:
            stream.close()

    def close(self) -> None:
        """Write the rest and close what was opened for this; raises the first OSError there was."""
        self._hand_on(flush=True)
        try:
            with ExitStack() as stack:
                for stream in reversed(self._closes):
                    stack.callback(stream.close)
        except OSError as error:
            self.error = self.error or error
        if self.error is not None:
            raise self.error


def compressed(stream: TraceOutput) -> gzip.GzipFile:
    """Return a compressor into ``stream`` whose bytes depend on nothing but what it is given."""
    return gzip.GzipFile("", "wb", _QUICK, cast("BinaryIO", stream), mtime=0)
