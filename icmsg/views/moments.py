"""Moments of a machine: what happens is kept as it is, and handed on to those who find out what it means, many at once.

A thing happens in the middle of an instruction. Whatever Python does there finds nothing of its own in the processor's
caches, and takes twice to three times as long as in a row with its like. So only what cannot be seen later is done
there: an event is put into a list, and so is the index of a reader, where that has moved. Who finds out may be a
process of its own, which also writes the file: what that costs is paid beside the run, where a processor is free.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import EngineError, IcmsgError
from icmsg.machine.events import EventKind
from icmsg.views.writer import TraceEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icmsg.machine.events import Event, EventStream
    from icmsg.views.ways import Way

    Moment = tuple[int, int, int, int, int, Any]
    """An event, or one of the kinds below: time in nanoseconds, kind, core, a, b, news.

    ``a`` and ``news`` are plain values, which another process understands.
    """
    Handler = Callable[[int, int, int, int, Any], None]
    """Called with a moment's time in nanoseconds, core, a, b and news."""

MOVED: Final = max(EventKind) + 1
"""Kind of a moment: a reader has moved, a is what was seen; b is 1 where its store was told, news the direction."""
PRINTED, WRITTEN, NOTED = MOVED + 1, MOVED + 2, MOVED + 3
"""Kinds of moments: a core's console has a line, or input; a test did something. news is the text."""

PARTS: Final = 6
"""Parts of a moment."""
_MANY: Final = 2048
"""Moments that are handed on together, about 200 messages; more of them would leave the caches again."""
_MOST_BYTES: Final = 1 << 23
"""Bytes of payloads that are kept at most, where regions are so large that :data:`_MANY` are too many."""
_PIPE_BYTES: Final = 1 << 20
_SET_PIPE_SIZE: Final = 1031  # F_SETPIPE_SZ of Linux
_ENDERS: Final = (signal.SIGINT, signal.SIGTERM)


