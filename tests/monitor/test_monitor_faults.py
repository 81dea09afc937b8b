"""Faults and counters of the mailboxes: what they do on this engine, and that Renode's model says the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from looped import for_each

from icmsg.assets import asset
from icmsg.engines.embedded.models.nrf_system import NrfResetModel, NrfVprModel
from icmsg.errors import MonitorError
from icmsg.hw.exposed import signatures
from icmsg.hw.mailboxes.nrf_bellboard import NrfBellboardModel
from icmsg.hw.mailboxes.nrf_ipc import NrfIpcModel
from icmsg.hw.mailboxes.nrf_vevif import NrfVevifModel
from icmsg.hw.mailboxes.nrf_vevif_csr import NrfVevifCsrModel
from icmsg.monitor.objects.mailbox import MailboxWait, StepRecords

if TYPE_CHECKING:
    from icmsg.monitor import EmbeddedMonitor


def csharp(*files: str) -> str:
    return "".join(asset(f"renode/{file}.cs").read_text(encoding="utf-8") for file in files)


SOURCE = {
    NrfIpcModel: csharp("NRF_IPC", "SignallingMailbox"),
    NrfVevifModel: csharp("NRF_VEVIF", "SignallingMailbox"),
    NrfVevifCsrModel: csharp("NRF_VEVIF_CSR", "SignallingMailbox"),
    NrfBellboardModel: csharp("NRF_BELLBOARD", "SignallingMailbox"),
    NrfResetModel: csharp("NRF_RESET"),
    NrfVprModel: csharp("NRF_VPR"),
}
CSHARP = {"void": "Void", "bool": "Boolean", "uint": "UInt32", "ulong": "UInt64", "string": "String"}


@pytest.fixture
def pair(soc: EmbeddedMonitor) -> EmbeddedMonitor:
    """Channel 0 leads from ipcapp to ipcnet, whose interrupt is on."""
    soc.execute("ipcapp WriteDoubleWord 0x510 1; ipcapp WriteDoubleWord 0x514 2")
    soc.execute(
        "ipcnet WriteDoubleWord 0x590 1; ipcnet WriteDoubleWord 0x594 2; ipcnet WriteDoubleWord 0x304 3"
    )
    return soc


def ring(monitor: EmbeddedMonitor, task: int = 0) -> str:
    """Ring, and return what ipcnet has latched; it is acknowledged."""
    monitor.execute(f"ipcapp WriteDoubleWord {4 * task} 1")
    return take(monitor)


def take(monitor: EmbeddedMonitor) -> str:
    events = monitor.execute("ipcnet LatchedEvents")
    monitor.execute("ipcnet WriteDoubleWord 0x100 0; ipcnet WriteDoubleWord 0x104 0")
    return events


def refused(monitor: EmbeddedMonitor, command: str) -> str:
    with pytest.raises(MonitorError) as error:
        monitor.execute(command)
    return str(error.value).splitlines()[-1]


def test_so_many_signals_are_dropped_and_no_more(pair: EmbeddedMonitor) -> None:
    pair.execute("ipcapp DropNext 2")
    assert [ring(pair) for _ in range(4)] == ["0x00000000", "0x00000000", "0x00000001", "0x00000001"]
    assert pair.execute("ipcapp DropNext; ipcapp DroppedSignals; ipcapp SentSignals") == (
        "0x00000000\n0x0000000000000002\n0x0000000000000004"
    )
    assert pair.execute("ipcnet ReceivedSignals") == "0x0000000000000002"


def test_channels_of_a_mask_are_dropped(pair: EmbeddedMonitor) -> None:
    pair.execute("ipcapp DropMask 0x2")
    assert (ring(pair, 0), ring(pair, 1)) == ("0x00000001", "0x00000000")
    pair.execute("ipcapp WriteDoubleWord 0x518 3")
    assert ring(pair, 2) == "0x00000001"  # the other channel of the same task arrives
    assert pair.execute("ipcapp DroppedSignals") == "0x0000000000000002"


def test_a_lost_signal_is_an_event_and_a_line_in_the_log(pair: EmbeddedMonitor) -> None:
    assert pair.machine is not None
    seen: list[tuple[str, int, int]] = []
    pair.machine.events.add_sink(lambda event: seen.append((event.kind.name, event.a, event.b)))
    pair.execute("ipcapp DropMask 0x2")
    ring(pair, 1)
    assert seen == [("DOORBELL", 1, 0), ("SIGNAL_LOST", 1, 2)]
    assert pair.log.last(1)[0].message == "ipcapp: TASKS_SEND[1]: channels 0x2 are lost, as asked for"


def test_a_signal_is_delayed(pair: EmbeddedMonitor) -> None:
    pair.execute("ipcapp SignalDelayMicroseconds 30")
    assert ring(pair) == "0x00000000"
    pair.execute('emulation RunFor "0.000029"')
    assert take(pair) == "0x00000000"
    pair.execute('emulation RunFor "0.000001"')
    assert take(pair) == "0x00000001"


def test_a_delayed_signal_arrives_although_its_sender_was_halted_and_its_mailbox_reset(
    pair: EmbeddedMonitor,
) -> None:
    pair.execute("ipcapp SignalDelayMicroseconds 30; ipcapp WriteDoubleWord 0 1; ipcapp Reset")
    pair.execute('emulation RunFor "0.00003"')
    assert take(pair) == "0x00000001"
    assert pair.execute("ipcapp SignalDelayMicroseconds") == "0x000000000000001E"


def test_a_signal_comes_twice(pair: EmbeddedMonitor) -> None:
    pair.execute("ipcapp DuplicateNext 1; ipcapp DuplicateDelayMicroseconds 10")
    assert ring(pair) == "0x00000001"
    pair.execute('emulation RunFor "0.00001"')
    assert take(pair) == "0x00000001"
    assert ring(pair) == "0x00000001"
    pair.execute('emulation RunFor "0.001"')
    assert take(pair) == "0x00000000"
    assert pair.execute("ipcapp DuplicatedSignals; ipcnet ReceivedSignals") == (
        "0x0000000000000001\n0x0000000000000003"
    )


def test_a_spurious_signal_touches_no_fault_and_no_counter_of_the_sender(pair: EmbeddedMonitor) -> None:
    pair.execute("ipcapp DropNext 1; ipcapp Signal 0x2")
    assert take(pair) == "0x00000002"
    assert pair.execute("ipcapp DropNext; ipcapp SentSignals") == "0x00000001\n0x0000000000000000"


def test_faults_and_counters_are_cleared(pair: EmbeddedMonitor) -> None:
    pair.execute(
        "ipcapp DropNext 1; ipcapp DropMask 4; ipcapp SignalDelayMicroseconds 5; ipcapp DuplicateNext 2"
    )
    pair.execute("ipcapp DuplicateDelayMicroseconds 7; ipcapp WriteDoubleWord 0 1")
    assert pair.execute("ipcapp GetStatus") == (
        "INTEN=0x0000 EVENTS=0x0000 IRQ=0 sent=1 received=0 dropped=1 duplicated=0 "
        "faults: drop channels 0x4, delay by 5 us, duplicate the next 2 after 7 us"
    )
    pair.execute("ipcapp ClearFaults; ipcapp ClearCounters; ipcapp DropNext 3")
    assert pair.execute("ipcapp GetStatus") == (
        "INTEN=0x0000 EVENTS=0x0000 IRQ=0 sent=0 received=0 dropped=0 duplicated=0 faults: drop the next 3"
    )
    assert pair.execute("ipcapp DuplicateDelayMicroseconds") == "0x0000000000000064"


def test_faults_survive_a_reset(pair: EmbeddedMonitor) -> None:
    pair.execute("ipcapp DropMask 1; ipcapp Reset; machine Reset")
    assert pair.execute("ipcapp DropMask") == "0x00000001"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("DropMask 0x10000", "There are 16 channels, so the mask 0x10000 must not exceed 0xFFFF"),
        ("Signal 0x12345", "There are 16 channels, so the mask 0x12345 must not exceed 0xFFFF"),
        ("DuplicateDelayMicroseconds 0",
         "A duplicate at the same time is the same event: the delay must be at least 1"),
        ("SignalDelayMicroseconds 3600000001",
         "A delay of 3600000001 microseconds is too long; 3600000000 is the maximum"),
        ("DropNext 0x100000000", "Could not convert 0x100000000 to UInt32: 0x100000000 is no UInt32"),
    ],
)  # fmt: skip
def test_a_fault_that_cannot_be_is_refused_and_changes_nothing(
    pair: EmbeddedMonitor, command: str, text: str
) -> None:
    before = pair.execute("ipcapp GetStatus; ipcapp DuplicateDelayMicroseconds")
    assert refused(pair, f"ipcapp {command}") == text
    assert pair.execute("ipcapp GetStatus; ipcapp DuplicateDelayMicroseconds") == before


def test_the_refusals_and_the_status_are_those_of_the_model_for_renode() -> None:
    """The constant parts of every text that is made here stand in the C# file, in this order."""
    source = re.sub(r"\{\d(?::X\d?)?\}", "…", SOURCE[NrfIpcModel])
    for text in (
        "There are … channels, so the mask 0x… must not exceed 0x…",
        "A delay of … microseconds is too long; … is the maximum",
        "A duplicate at the same time is the same event: the delay must be at least 1",
        "INTEN=0x… EVENTS=0x… IRQ=…",
        "… sent=… received=… dropped=… duplicated=……",
        "…[…]: channels 0x… are lost, as asked for",
        "TASKS_SEND",
        "drop the next …",
        "drop channels 0x…",
        "delay by … us",
        "duplicate the next … after … us",
        " faults: …",
    ):
        assert f'"{text}"' in source, text


