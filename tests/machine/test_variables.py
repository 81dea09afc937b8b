"""Variables of firmware by name and member, in images of two compilers and every version of DWARF."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from icmsg.assets import platform_file
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import FirmwareError
from icmsg.hw.bus import MemoryBus
from icmsg.machine.c_types import EnumValue
from icmsg.machine.image import FirmwareImage
from icmsg.machine.variables import find_variable, parse_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.engines.embedded.machine_core import MachineCore

IMAGES = Path(__file__).parent / "variables"
WITH_TYPES = sorted(path.stem for path in IMAGES.glob("*-dwarf*.elf"))
SHOWN = {
    "stats": '{received = 7, sent = -3, state = STATE_BOUND, name = "echo", ratio = 0.5}',
    "stats.received": "7",
    "stats.sent": "-3",
    "stats.state": "STATE_BOUND",
    "stats.name": '"echo"',
    "stats.name[1]": "99 'c'",
    "stats.ratio": "0.5",
    "buf": "{1, 2, 3, 4, 5, 6, 7, 8}",
    "buf[3]": "4",
    "grid": "{{1, 2, 3}, {-4, -5, -6}}",
    "grid[1]": "{-4, -5, -6}",
    "grid[1][2]": "-6",
    "text": '"hello"',
    "first.next->value": "22",
    "head->next->value": "22",
    "head[0].value": "11",
    "*numbers": "100",
    "flags": "{ready = 1, level = -2, mode = 5, wide = 131071, state = STATE_OPEN}",
    "flags.level": "-2",
    "flags.wide": "131071",
    "flags.state": "STATE_OPEN",
    "word.low": "13124",
    "word.bytes[3]": "17",
    "outer": "{id = 9, inner = {low = 1, high = 2}, left = 3, right = 3, deep = {{cells = {4, 5}}}}",
    "outer.right": "3",
    "outer.deep[0].cells[1]": "5",
    "is_bound": "true",
    "precise": "1.25",
    "small": "-0.1",
    "tiny": "-128",
    "wide64": "1311768467463790320",
    "state": "STATE_ERROR",
    "bits": "BIT_A|BIT_C",
    "limit": "42",
    "defaults.name": '"flash"',
    "variables.c::counter": "100",
    "other.c::counter": "200",
    "next::calls": "3",
    "again::calls": "4",
    "treasure.secret": "77",
}


def run(name: str) -> tuple[EmbeddedMachine, MachineCore]:
    """Return a core that has run an image for a while."""
    machine = EmbeddedMachine(platform_file("nrf54l15")) if "vpr" in name else EmbeddedMachine()
    core = machine.core("flpr" if "vpr" in name else "app")
    core.load(IMAGES / f"{name}.elf")
    core.start()
    machine.run_for(100_000)
    return machine, core


@pytest.fixture(params=WITH_TYPES, scope="module")
def core(request: pytest.FixtureRequest) -> Iterator[MachineCore]:
    machine, found = run(request.param)
    yield found
    machine.close()


@pytest.fixture(scope="module")
def one() -> Iterator[MachineCore]:
    machine, found = run("gcc-dwarf5-compressed")
    yield found
    machine.close()


def test_the_images_are_of_dwarf_2_to_5_of_both_compilers_and_architectures() -> None:
    assert len(WITH_TYPES) == 7
    assert {name.split("-")[1][:6] for name in WITH_TYPES} == {"dwarf2", "dwarf3", "dwarf4", "dwarf5"}


def test_every_kind_of_variable_is_shown_as_c_means_it(core: MachineCore) -> None:
    assert {name: str(core.variable(name)) for name in SHOWN} == SHOWN


def test_pointers_are_shown_with_the_symbol_that_they_point_to(core: MachineCore) -> None:
    symbols = core.image.symbols if core.image is not None else {}
    assert str(core.variable("head")) == f"0x{symbols['first']:08X} <first>"
    assert str(core.variable("callback")) == f"0x{symbols['on_ready']:08X} <on_ready>"
    assert str(core.variable("nothing")) == f"0x{symbols['buf']:08X} <buf>"


def test_values_are_those_of_python(core: MachineCore) -> None:
    stats = core.variable("stats").value
    assert stats == {"received": 7, "sent": -3, "state": 5, "name": b"echo\0\0\0\0", "ratio": 0.5}
    assert isinstance(stats["state"], EnumValue)
    assert f"{stats['state']}" == "STATE_BOUND"
    assert core.variable("grid").value == [[1, 2, 3], [-4, -5, -6]]
    assert core.variable("buf").value == bytes(range(1, 9))
    assert core.variable("stats")["received"].value == 7
    assert core.variable("buf")[2].value == 3
    assert core.variable("is_bound").value is True
    assert core.variable("ticks").value > 0


WRITTEN: list[tuple[str, Any, str]] = [
    ("stats.received", 5, "5"),
    ("stats.received", "0x10", "16"),
    ("stats.sent", "-32768", "-32768"),
    ("stats.state", "STATE_OPEN", "STATE_OPEN"),
    ("stats.state", -1, "STATE_ERROR"),
    ("stats.name", "abc", '"abc"'),
    ("stats.ratio", "0.25", "0.25"),
    ("buf", b"\xff\xfe", "{255, 254, 0 (6 times)}"),
    ("grid[0]", [7, -8, 9], "{7, -8, 9}"),
    ("flags.level", -4, "-4"),
    ("flags.wide", 0, "0"),
    ("bits", "BIT_A | BIT_B", "BIT_A|BIT_B"),
    ("is_bound", "false", "false"),
    ("head->next->value", 1, "1"),
    ("word.bytes[1]", "255", "255"),
    ("patched", 1, "1"),
    ("text[0]", "'J'", "74 'J'"),
    ("wide64", (1 << 64) - 1, str((1 << 64) - 1)),
    ("ticks", "010", "10"),
    ("callback", 0, "0x00000000"),
]
REFUSED: list[tuple[str, Any, str]] = [
    ("stats.received", -1, "is not a whole number from 0 to 4294967295"),
    ("stats.received", 1 << 32, "is not a whole number from 0 to 4294967295"),
    ("stats.received", "seven", "is not a whole number"),
    ("stats.received", 1.5, "is not a whole number"),
    ("stats.sent", 40000, "from -32768 to 32767"),
    ("stats.state", "STATE_OPN", "has no 'STATE_OPN'; did you mean STATE_OPEN\\?; there are STATE_OFF"),
    ("stats.name", "123456789", "is not 8 bytes or fewer, it is 9"),
    ("stats.name", 5, r"or write one element: stats.name\[0\]"),
    ("stats", 3, "write its members one by one: stats.received"),
    ("flags.level", 4, "from -4 to 3"),
    ("flags.wide", 0x20000, "from 0 to 131071"),
    ("is_bound", 2, "true or false"),
    ("small", "x", "a number in its range"),
    ("small", 1e300, "a number in its range"),
    ("grid[0]", [1, 2], "a list of 3 values"),
    ("limit", 3, "limit is const"),
    ("defaults.name", "q", "defaults.name is const"),
    ("folded", 3, "folded is a constant that the compiler has put into the code|folded is const"),
]
NOWHERE = [
    ("statz", "there is no variable statz; did you mean stats"),
    ("stats.receivd", "has no member receivd; did you mean received\\?; it has received, sent"),
    ("buf[8]", r"buf\[8\]: there are 8 elements, 0 to 7"),
    ("buf[", "is no variable \\(at '\\['\\); write name, name.member"),
    ("", "is no variable"),
    ("counter", r"there are 2 variables of that name; write variables\.c::counter, other\.c::counter"),
    ("third.c::counter", "there is no variable third.c::counter"),
    ("first->value", r"first is no pointer \(struct node\): write first\.value"),
    ("head.value", r"head is a pointer \(struct node \*\): write head->value"),
    ("ticks.x", "which has no members"),
    ("ticks[0]", "which has no elements"),
    ("*ticks", "which is no pointer"),
    ("nothing->x", "to something whose type is not known"),
    ("hidden->secret", "hidden is NULL"),
    ("main", "main is a function, no variable"),
    ("dropped", "nothing uses it, and the linker has dropped it"),
]


def test_what_is_written_is_read_again(core: MachineCore) -> None:
    shown = {}
    for name, given, _ in WRITTEN:
        variable = core.variable(name)
        before = variable.value
        variable.value = given
        shown[name, str(given)] = str(core.variable(name))
        variable.value = before
    assert shown == {(name, str(given)): text for name, given, text in WRITTEN}


def test_a_bit_field_changes_no_bit_of_its_neighbours(core: MachineCore) -> None:
    before = core.variable("flags").value
    for field, value in (("ready", 0), ("level", 3), ("mode", 10), ("wide", 0x15555), ("state", 5)):
        core.variable(f"flags.{field}").write(value)
        before |= {field: value}
        assert core.variable("flags").value == before


def test_what_cannot_be_written_says_why_and_changes_nothing(core: MachineCore) -> None:
    for name, given, why in REFUSED:
        before = str(core.variable(name))
        with pytest.raises(FirmwareError, match=why):
            core.variable(name).write(given)
        assert str(core.variable(name)) == before


def test_a_name_that_leads_nowhere_says_what_to_write(core: MachineCore) -> None:
    for name, why in NOWHERE:
        with pytest.raises(FirmwareError, match=why):
            core.variable(name)


def test_what_the_compiler_has_taken_away_says_so(one: MachineCore) -> None:
    assert str(one.variable("folded")) == "5"
    with pytest.raises(
        FirmwareError, match=r"unused_static has no place in memory: .* optimised it away; make it vol"
    ):
        one.variable("unused_static")
    with pytest.raises(FirmwareError, match="local has no place in memory: "):
        one.variable("local")


def test_a_type_that_one_file_only_declares_is_found_in_another(core: MachineCore) -> None:
    core.variable("hidden").write(core.variable("treasure").address)
    assert core.variable("hidden->secret").value == 77
    core.variable("hidden").write(0)


def test_without_debug_information_a_name_has_a_size_and_bytes() -> None:
    machine, core = run("gcc-plain")
    with machine:
        assert str(core.variable("buf")).endswith(": 01 02 03 04 05 06 07 08")
        assert core.variable("buf").value == bytes(range(1, 9))
        core.variable("buf").write(bytes(8))
        assert core.variable("buf").value == bytes(8)
        for name in ("stats.received", "buf[0]", "*numbers", "head->value"):
            with pytest.raises(
                FirmwareError, match=r"nothing is known but its size .* build it with debug .*\(-g\)"
            ):
                core.variable(name)
        with pytest.raises(FirmwareError, match="4 of them: its type is not known, build with -g"):
            core.variable("limit").write(3)
        assert str(core.variable("calls.0")).startswith("4 bytes at 0x2000")


def test_a_stripped_image_says_that_it_was_stripped() -> None:
    machine, core = run("stripped")
    with machine, pytest.raises(FirmwareError, match="it was stripped: give the ELF file of the build"):
        core.variable("stats")


def test_a_core_without_an_image_says_what_to_do() -> None:
    with EmbeddedMachine() as machine, pytest.raises(FirmwareError, match=r"has no image .* load"):
        machine.core("app").variable("stats")


def test_a_pointer_to_nowhere_says_which_address(one: MachineCore) -> None:
    one.variable("head").write(0x6000_0000)  # the last test with this machine
    with pytest.raises(FirmwareError, match=r"head->value: .*0x60000000"):
        _ = one.variable("head->value").value


@pytest.mark.parametrize("section", [".debug_info", ".debug_abbrev", ".debug_str"])
def test_damaged_debug_information_is_no_traceback(section: str, tmp_path: Path) -> None:
    from elftools.elf.elffile import ELFFile

    path = IMAGES / "gcc-dwarf3-O2.elf"
    with path.open("rb") as stream:
        found = ELFFile(stream).get_section_by_name(section)
        begin, size = found["sh_offset"], found["sh_size"]
    content = bytearray(path.read_bytes())
    bus = MemoryBus(bytearray(0x1000), base=0x2000_0000)
    for step in range(0, size, 397):
        damaged = content.copy()
        damaged[begin + step : begin + step + 40] = b"\xff" * min(40, size - step)
        broken = tmp_path / f"{step}.elf"
        broken.write_bytes(damaged)
        image = FirmwareImage.load(broken)
        for name in ("stats.received", "head->next->value", "flags"):
            with suppress(FirmwareError):
                str(find_variable(image, bus, name))


def test_a_path_is_taken_apart() -> None:
    path = parse_path(" **file.c::a.b[0x10]->c ")
    assert (path.name, path.scope, path.stars) == ("a", "file.c", 2)
    assert path.steps == ((".", "b"), ("[", 16), ("->", "c"))
