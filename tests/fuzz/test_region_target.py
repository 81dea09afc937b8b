"""The fuzz target without atheris: nothing is found in the package, and what is broken on purpose is found."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bonding
import pytest
import random_driver
import seeds
from expected import next_spsc_packet
from guarded_memory import BASE, GuardedMemory, Violation
from target import GROUPS, REGION

from icmsg.config import RegionLayout
from icmsg.errors import BusError, CorruptRegionError
from icmsg.hw.bus import MemoryBus
from icmsg.ipc import bonding as bonding_rules
from icmsg.ipc import discriminator
from icmsg.ipc.bonding import Sessions
from icmsg.ipc.instance import IcmsgInstance
from icmsg.wire import PbufReader, PbufWriter, SpscReader, SpscWriter
from icmsg.wire.inspect import PbufFollower

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.ipc.instance import InstanceContext

Break = Callable[[pytest.MonkeyPatch], None]


def test_the_seed_corpus_finds_nothing_and_reaches_every_target() -> None:
    for group, targets in GROUPS.items():
        corpus = random_driver.corpus(group)
        for data in corpus:
            random_driver.attack_and_tell(group, data)
        assert {data[0] % len(targets) for data in corpus} == set(range(len(targets)))


def test_the_seed_corpus_is_what_its_script_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "CORPUS", tmp_path)
    seeds.main()
    for group in GROUPS:
        written = {path.name: path.read_bytes() for path in (tmp_path / group).iterdir()}
        kept = {path.name: path.read_bytes() for path in (random_driver.CORPUS / group).iterdir()}
        assert written == kept


def test_a_marker_that_leads_past_wr_idx_is_refused_and_expected_to_be() -> None:
    size = 0x40
    layout = RegionLayout.spsc_pbuf(size, 0)
    memory = MemoryBus(bytearray(size), base=BASE)
    data = bytes([0, 1, 0, 0, 0xAA, 0, 0, 0]).ljust(layout.data_length, b"\xff")
    memory.write_block(BASE + layout.data_offset, data)
    memory.write32(BASE, layout.data_length)
    memory.write32(BASE + layout.wr_idx_offset, 16)
    reader = SpscReader(memory, BASE, layout)
    packet = next_spsc_packet(data, layout.data_length, 0, 16)
    assert (reader.read(), memory.read32(BASE + layout.rd_idx_offset)) == packet == (b"\xaa", 8)
    assert next_spsc_packet(data, layout.data_length, 8, 16).payload is None
    with pytest.raises(CorruptRegionError, match="leads past wr_idx"):
        reader.read()


@pytest.mark.parametrize("seed", range(4))
def test_random_inputs_find_nothing(seed: int) -> None:
    random_driver.run("region", 1500, seed)


def test_for_some_seconds_it_runs_seed_after_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 4.0, 9.0, 10.0])
    seeds_run: list[tuple[object, ...]] = []
    monkeypatch.setattr(random_driver.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(random_driver, "run", lambda *arguments: seeds_run.append(arguments))
    assert random_driver.run_for("region", 10, 7) == 3000
    assert seeds_run == [("region", 1000, seed) for seed in (7, 8, 9)]


def test_a_finding_names_the_input_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PbufReader, "peek", lambda reader: -1)
    with pytest.raises(AssertionError, match="a negative length") as caught:
        random_driver.run("region", 5000, 0)
    data = bytes.fromhex(str(caught.value).split(":")[0].removeprefix("fuzz input of region "))
    with pytest.raises(AssertionError, match="a negative length"):
        random_driver.attack_and_tell("region", data)
    monkeypatch.undo()
    random_driver.attack_and_tell("region", data)


def replace(owner: object, name: str, make: Callable[[Any], Any]) -> Break:
    """Return what replaces ``owner.name`` by what ``make`` makes of it."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, make(getattr(owner, name)))


def unchecked_magic(_original: Any) -> Any:
    def write_magic(link: InstanceContext) -> None:
        link.writer.tx_init()
        link.writer.write(b"Em1l1K0rn3li4")

    return write_magic


def one_byte_further(original: Any) -> Any:
    """A method that reads one word behind the region, too."""

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        self._read32(self._data_address + self._length)
        return original(self, *arguments, **named)

    return call


def publishes_twice(original: Any) -> Any:
    """A writer that sets its reader's index, too."""

    def write(self: Any, data: Any) -> Any:
        size = original(self, data)
        self._write32(self._rd_address, 0)
        return size

    return write


def one_word_off(original: Any) -> Any:
    """A window that lies beside what was asked for."""
    return lambda bus, address, size: original(bus, address - 4, size)


def only_on_a_bus(original: Any) -> Any:
    """A writer that does nothing where it has a window."""
    return lambda self, data: original(self, data) if self._fields.words is None else len(data)


