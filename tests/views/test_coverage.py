"""Which lines of firmware a run has reached, as lcov reads it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from covered_runs import CORES, IMAGES, SOURCES, exchange
from lcov_reader import read_lcov

from icmsg.assets import stub
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.machine.image import FirmwareImage
from icmsg.machine.source_lines import line_spans
from icmsg.views.execution import Coverage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("core", CORES)
def test_what_was_executed_is_reached_and_what_was_not_is_there_with_zero(core: str) -> None:
    coverage = Coverage()
    exchange(core, coverage.watch)
    found = read_lcov(coverage.lcov(core))
    link = found[f"{SOURCES}/link.c"]
    assert {"link_init", "link_bond", "link_send", "link_receive"} <= link.reached
    errors = found[f"{SOURCES}/stats.c"]
    assert errors.functions["stats_error"][1] == 0
    begin = errors.functions["stats_error"][0]
    inside = [count for line, count in errors.lines.items() if begin <= line < begin + 6]
    assert inside
    assert not any(inside)


@pytest.mark.parametrize("core", CORES)
def test_lines_are_those_whose_instructions_ran(core: str) -> None:
    """The lines of every block at which something began, by another way: the place of its first instruction."""
    coverage, begun = Coverage(), set[int]()

    def prepare(machine: EmbeddedMachine) -> None:
        coverage.watch(machine)
        machine.core(core).watch_firmware(lambda firmware: firmware.watch_blocks(begun.add))

    exchange(core, prepare)
    image = FirmwareImage.load(IMAGES / f"echo-{core}.elf")
    assert image.debug is not None
    spans = line_spans(image.debug)
    first = {
        (span.path, span.line) for address in begun for span in spans if span.begin <= address < span.end
    }
    found = read_lcov(coverage.lcov())
    reached = {
        (path, line) for path, record in found.items() for line, count in record.lines.items() if count
    }
    assert len(first) > 50
    assert first <= reached
    (ran,) = coverage._images.values()
    assert {address for address, _ in ran.blocks} == begun


@pytest.mark.parametrize("core", CORES)
def test_looking_changes_no_event_and_no_hash(core: str) -> None:
    assert exchange(core, Coverage().watch) == exchange(core, lambda _machine: None)


def test_two_runs_give_the_same_file() -> None:
    texts = []
    for _ in range(2):
        coverage = Coverage()
        exchange("net", coverage.watch, messages=3)
        texts.append(coverage.lcov())
    assert texts[0] == texts[1]


def test_runs_of_one_image_add_up_and_a_file_of_two_images_is_one_record() -> None:
    bonded, both = Coverage(), Coverage()
    exchange("net", bonded.watch, messages=0)
    exchange("net", both.watch, messages=0)
    exchange("net", both.watch, messages=3)
    exchange("flpr", both.watch, messages=3)
    before = read_lcov(bonded.lcov())[f"{SOURCES}/pbuf.c"]
    after = read_lcov(both.lcov())[f"{SOURCES}/pbuf.c"]
    assert sum(map(bool, before.lines.values())) < sum(map(bool, after.lines.values()))
    assert max(after.lines.values()) == 2  # reached in either image


def test_functions_that_the_linker_has_dropped_are_not_there() -> None:
    image = FirmwareImage.load(IMAGES / "echo-net.elf")
    assert image.debug is not None
    spans = line_spans(image.debug)
    code = [segment for segment in image.segments if segment.executable]
    assert spans
    for span in spans:
        assert any(part.run_address <= span.begin < part.run_address + len(part.data) for part in code), span


def test_an_image_without_debug_information_says_how_to_build_it() -> None:
    with EmbeddedMachine() as machine:
        coverage = Coverage()
        coverage.watch(machine)
        with pytest.raises(ConfigurationError, match="no coverage: no firmware was run"):
            coverage.lcov()
        net = machine.core("net")
        net.load(stub("echo", "net"))
        net.start()
        machine.run_for(100_000)
        with pytest.raises(
            ConfigurationError, match=r"echo-net\.elf: there is nothing about lines in it; build with -g"
        ):
            coverage.lcov()
        assert coverage.without_lines == [str(stub("echo", "net"))]


def test_a_watch_that_was_ended_sees_no_more() -> None:
    with EmbeddedMachine() as machine:
        coverage = Coverage()
        net = machine.core("net")
        image = net.load(IMAGES / "echo-net.elf")
        end = coverage.watch(machine)
        net.start()
        machine.run_for(5_000)
        end()
        machine.run_for(5_000)
        seen = len(coverage.blocks_of(image))
        machine.run_for(1_000_000)
        assert len(coverage.blocks_of(image)) == seen > 0


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    coverage = Coverage()
    exchange("net", coverage.watch, messages=0)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be written: "):
        coverage.save(tmp_path / "file" / "coverage.info")


def test_lcov_itself_reads_the_file(tmp_path: Path) -> None:
    program = shutil.which("lcov")
    if program is None:
        pytest.skip("lcov is not installed")
    coverage = Coverage()
    exchange("net", coverage.watch, messages=3)
    path = coverage.save(tmp_path / "a b.info", "three echoes")
    ran = subprocess.run([program, "--summary", str(path)], capture_output=True, text=True, check=True)
    lines, reached = coverage.counts()
    assert f"({reached} of {lines} lines)" in ran.stdout + ran.stderr
