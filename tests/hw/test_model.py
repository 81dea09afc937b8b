from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icmsg.errors import BusError, ConfigurationError
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.registers import Access, AccessKind, Register, RegisterBlock

BLOCK = RegisterBlock(
    "TIMER",
    (
        Register("TASKS", 0x00, count=2, access=Access.W),
        Register("INTEN", 0x10, reset=0x80),
        Register("INTENSET", 0x14, sets="INTEN"),
        Register("INTENCLR", 0x18, clears="INTEN"),
        Register("CC", 0x20, count=4),
        Register("PRESCALER", 0x30, width=8, reset=4),
        Register("COUNTER", 0x34, access=Access.R),
        Register("ERRORS", 0x38, clears="ERRORS"),
        Register("STAT", 0x40, access=Access.R),
        Register("STAT_SET", 0x44, access=Access.W, sets="STAT"),
    ),
    size=0x100,
)


class Timer(RegisterModel):
    def __init__(self) -> None:
        self.log: list[tuple[str, int, int]] = []
        super().__init__(BLOCK, base=0x4000_0000, core="app")

    @on_write("TASKS")
    def _task(self, index: int, value: int) -> None:
        self.log.append(("TASKS", index, value))

    @on_write("CC", "INTEN", "PRESCALER", "STAT")
    def _written(self, index: int, value: int) -> None:
        self.log.append(("stored", index, value))

    @on_read("COUNTER")
    def _counter(self, index: int) -> int:
        return 0x1234_5678


@pytest.fixture
def timer() -> Timer:
    return Timer()


def test_registers_start_with_their_reset_values_and_reset_restores_them(timer: Timer) -> None:
    timer.write32(0x10, 1)
    timer.write32(0x20, 2)
    assert (timer.read32(0x10), timer.read32(0x20), timer.read32(0x30)) == (1, 2, 4)
    timer.reset()
    assert (timer.read32(0x10), timer.read32(0x20), timer.read32(0x30)) == (0x80, 0, 4)


def test_a_write_handler_gets_the_index_of_its_element(timer: Timer) -> None:
    timer.write32(0x04, 7)
    timer.write32(0x28, 9)
    assert timer.log == [("TASKS", 1, 7), ("stored", 2, 9)]


def test_a_readable_register_is_stored_before_its_handler_runs() -> None:
    class Checks(RegisterModel):
        seen = 0

        @on_write("CC")
        def _cc(self, index: int, value: int) -> None:
            self.seen = self.peek("CC", index)

    model = Checks(BLOCK)
    model.write32(0x24, 42)
    assert model.seen == 42


def test_a_write_only_register_stores_nothing_and_reads_as_zero(timer: Timer) -> None:
    timer.write32(0x00, 0xFFFFFFFF)
    assert timer.read32(0x00) == 0
    assert timer.peek("TASKS") == 0


def test_a_read_handler_answers_instead_of_the_storage(timer: Timer) -> None:
    timer.poke("COUNTER", 1)
    assert timer.read32(0x34) == 0x1234_5678


def test_set_and_clear_windows_change_and_show_the_register_they_name(timer: Timer) -> None:
    timer.write32(0x14, 0x0F)
    timer.write32(0x18, 0x81)
    assert [timer.read32(offset) for offset in (0x10, 0x14, 0x18)] == [0x0E] * 3


def test_the_handler_of_a_register_runs_for_its_windows_with_the_resulting_value(timer: Timer) -> None:
    timer.write32(0x14, 1)
    timer.write32(0x18, 0x80)
    timer.write32(0x10, 5)
    assert timer.log == [("stored", 0, 0x81), ("stored", 0, 1), ("stored", 0, 5)]


def test_a_read_only_register_can_be_changed_through_its_window(timer: Timer) -> None:
    timer.write32(0x44, 4)
    timer.write32(0x44, 2)
    assert timer.read32(0x40) == 6
    assert timer.read32(0x44) == 0
    assert timer.log[-1] == ("stored", 0, 6)


def test_a_handler_of_a_window_replaces_its_setting() -> None:
    class Own(RegisterModel):
        got = -1

        @on_write("INTENSET")
        def _set(self, index: int, value: int) -> None:
            self.got = value

    model = Own(BLOCK)
    model.write32(0x14, 3)
    assert (model.got, model.read32(0x10)) == (3, 0x80)


def test_a_register_that_clears_itself_is_write_one_to_clear(timer: Timer) -> None:
    timer.poke("ERRORS", 0b1011)
    timer.write32(0x38, 0b0010)
    assert timer.read32(0x38) == 0b1001


def test_a_handler_of_a_write_one_to_clear_register_runs_with_what_is_left() -> None:
    class Checks(RegisterModel):
        left = -1

        @on_write("ERRORS")
        def _errors(self, index: int, value: int) -> None:
            self.left = value

    model = Checks(BLOCK)
    model.poke("ERRORS", 0b111)
    model.write32(0x38, 0b010)
    assert (model.left, model.read32(0x38)) == (0b101, 0b101)


def test_a_narrow_register_without_a_handler_keeps_only_its_bits() -> None:
    model = RegisterModel(BLOCK)
    model.write32(0x30, 0xABCD)
    assert model.read32(0x30) == 0xCD


def test_a_narrow_register_keeps_only_its_bits_and_tells_its_handler_so(timer: Timer) -> None:
    timer.write32(0x30, 0xABCD)
    assert timer.read32(0x30) == 0xCD
    assert timer.log == [("stored", 0, 0xCD)]
    timer.poke("PRESCALER", 0x1FF)
    assert timer.peek("PRESCALER") == 0xFF


