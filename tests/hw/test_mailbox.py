"""What every mailbox must do, over the in-memory pair and over the emulated kinds."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from bellboard_sides import Sides as BellboardSides
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from ipc_model import APP, NET, two_cores
from looped import examples, for_each
from vevif_sides import EVERY
from vevif_sides import Sides as VevifSides

from icmsg.errors import ConfigurationError, ErrnoError, MailboxError
from icmsg.hw.mailbox import ChannelStates, Mailbox, channels_in, mailbox_pair
from icmsg.hw.mailboxes.nrf_ipc import NrfIpc

if TYPE_CHECKING:
    from collections.abc import Callable

Pair = tuple[Mailbox, Mailbox]


def nrf_pair() -> Pair:
    app, net = two_cores()
    return NrfIpc(app, APP), NrfIpc(net, NET)


def vevif_tasks() -> Pair:
    app, flpr = VevifSides(tasks=EVERY, events=EVERY).drivers()
    return app, flpr


def vevif_events() -> Pair:
    app, flpr = vevif_tasks()
    return flpr, app


PAIRS: dict[str, Callable[[], Pair]] = {
    "memory": mailbox_pair,
    "nRF IPC": nrf_pair,
    "VEVIF tasks": vevif_tasks,
    "VEVIF events": vevif_events,
    "bellboards": lambda: BellboardSides().drivers(),
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]()


def test_both_ends_are_mailboxes_with_as_many_channels(pair: Pair) -> None:
    assert all(isinstance(end, Mailbox) for end in pair)
    assert pair[0].channels == pair[1].channels in (16, 32)


def test_a_ring_is_pending_at_the_other_end_until_it_is_acknowledged(pair: Pair) -> None:
    near, far = pair
    far.enable(0)
    far.enable(15)
    near.ring(15)
    assert far.pending() == 1 << 15
    near.ring(0)
    assert far.pending() == 1 << 15 | 1
    far.acknowledge(15)
    assert far.pending() == 1


def test_rings_merge_while_the_event_is_latched(pair: Pair) -> None:
    near, far = pair
    far.enable(2)
    near.ring(2)
    near.ring(2)
    far.acknowledge(2)
    assert far.pending() == 0


def test_an_event_waits_while_its_channel_is_disabled(pair: Pair) -> None:
    near, far = pair
    near.ring(3)
    assert far.pending() == 0
    far.enable(3)
    assert far.pending() == 1 << 3
    far.disable(3)
    assert far.pending() == 0
    far.enable(3)
    assert far.pending() == 1 << 3


def test_acknowledging_a_disabled_channel_forgets_its_event(pair: Pair) -> None:
    near, far = pair
    near.ring(3)
    far.acknowledge(3)
    far.enable(3)
    assert far.pending() == 0


def test_enabling_twice_and_disabling_twice_are_refused_with_ealready(pair: Pair) -> None:
    end = pair[0]
    with pytest.raises(MailboxError, match="channel 4 is disabled already; enable it first") as caught:
        end.disable(4)
    assert caught.value.errno == errno.EALREADY
    end.enable(4)
    with pytest.raises(MailboxError, match="channel 4 is enabled already; disable it first") as caught:
        end.enable(4)
    assert (caught.value.errno, caught.value.errno_name) == (errno.EALREADY, "EALREADY")
    assert end.is_enabled(4)
    end.disable(4)
    assert not end.is_enabled(4)


@for_each("beyond", [None, 0, 1000])
@for_each("operation", ["ring", "acknowledge", "enable", "disable", "is_enabled"])
def test_a_channel_that_does_not_exist_is_refused_with_einval(
    pair: Pair, operation: str, beyond: int | None
) -> None:
    channel = -1 if beyond is None else pair[0].channels + beyond
    with pytest.raises(MailboxError, match=f"mbox channel {channel} cannot") as caught:
        getattr(pair[0], operation)(channel)
    assert caught.value.errno == errno.EINVAL
    assert isinstance(caught.value, ErrnoError)


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_any_sequence_of_operations_keeps_to_the_rules(make: Callable[[], Pair]) -> None:
    class Machine(OneDirection):
        pair = staticmethod(make)

    run_state_machine_as_test(
        Machine,
        settings=settings(deadline=None, max_examples=examples(30), stateful_step_count=25),
    )


CHANNELS = st.integers(0, 15)


class OneDirection(RuleBasedStateMachine):
    """The far end against two sets: what is latched, and what is enabled."""

    pair: Callable[[], Pair]

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = self.pair()
        self.latched: set[int] = set()
        self.enabled: set[int] = set()

    @rule(channel=CHANNELS)
    def rings(self, channel: int) -> None:
        self.near.ring(channel)
        self.latched.add(channel)

    @rule(channel=CHANNELS)
    def acknowledges(self, channel: int) -> None:
        self.far.acknowledge(channel)
        self.latched.discard(channel)

    @rule(channel=CHANNELS)
    def enables(self, channel: int) -> None:
        if channel in self.enabled:
            with pytest.raises(MailboxError):
                self.far.enable(channel)
        else:
            self.far.enable(channel)
        self.enabled.add(channel)

    @rule(channel=CHANNELS)
    def disables(self, channel: int) -> None:
        if channel in self.enabled:
            self.far.disable(channel)
        else:
            with pytest.raises(MailboxError):
                self.far.disable(channel)
        self.enabled.discard(channel)

    @invariant()
    def pending_is_what_is_latched_and_enabled(self) -> None:
        assert set(channels_in(self.far.pending())) == self.latched & self.enabled
        assert {channel for channel in range(16) if self.far.is_enabled(channel)} == self.enabled


@pytest.mark.parametrize("masks", [{"tx": 1 << 16, "rx": 0}, {"tx": 0, "rx": 1 << 20}, {"tx": -1, "rx": 0}])
def test_a_mask_with_channels_that_do_not_exist_is_refused(masks: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="only channels 0…15"):
        ChannelStates(16, **masks)


def test_a_refusal_lists_the_channels_that_are_possible() -> None:
    states = ChannelStates(16, tx=0b101, rx=0)
    with pytest.raises(MailboxError, match="channel 1 cannot send; channels that can: 0, 2"):
        states.check_tx(1)
    with pytest.raises(MailboxError, match="channel 0 cannot receive; channels that can: none"):
        states.enable(0)
