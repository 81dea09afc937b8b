"""An instance whose open() is interrupted by anything is off, and opens again; what it cannot reach it refuses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from icmsg.config import InstanceConfig, Region
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError, EngineError
from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, IcmsgInstance, InterruptHandler, VirtualClock
from icmsg.ipc.clock import LONGEST_NS

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGS = {
    "sessions": InstanceConfig(Region(0, 128), Region(128, 128), dcache_alignment=8, unbound="enable"),
    "ring back": InstanceConfig(Region(0, 128), Region(128, 128)),
    "repeat": InstanceConfig(Region(0, 128), Region(128, 128), signalling="repeat"),
    "spsc_pbuf": InstanceConfig(Region(0, 128), Region(128, 128), wire="spsc_pbuf", signalling="repeat"),
}


class _Failing:
    """A bus that fails at one access, counted from when it is armed."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self.core = None
        self.error: BaseException | None = None
        self.after = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found = getattr(self._bus, name)

        def access(*args: Any) -> Any:
            if self.error is not None:
                self.after -= 1
                if self.after < 0:
                    error, self.error = self.error, None
                    raise error
            return found(*args)

        return access


@pytest.mark.parametrize(
    "error", [OSError("link lost"), KeyboardInterrupt()], ids=["OSError", "KeyboardInterrupt"]
)
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("how", CONFIGS)
def test_an_open_that_something_else_ends_can_be_done_again(
    how: str, after: int, error: BaseException
) -> None:
    config = CONFIGS[how]
    bus, clock, (mailbox, other) = _Failing(MemoryBus(bytearray(256))), VirtualClock(), mailbox_pair()
    one = IcmsgInstance(bus, mailbox, clock, config)
    two = IcmsgInstance(bus._bus, other, clock, config.mirrored())
    mailbox.on_signal, other.on_signal = (
        InterruptHandler(mailbox, one).handle,
        InterruptHandler(other, two).handle,
    )
    bus.error, bus.after = error, after
    try:
        one.register_endpoint(EndpointConfig())
    except (OSError, KeyboardInterrupt):
        assert not one.state.value
        assert not mailbox.is_enabled(config.rx_channel)
        one.reopen(EndpointConfig())
    bus.error = None
    two.register_endpoint(EndpointConfig())
    clock.advance(10_000_000)
    assert one.is_bound
    assert two.is_bound


@pytest.mark.parametrize("which", ["tx", "rx"])
def test_a_region_outside_the_bus_is_refused_when_the_instance_is_made(which: str) -> None:
    inside, outside = Region(0, 128), Region(200, 128)
    config = InstanceConfig(*((outside, inside) if which == "tx" else (inside, outside)))
    with pytest.raises(ConfigurationError, match=rf"the {which}-region 0x000000C8…0x00000147 is not memory"):
        IcmsgInstance(MemoryBus(bytearray(256)), mailbox_pair()[0], VirtualClock(), config)


@pytest.mark.parametrize(
    ("address", "size"),
    [(1 << 32, 64), ((1 << 32) - 32, 64), (0.0, 64), (0, 64.0), (0, math.nan), (True, 64)],
)
def test_a_region_is_two_whole_numbers_within_the_space_of_a_core(address: Any, size: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"whole numbers|4 GiB"):
        Region(address, size)


@pytest.mark.parametrize("delay", [math.nan, math.inf, -math.inf, -1, LONGEST_NS + 1, 1 << 62])
def test_a_delay_that_is_no_time_is_refused(delay: Any) -> None:
    with pytest.raises(ConfigurationError, match="delay of"):
        VirtualClock().call_later(delay, lambda: None)
    with EmbeddedMachine() as machine:
        with pytest.raises(ConfigurationError, match="delay of"):
            machine.clock.call_later(delay, lambda: None)
        with pytest.raises(ConfigurationError, match=r"delay of|whole number"):
            machine.run_for(delay)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["call_soon", "call_later"])
def test_callbacks_that_call_themselves_without_a_delay_are_an_error(how: str) -> None:
    with EmbeddedMachine() as machine:
        schedule = (
            machine.clock.call_soon if how == "call_soon" else lambda what: machine.clock.call_later(0, what)
        )

        def again() -> None:
            schedule(again)

        schedule(again)
        with pytest.raises(EngineError, match="1000000 callbacks ran without virtual time passing"):
            machine.run_for(1000)
