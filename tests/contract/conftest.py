from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machines import MACHINES, MachineUnderTest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.machine import Machine

# The assembler for snippets of firmware stands beside the tests of the embedded engine.
sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))


PARAMETERS = [
    pytest.param(case, id=case.name, marks=() if case.name == "embedded" else pytest.mark.slow)
    for case in MACHINES
]


@pytest.fixture(params=PARAMETERS)
def engine(request: pytest.FixtureRequest) -> MachineUnderTest:
    value: MachineUnderTest = request.param
    return value


@pytest.fixture
def machine(engine: MachineUnderTest) -> Iterator[Machine]:
    machine = engine.make()
    yield machine
    machine.close()
