from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from machines import MACHINES, MachineUnderTest
from remote_machines import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.machine import Machine


def marks(case: MachineUnderTest) -> Iterator[pytest.MarkDecorator]:
    if case.name != "embedded":
        yield pytest.mark.slow
    if case.name == "remote" and ADDRESS in os.environ:
        yield pytest.mark.xdist_group(ADDRESS)  # it serves one client at a time, so one worker has it


PARAMETERS = [pytest.param(case, id=case.name, marks=tuple(marks(case))) for case in MACHINES]


@pytest.fixture(params=PARAMETERS)
def engine(request: pytest.FixtureRequest) -> MachineUnderTest:
    value: MachineUnderTest = request.param
    return value


@pytest.fixture
def machine(engine: MachineUnderTest) -> Iterator[Machine]:
    machine = engine.make()
    yield machine
    machine.close()
