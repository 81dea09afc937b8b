"""A RISC-V core beside the Arm cores: Renode runs it, and it is in nobody's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fake_process
import pytest
from riscv_beside import BEFORE, BEHIND, CODE, COUNT, ROM, write_platform
from test_real_renode import FORCEOFF, RESETS_ITSELF
from test_renode_exchange import exchange

from icmsg.assets import stub
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.errors import EngineError
from icmsg.link.workload import Workload
from icmsg.machine.boot import start_firmware
from icmsg.machine.events import EventKind
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fake_dotnet import FakeRenode


@pytest.fixture(params=[BEFORE, BEHIND])
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RenodeMachine]:
    """A machine on the real Renode."""
    with fake_process.real_machine(platform=write_platform(tmp_path, request.param)) as machine:
        yield machine


def test_over_the_fake_messages_are_exchanged_and_firmware_for_it_goes_through_renode(
    renode: FakeRenode, tmp_path: Path
) -> None:
    with RenodeMachine(write_platform(tmp_path)) as machine:
        assert list(machine.cores) == ["app", "net", "rv"]
        assert "cpurv IsHalted true" in renode.commands
        with pytest.raises(EngineError, match=r"core rv is a CPU\.RiscV32.*sysbus LoadELF @FILE cpu=cpurv"):
            machine.core("rv").load(stub("echo", "net"))
        result = exchange(machine, "python", "echo", Workload(messages=10))
        assert (result.problems, result.messages_received) == ((), 10)


def test_both_arm_cores_exchange_messages_while_it_runs(real: RenodeMachine) -> None:
    core = real.core("rv")
    core.bus.write_block(ROM, CODE)
    real.execute(f"cpurv PC 0x{ROM:X}")
    real.execute("cpurv IsHalted false")
    result = exchange(real, "initiator", "echo", Workload(messages=1000))
    assert (result.problems, result.mismatches) == ((), 0)
    assert core.instructions > 1000
    assert real.core("app").bus.read32(COUNT) > 300
    assert "PC" not in core.registers


def test_what_firmware_asks_for_is_for_the_core_that_it_means(real: RenodeMachine) -> None:
    app, net = real.core("app"), real.core("net")
    app.load(RESETS_ITSELF)
    net.load(stub("echo", "net"))
    events: list[tuple[EventKind, int]] = []
    wanted = EventKind.CORE_STARTED, EventKind.CORE_RESET
    real.events.add_sink(lambda event: events.append((event.kind, event.core)), wanted)
    start_firmware(real, ["app", "net"])
    real.run_for(2 * MS)
    resets = [events.count((EventKind.CORE_RESET, core.index)) for core in (app, net)]
    assert resets[0] == resets[1] >= 1
    assert {core for _, core in events} == {app.index, net.index}
    app.halt()
    app.bus.write32(FORCEOFF, 1)
    real.run_for(20 * US)
    assert net.is_halted
