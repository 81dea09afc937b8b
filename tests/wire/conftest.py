"""Tests of a pbuf run twice: on plain memory, which it accesses directly, and through the methods of a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.hw.bus import MemoryBus, Window

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["direct", "bus"])
def both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        if request.param == "bus":
            monkeypatch.setattr(MemoryBus, "window", lambda *_: Window())
        yield
