"""One exchange that is traced in every format at once, and what the event stream said meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.events import Event, EventKind, Packets
from icmsg.machine.image import FirmwareImage
from icmsg.views import trace_to

if TYPE_CHECKING:
    from pathlib import Path

PAIRINGS = {"python-firmware": (None, "echo"), "firmware-firmware": ("initiator", "echo")}
MESSAGES = 1000
LONGEST = 32


class Sent(NamedTuple):
    """One message as it came into the ring."""

    number: int
    time_ns: int
    direction: str
    payload: bytes


@dataclass
class Run:
    """The files of a run by suffix, and what the stream had."""

    folder: Path
    trace_sha256: str = ""
    sent: list[Sent] = field(default_factory=list)
    received_by_python: list[int] = field(default_factory=list)
    """Times."""
    doorbells: list[tuple[int, str, int]] = field(default_factory=list)
    """(time, core, channel)"""

    def file(self, suffix: str) -> Path:
        return self.folder / f"run{suffix}"


def traced_run(folder: Path, pairing: str, suffixes: tuple[str, ...], messages: int = MESSAGES) -> Run:
    """Run and trace an exchange; the ground truth is taken from the stream by a sink of its own."""
    run = Run(folder)
    names = ("app", "net")

    def listen(event: Event) -> None:
        if event.kind is EventKind.DOORBELL:
            run.doorbells.append((event.time_ns, names[event.core], event.a))
        elif event.kind is EventKind.PACKET_RECEIVED:
            run.received_by_python.append(event.time_ns)
        elif isinstance(event.news, Packets):
            news = event.news
            for payload in news.payloads[1:] if news.opens else news.payloads:
                direction = f"{news.region.writer}->{news.region.reader}"
                run.sent.append(Sent(len(run.sent) + 1, event.time_ns, direction, payload))

    sides = {
        core: FirmwareImage.load(stub(name, core)) if name else None
        for core, name in zip(names, PAIRINGS[pairing], strict=True)
    }
    with EmbeddedMachine() as machine:
        traces = [trace_to(machine, run.file(suffix)) for suffix in suffixes]
        kinds = (EventKind.DOORBELL, EventKind.PACKETS, EventKind.PACKET_RECEIVED)
        machine.events.add_sink(listen, kinds)
        result = Exchange(machine, sides, APP, Workload(messages, 1, LONGEST)).run()
        assert result.ok, result.problems
        for trace in traces:
            trace.close()
        run.trace_sha256 = machine.trace_sha256()
    return run
