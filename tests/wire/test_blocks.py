"""Allocation and access of blocks, against the rules written down slowly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from icmsg.wire.block_area import BlockPool, best_fit, first_fit

MASKS = st.integers(0, (1 << 32) - 1)


def runs(free: int) -> list[tuple[int, int]]:
    """Return start and length of every run of free blocks."""
    bits = f"{free:033b}"[::-1]
    starts = [i for i in range(33) if bits[i] == "1" and (i == 0 or bits[i - 1] == "0")]
    return [(start, bits.index("0", start) - start) for start in starts]


@given(MASKS, st.integers(1, 33))
def test_first_fit_is_the_lowest_run_that_fits(free: int, count: int) -> None:
    fitting = [start for start, length in runs(free) if length >= count]
    assert first_fit(free, count) == (fitting[0] if fitting else None)


@given(MASKS, st.integers(1, 33))
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
