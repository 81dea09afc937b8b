"""Figures on the pages are those of the code."""

from __future__ import annotations

from docs_pages import page

from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import DEFAULT_LATENCY_NS, DEFAULT_QUANTUM_NS, EmbeddedMachine
from icmsg.engines.embedded.scheduler import _TIGHT_FOR_US, _TIGHT_US
from icmsg.hw.mailboxes.nrf_ipc import CHANNELS
from icmsg.link.exchange import BOND_TIMEOUT_NS, STALL_NS
from icmsg.timers import US, S

TIMING = "\n".join(page("docs/timing-model.md").prose)


def test_quantum_and_latency_of_the_timing_model() -> None:
    assert f"The quantum is {DEFAULT_QUANTUM_NS // US} µs (`--quantum-us`)" in TIMING
    assert f"the quantum is {_TIGHT_US} µs for the next {_TIGHT_FOR_US} µs" in TIMING
    assert f"{DEFAULT_LATENCY_NS // US} µs, or what `--latency-us` says" in TIMING


def test_limits_of_the_timing_model() -> None:
    limits = {row[0]: row[1] for row in page("docs/timing-model.md").table("Limit")}
    assert limits["bonding"] == f"{BOND_TIMEOUT_NS // S} s (`--bond-timeout-ms`)"
    assert limits["the next echo"] == f"{STALL_NS // S} s"


def test_the_tick_of_the_timing_model_is_that_of_the_machine() -> None:
    with EmbeddedMachine() as machine:
        machine.run_for(1_000)
        assert machine.now_ns == 1_000
        assert machine._ticks_per_second == 2_688_000_000
        assert "a tick is 1/2688 MHz, about 0.37 ns" in TIMING
        assert "takes 64 ticks" in TIMING
        assert [machine.core(name)._slot.ticks_per_instruction for name in ("app", "net")] == [64, 64]


def test_the_readme_names_the_default_instance() -> None:
    text = "\n".join(page("README.md").prose)
    assert f"regions of 0x{APP.tx_region.size:X} bytes at 0x{APP.tx_region.address:08X} and" in text
    assert f"0x{APP.rx_region.address:08X}" in text


def test_the_number_of_channels() -> None:
    rows = {row[0]: row[1] for row in page("docs/terminology.md").table("Word")}
    assert f"IPC has {CHANNELS}" in rows["mbox channel"]


def test_the_words_are_in_order() -> None:
    words = [row[0].lower() for row in page("docs/terminology.md").table("Word")]
    assert words == sorted(words)
