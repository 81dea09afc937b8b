from __future__ import annotations

from hypothesis import given, settings
from looped import examples
from repl_texts import WrittenEntry, entries, in_braces, in_one_line, indented

from icmsg.soc.platform import parse_platform


@settings(deadline=None, max_examples=examples(40))
@given(entries())
def test_indentation_and_braces_say_the_same(written: list[WrittenEntry]) -> None:
    one_line = parse_platform(in_one_line(written))

    assert parse_platform(indented(written)) == one_line
    assert parse_platform(in_braces(written)) == one_line


@settings(deadline=None, max_examples=examples(40))
@given(entries())
def test_everything_written_is_read_back(written: list[WrittenEntry]) -> None:
    platform = parse_platform(indented(written))

    assert [peripheral.name for peripheral in platform] == [entry.name for entry in written]
    for peripheral, entry in zip(platform, written, strict=True):
        assert peripheral.type == entry.type
        assert peripheral.alias == entry.alias
        assert peripheral.attributes == entry.attributes
        assert len(peripheral.registrations) == len(entry.points)
        sections = {"preinit": peripheral.preinit, "init": peripheral.init, "reset": peripheral.reset}
        assert {kind: lines for kind, lines in sections.items() if lines} == entry.sections
        assert peripheral.name in platform.creation_order
