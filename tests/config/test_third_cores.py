"""Instances of multi-core SoCs: those between the two given cores are judged, the others are named and left aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from nrf54_files import FILES, H20, L15, check, codes, messages, refused, source, write

from icmsg.cli.main import main
from icmsg.config.build_folder import BuildFiles
from icmsg.config.devicetree import parse_devicetree
from icmsg.config.load import load_pair, load_side, side_of
from icmsg.config.pairing import leads_to, pair_up

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.config.load import Side

Capture = pytest.CaptureFixture[str]
H20_ASIDE = {
    ("app", "cpusec_cpuapp_ipc", "sec"),
    ("app", "cpuapp_cpusys_ipc", "sys"),
    ("app", "cpuapp_cpuppr_ipc", "ppr"),
    ("rad", "cpusec_cpurad_ipc", "sec"),
    ("rad", "cpurad_cpusys_ipc", "sys"),
}
IPC0 = 'ipc0: cpuapp_cpurad_ipc: ipc-2-3 {\n\t\t\tcompatible = "zephyr,ipc-icmsg";'
RPMSG = (IPC0, IPC0.replace("zephyr,ipc-icmsg", "zephyr,ipc-openamp-static-vrings"))
ICBMSG = (IPC0, IPC0.replace("icmsg", "icbmsg") + " tx-blocks = <18>; rx-blocks = <12>;")


def side(core: str, text: str) -> Side:
    tree = parse_devicetree(text, f"{core}.dts")
    return side_of(BuildFiles(FILES), tree, None, "4.1", core)


def aside(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(each["core"], each["instance"], each["leads_to"]) for each in found["left_aside"]}


def test_a_pair_with_instances_for_four_other_cores_will_bond(capsys: Capture) -> None:
    found = check(capsys, *(FILES / f"{name}.dts" for name in H20))
    assert (found["code"], codes(found)) == (0, [])
    assert aside(found) == H20_ASIDE


def test_one_line_says_what_was_left_aside_and_why(capsys: Capture) -> None:
    main(["check", *(str(FILES / f"{name}.dts") for name in H20), "--platform", "none"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left aside")]
    assert len(lines) == 1
    assert "cpuapp_cpusys_ipc of app (it rings <&cpusys_vevif 12>, of core sys)" in lines[0]
    assert "cpusec_cpurad_ipc of rad (it rings <&cpusec_bellboard 18>, of core sec)" in lines[0]


def test_an_soc_that_is_not_known_is_judged_in_the_same_way(capsys: Capture) -> None:
    found = check(capsys, FILES / "nrf9280_app.dts", FILES / "nrf9280_rad.dts", platform=None)
    assert (found["code"], codes(found), found["platform"]) == (0, [], None)
    assert [each["core"] for each in found["sides"]] == ["app", "rad"]
    assert {leads for _, _, leads in aside(found)} == {"sec", "sys"}


def test_a_core_that_is_no_end_of_the_boards_link_gets_a_verdict_too(capsys: Capture) -> None:
    found = check(capsys, FILES / "h20_ppr.dts", FILES / "h20_app.dts")
    assert (found["code"], codes(found)) == (0, [])
    assert [each["core"] for each in found["sides"]] == ["app", "ppr"]
    assert {leads for _, _, leads in aside(found)} == {"sec", "sys", "rad"}


def test_two_cores_without_an_instance_between_them_will_not_bond(capsys: Capture) -> None:
    found = check(capsys, FILES / "h20_rad.dts", FILES / "h20_ppr.dts")
    assert (found["code"], codes(found)) == (1, ["nothing-between"])
    assert "give the files of the two cores that talk to each other" in messages(found)


def test_a_mistake_in_an_instance_for_a_third_core_keeps_nobody_apart(
    capsys: Capture, tmp_path: Path
) -> None:
    app = write(tmp_path, "h20_app", ("&cpusys_vevif 0xc", "&cpusys_vevif 0x9"))  # bit 9 is not wired
    assert check(capsys, app, FILES / "h20_rad.dts")["code"] == 0
    assert codes(check(capsys, app)) == ["channel-not-wired"]


def test_the_address_of_a_bellboard_tells_more_than_its_label(capsys: Capture, tmp_path: Path) -> None:
    anonymous = [
        write(
            tmp_path,
            name,
            ("cpusec_bellboard", "bell0"),
            ("cpuapp_bellboard", "bell1"),
            ("cpurad_bellboard", "bell2"),
            ("cpuapp_cpurad_ipc", "here"),
            ("cpusec_cpuapp_ipc: " if name == "h20_app" else "cpusec_cpurad_ipc: ", "there: "),
        )
        for name in H20
    ]
    found = check(capsys, *anonymous)
    assert (found["code"], codes(found)) == (0, [])
    assert ("app", "there", "") in aside(found)
    assert [each["reason"] for each in found["left_aside"] if each["instance"] == "there"] == [
        "it rings <&bell0 12>, of a third core",
        "it rings <&bell0 18>, of a third core",
    ]


def test_the_wrong_bellboard_is_a_mistake_where_the_regions_are_shared(
    capsys: Capture, tmp_path: Path
) -> None:
    app = write(tmp_path, "h20_app", ("&cpurad_bellboard 0xc", "&cpusec_bellboard 0xc"))
    found = check(capsys, app, FILES / "h20_rad.dts")
    assert "mailboxes-differ" in codes(found)
    assert "app rings the bellboard at 0x5F099000 (<&cpusec_bellboard 12>" in messages(found)
    assert "but rad hears the one" not in messages(found)
    assert "but rad hears the bellboard at 0x5F09B000 (<&cpurad_bellboard 12>" in messages(found)


def test_secure_and_non_secure_addresses_mean_one_bellboard(capsys: Capture, tmp_path: Path) -> None:
    rad = write(tmp_path, "h20_rad", ("0x5f000000 0x1000000", "0x4f000000 0x1000000"))
    found = check(capsys, FILES / "h20_app.dts", rad)
    assert (found["code"], aside(found)) == (0, H20_ASIDE)


def test_the_label_of_an_instance_tells_where_no_mailbox_does() -> None:
    first = side("app", source("h20_app", ("cpusys_vevif_tx: ", ""), ("cpusys_vevif", "vevif8c8")))
    nodes = {node.name: leads_to(first, node) for node in first.devicetree.instances}
    assert nodes["cpuapp_cpusys_ipc"] == "sys"


def test_the_label_of_a_mailbox_that_names_its_own_core_tells_nothing() -> None:
    app, flpr = (side(core, source(name)) for core, name in zip(("app", "flpr"), L15, strict=True))
    assert leads_to(app, app.devicetree.instances[0]) == "flpr"  # by the VPR in which the mailbox lies
    assert leads_to(flpr, flpr.devicetree.instances[0]) is None
    pairing = pair_up(app, flpr)
    assert (len(pairing.pairs), pairing.aside, pairing.first_alone, pairing.second_alone) == (1, [], [], [])


def test_sides_called_otherwise_than_their_files_are_paired_all_the_same() -> None:
    """The names ``app`` and ``net`` may be what a caller gives, whatever cores the files are for."""
    app, other = load_side(FILES / "h20_app.dts"), load_side(FILES / "h20_rad.dts", core="net")
    assert [ours.name for ours, _ in pair_up(app, other).pairs] == ["ipc0"]
    assert load_pair(app, other).second.tx_channel == 18


class TestInstance:
    """``--instance NAME``."""

    @pytest.mark.parametrize("name", ["ipc0", "cpuapp_cpurad_ipc", "/ipc/ipc-2-3"])
    def test_any_label_or_the_path_chooses(self, capsys: Capture, name: str) -> None:
        found = check(capsys, *(FILES / f"{file}.dts" for file in H20), "--instance", name)
        assert (found["code"], codes(found)) == (0, [])

    def test_only_the_chosen_one_is_judged(self, capsys: Capture) -> None:
        folder = FILES.parent
        pair = folder / "eight_app.dts", folder / "eight_app.dts"
        assert check(capsys, *pair)["code"] == 1
        found = check(capsys, *pair, "--instance", "ipc3")
        assert {each["node"] for each in found["findings"]} == {"/ipc/ipc3"}

    def test_one_that_overlaps_another_is_told_so(self, capsys: Capture, tmp_path: Path) -> None:
        text = (FILES.parent / "eight_app.dts").read_text(encoding="utf-8")
        path = tmp_path / "app.dts"
        path.write_text(text.replace("tx-region = <&tx3>", "tx-region = <&tx2>"), encoding="utf-8")
        for name, other in (("ipc2", "/ipc/ipc3"), ("ipc3", "/ipc/ipc2")):
            found = check(capsys, path, "--instance", name)
            assert codes(found) == ["region-shared"]
            assert other in messages(found)

    def test_one_that_leads_to_a_third_core_is_said_to(self, capsys: Capture) -> None:
        said = refused(capsys, *(FILES / f"{file}.dts" for file in H20), "--instance", "cpuapp_cpusys_ipc")
        assert "there is no instance cpuapp_cpusys_ipc between the two sides" in said
        assert "it rings <&cpusys_vevif 12>, of core sys" in said
        assert "use one of: ipc0" in said

    def test_one_that_does_not_exist_is_refused_with_those_that_do(self, capsys: Capture) -> None:
        said = refused(capsys, FILES / "h20_app.dts", "--instance", "ipc9")
        assert "there is no instance ipc9; use one of: cpusec_cpuapp_ipc, ipc0, cpuapp_cpusys_ipc" in said


class TestOtherBackends:
    """Pairs that talk through another backend than ICMsg."""

    def test_rpmsg_between_the_two_is_said_and_not_judged(self, capsys: Capture, tmp_path: Path) -> None:
        said = refused(capsys, *(write(tmp_path, name, RPMSG) for name in H20))
        assert "app and rad talk through /ipc/ipc-2-3 and /ipc/ipc-2-3" in said
        assert "which are RPMsg over OpenAMP (zephyr,ipc-openamp-static-vrings) and not judged" in said
        assert "every instance that is judged leads to another core" in said

    def test_rpmsg_with_a_third_core_is_a_note(self, capsys: Capture, tmp_path: Path) -> None:
        found = check(capsys, write(tmp_path, "h20_app", RPMSG), FILES / "h20_ppr.dts")
        assert (found["code"], codes(found)) == (0, [])
        assert "other-backend" in codes(found, "note")

    def test_icmsg_against_rpmsg_is_a_mistake_of_that_pair(self, capsys: Capture, tmp_path: Path) -> None:
        found = check(capsys, FILES / "h20_app.dts", write(tmp_path, "h20_rad", RPMSG))
        assert (found["code"], codes(found)) == (1, ["backends-differ"])
        assert "is zephyr,ipc-openamp-static-vrings: both sides have to be the same backend" in messages(
            found
        )

    def test_icbmsg_with_a_third_core_is_left_aside(self, capsys: Capture, tmp_path: Path) -> None:
        found = check(capsys, write(tmp_path, "h20_app", ICBMSG), FILES / "h20_ppr.dts")
        assert (found["code"], codes(found)) == (0, [])
        assert ("app", "ipc0", "rad") in aside(found)

    def test_icmsg_against_icbmsg_is_a_mistake_of_that_pair(self, capsys: Capture, tmp_path: Path) -> None:
        found = check(capsys, FILES / "h20_app.dts", write(tmp_path, "h20_rad", ICBMSG))
        assert (found["code"], codes(found)) == (1, ["backends-differ"])
        assert "is zephyr,ipc-icmsg, and this is zephyr,ipc-icbmsg: both sides have to be" in messages(found)
