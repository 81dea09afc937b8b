"""Variables of firmware by name, on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icmsg.errors import FirmwareError

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine

IMAGE = Path(__file__).parents[1] / "machine" / "variables" / "gcc-dwarf4-types.elf"


def test_a_variable_is_read_and_written_by_name_and_member(machine: Machine) -> None:
    core = machine.core("app")
    core.load(IMAGE)
    core.start()
    machine.run_for(200_000)
    assert core.variable("stats.received").value == 7
    assert str(core.variable("stats.state")) == "STATE_BOUND"
    assert core.variable("head->next->value").value == 22
    core.variable("stats.state").write("STATE_OPEN")
    core.variable("flags.level").write(3)
    core.variable("buf[3]").write(9)
    assert (
        str(core.variable("flags")) == "{ready = 1, level = 3, mode = 5, wide = 131071, state = STATE_OPEN}"
    )
    assert core.variable("stats")["state"].value == 1
    assert core.variable("buf").value == bytes([1, 2, 3, 9, 5, 6, 7, 8])
    before = core.variable("ticks").value
    machine.run_for(200_000)
    assert core.variable("ticks").value > before
    with pytest.raises(FirmwareError, match="did you mean stats"):
        core.variable("statz")