def test_parts_of_a_register_are_read_by_shifting(timer: Timer) -> None:
    assert [timer.read8(0x34 + byte) for byte in range(4)] == [0x78, 0x56, 0x34, 0x12]
    assert [timer.read16(0x34), timer.read16(0x36)] == [0x5678, 0x1234]


def test_a_partial_write_keeps_the_rest_of_the_storage_and_runs_the_handler(timer: Timer) -> None:
    timer.write32(0x20, 0x1122_3344)
    timer.write8(0x21, 0xAA)
    timer.write16(0x22, 0xBBCC)
    assert timer.read32(0x20) == 0xBBCC_AA44
    assert [value for _, _, value in timer.log] == [0x1122_3344, 0x1122_AA44, 0xBBCC_AA44]


def test_a_partial_write_of_a_window_touches_only_the_bits_written(timer: Timer) -> None:
    timer.write32(0x10, 0xF0F0)
    timer.write8(0x19, 0x10)
    assert timer.read32(0x10) == 0xE0F0
    timer.poke("ERRORS", 0xFFFF)
    timer.write8(0x38, 1)
    assert timer.peek("ERRORS") == 0xFFFE


@pytest.mark.parametrize(
    ("access", "text"),
    [
        (lambda model: model.write32(0x34, 1), "32-bit access at 0x40000034 of core app: .*R is read-only"),
        (lambda model: model.write8(0x35, 1), "8-bit access at 0x40000035 of core app: .*R.1 is read-only"),
        (lambda model: model.read32(0x3C), "TIMER has no register at offset 0x03C"),
        (lambda model: model.read16(0xF2), "16-bit access at 0x400000F2 .*no register"),
        (lambda model: model.read32(0x12), "TIMER.INTEN.2 is not the start of a register"),
        (lambda model: model.write32(0x1000, 0), "no register at offset 0x1000"),
        (lambda model: model.write8(0x1000, 0), "no register at offset 0x1000"),
    ],
)
def test_an_access_outside_the_table_is_a_bus_error_with_address_and_core(
    timer: Timer, access: object, text: str
) -> None:
    before = list(timer.words)
    with pytest.raises(BusError, match=text):
        access(timer)  # type: ignore[operator]  # a parametrised lambda
    assert timer.words == before


def test_an_engine_can_answer_unmodelled_accesses_itself() -> None:
    class Lenient(RegisterModel):
        seen: list[tuple[str, int, int, int]]

        def unmodelled(self, kind: AccessKind, offset: int, value: int, width: int = 32) -> int:
            self.seen.append((kind, offset, value, width))
            return 0xFFFF_FFFF

    model = Lenient(BLOCK)
    model.seen = []
    assert model.read32(0x3C) == 0xFFFF_FFFF
    assert model.read8(0x3D) == 0xFF
    model.write16(0x36, 5)
    assert model.seen == [("read", 0x3C, 0, 32), ("read", 0x3D, 0, 8), ("write", 0x36, 5, 16)]


def test_a_behaviour_for_an_unknown_register_is_refused() -> None:
    class Typo(RegisterModel):
        @on_write("INTENABLE")
        def _x(self, index: int, value: int) -> None: ...

    with pytest.raises(ConfigurationError, match="no register 'INTENABLE'; did you mean INTEN"):
        Typo(BLOCK)


def test_a_behaviour_for_an_access_that_software_cannot_make_is_refused() -> None:
    class WritesCounter(RegisterModel):
        @on_write("COUNTER")
        def _x(self, index: int, value: int) -> None: ...

    class ReadsTask(RegisterModel):
        @on_read("TASKS")
        def _x(self, index: int) -> int:
            return 0

    with pytest.raises(ConfigurationError, match=r"cannot write TIMER\.COUNTER"):
        WritesCounter(BLOCK)
    with pytest.raises(ConfigurationError, match=r"cannot read TIMER\.TASKS"):
        ReadsTask(BLOCK)


def test_two_behaviours_of_one_class_for_the_same_access_are_refused() -> None:
    class Twice(RegisterModel):
        @on_write("CC")
        def _a(self, index: int, value: int) -> None: ...

        @on_write("CC")
        def _b(self, index: int, value: int) -> None: ...

    with pytest.raises(ConfigurationError, match="two behaviours for the write of CC: _a and _b"):
        Twice(BLOCK)


def test_a_subclass_replaces_a_behaviour_by_name_or_by_register() -> None:
    class ByName(Timer):
        def _task(self, index: int, value: int) -> None:
            self.log.append(("by name", index, value))

    class ByRegister(Timer):
        @on_write("TASKS")
        def _other(self, index: int, value: int) -> None:
            self.log.append(("by register", index, value))

    for model, word in ((ByName(), "by name"), (ByRegister(), "by register")):
        model.write32(0, 1)
        assert model.log == [(word, 0, 1)]


@given(st.lists(st.tuples(st.sampled_from([8, 16, 32]), st.integers(0, 15), st.integers(0, 0xFFFFFFFF))))
@settings(deadline=None)
def test_plain_storage_behaves_like_memory_for_every_width(writes: list[tuple[int, int, int]]) -> None:
    model, memory = RegisterModel(BLOCK), bytearray(16)
    for width, place, value in writes:
        size = width // 8
        at, value = place & -size, value & ((1 << width) - 1)
        {8: model.write8, 16: model.write16, 32: model.write32}[width](0x20 + at, value)
        memory[at : at + size] = value.to_bytes(size, "little")
    assert b"".join(model.read32(0x20 + word).to_bytes(4, "little") for word in range(0, 16, 4)) == memory
