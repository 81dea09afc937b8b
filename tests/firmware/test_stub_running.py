"""The images at work, on both cores of the embedded engine: bonding, exchange, and what can go wrong."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from running_stub import (
    APP_TO_NET,
    BAD_PARAMS,
    DONE_LINE,
    FAULT,
    MESSAGES,
    MS,
    NET_TO_APP,
    PARAMS,
    READY,
    finish,
    lines,
    load,
    start_pair,
    stat,
)

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine

RECEIVE, SEND = 3, 4


@pytest.mark.parametrize(("initiator", "echo"), [("app", "net"), ("net", "app")])
@pytest.mark.parametrize("first", ["initiator", "echo"])
@pytest.mark.parametrize("pause_us", [0, 5_500])
def test_either_core_may_initiate_and_either_may_start_first(
    machine: EmbeddedMachine, initiator: str, echo: str, first: str, pause_us: int
) -> None:
    places, cores = {"initiator": initiator, "echo": echo}, {}
    for program in ("initiator", "echo") if first == "initiator" else ("echo", "initiator"):
        cores[program] = load(
            machine, places[program], program
        )  # not sooner: app lets a net that is there go
        cores[program].start()
        if program == first:
            machine.run_for(pause_us * 1000)
    early = cores[first]
    finish(machine, cores["initiator"])
    machine.run_for(MS)
    assert lines(cores["initiator"])[0] == "initiator: up"
    assert lines(cores["initiator"])[1:] == [
        "initiator: bound",
        DONE_LINE,
    ]
    assert lines(cores["echo"]) == ["echo: up", "echo: bound"]
    for core in cores.values():
        counted = [stat(core, name) for name in ("bound", "sent", "received", "errors", "faults")]
        assert counted == [1, MESSAGES, MESSAGES, 0, 0]
        assert stat(core, "bytes_sent") == stat(core, "bytes_received") == stat(cores["echo"], "bytes_sent")
    assert stat(early, "ticks") == pause_us // 1000, "one repeated ring per millisecond until bound"


@pytest.mark.parametrize(
    ("mirrored", "work"),
    [
        ({}, {"window": 8}),
        ({}, {"window": MESSAGES}),
        ({"dcache_alignment": 32}, {}),
        ({"flags": 1}, {"window": 16}),
        ({"tx_size": 32, "rx_size": 32}, {"size_max": 16}),
        ({"tx_size": 64, "rx_size": 0x800}, {"size_max": 40, "window": 50}),
        ({"tx_size": 0x800, "rx_size": 64}, {"size_max": 40, "window": 50}),
        ({"tx_size": 0x8000, "rx_size": 0x8000}, {"size_min": 32000, "size_max": 32752, "messages": 20}),
        ({}, {"seed": 0, "size_min": 7, "size_max": 7}),
    ],
)
def test_geometry_and_workload_are_the_hosts_choice(
    machine: EmbeddedMachine, mirrored: dict[str, int], work: dict[str, int]
) -> None:
    app, net = start_pair(machine, mirrored, **work)
    finish(machine, app)
    messages = work.get("messages", MESSAGES)
    assert [stat(app, name) for name in ("sent", "received", "mismatches", "errors")] == [
        messages,
        messages,
        0,
        0,
    ]
    assert stat(net, "errors") == 0
    if mirrored.get("flags"):
        assert stat(app, "rings") >= messages


def test_an_exchange_takes_no_exception_and_one_wake_up_per_message(machine: EmbeddedMachine) -> None:
    app, net = start_pair(machine, {})
    finish(machine, app)
    for core in (app, net):
        assert MESSAGES <= stat(core, "doorbells") <= MESSAGES + 2
        assert stat(core, "rings") <= MESSAGES + 2
    assert {record for record in lines(app) + lines(net) if record.startswith("fault")} == set()


def test_without_messages_to_count_the_initiator_goes_on(machine: EmbeddedMachine) -> None:
    app, _ = start_pair(machine, {}, messages=0)
    machine.run_until(lambda: stat(app, "received") > MESSAGES, timeout_ns=1000 * MS, what="one echo more")
    assert (stat(app, "state"), stat(app, "mismatches")) == (READY, 0)


def test_stale_shared_memory_is_not_believed_before_a_doorbell(machine: EmbeddedMachine) -> None:
    app = load(machine, "app", "initiator")
    stale = bytes.fromhex("00000000 14000000 000d0000 456d316c314b30726e336c6934")
    app.bus.write_block(NET_TO_APP, stale)
    app.start()
    machine.run_for(5 * MS)
    assert (stat(app, "bound"), stat(app, "doorbells")) == (0, 0)
    assert stat(app, "rings") == stat(app, "ticks") + 1 >= 5


BAD = [
    ("magic", {"magic": 0}),
    ("version", {"version": 2}),
    ("tx_region", {"tx_region": 0x2007_0002}),
    ("tx_region", {"dcache_alignment": 12}),
    ("tx_size", {"tx_size": 0x8004}),
    ("tx_size", {"tx_size": 28}),
    ("rx_region", {"rx_region": APP_TO_NET + 0x400}),
    ("rx_size", {"rx_size": 0x8004}),
    ("rx_size", {"rx_size": 28}),
    ("tx_channel", {"tx_channel": 16}),
    ("rx_channel", {"rx_channel": 16}),
    ("rx_channel", {"rx_channel": 0}),
    ("flags", {"flags": 2}),
    ("size_min", {"size_min": 0}),
    ("size_max", {"size_min": 50, "size_max": 49}),
    ("size_max", {"size_max": 2033}),
    ("window", {"window": 0}),
    ("repeat_us", {"repeat_us": 0}),
    ("repeat_us", {"repeat_us": 262_144}),
    ("systick_hz", {"systick_hz": 999_999}),
]


@pytest.mark.parametrize(("word", "params"), BAD, ids=lambda value: value if isinstance(value, str) else None)
def test_parameters_that_cannot_work_are_refused_by_name_before_shared_memory_is_touched(
    machine: EmbeddedMachine, word: str, params: dict[str, int]
) -> None:
    app = load(machine, "app", "initiator", **params)
    app.start()
    machine.run_for(2 * MS)
    offset = PARAMS[word]
    assert lines(app)[1:] == [f"initiator: icmsg_params cannot work: mend the word at offset {offset}"]
    found = [stat(app, name) for name in ("state", "last_error", "last_error_site", "last_error_detail")]
    assert found == [BAD_PARAMS, errno.EINVAL, 1, offset]
    assert app.bus.read_block(APP_TO_NET, 0x1_0000) == bytes(0x1_0000)


def test_echo_ignores_the_words_of_the_workload(machine: EmbeddedMachine) -> None:
    net = load(machine, "net", "echo", messages=0, size_min=0, size_max=0, window=0)
    net.start()
    machine.run_for(2 * MS)
    assert (stat(net, "errors"), stat(net, "state")) == (0, 1)


@pytest.mark.parametrize(
    ("address", "value", "site"),
    [
        (APP_TO_NET + 4, 0x7F8, RECEIVE),
        (APP_TO_NET + 4, 2, RECEIVE),
        (NET_TO_APP, 0x7F8, SEND),
        (NET_TO_APP, 3, SEND),
    ],
)
def test_a_corrupt_index_is_counted_and_the_exchange_goes_on_when_it_is_mended(
    machine: EmbeddedMachine, address: int, value: int, site: int
) -> None:
    """The index is hit while both sides sleep: the host plays a peer gone wrong and rings."""
    app, net = start_pair(machine, {}, messages=10)
    finish(machine, app)
    machine.run_for(MS)
    good = app.bus.read32(address)
    if site == SEND:
        # A message for which echo has to look at rd_idx: one byte behind those already sent.
        wr = app.bus.read32(APP_TO_NET + 4)
        app.bus.write_block(APP_TO_NET + 8 + wr, b"\0\x01\0\0x\0\0\0")
        app.bus.write32(APP_TO_NET + 4, wr + 8)
    app.bus.write32(address, value)
    app.bus.write32(0x5002_A000, 1)
    machine.run_for(3 * MS)
    found = [
        stat(net, name) for name in ("last_error", "last_error_site", "last_error_detail", "state", "sent")
    ]
    assert found == [errno.EINVAL, site, value, READY, 10]
    assert stat(net, "errors") >= 1
    app.bus.write32(address, good)
    machine.run_for(3 * MS)
    assert stat(net, "sent") == (11 if site == SEND else 10)
    errors = stat(net, "errors")
    machine.run_for(3 * MS)
    assert stat(net, "errors") == errors


def test_an_echo_that_was_never_due_or_differs_is_a_mismatch(machine: EmbeddedMachine) -> None:
    app, _ = start_pair(machine, {}, messages=10)
    finish(machine, app)
    machine.run_for(MS)
    wr = app.bus.read32(NET_TO_APP + 4)
    app.bus.write_block(NET_TO_APP + 8 + wr, b"\0\x01\0\0x\0\0\0")
    app.bus.write32(NET_TO_APP + 4, wr + 8)
    machine.core("net").bus.write32(0x4101_2004, 1)
    machine.run_for(MS)
    assert [stat(app, name) for name in ("received", "mismatches", "first_mismatch")] == [11, 1, 10]


def test_a_fault_is_recorded_and_said(machine: EmbeddedMachine) -> None:
    app = load(machine, "app", "initiator")
    assert app.image is not None
    at = app.image.symbols["pbuf_tx_init"] & ~1
    app.bus.write16(at, 0xDE00)  # UDF
    app.start()
    machine.run_for(2 * MS)
    assert lines(app)[-1] == f"fault: exception 3 pc 0x{at:08x} cfsr 0x00010000 hfsr 0x40000000"
    found = [stat(app, name) for name in ("state", "faults", "fault_exception", "fault_pc", "cfsr", "hfsr")]
    assert found == [FAULT, 1, 3, at, 0x1_0000, 0x4000_0000]
    assert stat(app, "fault_lr") in range(at & ~0xFFF, (at & ~0xFFF) + 0x1000)


def test_spin_never_sleeps_and_counts(machine: EmbeddedMachine) -> None:
    for name in ("app", "net"):
        load(machine, name, "spin").start()
    machine.run_for(5 * MS)
    for name in ("app", "net"):
        core = machine.core(name)
        assert lines(core) == ["spin: up"]
        per_batch = core.instructions / stat(core, "progress")
        assert 4096 * 5 < per_batch < 4096 * 10
