"""The classic generations of ICBMsg under an adversarial scheduler."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from icbmsg_schedule import NAME, SIDE, Adversary

from icmsg.config import IcbmsgConfig, Region

BASE = 0x1000
SIZE = 320


class ClassicMachine(Adversary):
    @initialize(
        generation=st.sampled_from(["3.6", "4.1"]),
        blocks=st.sampled_from([(4, 4), (2, 7), (9, 3)]),
        latch=st.booleans(),
        lower=st.booleans(),
        alignment=st.sampled_from([0, 8]),
    )
    def build(
        self, generation: str, blocks: tuple[int, int], latch: bool, lower: bool, alignment: int
    ) -> None:
        regions = Region(BASE, SIZE), Region(BASE + SIZE, SIZE)
        tx, rx = regions if lower else regions[::-1]
        config = IcbmsgConfig(
            tx,
            rx,
            *blocks,
            generation=generation,  # type: ignore[arg-type]
            dcache_alignment=alignment,
        )
        self.start(bytearray(2 * SIZE), config, latch=latch, base=BASE)
        for core in self.cores:
            core.instance.open()

    @rule(side=SIDE, which=NAME)
    def deregister_or_register_again(self, side: int, which: int) -> None:
        core = self.cores[side]
        endpoint = core.endpoints.get(which)
        if endpoint is not None and endpoint.is_registered:
            core.bound[which] = False
            endpoint.deregister()
        elif endpoint is not None:
            core.instance.register_endpoint(endpoint.config)

    @rule()
    def everything_arrives(self) -> None:
        """Whatever happened, all endpoints are bound, everything was delivered or refused, every block is back."""
        for core in self.cores:
            for endpoint in core.endpoints.values():
                if not endpoint.is_registered:
                    endpoint.reopen()
        self.finish()
        self.assert_all_arrived()
        for core in self.cores:
            assert core.instance.is_bound
            assert all(core.bound)
            assert core.instance.blocks_in_use == 0
            assert core.instance.blocks_held == 0
            for which in core.endpoints:
                core.send(which, 1)
        self.settle()
        self.assert_all_arrived()

    def teardown(self) -> None:
        if hasattr(self, "cores"):
            self.everything_arrives()


TestClassic = pytest.mark.slow(ClassicMachine.TestCase)
TestClassic.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
