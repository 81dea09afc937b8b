from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rig import Rig
from vpr_rig import VprRig

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def vpr() -> Iterator[VprRig]:
    with VprRig() as made:
        yield made
