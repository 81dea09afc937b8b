"""Platforms under other names, and the fakes of Renode that stand beside the tests of its engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import platforms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=list(platforms.PLATFORMS))
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of a platform."""
    return str(request.param)


@pytest.fixture
def platform(name: str, tmp_path: Path) -> Path:
    """Return the file of the platform ``name``."""
    return platforms.write_platform(name, tmp_path)


@pytest.fixture
def cores(name: str) -> tuple[str, str]:
    """Return the two cores of the link, the one first that has the nRF5340's application core's place."""
    return platforms.CORES[name]


@pytest.fixture
def fake_renode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[object]:
    """A process in which a fake of Renode can be loaded."""
    import fake_process

    renode = fake_process.install(monkeypatch, tmp_path)
    yield renode
    fake_process.uninstall(renode)