def last_byte_lost(original: Any) -> Any:
    return lambda *arguments: original(*arguments)[:-1]


def trusting(original: Any) -> Any:
    """A reader that takes a broken index for an empty buffer."""

    def read(self: Any, capacity: int | None = None) -> Any:
        try:
            return original(self, capacity)
        except CorruptRegionError:
            return b"?"

    return read


def raises_bus_error(original: Any) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        original(*arguments, **named)
        raise BusError("as a test", address=0, width=32)

    return call


def submits_without_end(original: Any) -> Any:
    def receive(self: Any) -> None:
        original(self)
        self._context.rx_work.submit()

    return receive


def stays_broken(original: Any) -> Any:
    """A reopen that does nothing once something went wrong."""

    def reopen(self: Any, config: Any = None) -> None:
        if not self.state.value:
            original(self, config)

    return reopen


BROKEN: dict[str, Break] = {
    "an error leaves the work queue": replace(bonding_rules, "write_magic", unchecked_magic),
    "an undocumented error of open": replace(bonding_rules, "write_magic", unchecked_magic),
    "a read behind the region": replace(PbufReader, "peek", one_byte_further),
    "a follower reads behind the region": replace(PbufReader, "read_available", one_byte_further),
    "plain memory is accessed elsewhere": replace(MemoryBus, "window", one_word_off),
    "plain memory is not written": replace(PbufWriter, "write", only_on_a_bus),
    "a foreign index is written": replace(PbufWriter, "write", publishes_twice),
    "a payload is cut": replace(PbufReader, "_rest", last_byte_lost),
    "a broken index is taken for data": replace(PbufReader, "read", trusting),
    "a broken spsc index is taken for data": replace(SpscReader, "read", trusting),
    "an undocumented error": replace(SpscWriter, "_free_at_write_index", raises_bus_error),
    "the discriminator raises": replace(discriminator, "_judge", raises_bus_error),
    "the follower loses packets": replace(PbufFollower, "poll", last_byte_lost),
    "work without end": replace(IcmsgInstance, "_receive", submits_without_end),
    "an error while bonding": replace(Sessions, "_peer_sent_magic", raises_bus_error),
    "reopen does not recover": replace(IcmsgInstance, "reopen", stays_broken),
}


@pytest.mark.parametrize("breakage", BROKEN)
def test_what_is_broken_on_purpose_is_found(breakage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[breakage](monkeypatch)
    with pytest.raises(AssertionError, match="fuzz input"):
        random_driver.run("region", 20_000, 0)


def test_guarded_memory_refuses_what_was_not_allowed() -> None:
    memory = GuardedMemory(32)
    memory.allow(read=[(BASE + 4, 8)], write=[(BASE + 8, 4)])
    assert memory.read32(BASE + 8) == 0
    memory.write32(BASE + 8, 1)
    for address, size in (
        (BASE, 4),
        (BASE + 2, 4),
        (BASE + 9, 4),
        (BASE + 12, 1),
        (BASE - 4, 4),
        (BASE + 40, 4),
    ):
        with pytest.raises(Violation, match="read"):
            memory.read_block(address, size)
    for address in (BASE, BASE + 4, BASE + 12):
        with pytest.raises(Violation, match="write"):
            memory.write32(address, 1)


def test_guarded_memory_lets_the_peer_write_between_two_accesses_of_a_call() -> None:
    memory = GuardedMemory(32)
    memory.allow(read=[(BASE, 32)])
    memory.poke_before(1, BASE, b"\x07")
    assert memory.disturbed
    assert [memory.read8(BASE) for _ in range(3)] == [0, 7, 7]
    memory.begin()
    assert not memory.disturbed


def test_guarded_memory_ends_a_call_that_does_not_end() -> None:
    memory = GuardedMemory(32)
    memory.allow(read=[(BASE, 32)])
    with pytest.raises(Violation, match="a hang"):
        list(map(memory.read8, itertools.repeat(BASE)))


def test_every_mode_of_the_instance_is_played() -> None:
    corpus = random_driver.corpus("region")
    played = {data[1] % len(bonding.MODES) for data in corpus if data[0] % len(REGION) == 4}
    assert played == set(range(len(bonding.MODES)))


@pytest.mark.parametrize(("group", "runs"), [("region", 1000), ("endpoints", 100)])
def test_the_coverage_guided_fuzzer_runs_and_finds_nothing(group: str, runs: int, tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    script = random_driver.CORPUS.parent / f"{group}.py"
    run = subprocess.run(
        [sys.executable, str(script), f"-runs={runs}", "-seed=1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert f"Done {runs} runs" in run.stderr
    assert not list(tmp_path.iterdir()), "no finding was written"
