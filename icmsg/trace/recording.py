"""Traces of a machine into files: what ``icmsg run --trace``, keywords, fixtures and the Monitor begin and end."""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from icmsg.cosim.link import default_link
from icmsg.errors import ConfigurationError
from icmsg.outputs import create_stream
from icmsg.trace.formats import format_of
from icmsg.trace.tracer import Tracer, subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from icmsg.cosim.link import Link
    from icmsg.cosim.machine import Machine
    from icmsg.trace.formats import TraceFormat
    from icmsg.trace.writer import Output

_QUICK: Final = 1
"""Level of compression: the events of a run repeat, so more takes much longer and gives little."""


class TraceFile:
    """A trace that is being written to ``path``, until :meth:`close`; use :func:`trace_to`."""

    def __init__(self, path: Path | None, tracer: Tracer, closing: ExitStack) -> None:
        self.path: Final = path
        self._tracer = tracer
        self._closing = closing

    @property
    def messages(self) -> int:
        """Messages so far."""
        return self._tracer.messages

    def close(self, report: Mapping[str, Any] | None = None) -> None:
        """End the file; a second time does nothing.

        ``report`` is that of the run, see :meth:`icmsg.trace.writer.TraceWriter.conclude`.
        """
        with self._closing:
            self._tracer.stop(report)

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
    links: Sequence[Link] = (),
    *,
    format: TraceFormat | None = None,  # noqa: A002 - what everybody calls it
    about: Mapping[str, str] | None = None,
    exact: bool = True,
) -> TraceFile:
    """Write what happens on ``machine`` from now on into a file; its suffix says in which format.

    ``links`` are those whose messages are shown; by default the one of the SoC. ``exact``: see
    :class:`icmsg.trace.tracer.Tracer`.

    Raises:
        ConfigurationError: no format has this suffix, the file cannot be written, or the SoC has no such link.
    """
    path = Path(path)
    chosen, gzipped = (format, False) if format is not None else format_of(path)
    with ExitStack() as closing:
        try:
            stream: Output = closing.enter_context(create_stream(path))
        except OSError as error:
            raise _unwritable(path, error) from None
        if gzipped:
            stream = closing.enter_context(_compressed(stream))
        return _begin(machine, stream, chosen, links, about, exact, path, closing.pop_all())


def trace_into(
    machine: Machine,
    stream: Output,
    format: TraceFormat,  # noqa: A002 - what everybody calls it
    links: Sequence[Link] = (),
    *,
    about: Mapping[str, str] | None = None,
) -> TraceFile:
    """Do as :func:`trace_to`, to a stream that stays open, such as standard output."""
    return _begin(machine, stream, format, links, about, True, None, ExitStack())


def _begin(
    machine: Machine,
    stream: Output,
    chosen: TraceFormat,
    links: Sequence[Link],
    about: Mapping[str, str] | None,
    exact: bool,
    path: Path | None,
    closing: ExitStack,
) -> TraceFile:
    try:
        subject = subject_of(machine, links or (default_link(machine.soc),), about or {})
        return TraceFile(path, Tracer(chosen.make(subject, stream), exact=exact), closing)
    except BaseException:
        closing.close()
        raise


def _compressed(stream: Output) -> gzip.GzipFile:
    return gzip.GzipFile(
        "", "wb", _QUICK, cast("BinaryIO", stream), mtime=0
    )  # no name, no time: always equal


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"trace {path} cannot be written: {error.strerror}; give a folder that can be")
