"""Public defects of Zephyr as options of a peer: what it does then, and what the other side says of it."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from icmsg.config.boards import NRF5340
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError, IpcError, VirtualTimeoutError
from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
from icmsg.link.endpoints.peer import EndpointsPeer, Returns
from icmsg.timers import MS, S

OLD = replace(NRF5340.icbmsg, generation="3.6")


@pytest.mark.parametrize("blocked", ["app", "net"])
def test_a_blocked_binding_fails_with_eagain_and_is_done_afterwards(blocked: str) -> None:
    with EmbeddedMachine() as machine:
        configs = {"app": OLD, "net": OLD.mirrored()}
        configs[blocked] = replace(configs[blocked], defects=frozenset({"blocked-binding"}))
        peers = {
            core: EndpointsPeer(machine, machine.core(core), config, ["ep0"])
            for core, config in configs.items()
        }
        other = peers["net" if blocked == "app" else "app"]
        with pytest.raises(
            VirtualTimeoutError, match=r"never bound: .* the work queue that binds it .*-11, EAGAIN"
        ):
            other.wait_for_bound(timeout_ns=10 * MS)
        own = peers[blocked].endpoint("ep0")
        machine.run_until(lambda: bool(own.errors), timeout_ns=2 * S)
        (error,) = own.errors
        assert isinstance(error, IpcError)
        assert error.errno == errno.EAGAIN
        assert 'binding of endpoint "ep0" failed with -11 (EAGAIN)' in str(error)
        other.wait_for_bound(timeout_ns=10 * MS)


def test_a_reset_ends_the_wait() -> None:
    with EmbeddedMachine() as machine:
        config = replace(OLD, defects=frozenset({"blocked-binding"}))
        app = EndpointsPeer(machine, machine.core("app"), config, ["ep0"])
        app.instance.reset()
        machine.run_for(2 * S)
        assert app.errors == []


def test_the_rework_has_no_work_queue_to_block() -> None:
    with pytest.raises(ConfigurationError, match="the rework binds in its interrupt and has no work queue"):
        replace(NRF5340.icbmsg, generation="rework", defects=frozenset({"blocked-binding"}))


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({"held-overwritten"})])
def test_a_held_buffer_keeps_its_message_unless_it_has_the_defect(defects: frozenset[str]) -> None:
    with EmbeddedMachine() as machine:
        net_config = replace(NRF5340.icbmsg.mirrored(), defects=defects)  # type: ignore[arg-type]
        app = EndpointsPeer(machine, machine.core("app"), NRF5340.icbmsg, ["ep0"])
        net = EndpointsPeer(machine, machine.core("net"), net_config, ["ep0"])
        app.wait_for_bound()
        own = net.endpoint("ep0").endpoint
        assert isinstance(own, IcbmsgEndpoint)
        held = []
        net.endpoint("ep0").take = lambda _data: held.append(own.hold_rx_buffer())  # type: ignore[method-assign]
        own.config = replace(own.config, received=net.endpoint("ep0").take)
        for message in (b"first", b"other"):
            app.endpoint("ep0").send(message)
            machine.run_for(1 * MS)
        came = [buffer.read() for buffer in held]
        for buffer in held:
            buffer.release()
        machine.run_for(1 * MS)
        assert came == ([b"other", b"other"] if defects else [b"first", b"other"])
        assert app.errors == []
        assert app.instance.blocks_in_use == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sent", "received", "found"),
    [
        ([b"a", b"b"], [b"b", b"b"], (1, 2)),
        ([b"a", b"b", b"c"], [b"a", b"c", b"c"], (2, 3)),
        ([b"a", b"b"], [b"a", b"b"], None),
        ([b"a", b"b"], [b"b", b"a"], None),
        ([b"a", b"b"], [b"b"], None),
        ([b"a", b"a"], [b"a", b"a"], None),
        ([b"a", b"b"], [b"x", b"x"], None),
        ([b"b", b"a"], [b"b", b"b"], None),
        ([], [b"x"], None),
    ],
)
def test_only_an_echo_in_place_of_another_tells_it(
    sent: list[bytes], received: list[bytes], found: tuple[int, int] | None
) -> None:
    returns = Returns()
    for data in sent:
        returns.sent(data)
    for data in received:
        returns.received(data)
    assert returns.overwritten() == found


def test_numbers_count_from_the_first_message() -> None:
    returns = Returns()
    for number in range(100):
        returns.sent(number.to_bytes(2, "little"))
        returns.received(number.to_bytes(2, "little"))
    for number in (100, 101):
        returns.sent(bytes([number, 1]))
    for _ in range(2):
        returns.received(bytes([101, 1]))
    assert returns.overwritten() == (101, 102)
