"""Files that were made to do harm: each is refused with one line, at once, and nothing waits for a pipe."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from command import icmsg
from devicetree.dtlib import DT  # type: ignore[import-untyped]

from icmsg import files
from icmsg.assets import platform_file, stub
from icmsg.config.devicetree import parse_devicetree

Capture = pytest.CaptureFixture[str]
HEAD = "/dts-v1/;\n"
NODE = """
/ {
    #address-cells = <1>; #size-cells = <1>;
    mbox: mbox { #mbox-cells = <1>; };
    a: a { reg = <0x20070000 64>; }; b: b { reg = <0x20078000 64>; };
    ipc0: ipc0 {
        compatible = "zephyr,ipc-icmsg"; tx-region = <&a>; rx-region = <&b>;
        mboxes = <&mbox 0>, <&mbox 1>; mbox-names = "tx", "rx";
    };
};
"""
DEVICETREES = [
    ("/ { a = <" + "(" * 10_000 + "1" + ")" * 10_000 + ">; };", "nested too deeply (more than 64)"),
    ("/ {" + "a {" * 9000 + "};" * 9000 + "};", "nested too deeply (more than 64)"),
    ("/ { a = <" + "9" * 20_000 + ">; };", "a number with too many digits"),
    ("/ { a = <(" + "*".join("9" * 9000) + ")>; };", "a number of 130 bits does not fit any cell"),
    ("/ { a = <(1" + "<<64" * 5000 + ")>; };", "a number of 129 bits does not fit any cell"),
    ("/ { a = <" + "1 " * 100_000 + ">; };", "a statement of more than 32768 characters"),
    ("/ { " + "".join(f"l{number}: " for number in range(3000)) + "a {}; };", "or 200 colons begins here"),
    ("/ { };" + "/* " * 9000, "a comment begins here and never ends"),
    (
        NODE + "/ { " + "".join(f"n{number}: n{number} {{ }};" for number in range(9)) + "&{" * 9000,
        "expected",
    ),
    ('/include/ "/dev/zero"', "/dev/zero cannot be read (it is a device, and only files are read)"),
    ('/ { a = /incbin/("/dev/zero"); };', "it is a device, and only files are read"),
]


@pytest.mark.parametrize(("text", "said"), DEVICETREES, ids=range(len(DEVICETREES)))
def test_a_devicetree_beyond_the_limits_is_refused(
    capsys: Capture, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "a.dts"
    path.write_text(HEAD + text, encoding="utf-8")
    outcome = icmsg(capsys, "check", path)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert said in outcome.err


def test_includes_without_end_are_refused(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "self.dts").write_text(f'{HEAD}/include/ "{tmp_path}/self.dts"\n', encoding="utf-8")
    assert "includes itself" in icmsg(capsys, "check", tmp_path / "self.dts").err
    for number in range(20):
        text = f'/include/ "{number + 1}.dtsi"\n' * 2
        (tmp_path / f"{number}.dtsi").write_text(text, encoding="utf-8")
    (tmp_path / "20.dtsi").write_text("/ { };\n", encoding="utf-8")
    (tmp_path / "bomb.dts").write_text(f'{HEAD}/include/ "0.dtsi"\n', encoding="utf-8")
    assert "32 deep, and 500 in all" in icmsg(capsys, "check", tmp_path / "bomb.dts").err


def test_a_fault_in_an_included_file_is_named_there(capsys: Capture, tmp_path: Path) -> None:
    path, included = tmp_path / "a.dts", tmp_path / "b.dtsi"
    path.write_text(f'{HEAD}/include/ "b.dtsi"\n', encoding="utf-8")
    for text, line in (("/ {\n a = <1;\n};", 2), ("/ {\n\n\n a = <&nosuch>;\n};", 4), ('\n/include/ "c"', 2)):
        included.write_text(text, encoding="utf-8")
        assert f"{included}:{line}: " in icmsg(capsys, "check", path).err


def test_platform_files_without_end_are_refused(capsys: Capture, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.repl").write_text(f'using "./{number + 1}.repl"\n', encoding="utf-8")
    assert "32 deep, and 500 in all" in icmsg(capsys, "run", "--platform", tmp_path / "0.repl").err
    text = (
        platform_file("nrf5340").read_text(encoding="utf-8").replace("size: 0x70000", "size: " + "9" * 9000)
    )
    (tmp_path / "digits.repl").write_text(text, encoding="utf-8")
    assert "a number of 9000 digits" in icmsg(capsys, "run", "--platform", tmp_path / "digits.repl").err


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_only_files_are_opened(capsys: Capture, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    given = path if kind == "pipe" else "/dev/zero"
    good = tmp_path / "a.dts"
    good.write_text(HEAD + NODE, encoding="utf-8")
    for arguments in (
        ["check", given],
        ["check", good, "--app-kconfig", given],
        ["run", "--net", given],
        ["run", "--platform", given],
    ):
        outcome = icmsg(capsys, *arguments)
        assert outcome.code == 2
        assert "and only files are read" in outcome.err


@pytest.mark.parametrize(
    ("name", "limit"),
    [("a.dts", files.DEVICETREE_BYTES), ("a.elf", files.IMAGE_BYTES), ("a.repl", files.MIB)],
)
def test_a_file_that_is_too_large_is_not_read(capsys: Capture, tmp_path: Path, name: str, limit: int) -> None:
    path = tmp_path / name
    with path.open("wb") as stream:
        stream.truncate(limit + 1)  # sparse
    command = {"a.dts": ["check"], "a.elf": ["run", "--net"], "a.repl": ["run", "--platform"]}[name]
    assert f"it has more than {files.size_text(limit)}, the limit" in icmsg(capsys, *command, path).err


@pytest.mark.parametrize(("offset", "field"), [(16, "p_filesz"), (4, "p_offset"), (12, "p_paddr")])
def test_segments_are_checked_before_they_are_read(
    capsys: Capture, tmp_path: Path, offset: int, field: str
) -> None:
    content = bytearray(stub("echo", "net").read_bytes())
    first = int.from_bytes(content[28:32], "little")
    content[first + offset : first + offset + 4] = b"\xf0\xff\xff\xff"
    path = tmp_path / f"{field}.elf"
    path.write_bytes(content)
    outcome = icmsg(capsys, "run", "--net", path)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "damaged" in outcome.err


def test_a_byte_order_mark_and_a_name_that_is_no_utf_8_do_not_matter(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"n\xffame.dts")
    path.write_text("\ufeff" + HEAD + NODE, encoding="utf-8")
    assert icmsg(capsys, "check", path, "--platform", "none").code == 0


def test_labels_are_not_looked_for_in_the_whole_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of all nodes for each label makes the work grow with the square of the nodes."""
    searches: list[object] = []
    search = DT.node_iter

    def counted(tree: DT) -> object:
        searches.append(tree)
        return search(tree)

    monkeypatch.setattr(DT, "node_iter", counted)
    nodes = "".join(f"n{number}: n{number} {{ link = <&n{499 - number}>; }};" for number in range(500))
    parse_devicetree(
        HEAD + NODE + f"/ {{ {nodes} }};" + "".join(f"&n{number} {{ x; }};" for number in range(500))
    )
    assert len(searches) < 20


def test_the_page_has_the_limits_of_the_module() -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    table = page.partition("## Limits")[2].partition("## ")[0]
    for number in (
        files.STATEMENT_BYTES,
        files.LABELS,
        files.INSTANCES,
        files.NESTING,
        files.INCLUDE_DEPTH,
        files.INCLUDES,
        files.DIGITS,
        files.SEGMENTS,
        files.SYMBOLS,
        files.LINE_CHARACTERS,
    ):
        assert re.search(rf"\b{number}\b", table), number
    for size in (
        files.DEVICETREE_BYTES,
        files.KCONFIG_BYTES,
        files.IMAGE_BYTES,
        files.HEX_BYTES,
        files.LOADED_BYTES,
    ):
        assert files.size_text(size) in table
