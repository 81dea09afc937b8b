"""What cannot be used is refused with file, line, node and fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from looped import for_each

from icmsg.config.devicetree import load_devicetree, parse_devicetree
from icmsg.errors import ConfigurationError, DevicetreeError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """/dts-v1/;
/ {
	#address-cells = <1>;
	#size-cells = <1>;
	tx: memory@20070000 {
		reg = <0x20070000 0x800>;
	};
	rx: memory@20078000 {
		reg = <0x20078000 0x800>;
	};
	mbox: mbox {
		#mbox-cells = <1>;
	};
	ipc0: ipc0 {
		compatible = "zephyr,ipc-icmsg";
		tx-region = <&tx>;
		rx-region = <&rx>;
		mboxes = <&mbox 0>, <&mbox 1>;
		mbox-names = "tx", "rx";
		dcache-alignment = <8>;
		unbound = "detect";
		status = "okay";
	};
};
"""


def test_the_base_of_this_page_is_good() -> None:
    assert len(parse_devicetree(GOOD).instances) == 1


@for_each(
    ("old", "new", "line", "says"),
    [
        (
            '"zephyr,ipc-icmsg"',
            '"zephyr,ipc-openamp-static-vrings"',
            15,
            "/ipc0 is RPMsg over OpenAMP (zephyr,ipc-openamp-static-vrings), not supported yet, and no ICMsg or ICBMsg",
        ),
        ('"okay"', '"disabled"', 22, '/ipc0 is disabled; set status = "okay"'),
        ('"okay"', "<1>", 14, "unused"),
        (
            "\t\ttx-region = <&tx>;\n",
            "",
            14,
            "/ipc0 has no tx-region; add one, for example tx-region = <&sram_tx>",
        ),
        ("rx-region = <&rx>", "rx-region = <&rx &tx>", 17, "rx-region of /ipc0 has to be one reference"),
        ("rx-region = <&rx>", "rx-region = <0x55>", 17, "rx-region of /ipc0 has to be one reference"),
        ("rx-region = <&rx>", 'rx-region = "rx"', 17, "rx-region of /ipc0 has to be numbers"),
        (
            "rx-region = <&rx>",
            "rx-region = <&ry>",
            17,
            "/ipc0: undefined node label 'ry'; define the label. If this",
        ),
        (
            "rx-region = <&rx>",
            "rx-region = <&mbox>",
            11,
            "/mbox has no reg; add one, for example reg = <0x20070000",
        ),
        ("rx-region = <&rx>", "rx-region = &rx", 17, "rx-region of /ipc0 has to be "),
        ("rx-region = <&rx>", "rx-region", 14, "rx-region of /ipc0 has to be one reference"),
        (
            "\t\tmboxes = <&mbox 0>, <&mbox 1>;\n",
            "",
            14,
            "/ipc0 has no mboxes; add both, for example mboxes =",
        ),
        ('\t\tmbox-names = "tx", "rx";\n', "", 14, "/ipc0 has no mbox-names; add both"),
        (
            '"tx", "rx"',
            '"tx", "rx2"',
            19,
            'mbox-names of /ipc0 has to be "tx" and "rx", in the order of mboxes',
        ),
        ('"tx", "rx"', '"tx"', 19, 'mbox-names of /ipc0 has to be "tx" and "rx"'),
        ('"tx", "rx"', "<1>", 19, 'mbox-names of /ipc0 has to be "tx" and "rx"'),
        (
            "<&mbox 0>, <&mbox 1>",
            "<&mbox 0>",
            18,
            "mboxes of /ipc0 has 1 entries for the 2 names in mbox-names",
        ),
        ("<&mbox 0>, <&mbox 1>", "<&mbox 0>, <&mbox>", 18, "mboxes of /ipc0 has no channel behind /mbox"),
        ("<&mbox 0>, <&mbox 1>", "<&mbox 0>, <9 1>", 18, "mboxes of /ipc0: 0x9 is no node"),
        (
            "<&mbox 0>, <&mbox 1>",
            "<&mbox 0>, <&tx 1>",
            18,
            "names /memory@20070000, which is no mailbox; name one, or",
        ),
        ("<&mbox 0>, <&mbox 1>", "[00 01 02]", 18, "mboxes of /ipc0 has to be numbers"),
        (
            "#mbox-cells = <1>",
            "#mbox-cells = <2>",
            12,
            "#mbox-cells of /mbox has to be <1> (the channel), or <0>",
        ),
        (
            "<0x20078000 0x800>",
            "<0x20078000>",
            9,
            "reg of /memory@20078000 has 1 cells, but an address takes 1",
        ),
        (
            "<0x20078000 0x800>",
            "<0x20078000 0>",
            9,
            "reg of /memory@20078000 has size 0; give the size in bytes",
        ),
        ("<0x20078000 0x800>", "<>", 9, "reg of /memory@20078000 has 0 cells"),
        ("<0x20078000 0x800>", '"here"', 9, "reg of /memory@20078000 has to be numbers"),
        ("#size-cells = <1>", "#size-cells = <0>", 6, "a size 0 (#size-cells); correct reg or the cells"),
        ("#size-cells = <1>", "#size-cells = <7>", 4, "#size-cells of / has to be one number from 0 to 4"),
        ("#size-cells = <1>", "#size-cells = <1 1>", 4, "#size-cells of / has to be one number from 0 to 4"),
        ("<8>", "<8 8>", 20, "dcache-alignment of /ipc0 has to be one number of bytes, for example"),
        ("<8>", '"8"', 20, "dcache-alignment of /ipc0 has to be numbers"),
        (
            '"detect"',
            '"detect", "enable"',
            21,
            'unbound of /ipc0 has to be one text, for example unbound = "detect"',
        ),
        ('"detect"', "<1>", 21, "unbound of /ipc0 has to be one text"),
        ('"detect"', "[ff 00]", 21, "unbound of /ipc0 has to be one text"),
        # What dtlib refuses.
        ("/ {", "{", 2, "expected '/' or label reference (&foo)"),
        ("};\n};", "};\n", 25, "expected node name, property name, or '}'"),
        ('"okay";', '"okay"', 23, "expected ';' or ','"),
        ("ipc0: ipc0", "tx: ipc0", 14, "Label 'tx' appears on /ipc0 and on /memory@20070000"),
        ("<8>", "<(8 / 0)>", 20, "division by zero"),
        ("<8>", "<089>", 20, "malformed value (invalid literal for int() with base 8: '089'); correct it"),
        ("<8>", "<(1 << 9999999999)>", 20, "a shift by 9999999999 bits does not fit any cell; use 0 to 64"),
        ("<8>", "<(1 >> (0 - 1))>", 20, "a shift by -1 bits does not fit any cell"),
        ("<8>", "<SIZE>", 20, "dcache-alignment of /ipc0 uses the macro SIZE, which only a build expands"),
        ("<8>", "<0x1ffffffff>", 20, "8589934591 does not fit in 32 bits"),
        ("<8>", "<8", 20, "expected number or parenthesized expression"),
        (
            "<8>",
            "<" + "(" * 20_000,
            20,
            "nodes or parentheses are nested too deeply (more than 64); flatten them",
        ),
        ("/dts-v1/;", "/dts-v1/; /plugin/;", 1, "/plugin/ is not supported"),
        ("/ {", '/include/ "no.dtsi"\n/ {', 2, "there is no no.dtsi"),
        (
            "/ {",
            "#include <nordic/nrf5340_cpuapp_qkaa.dtsi>\n/ {",
            2,
            "needs the C preprocessor; the build has run it",
        ),
        ("/ {", "/ { aliases { AB = &tx; };", 2, "/aliases: alias property name 'AB' should include only"),
    ],
)
def test_an_unusable_file_is_refused(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    if says == "unused":  # a status that is no text counts as none
        assert parse_devicetree(GOOD.replace(old, new)).instances[0].place.line == line
        return
    with pytest.raises(DevicetreeError) as caught:
        parse_devicetree(GOOD.replace(old, new, 1), "app.dts")
    assert (caught.value.file, caught.value.line) == ("app.dts", line)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"app.dts:{line}: ")


def test_the_origin_is_named_too() -> None:
    text = GOOD.replace('mbox-names = "tx", "rx";', 'mbox-names = "tx", "ry"; /* in boards/x.overlay:7 */')
    with pytest.raises(DevicetreeError, match=r"zephyr.dts:19: mbox-names .* \(from boards/x.overlay:7\)$"):
        parse_devicetree(text, "zephyr.dts")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DevicetreeError, match=r"no\.dts: cannot be read \(No such file .*\); give a devicetree file"
    ):
        load_devicetree(tmp_path / "no.dts")


def test_a_file_that_is_no_text_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "x.dts"
    path.write_bytes(b"/dts-v1/;\n\xff\xfe")
    with pytest.raises(DevicetreeError, match=r"x\.dts:2: is not UTF-8 text; give a devicetree source"):
        load_devicetree(path)


def test_an_included_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.dtsi").write_bytes(b"\xff")
    path = tmp_path / "x.dts"
    path.write_text('/dts-v1/;\n/include/ "b.dtsi"\n', encoding="utf-8")
    with pytest.raises(DevicetreeError, match=r"b\.dtsi:1: is not UTF-8 text"):
        load_devicetree(path)


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "b.dtsi").write_text("/ {\n\t= };", encoding="utf-8")
    path = tmp_path / "x.dts"
    path.write_text('/dts-v1/;\n/include/ "b.dtsi"\n', encoding="utf-8")
    with pytest.raises(DevicetreeError, match=r"b\.dtsi:2: expected node name"):
        load_devicetree(path)


@pytest.mark.parametrize("text", ["", "\n\n", "// nothing", "/dts-v1/;\n/ { };"])
def test_an_empty_tree_is_refused(text: str) -> None:
    with pytest.raises(
        DevicetreeError, match=r'app\.dts:1: no enabled node with compatible = "zephyr,ipc-icmsg"'
    ):
        parse_devicetree(text, "app.dts")


def test_the_errors_are_what_the_package_promises() -> None:
    assert issubclass(DevicetreeError, SourceError)
    assert issubclass(SourceError, ConfigurationError)
    assert issubclass(ConfigurationError, ValueError)
