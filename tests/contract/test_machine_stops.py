"""Stops in front of an instruction, and accesses to a region, are the same on every engine, on Arm and RISC-V cores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from fake_process import real_machine
from machines import MACHINES
from remote_machines import NO_EXTENSIONS, on_a_fake_of_renode

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import EngineError, FirmwareError, VirtualTimeoutError
from icmsg.link.link import default_link
from icmsg.link.played_instance import Peer
from icmsg.link.watch import RegionWatch
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.link.watch import RegionAccess
    from icmsg.machine.machine import Core, Machine

COVERED: Final = Path(__file__).parents[1] / "views" / "covered"
RISCV: Final = "nrf54l15"
ON_RISCV: Final[dict[str, Callable[[], Machine]]] = {
    "embedded": lambda: EmbeddedMachine(platform_file(RISCV)),
    "renode": lambda: real_machine(platform_file(RISCV)),
}
CASES: Final[dict[str, Callable[[], Machine]]] = {
    **{f"{case.name} net": case.make for case in MACHINES if case.stops},
    **{f"{name} flpr": make for name, make in ON_RISCV.items()},
}


@pytest.fixture(
    params=[
        pytest.param(make, id=name, marks=() if name.startswith("embedded") else pytest.mark.slow)
        for name, make in CASES.items()
    ]
)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    made: Machine = request.param()
    yield made
    made.close()


@pytest.fixture
def echo(machine: Machine) -> Core:
    """The second core, about to run ``echo``; Python plays the first one."""
    name = list(machine.cores)[1]
    core = machine.core(name)
    core.load(COVERED / f"echo-{name}.elf")
    core.start()
    return core


def peer_of(machine: Machine) -> Peer:
    name = next(iter(machine.cores))
    return Peer(machine, machine.core(name), default_link(machine.soc).configs[name])


def test_a_core_stands_before_the_first_instruction_of_a_function(machine: Machine, echo: Core) -> None:
    peer_of(machine)
    echo.run_to("pbuf_write", timeout_ns=10 * MS)
    stack = echo.registers["SP"]
    assert echo.registers["PC"] == echo.address_of("pbuf_write")
    assert echo.locate(echo.registers["PC"]).startswith("pbuf_write (")
    assert "main" in [str(frame).partition("+")[0] for frame in echo.backtrace()]
    assert echo.registers["SP"] == stack  # nothing has moved meanwhile
    before = machine.now_ns
    machine.run_for(100 * US)
    assert machine.now_ns >= before + 100 * US
    assert echo.registers["PC"] != echo.address_of("pbuf_write")


def test_where_a_run_has_ended_at_a_stop_it_is_the_time_of_the_instruction_and_no_run_goes_back(
    machine: Machine, echo: Core
) -> None:
    times: list[int] = []
    peer_of(machine)
    for place in ("link_bond", "pbuf_write"):
        end = echo.on_reach(place, lambda: times.append(machine.now_ns))
        echo.run_to(place, timeout_ns=10 * MS)
        end()
        assert machine.now_ns == machine.clock.now_ns() == times[-1]
    assert times == sorted(set(times))
    machine.run_until(lambda: True, timeout_ns=MS)
    assert machine.now_ns >= times[-1]
    machine.run_for(3 * US)
    assert times[-1] + 3 * US <= machine.now_ns == machine.clock.now_ns()


def test_handlers_are_called_each_time_at_the_time_of_the_core_and_in_front_of_it(
    machine: Machine, echo: Core
) -> None:
    seen: list[tuple[int, int]] = []
    peer = peer_of(machine)
    end = echo.on_reach("pbuf_write", lambda: seen.append((echo.registers["PC"], machine.now_ns)))
    peer.wait_for_bound()
    bound = len(seen)
    for number in range(3):
        peer.send(b"%d" % number)
        assert peer.receive() == b"%d" % number
    assert len(seen) == bound + 3
    assert {pc for pc, _ in seen} == {echo.address_of("pbuf_write")}
    times = [time for _, time in seen]
    assert times == sorted(set(times))
    end()
    peer.send(b"last")
    assert peer.receive() == b"last"
    assert len(seen) == bound + 3


def test_a_stop_is_counted_and_a_later_one_is_reached_from_it(machine: Machine, echo: Core) -> None:
    peer = peer_of(machine)
    echo.run_to("link_bond", timeout_ns=10 * MS)
    assert echo.registers["PC"] == echo.address_of("link_bond")
    echo.run_to("pbuf_read", timeout_ns=10 * MS, times=2)
    assert echo.registers["PC"] == echo.address_of("pbuf_read")
    peer.wait_for_bound()
    peer.send(b"hello")
    assert peer.receive() == b"hello"


def test_what_is_done_to_a_core_that_stands_works(machine: Machine, echo: Core) -> None:
    peer_of(machine)
    echo.run_to("pbuf_write", timeout_ns=10 * MS)
    echo.halt()
    assert echo.is_halted
    machine.run_for(50 * US)
    echo.resume()
    echo.run_to("pbuf_read", timeout_ns=10 * MS)
    echo.reset()
    echo.run_to("main", timeout_ns=10 * MS)
    assert echo.registers["PC"] == echo.address_of("main")


def test_a_place_that_is_not_reached_is_a_timeout_and_one_that_cannot_be_an_error(
    machine: Machine, echo: Core
) -> None:
    with pytest.raises(VirtualTimeoutError, match=r"coming to stats_error .*did not happen within 1\.000 ms"):
        echo.run_to("stats_error", timeout_ns=MS)
    with pytest.raises(FirmwareError, match="no symbol 'link_sned'"):
        echo.run_to("link_sned", timeout_ns=MS)
    with pytest.raises(EngineError, match="cannot stop at 0x60000000: it has no memory there"):
        echo.on_reach(0x6000_0000, lambda: None)


def test_what_a_handler_raises_ends_the_run_and_the_next_one_goes_on(machine: Machine, echo: Core) -> None:
    def fail() -> None:
        raise ValueError("here")

    peer = peer_of(machine)
    end = echo.on_reach("link_bond", fail)
    with pytest.raises(ValueError, match="here"):
        machine.run_for(5 * MS)
    assert echo.registers["PC"] == echo.address_of("link_bond")
    end()
    peer.wait_for_bound()


def test_accesses_to_a_region_say_who_what_and_where(machine: Machine, echo: Core) -> None:
    peer = peer_of(machine)
    config = peer.config
    kept: list[RegionAccess] = []
    played = next(iter(machine.cores))
    regions = {played: config.rx_region, echo.name: config.rx_region}
    watch = RegionWatch(machine, regions, config.rx_layout, kept.append, words=("wr_idx",))
    peer.wait_for_bound()
    peer.send(b"hello")
    assert peer.receive() == b"hello"
    told = [(each.core, each.word, each.value, each.function) for each in kept if each.core == echo.name]
    assert told[-2:] == [(echo.name, "wr_idx", 20, "pbuf_write"), (echo.name, "wr_idx", 32, "pbuf_write")]
    assert [each.time_ns for each in kept] == sorted(each.time_ns for each in kept)
    watch.stop()
    before = len(kept)
    peer.send(b"hello")
    assert peer.receive() == b"hello"
    assert len(kept) == before


def test_loads_of_firmware_and_stores_of_python_are_told_too(machine: Machine, echo: Core) -> None:
    peer = peer_of(machine)
    config = peer.config
    kept: list[RegionAccess] = []
    played = next(iter(machine.cores))
    regions = {played: config.tx_region, echo.name: config.tx_region}
    watch = RegionWatch(machine, regions, config.tx_layout, kept.append, kinds=("store", "load"))
    peer.wait_for_bound()
    peer.send(b"hello")
    assert peer.receive() == b"hello"
    watch.stop()
    loads = {(each.core, each.function) for each in kept if each.kind == "load" and each.word == "wr_idx"}
    assert loads == {(echo.name, "pbuf_read")}
    stores = [(each.core, each.place) for each in kept if each.kind == "store" and each.word == "wr_idx"]
    assert set(stores) == {(played, "Python")}
    assert {each.function for each in kept if each.kind == "load" and each.word == "data"} == {
        "copy",
        "pbuf_read",
    }


def test_a_renode_without_our_files_says_what_it_needs() -> None:
    with on_a_fake_of_renode(missing=NO_EXTENSIONS) as machine:
        core = machine.core("net")
        core.load(COVERED / "echo-net.elf")
        with pytest.raises(EngineError, match=r"cannot stop firmware or watch memory .*FirmwareStops\.cs"):
            core.run_to("main", timeout_ns=MS)
