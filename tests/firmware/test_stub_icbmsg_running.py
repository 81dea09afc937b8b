"""ICBMsg stubs at work against Python: sizes over several blocks, no room, restarts, endpoints that come and go."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from icbmsg_by_hand import STUB_OF, config_of, load_stub, stats_of
from running_stub import BAD_PARAMS, DONE, MS, READY, lines, load, other_of, stat

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError, VirtualTimeoutError
from icmsg.ipc import EndpointConfig, IcbmsgInstance, IcbmsgReworkInstance
from icmsg.link.endpoints.peer import EndpointsPeer
from icmsg.link.workload import Workload

if TYPE_CHECKING:
    from icmsg.config.icbmsg import Generation
    from icmsg.link.endpoints.setup import EndpointStub

GENERATIONS = ["4.1", "rework"]


@pytest.fixture(params=GENERATIONS)
def generation(request: pytest.FixtureRequest) -> Generation:
    found: Generation = request.param
    return found


def pair(
    machine: EmbeddedMachine,
    generation: Generation,
    program: str = "echo",
    work: Workload | None = None,
    **changes: int,
) -> tuple[EndpointStub, EndpointsPeer]:
    """Start a stub on net; Python plays app, and is bound at both endpoints."""
    config = config_of(machine, "app", generation, **changes)
    stub = load_stub(machine, "net", program, config.mirrored(), work)
    machine.core("net").start()
    peer = EndpointsPeer(machine, machine.core("app"), config, ["ep0", "ep1"])
    peer.wait_for_bound()
    return stub, peer


def test_messages_of_every_length_come_back_at_both_endpoints(
    machine: EmbeddedMachine, generation: Generation
) -> None:
    stub, peer = pair(machine, generation)
    block = peer.config.tx_layout.block_size  # type: ignore[union-attr]
    longest = min(peer.config.tx_layout.longest, peer.config.rx_layout.longest)  # type: ignore[union-attr]
    sizes = [0, 1, 2, 3, block - 5, block - 4, block - 3, 5 * block + 1, longest - 1, longest]
    for number, size in enumerate(sizes):
        endpoint = peer.endpoint(f"ep{number % 2}")
        data = bytes((number + index) % 256 for index in range(size))
        endpoint.send(data)
        assert endpoint.receive() == data
    assert stats_of(stub).errors == 0
    assert [stub.endpoint_stats(number).sent for number in range(2)] == [5, 5]
    assert sum(stub.endpoint_stats(number).bytes_received for number in range(2)) == sum(sizes)


def test_a_message_that_never_fits_back_is_dropped_and_counted(
    machine: EmbeddedMachine, generation: Generation
) -> None:
    stub, peer = pair(machine, generation, tx_blocks=16, rx_blocks=18)
    there, back = peer.config.tx_layout.longest, peer.config.rx_layout.longest  # type: ignore[union-attr]
    if back >= there:
        pytest.skip("whatever arrives fits back")
    peer.endpoint("ep0").send(bytes(there))
    machine.run_for(2 * MS)
    stats = stats_of(stub)
    assert (stats.errors, stats.last_error, stats.last_error_detail) == (1, 122, there)
    peer.endpoint("ep1").send(b"on")
    assert peer.endpoint("ep1").receive() == b"on"


def test_echoes_wait_for_room_and_none_is_lost(machine: EmbeddedMachine, generation: Generation) -> None:
    stub, peer = pair(machine, generation, tx_blocks=8, rx_blocks=4)
    sent = [bytes([number]) * 180 for number in range(4)]
    for number, data in enumerate(sent):
        peer.endpoint(f"ep{number % 2}").send(data)
    got = [peer.endpoint(f"ep{number % 2}").receive() for number in range(4)]
    assert got == sent
    assert stats_of(stub).errors == 0


def test_an_initiator_keeps_its_window_at_each_endpoint(
    machine: EmbeddedMachine, generation: Generation
) -> None:
    work = Workload(40, 1, 90, seed=5, window=8)
    stub, peer = pair(machine, generation, "initiator", work, tx_blocks=16, rx_blocks=16)
    contents: dict[str, list[bytes]] = {"ep0": [], "ep1": []}
    while any(len(found) < 40 for found in contents.values()):
        for name, found in contents.items():
            if len(found) < 40:
                data = peer.endpoint(name).receive()
                found.append(data)
                peer.endpoint(name).send(data)
    machine.run_until(lambda: stats_of(stub).state == DONE, timeout_ns=50 * MS)
    assert contents["ep0"] != contents["ep1"], "each has contents of its own"
    for number in range(2):
        counts = stub.endpoint_stats(number)
        assert (counts.sent, counts.received, counts.mismatches) == (40, 40, 0)
    assert lines(machine.core("net"))[-1] == "initiator: done 80 of 80, 0 mismatches"


def test_an_initiator_says_at_which_endpoint_an_echo_was_wrong(
    machine: EmbeddedMachine, generation: Generation
) -> None:
    stub, peer = pair(machine, generation, "initiator", Workload(3, 8, 8))
    for number in range(3):
        for name in ("ep0", "ep1"):
            data = peer.endpoint(name).receive()
            wrong = name == "ep1" and number == 1
            peer.endpoint(name).send(bytes(8) if wrong else data)
    machine.run_until(lambda: stats_of(stub).state == DONE, timeout_ns=50 * MS)
    found = [stub.endpoint_stats(number) for number in range(2)]
    assert [(one.mismatches, one.first_mismatch) for one in found] == [(0, 0), (1, 1)]
    assert lines(machine.core("net"))[-1] == "initiator: done 6 of 6, 1 mismatches"


@pytest.mark.parametrize("side", ["Python", "stub"])
def test_one_side_that_restarts_alone_is_an_error_and_both_together_bind_again(
    machine: EmbeddedMachine, generation: Generation, side: str
) -> None:
    stub, peer = pair(machine, generation)
    peer.endpoint("ep0").send(b"before")
    assert peer.endpoint("ep0").receive() == b"before"
    net, instance = machine.core("net"), peer.instance
    assert isinstance(instance, IcbmsgInstance | IcbmsgReworkInstance)
    if side == "Python":
        instance.reopen()
        machine.run_for(3 * MS)
        assert stats_of(stub).errors > 0
    else:
        net.reset()
        net.start()
        machine.run_for(3 * MS)
        assert not any(stub.endpoint_stats(number).bound for number in range(2))
    assert stats_of(stub).faults == 0
    instance.reset()
    net.reset()
    net.start()
    machine.run_for(1 * MS)
    got: list[bytes] = []
    instance.register_endpoint(EndpointConfig("ep0"))
    again = instance.register_endpoint(EndpointConfig("ep1", received=got.append))
    machine.run_until(lambda: again.is_bound and stub.endpoint_stats(1).bound == 1, timeout_ns=5 * MS)
    again.send(b"after")
    machine.run_until(lambda: got == [b"after"], timeout_ns=5 * MS)


def test_an_endpoint_of_the_rework_that_goes_and_comes_is_bound_again(machine: EmbeddedMachine) -> None:
    stub, peer = pair(machine, "rework")
    endpoint = peer.endpoint("ep1").endpoint
    endpoint.deregister()
    machine.run_for(1 * MS)
    assert (stub.endpoint_stats(1).unbound, stats_of(stub).unbound) == (1, 1)
    peer.endpoint("ep0").send(b"the other one stays")
    assert peer.endpoint("ep0").receive() == b"the other one stays"
    endpoint.reopen()
    machine.run_until(lambda: stub.endpoint_stats(1).bound == 2, timeout_ns=10 * MS)
    peer.endpoint("ep1").send(b"again")
    assert peer.endpoint("ep1").receive() == b"again"
    assert lines(machine.core("net"))[-2:] == ["echo: ep1 unbound", "echo: ep1 bound"]


def test_an_endpoint_that_only_one_side_has_is_not_bound_and_the_other_works(
    machine: EmbeddedMachine, generation: Generation
) -> None:
    config = config_of(machine, "app", generation)
    stub = load_stub(machine, "net", "echo", config.mirrored(), names=("log", "data", "more"))
    machine.core("net").start()
    peer = EndpointsPeer(machine, machine.core("app"), config, ["data", "nobody"])
    with pytest.raises(VirtualTimeoutError, match='"nobody"'):
        peer.wait_for_bound(timeout_ns=5 * MS)
    assert [stub.endpoint_stats(number).bound for number in range(4)] == [0, 1, 0, 0]
    peer.endpoint("data").send(b"works")
    assert peer.endpoint("data").receive() == b"works"
    assert stats_of(stub).errors == 0


@pytest.mark.parametrize("first", ["stub", "Python"])
def test_it_does_not_matter_who_starts_first(
    machine: EmbeddedMachine, generation: Generation, first: str
) -> None:
    config = config_of(machine, "app", generation)
    stub = load_stub(machine, "net", "echo", config.mirrored())
    if first == "stub":
        machine.core("net").start()
        machine.run_for(3 * MS)
    peer = EndpointsPeer(machine, machine.core("app"), config, ["ep0", "ep1"])
    if first == "Python":
        machine.run_for(3 * MS)
        machine.core("net").start()
    peer.wait_for_bound(timeout_ns=5 * MS)
    machine.run_until(lambda: stats_of(stub).state == READY, timeout_ns=2 * MS)


@pytest.mark.parametrize(
    ("changes", "offset"),
    [({"tx_blocks": 300}, 8), ({"rx_blocks": 0}, 16), ({"tx_size": 32}, 8), ({"generation": 3}, 72)],
)
def test_parameters_that_cannot_work_stop_it_before_it_touches_memory(
    machine: EmbeddedMachine, changes: dict[str, int], offset: int
) -> None:
    core = load(machine, "net", "echo-icbmsg", **changes)
    core.start()
    machine.run_for(2 * MS)
    assert (stat(core, "state"), stat(core, "last_error_detail")) == (BAD_PARAMS, offset)
    assert stat(core, "last_error") == errno.EINVAL
    assert machine.core("app").bus.read_block(0x2007_0000, 0x800) == bytes(0x800)


def test_slots_of_the_rework_are_a_parameter(machine: EmbeddedMachine) -> None:
    stub, peer = pair(machine, "rework", slots=4)
    for number in range(30):
        data = bytes([number]) * number
        peer.endpoint("ep0").send(data)
        assert peer.endpoint("ep0").receive() == data
    assert stats_of(stub).errors == 0


def test_what_a_stub_has_no_room_for_is_refused_with_the_fix(machine: EmbeddedMachine) -> None:
    config = config_of(machine, "net", "4.1")
    stub = load_stub(machine, "net", "echo", config)
    assert stub.names == ["ep0", "ep1", "", ""]
    with pytest.raises(ConfigurationError, match="a firmware stub has at most 4"):
        stub.set_endpoints(["a", "b", "c", "d", "e"], Workload())
    with pytest.raises(ConfigurationError, match=r"take names of up to 31 bytes; shorten it"):
        stub.set_endpoints(["n" * 32], Workload())
    with pytest.raises(ConfigurationError, match=r"generation 4\.1, not rework"):
        stub.set_blocks(config_of(machine, "net", "rework"))
    with pytest.raises(ConfigurationError, match="not ICMsg: choose that backend"):
        stub.set_instance(config.control)


@pytest.mark.parametrize(
    ("soc", "core"),
    [("nrf5340", "app"), ("nrf5340", "net"), ("nrf54l15", "app"), ("nrf54l15", "flpr"), ("nrf54h20", "rad")],
)
def test_without_a_host_it_speaks_to_a_peer_with_the_values_of_the_boards(
    soc: str, core: str, generation: Generation
) -> None:
    with EmbeddedMachine(platform_file(soc)) as machine:
        load(machine, core, f"echo{STUB_OF[generation]}").start()
        other = other_of(machine, core)
        peer = EndpointsPeer(
            machine, machine.core(other), config_of(machine, other, generation), ["ep0", "ep1"]
        )
        peer.wait_for_bound()
        peer.endpoint("ep1").send(b"hello")
        assert peer.endpoint("ep1").receive() == b"hello"
