"""Reception of the UARTEs, in both layouts: when bytes come, where they lie, and what is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import BusError, ConfigurationError, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

RAM: Final = 0x20001000
BAUD_115200: Final = 0x01D60000
BIT_NS: Final = 139 * 1000 // 16
"""The product specification says 115108 baud."""
FRAME_NS: Final = 10 * BIT_NS
ENABLE, SHORTS, INTENSET, ERRORSRC, BAUDRATE, CONFIG = 0x500, 0x200, 0x304, 0x480, 0x524, 0x56C
END_STARTS, END_STOPS = 1 << 5, 1 << 6
FIFO: Final = 5


@dataclass(frozen=True)
class Layout:
    """Addresses from the product specifications, and not from this package."""

    soc: str
    base: int
    start: int
    stop: int
    flush: int
    ready: int
    error: int
    ended: int
    timeout: int
    started: int
    pointer: int


LAYOUTS: Final = {
    "nrf5340": Layout("nrf5340", 0x50008000, 0x000, 0x004, 0x02C, 0x108, 0x124, 0x110, 0x144, 0x14C, 0x534),
    "nrf54l15": Layout("nrf54l15", 0x500C6000, 0x028, 0x02C, 0x01C, 0x110, 0x114, 0x14C, 0x124, 0x150, 0x704),
}


class Uarte:
    """The UARTE of the core app, switched on, with what a test does to it."""

    def __init__(self, layout: Layout) -> None:
        self.at = layout
        self.machine = EmbeddedMachine(platform_file(layout.soc), quantum_ns=500)
        self.core = self.machine.core("app")
        self[ENABLE], self[BAUDRATE] = 8, BAUD_115200

    def __getitem__(self, offset: int) -> int:
        return self.core.bus.read32(self.at.base + offset)

    def __setitem__(self, offset: int, value: int) -> None:
        self.core.bus.write32(self.at.base + offset, value)

    def start(self, address: int = RAM, size: int = 8) -> None:
        self.buffer(address, size)
        self[self.at.start] = 1

    def buffer(self, address: int, size: int) -> None:
        self[self.at.pointer], self[self.at.pointer + 4] = address, size

    def write(self, data: bytes) -> None:
        self.core.console.write(data)

    def let_pass(self, frames: float) -> None:
        self.machine.run_for(round(frames * FRAME_NS))

    @property
    def amount(self) -> int:
        return self[self.at.pointer + 8]

    def memory(self, size: int, address: int = RAM) -> bytes:
        return bytes(self.core.bus.read_block(address, size))

    def events(self) -> dict[str, int]:
        """Return the events of reception, and clear them."""
        found = {}
        for name in ("ready", "ended", "timeout", "started", "error"):
            offset = getattr(self.at, name)
            found[name] = self[offset]
            self[offset] = 0
        return found

    def happened(self) -> str:
        return " ".join(name for name, level in self.events().items() if level)


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def uarte(request: pytest.FixtureRequest) -> Iterator[Uarte]:
    made = Uarte(request.param)
    yield made
    made.machine.close()


def test_a_byte_comes_after_ten_bits_and_not_before(uarte: Uarte) -> None:
    uarte.start()
    uarte.write(b"A")
    uarte.machine.run_for(FRAME_NS - 50)
    assert uarte.happened() == "started"
    uarte.machine.run_for(100)
    assert (uarte.happened(), uarte.memory(1)) == ("ready", b"A")


def test_bytes_follow_each_other_without_a_gap(uarte: Uarte) -> None:
    uarte.start()
    uarte.write(b"ab")
    uarte.write(b"c")
    for count in range(4):
        uarte.let_pass(0.5)
        assert uarte.memory(8) == b"abc"[:count].ljust(8, b"\0")
        uarte.let_pass(0.5)


@pytest.mark.parametrize(("config", "bits"), [(0, 10), (7 << 1, 11), (1 << 4, 11), (7 << 1 | 1 << 4, 12)])
def test_parity_and_a_second_stop_bit_take_their_time(uarte: Uarte, config: int, bits: int) -> None:
    uarte[CONFIG] = config
    uarte.start()
    uarte.write(b"x" * 100)
    uarte.machine.run_for(100 * bits * BIT_NS - 2 * BIT_NS)
    uarte[uarte.at.stop] = 1
    before = uarte.core.console.missed
    uarte.machine.run_for(4 * BIT_NS)
    assert (before, uarte.core.console.missed) == (99 - 8 - FIFO, 100 - 8 - FIFO)


def test_the_end_comes_when_the_buffer_is_full_and_what_follows_waits_in_the_fifo(uarte: Uarte) -> None:
    uarte.start(size=2)
    uarte.write(b"abcd")
    uarte.let_pass(2.5)
    assert (uarte.happened(), uarte.amount, uarte.memory(3)) == ("ready ended started", 2, b"ab\0")
    uarte.let_pass(2)
    assert (uarte.happened(), uarte.memory(3)) == ("ready", b"ab\0")
    uarte.start(RAM + 0x100, size=2)
    assert uarte.happened() == "ended started"
    assert (uarte.amount, uarte.memory(2, RAM + 0x100)) == (2, b"cd")


def test_a_shortcut_starts_the_next_buffer_whose_address_was_latched_at_the_start(uarte: Uarte) -> None:
    uarte.start(size=2)
    uarte.buffer(RAM + 0x100, 3)
    uarte[SHORTS] = END_STARTS
    uarte.write(b"abcde")
    uarte.let_pass(2.5)
    assert uarte.happened() == "ready ended started"
    uarte.let_pass(3)
    assert (uarte.memory(2), uarte.memory(3, RAM + 0x100)) == (b"ab", b"cde")
    assert uarte.amount == 3


def test_a_shortcut_stops_the_receiver_at_the_end(uarte: Uarte) -> None:
    uarte[SHORTS] = END_STOPS
    uarte.start(size=1)
    uarte.write(b"ab")
    uarte.let_pass(1.5)
    assert uarte.happened() == "ready ended timeout started"
    uarte.let_pass(1)
    assert (uarte.happened(), uarte.core.console.missed) == ("", 1)


def test_a_stop_ends_the_buffer_first_and_says_how_far_it_came(uarte: Uarte) -> None:
    uarte.start()
    uarte.write(b"abc")
    uarte.let_pass(3.5)
    uarte.events()
    uarte[uarte.at.stop] = 1
    assert (uarte.happened(), uarte.amount) == ("ended timeout", 3)
    uarte[uarte.at.stop] = 1
    assert uarte.happened() == "timeout"


def test_a_stop_that_the_shortcut_turns_into_a_start_goes_on_in_the_next_buffer(uarte: Uarte) -> None:
    uarte.start()
    uarte.buffer(RAM + 0x100, 8)
    uarte[SHORTS] = END_STARTS
    uarte.write(b"ab")
    uarte.let_pass(2.5)
    uarte.events()
    uarte[uarte.at.stop] = 1
    assert (uarte.happened(), uarte.amount) == ("ended started", 2)
    uarte.write(b"c")
    uarte.let_pass(1.5)
    assert uarte.memory(1, RAM + 0x100) == b"c"


def test_a_flush_takes_what_is_left_in_the_fifo_and_an_empty_one_changes_nothing(uarte: Uarte) -> None:
    uarte.start(size=1)
    uarte.write(b"abc")
    uarte.let_pass(3.5)
    uarte[uarte.at.stop] = 1
    uarte.events()
    uarte.buffer(RAM + 0x100, FIFO)
    uarte[uarte.at.flush] = 1
    assert (uarte.happened(), uarte.amount) == ("ended started", 2)
    assert uarte.memory(2, RAM + 0x100) == b"bc"
    uarte[uarte.at.flush] = 1
    assert (uarte.happened(), uarte.amount) == ("ended", 2)


def test_what_comes_while_the_fifo_is_full_is_an_overrun(uarte: Uarte) -> None:
    uarte.start(size=1)
    uarte.write(b"0123456789")
    uarte.let_pass(10.5)
    assert uarte.happened() == "ready ended started error"
    assert uarte[ERRORSRC] == 1
    assert uarte.core.console.missed == 10 - 1 - FIFO
    uarte[ERRORSRC] = 1
    assert uarte[ERRORSRC] == 0
    uarte.start(size=FIFO)
    assert uarte.memory(FIFO) == b"12345"


def test_with_flow_control_the_sender_waits_and_nothing_is_lost(uarte: Uarte) -> None:
    uarte[CONFIG] = 1
    uarte.start(size=1)
    uarte.write(bytes(range(20)))
    uarte.let_pass(50)
    for index in range(20):
        assert uarte.memory(1) == bytes((index,))
        uarte.start(size=1)
        uarte.let_pass(1.5)
    assert (uarte.core.console.missed, uarte[ERRORSRC]) == (0, 0)


@pytest.mark.parametrize("state", ["never started", "stopped", "switched off"])
def test_what_comes_while_the_receiver_is_off_is_lost_and_counted(uarte: Uarte, state: str) -> None:
    if state != "never started":
        uarte.start()
        uarte[uarte.at.stop if state == "stopped" else ENABLE] = 1 if state == "stopped" else 0
    uarte.events()
    uarte.write(b"abc")
    uarte.let_pass(4)
    assert (uarte.happened(), uarte.core.console.missed, uarte.memory(3)) == ("", 3, bytes(3))


def test_a_reset_forgets_what_was_received_and_not_what_is_on_its_way(uarte: Uarte) -> None:
    uarte.start(size=1)
    uarte.write(b"abcd")
    uarte.let_pass(2.5)
    uarte.machine.models[uarte.machine.soc.cores["app"].uart or ""].reset()
    uarte[ENABLE], uarte[BAUDRATE] = 8, BAUD_115200
    uarte.start(RAM + 0x100)
    uarte.let_pass(4)
    assert uarte.memory(4, RAM + 0x100) == b"cd\0\0"


def test_a_buffer_without_size_ends_at_once(uarte: Uarte) -> None:
    uarte[SHORTS] = END_STARTS
    uarte.start(size=0)
    assert (uarte.happened(), uarte.amount) == ("ended started", 0)


@pytest.mark.parametrize("address", [0x60000000, 0x2003FFFF])
def test_a_buffer_that_is_in_no_memory_is_refused_with_its_register(uarte: Uarte, address: int) -> None:
    if uarte.at.soc == "nrf5340" and address == 0x2003FFFF:
        address = 0x2007FFFF
    with pytest.raises(BusError, match=r"correct .*PTR"):
        uarte.start(address, 2)


def test_the_line_follows_the_end_of_a_buffer(uarte: Uarte) -> None:
    uarte[INTENSET] = 1 << (uarte.at.ended - 0x100) // 4
    uarte.start(size=1)
    uarte.write(b"a")
    uarte.let_pass(1.5)
    lines = uarte.machine.models[uarte.machine.soc.cores["app"].uart or ""]
    assert lines.irq.level is True  # type: ignore[union-attr]
    uarte[uarte.at.ended] = 0
    assert lines.irq.level is False  # type: ignore[union-attr]


def test_a_pause_is_an_event_of_the_newer_layout_and_can_stop() -> None:
    uarte = Uarte(LAYOUTS["nrf54l15"])
    with uarte.machine:
        uarte[CONFIG], uarte[0x578], uarte[SHORTS] = 1 << 14, 30, 1 << 29
        uarte.start()
        uarte.let_pass(10)
        assert uarte[0x174] == 0  # nothing has come yet
        uarte.write(b"abc")
        uarte.let_pass(5.9)
        assert (uarte[0x174], uarte.happened()) == (0, "ready started")
        uarte.let_pass(0.2)
        assert (uarte[0x174], uarte.happened(), uarte.amount) == (1, "ended timeout", 3)


def test_the_rates_are_those_of_the_product_specification(uarte: Uarte) -> None:
    model = uarte.machine.models[uarte.machine.soc.cores["app"].uart or ""]
    for register, actual in (
        (0x00275000, 9598),
        (0x00EB0000, 57554),
        (0x01D60000, 115108),
        (0x0F000000, 941176),
    ):
        uarte[BAUDRATE] = register
        assert model.baud_rate == actual  # type: ignore[union-attr]


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(40))
@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=12),
            st.sampled_from(["start", "stop", "flush"]),
            st.integers(1, 12),
        ),
        max_size=25,
    ),
    st.booleans(),
)
def test_every_byte_is_received_once_and_in_order_or_counted_as_lost(
    soc: str, steps: list[bytes | str | int], flow_control: bool
) -> None:
    uarte, got, sent, filling = Uarte(LAYOUTS[soc]), b"", b"", False
    with uarte.machine:
        uarte[CONFIG] = int(flow_control)

        def collect() -> None:
            nonlocal got, filling
            if uarte[uarte.at.ended]:
                uarte[uarte.at.ended] = 0
                took = uarte[uarte.at.started]
                got += uarte.memory(uarte.amount) if took else b""
                uarte[uarte.at.started] = 0
                filling = False

        for step in [*steps, 200, "stop", "flush"]:
            if isinstance(step, bytes):
                sent += step
                uarte.write(step)
            elif isinstance(step, int):
                uarte.let_pass(step)
            elif step == "start" and not filling:
                uarte.start(size=7)
                filling = True
            elif step == "stop":
                uarte[uarte.at.stop] = 1
            elif step == "flush" and not filling:
                uarte.buffer(RAM, FIFO)
                uarte[uarte.at.flush] = 1
            collect()
        uarte.let_pass(len(sent) + 1)
        missed = uarte.core.console.missed
        assert len(got) + missed == len(sent)
        rest = iter(sent)
        assert all(byte in rest for byte in got)  # in order


def test_what_cannot_be_written_is_refused_in_words(uarte: Uarte) -> None:
    console = uarte.core.console
    with pytest.raises(ConfigurationError, match="use uart or rtt"):
        console.write("x", through="usb")
    with pytest.raises(EngineError, match="no image with SEGGER RTT"):
        console.write("x", through="rtt")
    uarte.core.play()
    with pytest.raises(EngineError, match="is played by Python"):
        console.write("x")
    assert console.inputs == []
