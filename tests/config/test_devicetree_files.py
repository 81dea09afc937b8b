"""Devicetrees as users have them load unchanged: complete ones, overlays alone, excerpts, big ones, many instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from config_files import DATA

from icmsg.config import InstanceConfig, Region
from icmsg.config.devicetree import load_devicetree, parse_devicetree
from icmsg.config.load import load_instances

if TYPE_CHECKING:
    from pathlib import Path

TX, RX = Region(0x2007_0000, 0x800), Region(0x2007_8000, 0x800)


@pytest.mark.parametrize("pair", ["{}.dts", "sample_{}.overlay"])
def test_the_example_and_its_mirrored_side_load(pair: str) -> None:
    (app,) = load_instances(DATA / pair.format("app"))
    (net,) = load_instances(DATA / pair.format("net"), core="net")
    assert app.config == InstanceConfig(TX, RX, tx_channel=0, rx_channel=1, rx_limit=128, name="ipc0")
    assert net.config == InstanceConfig(RX, TX, tx_channel=1, rx_channel=0, rx_limit=128, name="ipc0")
    assert (app.name, app.path, app.core, net.core) == ("ipc0", "/ipc/ipc0", "app", "net")


def test_an_excerpt_of_the_root_loads_with_the_brace_that_it_ends_with() -> None:
    text = (DATA / "app.dts").read_text(encoding="utf-8")
    assert parse_devicetree(text + "};\n", "app.dts") == parse_devicetree(text, "app.dts")


def test_nodes_outside_of_the_root_may_stand_between_others_and_on_one_line() -> None:
    tree = parse_devicetree(
        '&mbox { status = "okay"; };tx: t@0 { reg = <0x1000 64>; };rx: r@1 { reg = <0x2000 64>; };'
        'ipc0: ipc { compatible = "zephyr,ipc-icmsg"; tx-region = <&tx>; rx-region = <&rx>;'
        ' mboxes = <&mbox 3>, <&mbox 4>; mbox-names = "tx", "rx"; };'
    )
    (node,) = tree.instances
    assert (node.path, node.tx_region.region, node.rx_channel.number) == ("/ipc", Region(0x1000, 64), 4)


@pytest.mark.parametrize("between", ["&mbox { };", '/ { model = "x"; };', "};"])
def test_an_excerpt_may_go_on_behind_anything_that_ends(between: str) -> None:
    text = (DATA / "app.dts").read_text(encoding="utf-8")
    assert text.count("\nipc {") == 1
    (node,) = parse_devicetree(text.replace("\nipc {", f"{between}\nipc {{"), "app.dts").instances
    (same,) = parse_devicetree(text, "app.dts").instances
    assert (node.path, node.place, node.tx_region, node.rx_region) == (
        same.path,
        same.place,
        same.tx_region,
        same.rx_region,
    )


def test_a_zephyr_dts_gives_what_its_comments_say_about_their_origin() -> None:
    tree = load_devicetree(DATA / "zephyr_app.dts")
    (node,) = tree.instances
    overlay = "my_app/app/boards/nrf5340dk_nrf5340_cpuapp.overlay"
    assert node.place.origin == f"{overlay}:19"
    assert node.place_of("unbound").origin == f"{overlay}:22"
    assert node.place_of("mboxes").origin == f"{overlay}:25"  # on the second line of the value
    assert node.tx_region.place.origin == f"{overlay}:9"
    assert node.tx_channel.mailbox.place.origin == "zephyr/dts/arm/nordic/nrf5340_cpuapp.dtsi:90"
    assert tree.complete
    assert tree.sram is not None
    assert (tree.sram.path, tree.sram.region) == (
        "/reserved-memory/image@20000000",
        Region(0x2000_0000, 0x7_0000),
    )
    assert "nordic,nrf5340" in tree.compatible


def test_a_zephyr_dts_gives_sessions() -> None:
    (app,) = load_instances(DATA / "zephyr_app.dts")
    (net,) = load_instances(DATA / "zephyr_net.dts", core="net")
    assert (app.config.unbound, net.config.unbound) == ("enable", "detect")
    assert (app.config.dcache_alignment, net.config.dcache_alignment) == (8, 8)
    assert (app.config.tx_region, app.config.tx_channel) == (net.config.rx_region, net.config.rx_channel)


def test_places_are_lines_of_the_file() -> None:
    for name in ("app.dts", "sample_net.overlay", "zephyr_net.dts", "nrf54l15_app.overlay"):
        lines = (DATA / name).read_text(encoding="utf-8").split("\n")
        (node,) = load_devicetree(DATA / name).instances
        assert "ipc0: ipc0 {" in lines[node.place.line - 1]
        for prop in ("tx-region", "rx-region", "mboxes", "mbox-names", "status"):
            assert lines[node.place_of(prop).line - 1].strip().startswith(f"{prop} =")
        assert "reg = " in lines[node.tx_region.place.line - 1]


def test_mailboxes_of_their_own_for_each_direction() -> None:
    (node,) = load_devicetree(DATA / "nrf54l15_app.overlay").instances
    assert (str(node.tx_channel), str(node.rx_channel)) == ("<&cpuapp_vevif_tx 21>", "<&cpuapp_vevif_rx 20>")
    assert node.tx_region.path == "/soc/reserved-memory/memory@20020000"


def test_eight_instances_keep_their_names_and_order() -> None:
    app = load_instances(DATA / "eight_app.dts")
    net = load_instances(DATA / "eight_net.dts", core="net")
    assert [instance.name for instance in app] == [f"ipc{number}" for number in range(8)]
    assert [instance.name for instance in net] == [f"link{number}" for number in reversed(range(8))]
    for ours, theirs in zip(app, reversed(net), strict=True):
        assert (ours.config.tx_region, ours.config.tx_channel) == (
            theirs.config.rx_region,
            theirs.config.rx_channel,
        )
        assert (ours.config.rx_region, ours.config.rx_channel) == (
            theirs.config.tx_region,
            theirs.config.tx_channel,
        )


TREE = """
/dts-v1/;
/ {
    #address-cells = <1>;
    #size-cells = <1>;
    tx: tx@1000 { reg = <0x1000 64>; };
    rx: rx@2000 { reg = <0x2000 64>; };
    mbox: mbox { #mbox-cells = <1>; };
    a { ipc { %s }; };
    b { ipc { %s }; };
};
"""
ICMSG = (
    'compatible = "zephyr,ipc-icmsg"; tx-region = <&tx>; rx-region = <&rx>; mboxes = <&mbox 0>, <&mbox 1>;'
    ' mbox-names = "tx", "rx";'
)


def test_two_nodes_without_a_label_are_told_apart_by_their_paths() -> None:
    tree = parse_devicetree(TREE % (ICMSG, ICMSG))
    assert [node.name for node in tree.instances] == ["/a/ipc", "/b/ipc"]


@pytest.mark.parametrize("status", ["okay", "ok"])
def test_only_enabled_nodes_count(status: str) -> None:
    tree = parse_devicetree(TREE % (f'{ICMSG} status = "{status}";', f'{ICMSG} status = "disabled";'))
    assert [node.path for node in tree.instances] == ["/a/ipc"]


def test_a_fallback_compatible_counts() -> None:
    text = ICMSG.replace('"zephyr,ipc-icmsg"', '"vendor,fast-ipc", "zephyr,ipc-icmsg"')
    assert len(parse_devicetree(TREE % (text, ICMSG)).instances) == 2


def test_phandles_may_be_numbers_as_in_a_decompiled_tree() -> None:
    text = (TREE % (ICMSG, "")).replace("reg = <0x1000 64>;", "reg = <0x1000 64>; phandle = <0x77>;")
    (node,) = parse_devicetree(text.replace("tx-region = <&tx>", "tx-region = <0x77>")).instances
    assert node.tx_region.path == "/tx@1000"


def test_an_include_that_dtlib_can_follow_is_followed(tmp_path: Path) -> None:
    (tmp_path / "board.dtsi").write_text((TREE % (ICMSG, "")).replace("/dts-v1/;", ""), encoding="utf-8")
    main = tmp_path / "app.dts"
    main.write_text('/dts-v1/;\n/include/ "board.dtsi"\n', encoding="utf-8")
    (node,) = load_devicetree(main).instances
    assert (node.place.file, node.place.line) == (str(tmp_path / "board.dtsi"), 9)


def test_a_preprocessed_tree_gives_the_files_that_it_was_made_from() -> None:
    lines = (TREE % (ICMSG, "")).split("\n")
    text = '# 1 "board.dts"\n' + "\n".join(lines[:8]) + '\n# 41 "app.overlay" 2\n' + "\n".join(lines[8:])
    (node,) = parse_devicetree(text, "zephyr.dts.pre").instances
    assert (str(node.place), str(node.tx_region.place)) == ("app.overlay:41", "board.dts:6")


def test_windows_line_ends_do_not_move_lines() -> None:
    text = (DATA / "sample_app.overlay").read_text(encoding="utf-8")
    assert parse_devicetree(text.replace("\n", "\r\n"), "x") == parse_devicetree(text, "x")


def test_other_backends_and_their_memory_are_known() -> None:
    vrings = 'compatible = "zephyr,ipc-openamp-static-vrings"; memory-region = <&tx>;'
    tree = parse_devicetree(TREE % (ICMSG, vrings))
    (other,) = tree.others
    assert (other.path, other.compatible, other.regions[0].path) == (
        "/b/ipc",
        "zephyr,ipc-openamp-static-vrings",
        "/tx@1000",
    )


def test_other_nodes_that_cannot_be_read_do_not_matter() -> None:
    text = (
        TREE % (ICMSG, 'compatible = "zephyr,ipc-openamp-static-vrings"; tx-region = <&mbox 7>;')
    ).replace(
        "mbox: mbox",
        'chosen { zephyr,sram = "/nowhere"; zephyr,flash = <1>; };\n reserved-memory { bad { }; };\n mbox: mbox',
    )
    tree = parse_devicetree(text)
    assert (tree.sram, tree.reserved, tree.others[0].regions) == (None, (), ())
