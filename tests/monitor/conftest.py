"""Verbs on a machine, and a Monitor on the embedded engine with paths relative to the root of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from verbs_on_a_machine import Session

from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent.parent


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    session.close()


@pytest.fixture
def monitor() -> Iterator[EmbeddedMonitor]:
    """A Monitor without a machine."""
    with EmbeddedMonitor(ROOT) as made:
        yield made


@pytest.fixture
def soc(monitor: EmbeddedMonitor) -> EmbeddedMonitor:
    """A Monitor with the shipped machine, both cores halted and without firmware."""
    monitor.execute("include @renode/machine.resc")
    return monitor
