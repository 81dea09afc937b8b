"""The suites in robot_tests run unchanged on a Renode in this process: here over a fake of .NET."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import fake_process
import pytest
from fake_dotnet import FakeRenode
from robot import running
from robot.api import ExecutionResult

from icmsg.hw.mailboxes.nrf_ipc import NrfIpcModel

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITES = sorted((Path(__file__).parents[2] / "robot_tests").glob("*.robot"))
VARIABLES = ["ICMSG_ENGINE:renode", "MESSAGES:20", "SIZE_STEP:509", "IDLE_TIME:20 ms"]


_FAULTS = re.compile(r"ipc(?P<core>\w+) (?P<member>[A-Z]\w+)(?: (?P<value>\w+))?")


class RenodeWithFaults(FakeRenode):
    """The fake, with what renode/NRF_IPC.cs lets a Monitor do: its model in Python does the same."""

    def _on_object(self, command: str) -> str:
        found = _FAULTS.fullmatch(command)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", found["member"]).lower() if found else ""
        if found is None or not hasattr(NrfIpcModel, name) or name == "reset":
            return super()._on_object(command)
        peripherals = self._machine().soc.core(found["core"])._slot.peripherals
        model = next(each for each in peripherals if isinstance(each, NrfIpcModel))
        value = [int(found["value"], 0)] if found["value"] else []
        if not isinstance(vars(NrfIpcModel).get(name, getattr(NrfIpcModel, name)), property):
            return str(getattr(model, name)(*value) or "")
        setattr(model, name, *value)
        return ""


@pytest.fixture
def renode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeRenode]:
    monkeypatch.setattr(fake_process.fake_dotnet, "FakeRenode", RenodeWithFaults)
    renode = fake_process.install(monkeypatch, tmp_path)
    yield renode
    fake_process.uninstall(renode)


@pytest.mark.slow
@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_passes(path: Path, renode: FakeRenode, tmp_path: Path) -> None:
    suite = running.TestSuite.from_file_system(path)
    output = tmp_path / "output.xml"
    suite.run(
        console="none", outputdir=str(tmp_path), output=str(output), log=None, report=None, variable=VARIABLES
    )
    result = ExecutionResult(str(output))
    assert [f"{test.name}: {test.message}" for test in result.suite.all_tests if not test.passed] == []
