"""Every UART of a platform file prints apart, and on the console of its core, however Renode is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from fake_process import MachineOnTheFake, real_machine
from remote_machines import OnTheEmbeddedMonitor, on_a_real_renode

from icmsg.assets import platform_file
from icmsg.errors import EngineError
from icmsg.timers import MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from icmsg.engines.lockstep.machine import SteppedMachine

MACHINES: Final[dict[str, Callable[[Path], SteppedMachine[Any]]]] = {
    "renode over a fake of .NET": MachineOnTheFake,
    "remote over the embedded Monitor": lambda platform: OnTheEmbeddedMonitor(platform=platform),
    "remote": on_a_real_renode,
    "renode": real_machine,
}
SECOND, EVERYBODYS = 0x4101_E000, 0x6000_0000
PLACES: Final = {"uartnet": 0x4101_3000, "second": SECOND, "everybodys": EVERYBODYS}
PLATFORM: Final = f"""
second: UART.NRF52840_UART @ sysbus new Bus.BusPointRegistration {{ address: 0x{SECOND:08X}; cpu: cpunet }}
    easyDMA: true
"""
OF_NO_CORE: Final = f"""
everybodys: UART.NRF52840_UART @ sysbus 0x{EVERYBODYS:08X}
    easyDMA: true
"""
ENABLE, POINTER, COUNT, START = 0x500, 0x544, 0x548, 0x008
RAM: Final = 0x2100_0000


@pytest.fixture(
    params=[pytest.param(make, id=name, marks=pytest.mark.slow) for name, make in MACHINES.items()]
)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SteppedMachine[Any]]:
    make = request.param
    platform = tmp_path / "more.repl"
    is_real = make in (on_a_real_renode, real_machine)  # the embedded engine has no UARTE without a core
    more = PLATFORM + (OF_NO_CORE if is_real else "")
    platform.write_text(f'using "{platform_file("nrf5340").as_posix()}"\n{more}', encoding="utf-8")
    made: SteppedMachine[Any] = make(platform)
    yield made
    made.close()


def test_each_uart_has_what_it_printed_and_the_console_of_a_core_all_of_its_own(
    machine: SteppedMachine[Any],
) -> None:
    core = machine.core("net")
    core.play()
    printed = {"uartnet": b"one\ntw", "second": b"eins\n", "everybodys": b"nobody's\n"}
    assert list(machine.uarts) in (["uartapp", *printed], ["uartapp", *list(printed)[:2]])
    for name in list(machine.uarts)[1:]:
        place, text = PLACES[name], printed[name]
        core.bus.write_block(RAM, text)
        for register, value in {ENABLE: 8, POINTER: RAM, COUNT: len(text), START: 1}.items():
            core.bus.write32(place + register, value)
        machine.run_for(MS)
        assert machine.uarts[name].text == text.decode()
    assert machine.uarts["uartnet"].text == "one\ntw"
    assert [line.text for line in core.console.lines] == ["one", "eins"]
    assert core.console.partial == "tw"
    assert machine.core("app").console.text == ""


def test_bytes_come_to_each_uart_but_not_to_the_console_of_a_core_that_python_plays(
    machine: SteppedMachine[Any],
) -> None:
    machine.core("net").play()
    with pytest.raises(EngineError, match="core net is played by Python"):
        machine.write_to_uart("uartnet", b"x")
    for name in list(machine.uarts)[2:]:
        machine.write_to_uart(name, b"x")
    machine.run_for(MS)
