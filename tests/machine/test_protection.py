"""RAM that the SoC would keep from the network core is said as what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.machine.boot import describe_protection

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTECT, PERM, REGION = 0x5000_0460, 0x5000_3440, 0x5000_3700


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        for core, program in (("app", "initiator"), ("net", "echo")):
            machine.core(core).load(stub(program, core))
        yield machine


def write(machine: EmbeddedMachine, address: int, value: int) -> None:
    machine.core("app").bus.write32(address, value)


def test_nothing_is_said_of_a_soc_as_it_is_after_a_reset(machine: EmbeddedMachine) -> None:
    assert describe_protection(machine, APP) == []


def test_secure_accesses_reach_all(machine: EmbeddedMachine) -> None:
    write(machine, PERM, 1 << 4)
    assert describe_protection(machine, APP) == []


def test_non_secure_accesses_do_not_reach_secure_ram(machine: EmbeddedMachine) -> None:
    write(machine, PERM, 0)
    (line,) = describe_protection(machine, APP)
    assert line == (
        "on the SoC core net does not reach 0x20070000…: SPU.EXTDOMAIN[0].PERM (0x50003440) is 0x0, so its accesses "
        "are non-secure, and this RAM is secure (SPU.RAMREGION[56].PERM)"
    )


def test_non_secure_accesses_reach_non_secure_ram(machine: EmbeddedMachine) -> None:
    write(machine, PERM, 0)
    for at in (56, 60):
        write(machine, REGION + 4 * at, 0x07)
    assert describe_protection(machine, APP) == []
    write(machine, REGION + 4 * 60, 0x17)
    assert "SPU.RAMREGION[60].PERM" in describe_protection(machine, APP)[0]


@pytest.mark.parametrize(("mask", "closed"), [(0x80, True), (0xFF, True), (0x7F, False)])
def test_blocks_of_ram_may_be_closed(machine: EmbeddedMachine, mask: int, closed: bool) -> None:
    write(machine, PROTECT, mask)
    lines = describe_protection(machine, APP)
    assert bool(lines) == closed
    if closed:
        assert f"DCNF.EXTRAM[0].PROTECT (0x50000460) is 0x{mask:X}" in lines[0]


def test_python_on_a_core_is_not_meant() -> None:
    with EmbeddedMachine() as machine:
        machine.core("net").load(stub("echo", "net"))
        write(machine, PERM, 0)
        assert describe_protection(machine, APP) == []
