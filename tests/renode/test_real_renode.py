"""On a real Renode; skipped with the reason where there is none, a failure with ICMSG_REQUIRE_RENODE=1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fake_process
import pytest
from test_renode_exchange import PAIRINGS, exchange

from icmsg.cosim.simtime import MS, US
from icmsg.cosim.workload import Workload

if TYPE_CHECKING:
    from icmsg.cosim.renode.machine import RenodeMachine

SHARED = 0x2007_0000


@pytest.mark.parametrize(("app", "net"), PAIRINGS)
def test_every_pairing_brings_every_byte_back_and_repeats(app: str, net: str) -> None:
    traces = set()
    for _ in range(2):
        with fake_process.real_machine() as machine:
            result = exchange(machine, app, net, Workload(messages=200))
        assert result.problems == ()
        assert (result.messages_received, result.mismatches) == (200, 0)
        traces.add(result.trace_sha256)
    assert len(traces) == 1


def test_shared_memory_is_that_of_the_sysbus(real_machine: RenodeMachine) -> None:
    bus = real_machine.core("app").bus
    bus.write32(SHARED, 0x1234_5678)
    assert int(real_machine.execute(f"sysbus ReadDoubleWord 0x{SHARED:X}"), 16) == 0x1234_5678
    real_machine.execute(f"sysbus WriteDoubleWord 0x{SHARED + 4:X} 0x9ABCDEF0")
    assert bus.read32(SHARED + 4) == 0x9ABC_DEF0


def test_time_passes_in_quanta(real_machine: RenodeMachine) -> None:
    real_machine.run_for(1 * MS)
    assert 1 * MS <= real_machine.now_ns < 1 * MS + 10 * US


def test_the_version_is_said(real_machine: RenodeMachine) -> None:
    assert "Renode" in real_machine._renode.version
