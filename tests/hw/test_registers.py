from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import for_each

from icmsg.errors import ConfigurationError
from icmsg.hw.registers import Access, Field, Register, RegisterBlock

TIMER = RegisterBlock(
    "TIMER",
    (
        Register("TASKS_START", 0x000, access=Access.W),
        Register("EVENTS_COMPARE", 0x140, count=4),
        Register("INTEN", 0x300),
        Register("INTENSET", 0x304, sets="INTEN"),
        Register("PRESCALER", 0x510, width=8, reset=4, fields=(Field("LOG2", 0, width=4),)),
        Register("CC", 0x540, count=3, stride=8, meaning="strided on purpose"),
        Register("COUNTER", 0x600, access=Access.R),
    ),
    source="test",
)


def test_an_element_is_found_by_name_and_index_and_by_offset() -> None:
    assert TIMER.offset("CC", 2) == 0x550
    assert TIMER.find(0x550) == (TIMER.register("CC"), 2)
    assert TIMER.find(0x544) is None


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (0x14C, "EVENTS_COMPARE[3]"),
        (0x14D, "EVENTS_COMPARE[3]+1"),
        (0x300, "INTEN"),
        (0x302, "INTEN+2"),
        (0x3FC, "0x3FC"),
    ],
)
def test_an_offset_is_described_in_the_words_of_the_table(offset: int, text: str) -> None:
    assert TIMER.describe(offset) == text


@pytest.mark.parametrize(
    ("kind", "offset", "text"),
    [
        ("write", 0x600, "TIMER.COUNTER is read-only"),
        ("read", 0x000, "TIMER.TASKS_START is write-only"),
        ("read", 0x302, "TIMER.INTEN+2 is not the start of a register; use a multiple of 4"),
        ("read", 0xFF0, "TIMER has no register at offset 0xFF0"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_access(kind: Any, offset: int, text: str) -> None:
    assert TIMER.refusal(kind, offset) == text


def test_an_unknown_name_is_answered_with_the_closest_ones() -> None:
    with pytest.raises(ConfigurationError, match="no register 'intenset2'; did you mean INTENSET"):
        TIMER.register("intenset2")


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_outside_the_array_is_refused(index: int) -> None:
    with pytest.raises(ConfigurationError, match=f"CC has elements 0…2, not {index}"):
        TIMER.offset("CC", index)


def test_the_reset_value_is_the_registers_with_its_fields_laid_over() -> None:
    fields = (Field("LOW", 0, width=4, reset=5), Field("HIGH", 4, width=4))
    assert Register("R", 0, reset=0x30, fields=fields).reset_value == 0x35


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"offset": 2}, "offset 0x2 must be a multiple of 4"),
    ({"offset": -4}, "not negative"),
    ({"width": 24}, "width 24 must be 8, 16 or 32"),
    ({"width": 8, "reset": 0x100}, "reset 0x100 does not fit 8 bits"),
    ({"reset": -1}, "does not fit 32 bits"),
    ({"count": 0}, "count 0 must be ≥ 1"),
    ({"stride": 6}, "stride 6 a multiple of 4"),
    ({"stride": 0}, "stride 0 a multiple of 4"),
    ({"sets": "A", "clears": "B"}, "not both"),
    ({"width": 8, "fields": (Field("F", 7, width=2),)}, "field F reaches beyond bit 7"),
    ({"fields": (Field("F", 0, width=4), Field("G", 3))}, "field G overlaps"),
    ({"fields": (Field("F", 0), Field("F", 1))}, "two fields have the same name"),
    ({"reset": 2, "fields": (Field("F", 0, width=4, reset=1),)}, "contradicts reset 0x1 of field F"),
]


@for_each(("values", "text"), IMPOSSIBLE)
def test_a_register_that_cannot_exist_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        Register("R", **{"offset": 0, **values})


@pytest.mark.parametrize("values", [{"lsb": -1}, {"lsb": 0, "width": 0}, {"lsb": 0, "reset": 2}])
def test_a_field_that_cannot_exist_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="field F"):
        Field("F", **values)


BROKEN: list[tuple[tuple[Register, ...], str]] = [
    ((Register("A", 0, count=3), Register("B", 8)), r"A\[2\] and B are both at 0x8"),
    ((Register("A", 0x20),), "A at 0x20 exceeds size 0x20"),
    ((Register("A", 0x18, count=3),), r"A\[2\] at 0x20 exceeds size"),
    ((Register("A", 0), Register("A", 4)), "two registers are named A"),
    ((Register("A", 0, sets="B"),), "A sets or clears B, which is not in the block"),
    ((Register("A", 0, sets="B"), Register("B", 4, count=2)), "must be a readable register"),
    ((Register("A", 0, sets="B"), Register("B", 4, access=Access.W)), "must be a readable register"),
    ((Register("A", 0, sets="B"), Register("B", 4, clears="C"), Register("C", 8)), "storage of its own"),
]


@for_each(("registers", "text"), BROKEN)
def test_a_table_that_contradicts_itself_is_refused(registers: tuple[Register, ...], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        RegisterBlock("X", registers, size=0x20)


@pytest.mark.parametrize("fields", [{"LOG2": 16}, {"LOG2": -1}, {"MODE": 0}])
def test_an_impossible_field_value_is_refused_with_the_fields_there_are(fields: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=r"the fields are LOG2 \(4 bit\)"):
        TIMER.encode("PRESCALER", **fields)


@st.composite
def registers_with_fields(draw: st.DrawFn) -> tuple[RegisterBlock, int]:
    cuts = sorted(draw(st.sets(st.integers(0, 32), min_size=2, max_size=8)))
    fields = tuple(
        Field(f"F{low}", low, width=high - low)
        for low, high in itertools.pairwise(cuts)
        if draw(st.booleans())
    )
    value = draw(st.integers(0, 0xFFFFFFFF))
    return RegisterBlock("B", (Register("R", 0, fields=fields),), size=4), value


@given(registers_with_fields())
@settings(deadline=None)
def test_encoding_undoes_decoding_within_the_fields(case: tuple[RegisterBlock, int]) -> None:
    block, value = case
    covered = sum(part.mask for part in block.register("R").fields)
    assert block.encode("R", **block.decode("R", value)) == value & covered


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4), st.integers(1, 3)), max_size=6))
@settings(deadline=None)
def test_a_block_is_accepted_exactly_when_no_word_is_used_twice(shapes: list[tuple[int, int, int]]) -> None:
    registers = tuple(
        Register(f"R{number}", 4 * word, count=count, stride=4 * stride)
        for number, (word, count, stride) in enumerate(shapes)
    )
    words = [word + index * stride for word, count, stride in shapes for index in range(count)]
    if len(set(words)) < len(words) or any(word >= 16 for word in words):
        with pytest.raises(ConfigurationError):
            RegisterBlock("B", registers, size=64)
        return
    block = RegisterBlock("B", registers, size=64)
    assert sorted(offset // 4 for offset, _, _ in block.elements()) == sorted(words)
    for offset, register, index in block.elements():
        assert block.offset(register.name, index) == offset
        assert block.find(offset + 3) == (register, index)
