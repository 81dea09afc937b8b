"""Allocation and access of blocks, against the rules written down slowly."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icmsg.wire.block_area import BlockPool, best_fit, first_fit

MASKS = st.integers(0, (1 << 32) - 1) | st.integers(0, (1 << 9) - 1)


def runs(free: int) -> list[tuple[int, int]]:
    """Return start and length of every run of free blocks."""
    bits = f"{free:033b}"[::-1]
    starts = [i for i in range(33) if bits[i] == "1" and (i == 0 or bits[i - 1] == "0")]
    return [(start, bits.index("0", start) - start) for start in starts]


@given(MASKS, st.integers(1, 33))
def test_first_fit_is_the_lowest_run_that_fits(free: int, count: int) -> None:
    fitting = [start for start, length in runs(free) if length >= count]
    assert first_fit(free, count) == (fitting[0] if fitting else None)


@given(MASKS, st.integers(1, 3) | st.integers(1, 33))
@example(0b110110, 1)
@example(0b111_0111_0111, 2)
def test_best_fit_is_the_shortest_run_that_fits_and_of_those_the_highest(free: int, count: int) -> None:
    fitting = [(length, -start) for start, length in runs(free) if length >= count]
    assert best_fit(free, count) == (-min(fitting)[1] if fitting else None)


@given(st.lists(st.integers(-8, 8)), st.booleans())
def test_blocks_are_never_given_twice_and_all_come_back(steps: list[int], best: bool) -> None:
    pool = BlockPool(20, best_fit=best)
    taken: list[tuple[int, int]] = []
    for step in steps:
        if step < 0:
            if taken:
                pool.give(*taken.pop(step % len(taken)))
            continue
        found = pool.take_most() if not step else None
        if step and (start := pool.take(step)) is not None:
            found = start, step
        if found is not None:
            taken.append(found)
        blocks = [block for start, count in taken for block in range(start, start + count)]
        assert len(blocks) == len(set(blocks)) == 20 - pool.free
        assert sum(1 << block for block in blocks) == pool.in_use
    for start, count in taken:
        pool.give(start, count)
    assert pool.free == 20
    pool.take(3)
    pool.clear()
    assert pool.free == 20


@given(MASKS, st.integers(1, 33), st.booleans())
def test_a_pool_takes_the_run_that_fits_and_nothing_else(free: int, count: int, best: bool) -> None:
    pool = BlockPool(32, best_fit=best)
    pool.free_blocks = free
    start = pool.take(count)
    assert start == (best_fit if best else first_fit)(free, count)
    taken = 0 if start is None else sum(1 << start + block for block in range(count))
    assert pool.free_blocks == free - taken
    assert pool.in_use == (1 << 32) - 1 - free + taken


@given(MASKS, st.booleans())
def test_length_0_takes_the_first_free_blocks_or_the_longest_run_and_of_those_the_highest(
    free: int, best: bool
) -> None:
    pool = BlockPool(32, best_fit=best)
    pool.free_blocks = free
    found = pool.take_most()
    there = runs(free)
    if not there:
        assert found is None
    elif best:
        assert found == max(there, key=lambda run: (run[1], run[0]))
    else:
        assert found == there[0]
    start, count = found or (0, 0)
    assert pool.free == free.bit_count() - count
    pool.give(start, count)
    assert pool.free_blocks == free


def test_length_0_takes_the_first_free_run_or_the_longest() -> None:
    for best, expected in ((False, (1, 2)), (True, (4, 4))):
        pool = BlockPool(8, best_fit=best)
        assert pool.take(8) == 0
        pool.give(1, 2)
        pool.give(4, 4)
        assert pool.take_most() == expected
    assert pool.take(3) is None
    pool.take_most()
    assert pool.take_most() is None
    assert pool.take(1) is None


@pytest.mark.parametrize("count", [1, 7, 32])
def test_a_new_or_cleared_pool_has_all_its_blocks_and_fits_the_first(count: int) -> None:
    pool = BlockPool(count)
    for _ in range(2):
        assert (pool.free, pool.in_use, pool.free_blocks) == (count, 0, (1 << count) - 1)
        assert pool.take(count) == 0
        assert (pool.free, pool.in_use, pool.free_blocks) == (0, (1 << count) - 1, 0)
        pool.clear()
    pool.free_blocks = 1 if count < 4 else 0b1101
    assert pool.take(1) == 0
