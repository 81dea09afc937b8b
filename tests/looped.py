"""Many cases of one statement in one test: listed ones, each tried and named if it fails, and how many random ones."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_SHOWN = 20


def examples(many: int) -> int:
    """Return how many examples a costly property tries: a third where each run tries the same ones anyway."""
    return max(10, many // 3) if settings.default.derandomize else many


class Cases:
    """Use it as a context manager around the loop, and :meth:`case` around each case."""

    def __init__(self) -> None:
        self._failed: list[str] = []
        self._count = 0

    @contextmanager
    def case(self, name: object) -> Iterator[None]:
        """Try one case; its failure is kept for the end."""
        self._count += 1
        try:
            yield
        except AssertionError as error:
            self._failed.append(f"{name}: {error}")

    def __enter__(self) -> Cases:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        assert self._count, "no case was tried"
        failed = "\n".join(self._failed[:_SHOWN])
        assert not self._failed, f"{len(self._failed)} of {self._count} cases:\n{failed}"
