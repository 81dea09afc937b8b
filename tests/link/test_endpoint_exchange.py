"""The exchange over several endpoints with a side that is not Python's: who sends first where, and what is missing.

The other side is a backend on the memory and the mailbox of core net, beside firmware that leaves both alone: for the
exchange it is firmware of which nothing is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from icmsg.assets import stub
from icmsg.config.boards import NRF5340
from icmsg.errors import ConfigurationError
from icmsg.ipc import EndpointConfig, backend_for
from icmsg.link.endpoints.exchange import EndpointExchange
from icmsg.link.workload import Workload, next_number
from icmsg.machine.events import Event, EventKind
from icmsg.machine.image import FirmwareImage
from icmsg.timers import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.ipc import BackendEndpoint
    from icmsg.machine.machine import Machine

CONFIG = NRF5340.icbmsg
TIMES: dict[str, Any] = {"silence_ns": 20 * MS, "bond_timeout_ns": 20 * MS}


def echo(data: bytes) -> bytes | None:
    return data


class Beside:
    """The side of net: ``answers`` says for each endpoint what it sends back, ``begins`` where it sends first."""

    def __init__(
        self,
        machine: Machine,
        answers: dict[str, Callable[[bytes], bytes | None]],
        begins: dict[str, int] | None = None,
        generation: str = "4.1",
    ) -> None:
        core, app = machine.core("net"), machine.core("app")
        port = core.mailbox_port
        config = replace(CONFIG, generation=generation).mirrored()  # type: ignore[arg-type]
        self._clock = machine.clock
        self._left = dict(begins or {})
        self._answers = answers
        self.endpoints: dict[str, BackendEndpoint] = {}
        rang: list[Callable[[], None]] = []

        def hear(event: Event) -> None:
            if event.core == app.index and rang:
                rang[0]()

        def open_all() -> None:
            masks = {"tx_channels": 1 << config.tx_channel, "rx_channels": 1 << config.rx_channel}
            driver = port.kind.driver(core.bus, port.base, tx_base=port.tx_base, **masks)
            instance = backend_for(core.bus, driver, machine.clock, config)
            rang.append(instance.mailbox_rang)
            for name in answers:
                callbacks = EndpointConfig(name, bound=self._bound(name), received=self._received(name))
                self.endpoints[name] = instance.register_endpoint(callbacks)

        machine.events.add_sink(hear, (EventKind.DOORBELL,))
        machine.clock.call_later(50 * US, open_all)

    def _bound(self, name: str) -> Callable[[], None]:
        return lambda: self._clock.call_soon(lambda: self._next(name))

    def _next(self, name: str) -> None:
        if self._left.get(name, 0):
            self._left[name] -= 1
            self.endpoints[name].send(b"own message")

    def _received(self, name: str) -> Callable[[bytes], None]:
        def received(data: bytes) -> None:
            if name in self._left:
                self._next(name)
            elif (answer := self._answers[name](data)) is not None:
                self.endpoints[name].send(answer)

        return received


def exchange(
    machine: Machine, messages: int = 5, endpoints: tuple[str, ...] = ("ep0", "ep1"), **options: Any
) -> EndpointExchange:
    any_number, reply = options.pop("any_number", False), options.pop("reply", "same")
    work = Workload(messages, size_max=100 if reply == "same" else 1, any_number=any_number, reply=reply)
    config = replace(CONFIG, generation=options.pop("generation", "4.1"))
    programs = {"app": None, "net": FirmwareImage.load(stub("spin", "net"))}
    return EndpointExchange(machine, programs, config, work, endpoints, **{**TIMES, **options})


@pytest.mark.parametrize("generation", ["3.6", "4.1", "rework"])
def test_python_sends_first_where_firmware_only_echoes(icmsg_machine: Machine, generation: str) -> None:
    Beside(icmsg_machine, {"ep0": echo, "ep1": echo}, generation=generation)
    seen: list[tuple[int, int]] = []
    run = exchange(icmsg_machine, generation=generation)
    result = run.run(lambda done, total: seen.append((done, total)))
    assert (result.ok, result.problems, result.initiator) == (True, (), "app")
    assert (result.messages_sent, result.messages_received) == (10, 10)
    assert seen[-1] == (10, 10)


def test_firmware_sends_first_at_the_endpoint_where_it_does(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo, "ep1": echo}, begins={"ep1": 5})
    result = exchange(icmsg_machine).run()
    assert (result.ok, result.problems) == (True, ())
    assert [one.initiator for one in result.endpoints] == ["app", "net"]
    assert result.endpoints[1].initiator_reason == "it sent a message of its own after bonding"
    assert result.initiator is None
    assert [one.messages_received for one in result.endpoints] == [5, 5]


@pytest.mark.parametrize("options", [{"any_number": True}, {"initiator": "net"}])
def test_firmware_may_be_asked_to_send_first(icmsg_machine: Machine, options: dict[str, Any]) -> None:
    Beside(icmsg_machine, {"ep0": echo}, begins={"ep0": 5})
    result = exchange(icmsg_machine, endpoints=("ep0",), **options).run()
    assert (result.ok, result.problems, result.initiator) == (True, (), "net")
    assert result.messages_received == 5
    assert result.messages_expected == (None if "any_number" in options else 5)


def test_fewer_messages_than_asked_for_are_said_with_their_endpoint(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo}, begins={"ep0": 3})
    result = exchange(icmsg_machine, endpoints=("ep0",), initiator="net").run()
    assert not result.ok
    assert result.problems[0].startswith(
        "endpoint ep0: 3 of 5 messages came back before a silence of 20.000 ms"
    )


def test_firmware_that_says_nothing_is_said_to_say_nothing(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo}, begins={"ep0": 0})
    result = exchange(icmsg_machine, endpoints=("ep0",), any_number=True).run()
    assert result.problems[0].startswith("endpoint ep0: no message came back before a silence")


def test_an_echo_that_does_not_come_ends_the_run(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo, "ep1": lambda _data: None})
    result = exchange(icmsg_machine).run()
    assert "echo 6 of 10 did not happen" in result.problems[0]
    assert [one.messages_received for one in result.endpoints] == [5, 0]


def test_a_wrong_echo_is_said_with_endpoint_and_core(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo, "ep1": lambda data: bytes(len(data))})
    result = exchange(icmsg_machine).run()
    assert not result.ok
    assert result.problems[0].startswith("endpoint ep1 of app: echo 1 differs at byte 0")
    assert [one.mismatches for one in result.endpoints] == [0, 5]


def test_bonding_alone_counts_what_firmware_said(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo, "ep1": echo}, begins={"ep1": 1})
    result = exchange(icmsg_machine, messages=0).run()
    assert (result.ok, result.bond_only, result.messages_unanswered) == (True, True, 1)
    assert [one.messages_unanswered for one in result.endpoints] == [0, 1]


def test_an_endpoint_that_firmware_has_not_is_named(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo})
    result = exchange(icmsg_machine).run()
    assert (
        result.problems[0] == "endpoint ep0, ep1 to be bound did not happen within 20.000 ms of virtual time"
    )
    assert any('endpoint "ep1" of app was never bound: net has' in line for line in result.problems)
    assert [one.bound for one in result.endpoints] == [True, False]


def test_a_run_that_is_ended_from_outside_tells_how_far_it_came(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo})
    run = exchange(icmsg_machine, endpoints=("ep0",))
    assert run.partial("interrupted by SIGINT").problems[0] == "interrupted by SIGINT"
    assert run.lost("the engine has gone").problems == ("the engine has gone", "interrupted by SIGINT")


def test_a_warning_fails_a_strict_run(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo})
    run = exchange(icmsg_machine, endpoints=("ep0",), strict=True)
    assert run.run().ok is (not icmsg_machine.warnings)


def test_no_endpoint_at_all_is_a_mistake(icmsg_machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="endpoints none: give at least one"):
        exchange(icmsg_machine, endpoints=())


@pytest.mark.parametrize("generation", ["4.1", "rework"])
def test_numbers_go_on_at_each_endpoint_as_in_the_sample_multi_endpoint(
    icmsg_machine: Machine, generation: str
) -> None:
    asked: dict[str, list[int]] = {"ipc0A": [], "ipc0B": []}

    def remote(name: str) -> Callable[[bytes], bytes]:
        return lambda data: asked[name].append(data[0]) or next_number(data)  # type: ignore[func-returns-value]

    Beside(icmsg_machine, {name: remote(name) for name in asked}, generation=generation)
    result = exchange(icmsg_machine, 50, tuple(asked), reply="next", generation=generation).run()
    assert (result.ok, result.problems, result.messages_received) == (True, (), 100)
    assert asked == {name: [*range(0, 100, 2)] for name in asked}


def test_a_peer_that_counts_is_answered_with_the_next_number(icmsg_machine: Machine) -> None:
    got: list[bytes] = []

    def host(data: bytes) -> bytes | None:
        got.append(data)
        return next_number(data) if len(got) < 50 else None

    beside = Beside(icmsg_machine, {"ipc0A": host})
    icmsg_machine.clock.call_later(MS, lambda: beside.endpoints["ipc0A"].send(b"\0"))
    result = exchange(icmsg_machine, endpoints=("ipc0A",), any_number=True, reply="next").run()
    assert (result.ok, result.problems, result.messages_received) == (True, (), 50)
    assert got == [bytes((number,)) for number in range(1, 100, 2)]


def test_a_reply_that_is_not_the_next_number_is_told_and_stubs_know_none(icmsg_machine: Machine) -> None:
    Beside(icmsg_machine, {"ep0": echo})
    result = exchange(icmsg_machine, endpoints=("ep0",), reply="next").run()
    assert "endpoint ep0 of app: reply 1 to 00 is 00, and not 01" in result.problems
    icmsg_machine.core("net").halt()
    programs = {"app": None, "net": FirmwareImage.load(stub("echo-icbmsg", "net"))}
    with pytest.raises(ConfigurationError, match="core net runs a firmware stub, which knows no numbers"):
        EndpointExchange(icmsg_machine, programs, CONFIG, Workload(5, 1, 1, reply="next"), ["ep0"])
    with pytest.raises(ConfigurationError, match="numbers have one byte; leave --size away"):
        Workload(reply="next")
