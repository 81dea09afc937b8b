"""What is said about a link, by the state it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.ipc import EndpointConfig
from icmsg.link.diagnosis.diagnosis import examine
from icmsg.link.played_instance import PlayedInstance
from icmsg.timers import MS

if TYPE_CHECKING:
    from collections.abc import Iterator

TX, RX = "app→net (tx-region of app, 0x20070000): ", "net→app (rx-region of app, 0x20078000): "


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        yield machine


def lines(machine: EmbeddedMachine, *, bound: bool = False) -> list[str]:
    return examine(machine, machine.core("app"), APP, machine.core("net"), bound=bound).lines()


def test_nothing_has_happened_yet(machine: EmbeddedMachine) -> None:
    nothing = "rd_idx=0 wr_idx=0 used=0 of 2040, empty; "
    assert lines(machine) == [
        f"{TX}{nothing}app has written nothing",
        f"{RX}{nothing}net has written nothing",
    ]


def test_one_side_waits_for_the_other_one(machine: EmbeddedMachine) -> None:
    PlayedInstance(machine, machine.core("app"), APP).instance.register_endpoint(EndpointConfig())
    machine.run_for(MS)
    waiting = (
        "rd_idx=0 wr_idx=20 used=20 of 2040, 1 packet pending; app wrote the magic, net has not taken it"
    )
    assert lines(machine)[0] == f"{TX}{waiting}"


def test_both_are_bound_and_one_has_printed(machine: EmbeddedMachine) -> None:
    played = PlayedInstance(machine, machine.core("app"), APP)
    endpoint = played.instance.register_endpoint(EndpointConfig())
    net = machine.core("net")
    net.load(stub("echo", "net"))
    net.start()
    machine.run_for(MS)
    assert endpoint.is_bound
    empty = "rd_idx=20 wr_idx=20 used=0 of 2040, empty"
    assert lines(machine)[:3] == [
        f"{TX}{empty}; app wrote the magic, net has taken it",
        f"{RX}{empty}; net wrote the magic, app has taken it",
        "console of net: echo: up | echo: bound",
    ]
    assert lines(machine)[3].startswith("core net is at PC 0x0100")
    assert "(wait_for_wake+0x" in lines(machine)[3]
    assert lines(machine, bound=True)[:2] == [f"{TX}{empty}", f"{RX}{empty}"]


def test_an_overwritten_start_is_no_wrong_magic_once_bound(machine: EmbeddedMachine) -> None:
    bus = machine.core("app").bus
    bus.write_block(0x2007_0000, bytes.fromhex("14000000 14000000 000d0000") + b"overwritten!!")
    assert "the first packet is not the magic: 6f 76 65" in lines(machine)[0]
    assert lines(machine, bound=True)[0] == f"{TX}rd_idx=20 wr_idx=20 used=0 of 2040, empty"


def test_long_consoles_and_many_warnings_are_cut(machine: EmbeddedMachine) -> None:
    net = machine.core("net")
    image = net.load(stub("spin", "net"))
    table = image.vector_table
    net.bus.write32(table + 4, image.symbols["main"])
    net.console.feed(b"".join(b"line %d\n" % number for number in range(9)) + b"rest", 0)
    code = b"\x48\xf2\x00\x00\xc4\xf2\x00\x10" + b"".join(b"\x01\x68\x04\x30" for _ in range(8)) + b"\xfe\xe7"
    # movw r0, #0x8000; movt r0, #0x4100 (RADIO); eight times ldr r1, [r0] and adds r0, #4; b .
    net.bus.write_block(image.symbols["main"] & ~1, code)
    net.start()
    machine.run_for(MS)
    text = lines(machine)
    assert "console of net: line 5 | line 6 | line 7 | line 8 | rest" in text
    assert [
        line for line in text if line.startswith("core net: read of RADIO, which nothing models at 0x410080")
    ] == text[-6:-1]
    assert text[-1] == "… and 3 more warnings"
