"""Where in the source, and who called that: with debug information, without it, and with damaged one."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import FirmwareError
from icmsg.machine.backtrace import unwind
from icmsg.machine.image import FirmwareImage
from icmsg.machine.source_lines import short_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.machine import AccessWarning

FOLDER: Final = Path(__file__).parent / "places"
WITH_LINES: Final = ("dwarf5-Os", "dwarf4-O2", "dwarf5-O0")
WITHOUT: Final = ("plain-Os", "plain-O2", "plain-O0")
LINES: Final = {
    name: number
    for number, text in enumerate((FOLDER / "places.c").read_text().splitlines(), 1)
    for name in re.findall(r"/\* line: (.+?) \*/", text)
}
NULL, RAM, PENDED, FLOAT = 2, 3, 4, 5


@pytest.fixture
def machine() -> Iterator[EmbeddedMachine]:
    with EmbeddedMachine() as machine:
        yield machine


def first_warning(machine: EmbeddedMachine, variant: str, want: int) -> AccessWarning:
    core = machine.core("app")
    image = core.load(FOLDER / f"{variant}.elf")
    core.bus.write32(image.symbol("want"), want)
    core.start()
    machine.run_for(100_000)
    return machine.warnings[0]


def names(warning: AccessWarning) -> list[str]:
    return [re.split(r"[+ (,]", str(frame))[0] for frame in warning.chain]


def line(name: str) -> str:
    return f"(places/places.c:{LINES[name]})"


@pytest.mark.parametrize("variant", WITH_LINES)
def test_a_bad_access_is_told_with_line_inlined_function_and_callers(
    machine: EmbeddedMachine, variant: str
) -> None:
    warning = first_warning(machine, variant, 1)
    assert names(warning) == ["poke", "leaf", "middle", "main", "reset"]
    expected = ("poke", "leaf", "middle", "main middle", "reset")
    assert [str(frame).split(" ", 2 if "inlined" in str(frame) else 1)[-1] for frame in warning.chain] == [
        line(name) for name in expected
    ]
    assert not any(frame.perhaps for frame in warning.chain)
    assert re.fullmatch(
        rf"leaf\+0x[0-9A-F]+ \(places/places.c:{LINES['poke']}, inlined poke\)", warning.place
    )


@pytest.mark.parametrize("variant", WITHOUT)
def test_without_debug_information_the_instructions_tell_the_callers(
    machine: EmbeddedMachine, variant: str
) -> None:
    warning = first_warning(machine, variant, 1)
    assert names(warning) == ["leaf", "middle", "main", "reset"]
    assert "perhaps" not in str(warning)


@pytest.mark.parametrize("variant", [*WITH_LINES, *WITHOUT])
def test_a_call_of_nothing_is_told_with_its_caller_then_and_in_the_fault_handler(
    machine: EmbeddedMachine, variant: str
) -> None:
    warning = first_warning(machine, variant, NULL)
    assert names(warning) == ["vectors", "through", "main", "reset"]
    core = machine.core("app")
    handler, called, *callers = core.backtrace()
    assert str(handler).startswith("default_handler"), "not the weak alias that comes first in the alphabet"
    assert called.interrupted_by == "HardFault"
    assert callers == list(warning.chain[1:])
    if variant in WITH_LINES:
        assert line("default_handler") in str(handler)
        assert line("through") in str(callers[0])


@pytest.mark.parametrize("variant", [*WITH_LINES, *WITHOUT])
def test_code_that_was_copied_to_ram_has_its_place_and_callers(
    machine: EmbeddedMachine, variant: str
) -> None:
    warning = first_warning(machine, variant, RAM)
    assert warning.pc >= 0x2000_0000
    frames = [str(frame).removeprefix("perhaps ").split("+")[0] for frame in warning.chain]
    assert frames == ["in_ram", "main", "reset"]
    if variant in WITH_LINES:
        assert line("in_ram") in warning.place
    else:
        assert warning.chain[1].perhaps, "a call through a register does not say where it went"


@pytest.mark.parametrize("want", [PENDED, FLOAT])
@pytest.mark.parametrize("variant", [*WITH_LINES, *WITHOUT])
def test_the_chain_goes_through_an_interrupt_into_what_it_interrupted(
    machine: EmbeddedMachine, variant: str, want: int
) -> None:
    warning = first_warning(machine, variant, want)
    assert [name for name in names(warning) if name != "poke"] == [
        "leaf",
        "middle",
        "handler",
        "main",
        "reset",
    ]
    (interrupted,) = (frame for frame in warning.chain if frame.interrupted_by)
    assert str(interrupted).startswith("main+")
    assert str(interrupted).endswith(", interrupted by interrupt 5")


def test_a_stripped_image_gives_addresses_and_marks_what_was_searched_for(machine: EmbeddedMachine) -> None:
    core = machine.core("app")
    image = core.load(FOLDER / "stripped.elf")
    core.bus.write32(FirmwareImage.load(FOLDER / "plain-Os.elf").symbol("want"), 1)
    core.start()
    machine.run_for(100_000)
    first, *callers = machine.warnings[0].chain
    assert str(first) == f"0x{machine.warnings[0].pc:08X}"
    assert callers
    assert all(frame.perhaps and str(frame).startswith("perhaps 0x") for frame in callers)
    assert image.locate(0x142) == "0x00000142"


def test_a_core_that_runs_nothing_has_no_chain(machine: EmbeddedMachine) -> None:
    core = machine.core("app")
    assert core.backtrace() == ()
    core.load(FOLDER / "plain-Os.elf")
    assert core.backtrace() == ()
    assert repr(core) == "<core app: halted plain-Os.elf>"


def test_a_file_that_was_rebuilt_meanwhile_tells_nothing_wrong(tmp_path: Path) -> None:
    path = shutil.copy(FOLDER / "dwarf5-Os.elf", tmp_path / "my.elf")
    image = FirmwareImage.load(path)
    address = image.symbol("leaf") & ~1
    shutil.copy(FOLDER / "dwarf5-O0.elf", path)
    os.utime(path, ns=(1, 1))
    assert image.locate(address) == "leaf", "from what was loaded, without a line of the other build"


def test_paths_are_shown_as_the_user_knows_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path.as_posix()
    assert short_path(f"{here}/src/main.c") == "src/main.c"
    assert short_path("/other/project/src/main.c") == "src/main.c"
    assert short_path("C:\\work\\project\\src\\main.c") == "src/main.c"
    assert short_path("main.c") == "main.c"


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    variant=st.sampled_from(WITH_LINES),
    damage=st.lists(st.tuples(st.floats(0.2, 0.99), st.integers(0, 255)), min_size=1, max_size=40),
)
def test_damaged_debug_information_never_raises(
    tmp_path: Path, variant: str, damage: list[tuple[float, int]]
) -> None:
    data = bytearray((FOLDER / f"{variant}.elf").read_bytes())
    for where, value in damage:
        data[int(where * len(data))] = value
    path = tmp_path / "damaged.elf"
    path.write_bytes(data)
    try:
        image = FirmwareImage.load(path)
    except FirmwareError:
        return
    for address in range(0x100, 0x180, 6):
        assert isinstance(image.locate(address), str)
        registers = {"PC": address, "SP": 0x2000_7000, "LR": 0x131, "R7": 0x2000_7000, "XPSR": 1 << 24}
        assert unwind(registers, image, lambda _, size: bytes(size))


@settings(max_examples=examples(100), deadline=None)
@given(
    variant=st.sampled_from([*WITH_LINES, *WITHOUT, "stripped"]),
    words=st.lists(
        st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 0x300), st.integers(0xFFFF_FF00, 0xFFFF_FFFF)),
        min_size=1,
    ),
    pc=st.one_of(st.integers(0, 0x300), st.integers(0, 2**32 - 1)),
    stack=st.integers(0, 2**32 - 1),
    link=st.one_of(st.integers(0, 0x300), st.integers(0xFFFF_FF00, 0xFFFF_FFFF)),
)
def test_any_registers_and_any_stack_end_in_a_chain(
    variant: str, words: list[int], pc: int, stack: int, link: int
) -> None:
    image = FirmwareImage.load(FOLDER / f"{variant}.elf")
    pattern = b"".join(word.to_bytes(4, "little") for word in words) * 64

    def read(address: int, size: int) -> bytes | None:
        code = image.segments[0]
        if address + size <= len(code.data):
            return code.data[address : address + size]
        return pattern[:size].ljust(size, b"\0") if address < 0xF000_0000 else None

    registers = {"PC": pc, "SP": stack, "LR": link, "MSP": stack, "PSP": stack ^ 0x1000, "XPSR": 1 << 24 | 3}
    frames = unwind(registers, image, read)
    assert 1 <= len(frames) <= 200
    assert frames[0].address == pc & ~1
