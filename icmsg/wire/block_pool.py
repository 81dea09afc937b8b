"""Allocation of blocks: which of this side's blocks are in use, and which run of free ones a message gets.

Only the sender allocates; the receiver tells which messages it has done with. The classic generations take the first
run that fits, the rework the smallest one, from the top (ICBMsg protocol §3, §5).

>>> pool = BlockPool(4)
>>> pool.take(2), pool.take(1), pool.take(2)
(0, 2, None)
>>> pool.give(0, 2)
>>> pool.take(1), pool.free
(0, 2)
"""

from __future__ import annotations


class BlockPool:
    """``count`` blocks, all of them free; ``best_fit`` chooses as the rework does."""

    __slots__ = ("_best_fit", "count", "free_blocks")

    def __init__(self, count: int, *, best_fit: bool = False) -> None:
        self.count = count
        self._best_fit = best_fit
        self.free_blocks = (1 << count) - 1
        """The free blocks, one bit each: who takes the lowest one, or gives one back, saves a call."""

    @property
    def free(self) -> int:
        """Number of free blocks."""
        return self.free_blocks.bit_count()

    @property
    def in_use(self) -> int:
        """The blocks in use, one bit each."""
        return self.free_blocks ^ (1 << self.count) - 1

    def take(self, count: int) -> int | None:
        """Take a run of ``count`` blocks and return its first one, None when there is no such run."""
        free = self.free_blocks
        start: int | None
        if self._best_fit:
            start = best_fit(free, count)
        elif count == 1:
            if not free:
                return None
            self.free_blocks = free & free - 1
            return (free & -free).bit_length() - 1
        else:
            start = first_fit(free, count)
        if start is not None:
            self.free_blocks = free & ~((1 << count) - 1 << start)
        return start

    def take_most(self) -> tuple[int, int] | None:
        """Take what length 0 asks for and return the first block and how many; None when none is free.

        Classic: the first free block with all free ones behind it. Rework: the longest run.
        """
        free = self.free_blocks
        if not free:
            return None
        if self._best_fit:
            count = next(n for n in range(self.count, 0, -1) if first_fit(free, n) is not None)
        else:
            start = (free & -free).bit_length() - 1
            run = ~(free >> start)
            count = (run & -run).bit_length() - 1
        found = self.take(count)
        assert found is not None
        return found, count

    def give(self, start: int, count: int) -> None:
        """Give back ``count`` blocks from ``start`` on, which the caller knows to be in use."""
        self.free_blocks |= (1 << count) - 1 << start

    def clear(self) -> None:
        """Free every block."""
        self.free_blocks = (1 << self.count) - 1


def first_fit(free: int, count: int) -> int | None:
    """Return the lowest run of ``count`` set bits in ``free``, or None."""
    runs = free
    done = 1
    while done < count:
        step = min(done, count - done)
        runs &= runs >> step
        done += step
    return (runs & -runs).bit_length() - 1 if runs else None


def best_fit(free: int, count: int) -> int | None:
    """Return the start of the shortest run of at least ``count`` set bits; of equal ones the highest."""
    if count == 1:
        if alone := free & ~(free << 1 | free >> 1):
            return alone.bit_length() - 1
        if not free & free + (lowest := free & -free):  # a single run
            return lowest.bit_length() - 1 if free else None
    best: int | None = None
    shortest = 0
    while free:
        end = free.bit_length()
        start = (~free & (1 << end) - 1).bit_length()
        length = end - start
        if length == count:
            return start
        if length > count and (best is None or length < shortest):
            best, shortest = start, length
        free &= (1 << start) - 1
    return best
