"""Many cases of one statement in one test: each is tried, and named if it fails; and how many random ones."""

from __future__ import annotations

import functools
import inspect
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.mark import ParameterSet
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

_SHOWN = 20


def examples(many: int) -> int:
    """Return how many examples a property tries: a fifth where each run tries the same ones anyway."""
    return max(10, many // 5) if settings.default.derandomize else many


class Cases:
    """Use it as a context manager around the loop, and :meth:`case` around each case."""

    def __init__(self) -> None:
        self._failed: list[str] = []
        self._first: BaseException | None = None
        self._count = 0

    @contextmanager
    def case(self, name: object) -> Iterator[None]:
        """Try one case; its failure is kept for the end."""
        self._count += 1
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            self._failed.append(f"{name}: {kind}{error}")
            self._first = self._first or error

    def __enter__(self) -> Cases:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        assert self._count, "no case was tried"
        if self._failed:
            failed = "\n".join(self._failed[:_SHOWN])
            raise AssertionError(f"{len(self._failed)} of {self._count} cases:\n{failed}") from self._first


def for_each(
    names: str | Sequence[str],
    values: Iterable[Any],
    ids: Callable[[Any], object] | Iterable[str] | None = None,
    *,
    at_once: int = 1,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Loop over cases that say the same, where ``pytest.mark.parametrize`` makes a test of each.

    The cases share the fixtures of the test, which therefore must not keep anything of a case before. Where they wait
    for something, several may wait ``at_once``, each in a thread.
    """
    wanted = names.replace(" ", "").split(",") if isinstance(names, str) else list(names)
    listed = [_case(value, len(wanted)) for value in values]
    if ids is not None and not callable(ids):
        listed = [(shown, given) for shown, (_, given) in zip(ids, listed, strict=True)]

    def name(shown: str | None, given: Sequence[Any]) -> str:
        return shown or ", ".join(_shown(ids(value) if callable(ids) else value) for value in given)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def every(*args: object, **fixtures: object) -> None:
            def begin(given: Sequence[Any]) -> Callable[[], object]:
                case = functools.partial(test, *args, **fixtures, **dict(zip(wanted, given, strict=True)))
                return case if at_once == 1 else pool.submit(case).result

            with Cases() as cases, ThreadPoolExecutor(at_once) as pool:
                for shown, given, run in [(shown, given, begin(given)) for shown, given in listed]:
                    with cases.case(name(shown, given)):
                        run()

        signature = inspect.signature(test)
        assert signature.parameters.keys() >= set(wanted), f"{test.__name__} has to take {wanted}"
        kept = [parameter for parameter in signature.parameters.values() if parameter.name not in wanted]
        every.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return every

    return decorate


def _case(value: Any, many: int) -> tuple[str | None, Sequence[Any]]:
    """Return the name of a case, if it has one of its own, and its values."""
    if isinstance(value, ParameterSet):
        assert not value.marks, "a case with a mark is a test of its own"
        return str(value.id) if value.id else None, value.values
    return None, (value,) if many == 1 else value


def _shown(value: object) -> str:
    return getattr(value, "__name__", None) or str(value)
