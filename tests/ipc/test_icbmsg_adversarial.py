"""ICBMsg of every generation under an adversarial scheduler."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from icbmsg_schedule import NAME, NAMES, SIDE, Adversary
from looped import examples

from icmsg.config import IcbmsgConfig, Region
from icmsg.errors import IpcError

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
    max_examples=examples(150), stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)


class ReworkMachine(Adversary):
    @initialize(
        blocks=st.sampled_from([(4, 4), (7, 7), (12, 5), (32, 6)]),
        slots=st.sampled_from([3, 4, 16, 40]),
        latch=st.booleans(),
        alignment=st.sampled_from([0, 8]),
    )
    def build(self, blocks: tuple[int, int], slots: int, latch: bool, alignment: int) -> None:
        config = IcbmsgConfig(
            Region(BASE, 512),
            Region(BASE + 512, 512),
            *blocks,
            slots=slots,
            generation="rework",
            dcache_alignment=alignment,
        )
        self.start(bytearray(1024), config, latch=latch, base=BASE)
        for core in self.cores:
            core.instance.open()

    @rule(side=SIDE, which=NAME)
    def deregister(self, side: int, which: int) -> None:
        core = self.cores[side]
        endpoint = core.endpoints.get(which)
        if endpoint is not None and endpoint.is_registered and endpoint.is_bound:
            with contextlib.suppress(IpcError):
                endpoint.deregister()
                core.bound[which] = False

    @rule(side=SIDE, which=NAME)
    def register_again(self, side: int, which: int) -> None:
        core = self.cores[side]
        endpoint = core.endpoints.get(which)
        if endpoint is not None and not endpoint.is_registered:
            with contextlib.suppress(IpcError):
                endpoint.reopen()

    @rule()
    def everything_arrives(self) -> None:
        """Whatever happened, all endpoints are bound, everything was delivered or refused, every block is back."""
        for _ in range(4):
            self.finish()
            for which in range(len(NAMES)):
                self.register_again(0, which)
                self.register_again(1, which)
        self.settle()
        self.assert_all_arrived()
        for core in self.cores:
            assert core.instance.is_bound, core.instance.symptoms()
            assert all(core.bound)
            assert core.instance.blocks_held == 0
            assert all("slots in use" in text for text in core.instance.symptoms())
        for core in self.cores:
            for which in core.endpoints:
                core.send(which, 1)
        self.settle()
        self.assert_all_arrived()
        for core in self.cores:
            core.instance._collect()
            assert core.instance.blocks_in_use == 0

    def teardown(self) -> None:
        if hasattr(self, "cores"):
            self.everything_arrives()


TestRework = pytest.mark.slow(ReworkMachine.TestCase)
TestRework.settings = TestClassic.settings
