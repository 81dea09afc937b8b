"""Formats of traces by the suffix of a file's name: the one list of them, for every front end.

A new format is a module with a :class:`~icmsg.views.writer.TraceWriter`, and its line in :data:`FORMATS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from icmsg.config.spelling import closest
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

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
    TraceFormat("text", ".txt", "a line for each thing", "icmsg.views.text_writer:TextWriter", may_gzip=True),
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
