"""The tables of the README are the C structs: a host is written from them."""

from __future__ import annotations

import re

import pytest
from native_stub import STUBS, words_of_struct
from running_stub import CLOSE, CLOSE_AND_OPEN

from icmsg.link.endpoints.setup import EndpointParams, EndpointStats

README = (STUBS / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+)(?:\u2013(\d+))? \| `?(\w+)`?", re.MULTILINE)


def rows_of_table(heading: str) -> list[tuple[int, str]]:
    section = README.partition(f"## `{heading}`")[2].partition("\n## ")[0]
    return [(int(first), name) for first, _, name in ROW.findall(section)]


@pytest.mark.parametrize(("header", "struct"), [("params.h", "icmsg_params"), ("stats.h", "icmsg_stats")])
def test_names_and_offsets_are_those_of_the_struct(header: str, struct: str) -> None:
    words = words_of_struct(header, struct)
    assert len(words) > 15
    assert rows_of_table(struct) == words


@pytest.mark.parametrize(
    ("header", "struct", "layout"),
    [
        ("params.h", "icmsg_endpoints", EndpointParams),
        ("stats.h", "icmsg_endpoint_stats", EndpointStats),
    ],
)
def test_what_there_is_of_each_endpoint_is_documented_as_the_struct_has_it(
    header: str, struct: str, layout: type[EndpointParams | EndpointStats]
) -> None:
    text = (STUBS / "src" / header).read_text(encoding="utf-8")
    body = text.partition(f"struct {struct.removesuffix('s') if 'params' in header else struct} {{")[2]
    names = re.findall(r"^\t(?:char|uint32_t) (\w+)", body.partition("};")[0], re.MULTILINE)
    offsets = [0, *range(32, 48, 4)] if "params" in header else range(0, 32, 4)
    assert rows_of_table(struct) == list(zip(offsets, names, strict=True))
    assert names == list(layout._fields)


@pytest.mark.parametrize(
    ("word", "prefix"), [("program", "PROGRAM_"), ("state", "STATE_"), ("last_error_site", "SITE_")]
)
def test_every_number_of_an_enumeration_is_explained(word: str, prefix: str) -> None:
    text = (STUBS / "src" / "stats.h").read_text(encoding="utf-8")
    numbers = re.findall(rf"{prefix}\w+ = (\d+)", text)
    row = next(line for line in README.splitlines() if re.match(rf"\| \d+ \| `{word}` \|", line))
    meaning = row.split("|")[3]
    assert re.findall(r"\b(\d+) [a-z]", meaning) == numbers


def test_the_modes_of_unbound_are_those_of_the_header() -> None:
    text = (STUBS / "src" / "unbound.h").read_text(encoding="utf-8")
    modes = [(number, name.lower()) for name, number in re.findall(r"#define MODE_(\w+) +(\d)", text)]
    row = next(line for line in README.splitlines() if line.startswith("| 68 | `unbound`"))
    assert (
        re.findall(r"(\d) ([a-z]+)\b", row) == modes == [("0", "disable"), ("1", "enable"), ("2", "detect")]
    )


def test_the_commands_are_those_of_the_header() -> None:
    text = (STUBS / "src" / "command.h").read_text(encoding="utf-8")
    commands = {name: number for name, number in re.findall(r"COMMAND_(\w+) = (\d)", text) if name != "NONE"}
    section = README.partition("## `icmsg_command`")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d) \|", section, re.MULTILINE) == list(commands.values())
    assert commands == {"CLOSE": str(CLOSE), "CLOSE_AND_OPEN": str(CLOSE_AND_OPEN)}


def test_magic_numbers_and_versions_are_those_of_the_headers() -> None:
    for header, prefix, magic in (("params.h", "PARAMS", b"ICMP"), ("stats.h", "STATS", b"ICST")):
        text = (STUBS / "src" / header).read_text(encoding="utf-8")
        number = int.from_bytes(magic, "little")
        assert f"#define {prefix}_MAGIC   0x{number:08X}u" in text
        assert f"0x{number:08X}" in README
        assert f"#define {prefix}_VERSION 1u" in text
