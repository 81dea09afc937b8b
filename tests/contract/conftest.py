from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machines import MACHINES, MachineUnderTest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.machine import Machine


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
