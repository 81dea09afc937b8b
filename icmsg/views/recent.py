"""Ring of the last things that happened: a trace that becomes a file, in any format, when a test has failed."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import ConfigurationError
from icmsg.link.link import default_link
from icmsg.outputs import create_stream
from icmsg.views.formats import format_of
from icmsg.views.recording import unwritable, write_companions
from icmsg.views.sink import Sink
from icmsg.views.tracer import Tracer, subject_of
from icmsg.views.writer import TraceWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.link.link import Link
    from icmsg.machine.machine import Machine
    from icmsg.views.writer import TraceSubject

_KEPT: Final = 50_000
"""Things that are kept, about ten for a message: of a longer run the last ones explain the failure."""
_TOLD: Final = (
    "sent", "rang", "signal_lost", "interrupt", "interrupt_taken", "interrupt_ended", "received", "dropped", "filled",
    "state", "session", "core_changed", "fault", "warning", "region_changed", "printed", "written", "noted",
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

    def __init__(self, machine: Machine, links: Sequence[Link] = (), *, limit: int = _KEPT) -> None:
        subject = subject_of(machine, links or (default_link(machine.soc),), {}, {})
        self._keeper = _Keeper(subject, limit)
        self._tracer = Tracer(self._keeper, exact=False)

    def __len__(self) -> int:
        return len(self._keeper.kept)

    def note(self, time_ns: int, core: str, text: str) -> None:
        """Add what a test did to the machine."""
        names = self._keeper.subject.names
        if core in names:
            self._keeper.noted(time_ns, names.index(core), text)

    def stop(self) -> None:
        """Keep what there is and add nothing more."""
        self._tracer.stop()

    def save(self, path: Path | str) -> Path:
        """Write what is kept into a file, whose suffix says in which format, and return its path.

        Raises:
            ConfigurationError: no format has this suffix, or the file cannot be written.
        """
        path = Path(path)
        chosen, gzipped = format_of(path)
        try:
            sink = Sink(create_stream(path), gzipped=gzipped)
            try:
                writer = chosen.make(self._keeper.subject, sink)
                for name, told in list(self._keeper.kept):
                    getattr(writer, name)(*told)
                writer.close()
            finally:
                sink.close()
            write_companions(writer, path)
        except OSError as error:
            raise unwritable(path, error) from None
        return path


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
