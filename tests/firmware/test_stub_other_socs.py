"""The images at work on the nRF54L15 and the nRF54H20: whatever mailbox, timer and instruction set have to do with."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from running_stub import (
    BAD_PARAMS,
    BUSY,
    CLOSE,
    CLOSE_AND_OPEN,
    FAULT,
    MESSAGES,
    MS,
    OFF,
    PARAMS,
    READY,
    PlayedPeer,
    command,
    finish,
    instance_of,
    lines,
    load,
    other_of,
    ring,
    start_pair,
    stat,
    stats,
    wait,
)

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.link.preconditions import StubFirmware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config.instance import Unbound
    from icmsg.engines.embedded.machine_core import MachineCore

CORES = [("nrf54l15", "app"), ("nrf54l15", "flpr"), ("nrf54h20", "app"), ("nrf54h20", "rad")]
CPURUN = 0x5004_C800
VPR_EXCEPTIONS, ILLEGAL_INSTRUCTION, LOAD_FAULT = 0x100, 2, 5
C_UNIMP = 0x0000
"""The sixteen zero bits that RISC-V keeps for an illegal instruction."""


@pytest.fixture
def soc() -> str:
    """Return the SoC of tests that do not choose one."""
    return "nrf54l15"


@pytest.fixture
def machine(soc: str) -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine(platform_file(soc)) as machine:
        yield machine


def by_default(machine: EmbeddedMachine, core: str) -> dict[str, int]:
    """The alignment of an image with sessions, for one without."""
    return {"dcache_alignment": max(instance_of(machine, core).dcache_alignment, 8)}


def assert_done(initiator: MachineCore, echo: MachineCore, messages: int = MESSAGES) -> None:
    done = f"initiator: done {messages} of {messages}, 0 mismatches"
    assert lines(initiator) == ["initiator: up", "initiator: bound", done]
    assert lines(echo) == ["echo: up", "echo: bound"]
    for core in (initiator, echo):
        assert stats(core, "bound", "sent", "received", "errors", "faults") == [1, messages, messages, 0, 0]
        assert messages <= stat(core, "doorbells") <= messages + 4, "one wake-up per message"
        assert stat(core, "rings") <= messages + 4 + stat(core, "ticks")


# Bonding and exchange


@pytest.mark.parametrize(("soc", "initiator"), CORES)
@pytest.mark.parametrize("first", ["initiator", "echo"])
@pytest.mark.parametrize("mode", ["", "-enable", "-detect"])
def test_either_core_may_initiate_and_either_may_start_first(
    machine: EmbeddedMachine, initiator: str, first: str, mode: str
) -> None:
    places = {"initiator": initiator, "echo": other_of(machine, initiator)}
    cores: dict[str, MachineCore] = {}
    for program in ("initiator", "echo") if first == "initiator" else ("echo", "initiator"):
        core = cores[program] = load(machine, places[program], program + mode)
        core.start()  # not before the other one is loaded: app starts an FLPR that is there
        if program == first:
            machine.run_for(5 * MS + MS // 2)
    finish(machine, cores["initiator"])
    machine.run_for(MS)
    ticks = {program: stat(core, "ticks") for program, core in cores.items()}
    late = "echo" if first == "initiator" else "initiator"
    assert ticks == {first: 0 if mode else 5, late: 0}, "without sessions a ring per millisecond until bound"
    assert_done(cores["initiator"], cores["echo"])


@pytest.mark.parametrize("soc", ["nrf54l15", "nrf54h20"])
@pytest.mark.parametrize(
    "programs",
    [("initiator-detect", "echo"), ("initiator", "echo-detect"), ("initiator-enable", "echo-detect")],
)
def test_stubs_of_different_modes_exchange(machine: EmbeddedMachine, programs: tuple[str, str]) -> None:
    app, other = start_pair(machine, by_default(machine, "app"), programs)
    finish(machine, app)
    machine.run_for(MS)
    assert_done(app, other)


@pytest.mark.parametrize(("soc", "core"), CORES)
@pytest.mark.parametrize(
    ("program", "unbound"),
    [
        ("echo", "disable"),
        ("echo-enable", "enable"),
        ("echo-enable", "detect"),
        ("echo-detect", "detect"),
        ("echo-detect", "disable"),
    ],
)
def test_echo_and_python_bond_on_either_core(
    machine: EmbeddedMachine, core: str, program: str, unbound: Unbound
) -> None:
    found = load(machine, core, program, **by_default(machine, core))
    peer = PlayedPeer(machine, other_of(machine, core), unbound)
    found.start()
    machine.run_for(MS)
    peer.open()
    peer.wait_bound()
    machine.run_for(MS)
    peer.round_trip(b"x", b"yz", bytes(range(200)))
    assert stats(found, "state", "bound", "received", "sent", "errors") == [READY, 1, 3, 3, 0]
    assert (peer.happened, peer.errors) == (["bound"], [])


@pytest.mark.parametrize(("soc", "core"), CORES)
def test_an_initiator_exchanges_with_python(machine: EmbeddedMachine, core: str) -> None:
    found = load(machine, core, "initiator-enable")
    peer = PlayedPeer(machine, other_of(machine, core), "enable", echoes=True)
    found.start()
    peer.open()
    finish(machine, found)
    assert stats(found, "received", "mismatches", "errors", "lost") == [MESSAGES, 0, 0, 0]
    assert (peer.happened, peer.errors) == (["bound"], [])


@pytest.mark.parametrize("soc", ["nrf54l15", "nrf54h20"])
@pytest.mark.parametrize("quantum_us", [1, 7, 1000])
def test_no_wake_up_is_lost_whatever_the_step(machine: EmbeddedMachine, quantum_us: int) -> None:
    """With a window each side rings while the other one is about to fall asleep."""
    machine.quantum_ns = quantum_us * 1000
    app, other = start_pair(machine, {}, window=5, size_max=4)
    finish(machine, app)
    assert stats(app, "sent", "received", "mismatches", "ticks") == [MESSAGES, MESSAGES, 0, 0]
    assert stats(other, "sent", "received", "errors", "ticks") == [MESSAGES, MESSAGES, 0, 0]


# What a host asks for


@pytest.mark.parametrize(("soc", "core"), CORES)
def test_a_closed_link_lets_a_ring_wait_and_opens_by_its_timer(machine: EmbeddedMachine, core: str) -> None:
    found = load(machine, core, "echo-enable")
    peer = PlayedPeer(machine, other_of(machine, core), "enable")
    found.start()
    peer.open()
    peer.wait_bound()
    machine.run_for(MS)
    command(found, CLOSE)
    ring(machine, core)
    machine.run_for(5 * MS)
    assert stat(found, "state") == OFF
    assert peer.happened == ["bound", "unbound"]
    ticks = stat(found, "ticks")
    assert 3 <= ticks <= 6, "one a millisecond: the ring of the peer that opened again does not wake it"
    command(found, CLOSE_AND_OPEN)
    peer.wait_bound(2)
    machine.run_for(MS)
    ticks = stat(found, "ticks")
    machine.run_for(5 * MS)
    assert stat(found, "ticks") == ticks, "its timer is off"
    peer.round_trip(b"again", b"and again")
    assert stats(found, "bound", "errors", "faults") == [2, 0, 0]
    assert lines(found) == ["echo: up", "echo: bound", "echo: closed", "echo: bound"]


@pytest.mark.parametrize(
    ("soc", "core", "word", "value"),
    [
        ("nrf54l15", "app", "tx_channel", 15),
        ("nrf54l15", "app", "tx_channel", 23),
        ("nrf54l15", "app", "rx_channel", 19),
        ("nrf54l15", "flpr", "tx_channel", 21),
        ("nrf54l15", "flpr", "rx_channel", 15),
        ("nrf54l15", "flpr", "repeat_us", 0x8000_0000),
        ("nrf54h20", "app", "tx_channel", 32),
        ("nrf54h20", "rad", "rx_channel", 32),
        ("nrf54h20", "rad", "rx_channel", 18),
        ("nrf54h20", "app", "dcache_alignment", 48),
    ],
)
def test_a_channel_that_is_not_wired_is_refused_by_name(
    machine: EmbeddedMachine, core: str, word: str, value: int
) -> None:
    found = load(machine, core, "echo", **{word: value})
    found.start()
    machine.run_for(2 * MS)
    offset = PARAMS["tx_region" if word == "dcache_alignment" else word]
    assert stats(found, "state", "last_error", "last_error_site", "last_error_detail") == [
        *(BAD_PARAMS, errno.EINVAL),
        *(1, offset),
    ]
    assert lines(found)[1:] == [f"echo: icmsg_params cannot work: mend the word at offset {offset}"]


# The FLPR


def test_the_application_core_starts_the_flpr_where_its_image_begins(machine: EmbeddedMachine) -> None:
    app, flpr = load(machine, "app", "initiator", messages=1000), load(machine, "flpr", "echo")
    app.start()
    finish(machine, app)
    machine.run_for(MS)
    assert_done(app, flpr, 1000)


def test_the_flpr_starts_afresh_each_time_and_with_another_image(machine: EmbeddedMachine) -> None:
    """The counters of its image are initialised, and not what the run before left in them."""
    app = load(machine, "app", "echo-enable")
    flpr = load(machine, "flpr", "echo-enable")
    app.start()
    for times in range(1, 11):
        wait(machine, flpr, "bound", 1)
        machine.run_for(2 * MS)
        assert stat(app, "state") == READY
        app.bus.write32(CPURUN, 0)
        machine.run_for(MS)
        flpr = load(machine, "flpr", "initiator-detect" if times % 2 else "echo-enable", messages=10)
        app.bus.write32(CPURUN, 1)
        machine.run_for(MS // 10)
    assert stats(app, "bound", "unbound", "errors") == [10 + (stat(app, "state") == READY), 10, 0]


@pytest.mark.parametrize(
    ("function", "code", "cause", "value"),
    [
        ("pbuf_tx_init", C_UNIMP.to_bytes(2, "little"), ILLEGAL_INSTRUCTION, None),
        # lui a0, 0x60000; lw a0, 4(a0)
        ("pbuf_tx_init", bytes.fromhex("37050060 03254500"), LOAD_FAULT, 0x6000_0004),
    ],
)
def test_a_fault_of_the_vpr_is_recorded_and_said(
    machine: EmbeddedMachine, function: str, code: bytes, cause: int, value: int | None
) -> None:
    flpr = load(machine, "flpr", "initiator")
    assert flpr.image is not None
    at = flpr.image.symbols[function]
    flpr.bus.write_block(at, code)
    flpr.start()
    machine.run_for(2 * MS)
    pc = at + len(code) - (4 if value else 2)
    assert stats(flpr, "state", "faults", "fault_exception", "fault_pc", "hfsr") == [
        *(FAULT, 1, VPR_EXCEPTIONS + cause),
        *(pc, 0),
    ]
    assert stat(flpr, "cfsr") & 0xFFF == cause
    mtval = stat(flpr, "fault_address")
    assert value is None or mtval == value
    said = f"mcause 0x{stat(flpr, 'cfsr'):08x} mtval 0x{mtval:08x}"
    assert lines(flpr)[-1] == f"fault: exception {VPR_EXCEPTIONS + cause} pc 0x{pc:08x} {said}"
    found = StubFirmware(flpr.image, flpr.bus).stats()
    assert found is not None
    words = f"mcause 0x{stat(flpr, 'cfsr'):08X}, mtval 0x{mtval:08X}"
    assert found.trouble() == f"took exception {VPR_EXCEPTIONS + cause} at PC 0x{pc:08X} ({words})"


@pytest.mark.parametrize(("soc", "core"), CORES)
def test_spin_never_sleeps_and_counts(machine: EmbeddedMachine, core: str) -> None:
    found = load(machine, core, "spin")
    found.start()
    machine.run_for(5 * MS)
    assert lines(found) == ["spin: up"]
    per_batch = found.instructions / stat(found, "progress")
    assert 4096 * 5 < per_batch < 4096 * 16


def test_alone_it_opens_and_waits(machine: EmbeddedMachine) -> None:
    flpr = load(machine, "flpr", "echo-enable")
    flpr.start()
    machine.run_for(5 * MS)
    assert stats(flpr, "state", "rings", "doorbells", "errors") == [BUSY, 1, 0, 0]