@for_each("model", SOURCE)
def test_members_are_those_of_the_model_for_renode(model: type) -> None:
    """Names, types, parameters and what can be set: the same commands work on both engines."""
    here = {}
    for _, signature in signatures(model):
        parameters = tuple((parameter.kind.name, parameter.name) for parameter in signature.parameters)
        here[signature.name] = (signature.returns.name, parameters, signature.settable)
    there = {}
    for kind, name, body in re.findall(
        r"^        public (?:override )?(\w+) (\w+)\s*(\([^)]*\)|\n        \{|\{ get;.*\}|=> .*;)",
        SOURCE[model],
        re.MULTILINE,
    ):
        if kind not in CSHARP or name in ("WriteDoubleWord", "ReadDoubleWord", "Reset", "IsOutputSet"):
            continue
        if body.startswith("("):
            given = [part.split() for part in body[1:-1].split(",") if part]
            there[name] = (CSHARP[kind], tuple((CSHARP[part[0]], part[1]) for part in given), False)
        else:
            settable = "{ get; set; }" in body or body.startswith("\n")
            there[name] = (CSHARP[kind], (), settable)
    assert len(there) >= 2
    assert here == there


_OF_RENODES_CORES = {"BreakAt", "WatchMemory"}
"""Commands that stop cores of Renode; those of the embedded engine are stopped without any."""


@pytest.mark.parametrize(
    ("part", "file"),
    [(MailboxWait, "LockstepExtensions.cs"), (StepRecords, "RemoteExtensions.cs")],
)
def test_members_are_those_of_the_extensions_for_renode(part: type, file: str) -> None:
    """What takes something else than numbers and texts cannot be called from a Monitor, and is left out."""
    source = (asset("renode") / file).read_text(encoding="utf-8")
    there = {}
    for returns, name, rest in re.findall(
        r"public static (\w+) (\w+)\(this IDoorbell \w+(?:, )?([^)]*)\)", source
    ):
        given = [parameter.split() for parameter in rest.split(",") if parameter]
        if all(kind in CSHARP for kind, _ in given):
            there[name] = CSHARP[returns], tuple((CSHARP[kind], called) for kind, called in given)
    here = {
        signature.name: (
            signature.returns.name,
            tuple((parameter.kind.name, parameter.name) for parameter in signature.parameters),
        )
        for _, signature in signatures(part)
    }
    assert len(there) >= 3
    there = {name: form for name, form in there.items() if name not in _OF_RENODES_CORES}
    assert here == there
