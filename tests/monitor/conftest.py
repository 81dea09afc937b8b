from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from verbs_on_a_machine import Session

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    session.close()