class Moments:
    """Keeps moments until there are enough; ``read_by`` has the ways that a core reads, ``by_channel`` those it rings.

    ``at_once``: each is handed on where it happens.
    """

    def __init__(
        self,
        read_by: Mapping[int, Sequence[Way]],
        by_address: Mapping[int, Way],
        by_channel: Mapping[tuple[int, int], Way],
        *,
        at_once: bool,
    ) -> None:
        self._read_by: Final = read_by
        self._by_channel: Final = by_channel
        self._by_address: Final = by_address
        self._kept: Final[list[Any]] = []
        """The parts of moments one behind the other: as tuples they would make the garbage collector look at them."""
        self._handlers: Final[list[Handler]] = [_ignore] * (NOTED + 1)
        self._limit = (1 if at_once else _MANY) * PARTS
        self.send: Callable[[list[Any]], None] = self.tell
        """Function that gets the parts of all moments kept so far, in plain values."""
        self.add: Final = self._adder()
        """Function that keeps a moment, and hands on all where they are enough."""

    def bound(self, way: Way) -> None:
        """Keep no more than the region of ``way`` lets."""
        size = way.direction.region.size
        self._limit = min(self._limit, PARTS * max(1, _MOST_BYTES // size))

    def listen(self, events: EventStream, handler: Handler, kind: int) -> Callable[[], None]:
        """Call ``handler`` for this kind of moments; the function returned ends that."""
        self._handlers[kind] = handler
        if kind >= MOVED:
            return _nothing
        own = EventKind(kind)
        return events.add_sink(self._sink(own), (own,))

    def _sink(self, kind: EventKind) -> Callable[[Event], None]:
        special: Mapping[EventKind, Callable[[Event], None]] = {
            EventKind.DOORBELL: self._keep_ring,
            EventKind.INTERRUPT_END: self._look_and_keep,
            EventKind.STATE: self._look_and_keep,
            EventKind.PACKET_RECEIVED: self._keep_receipt,
            EventKind.PACKETS: self._keep_packets,
            EventKind.ENDPOINT_MESSAGE: self._keep_message,
            EventKind.SESSION: self._keep_session,
            EventKind.REGION: self._keep_region,
            EventKind.CORE_STARTED: self._keep_change,
            EventKind.CORE_HALTED: self._keep_change,
            EventKind.CORE_RESET: self._keep_change,
        }
        return special.get(kind, self.add)

    def _adder(self) -> Callable[[Moment], None]:
        kept, keep = self._kept, self._kept.extend

        def add(moment: Moment) -> None:
            keep(moment)
            if len(kept) >= self._limit:
                self.hand_on()

        return add

    def stored(self, way: Way, now: Callable[[], int]) -> Callable[[int, int, object], None]:
        """Return what is told of the stores of firmware to rd_idx of ``way``."""
        add, core, number = self.add, way.reader.index, way.direction.number

        def told(_address: int, value: int, _pc: object) -> None:
            way.is_told = True
            if (seen := way.stored(value)) is not None:
                add((now(), MOVED, core, seen, 1, number))

        return told

    def look(self, way: Way, time_ns: int) -> None:
        """Look how far the reader of ``way`` has come, unless that is told."""
        if not way.is_told:
            self._see(way, time_ns)

    def _see(self, way: Way, time_ns: int) -> None:
        if (seen := way.peek()) is not None:
            self.add((time_ns, MOVED, way.reader.index, seen, 0, way.direction.number))

    def _look_at_reads(self, event: Event) -> None:
        """Look what the core of an event may have taken before it."""
        for way in self._read_by[event[2]]:
            self.look(way, event[0])

    def _look_and_keep(self, event: Event) -> None:
        self._look_at_reads(event)
        self.add(event)

    def _keep_ring(self, event: Event) -> None:
        """Keep a doorbell, behind what was sent into its queue: nothing else says what is in it."""
        self._look_at_reads(event)
        rung = self._by_channel.get((event[2], event[3]))
        if rung is not None and rung.takes_receipts:
            self._see(rung, event[0])
        self.add(event)

    def _keep_receipt(self, event: Event) -> None:
        for way in self._read_by[event[2]]:
            if way.takes_receipts:
                self.add(event)
                self._see(way, event[0])
            else:
                self.look(way, event[0])

    def _keep_packets(self, event: Event) -> None:
        news: Any = event[5]
        if (way := self._by_address.get(news.region.address)) is not None:
            if not news.opens:
                self.look(way, event[0])
            found = way.read(news.payloads)
            told = news.region.address, news.start, news.end, news.payloads, news.opens, found
            self.add((*event[:5], told))

    def _keep_message(self, event: Event) -> None:
        news: Any = event[5]
        if (way := self._by_address.get(news.region.address)) is not None:
            told = news.region.address, news.endpoint, bytes(news.payload), news.block, way.hear(news)
            self.add((*event[:5], told))

    def _keep_session(self, event: Event) -> None:
        self.add((*event[:5], None))

    def _keep_region(self, event: Event) -> None:
        news: Any = event[5]
        if (way := self._by_address.get(news.region.address)) is not None:
            way.forget()
            self.add((*event[:5], (news.region.address, str(news))))

    def _keep_change(self, event: Event) -> None:
        for way in self._read_by[event[2]]:
            way.is_told = False  # Python may play it next
        self.add(event)

    def hand_on(self) -> None:
        """Hand on all that are kept."""
        if kept := self._kept[:]:
            self._kept.clear()
            self.send(kept)

    def tell(self, parts: Sequence[Any]) -> None:
        """Call the handlers of moments; where that is interrupted, the rest stays."""
        handlers = self._handlers
        moments: Iterator[Moment] = zip(*[iter(parts)] * PARTS, strict=True)
        try:
            for time_ns, kind, core, a, b, news in moments:
                handlers[kind](time_ns, core, a, b, news)
        except BaseException:
            self._kept[:0] = chain.from_iterable(moments)
            raise


def _ignore(*_moment: object) -> None:
    """Do nothing."""


def _nothing() -> None:
    """Do nothing."""


def may_be_apart() -> bool:
    """Tell whether a process of its own saves time here: on Linux, with a second processor; a fork has no threads."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


class WriterProcess:
    """Process that takes moments by :meth:`send`; there ``take`` is called with them, and ``end`` at the end.

    ::

        this process                                       its copy
        events -> Moments, many at once -- pickled, a pipe --> Tracer -> TraceWriter -> file
        the end, with what a page shows of the machine     --> the same, then the file is closed
        the error there was                          <-- another pipe --

    The copy is made by fork, so it knows all that this process knows when the trace begins; of the machine it is told.
    ``end`` gets None where this process has gone without an end. Nothing may have been handed to the file before: what
    its buffers hold, both would write.
    """

    def __init__(self, take: Callable[[Sequence[Any]], None], end: Callable[[TraceEnd | None], None]) -> None:
        moments, self._moments = os.pipe()
        self._answer, answer = os.pipe()
        self._is_heard = True
        _enlarge(self._moments)
        with _undisturbed():
            self._process = os.fork()
            if not self._process:
                os.close(self._moments)
                os.close(self._answer)
                _live(moments, answer, take, end)
        os.close(moments)
        os.close(answer)

    def send(self, moments: Sequence[Any]) -> None:
        """Hand on plain values; once nobody takes them, nothing is sent any more, and :meth:`end` says why."""
        self._write(moments)

    def _write(self, what: object) -> None:
        if not self._is_heard:
            return
        rest = memoryview(pickle.dumps(what))
        with _undisturbed():  # half of it would be lost
            try:
                while rest:
                    rest = rest[os.write(self._moments, rest) :]
            except BrokenPipeError:
                self._is_heard = False

    def end(self, end: TraceEnd) -> None:
        """Let the file be ended, and wait for that.

        Raises:
            IcmsgError: what was raised there.
            EngineError: the process is gone, or something else was raised; the text has its traceback.
        """
        self._write(end)
        os.close(self._moments)
        with os.fdopen(self._answer, "rb") as stream:
            answer = stream.read()
        os.waitpid(self._process, 0)
        error = (
            pickle.loads(answer) if answer else EngineError("the process that writes the trace was killed")
        )
        if error is not None:
            raise error


def _live(
    moments: int,
    answer: int,
    take: Callable[[Sequence[Any]], None],
    end: Callable[[TraceEnd | None], None],
) -> None:
    """Take and end, and then be gone: nothing that this process began is ended here."""
    error: IcmsgError | None = None
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)  # the end comes through the pipe
        gc.freeze()  # nothing of it is looked at here, and so nothing copied
        with os.fdopen(moments, "rb", _PIPE_BYTES) as stream:
            told: Sequence[Any] | TraceEnd | None = ()
            while told is not None and not isinstance(told, TraceEnd):
                take(told)
                try:
                    told = pickle.load(stream)
                except (EOFError, pickle.UnpicklingError):
                    told = None  # killed
            end(told)
    except IcmsgError as raised:
        error = raised
    except BaseException:
        error = EngineError(f"the process that writes the trace has failed:\n{traceback.format_exc()}")
    finally:
        try:
            with os.fdopen(answer, "wb") as stream:
                stream.write(pickle.dumps(error))
        finally:
            os._exit(0)


def _enlarge(pipe: int) -> None:
    import fcntl  # not on Windows

    with suppress(OSError):  # more than this user may have: it is only slower
        fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals that end a run wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
