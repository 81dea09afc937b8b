"""``icmsg check`` for ICBMsg and icmsg_me: what keeps two sides apart, and what does not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from icbmsg_files import CORES, PAIR, config_of, me, side_with, with_kconfig, with_properties
from nrf54_files import FILES, codes, messages, refused, write
from nrf54_files import check as check_files

from icmsg.cli.main import main
from icmsg.config.checks import Finding, check, will_bond
from icmsg.config.devicetree import parse_devicetree
from icmsg.errors import ConfigurationError, DevicetreeError

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]
NUM_EP = "CONFIG_IPC_SERVICE_BACKEND_ICBMSG_NUM_EP=2"
DEPTH = "CONFIG_IPC_SERVICE_BACKEND_ICBMSG_MAX_ACTIVE_COUNT=16"


def found(findings: list[Finding], *severities: str) -> dict[str, str]:
    wanted = severities or ("error", "warning")
    return {each.code: each.message for each in findings if each.severity in wanted}


def both(app: tuple[tuple[str, str], ...] = (), flpr: tuple[tuple[str, str], ...] = ()) -> list[Finding]:
    return [
        each
        for each in check(side_with("app", *app), side_with("flpr", *flpr))
        if each.code != "region-in-sram"
    ]


class TestGoodPairs:
    """Nothing is said that keeps them apart."""

    def test_a_correct_pair_will_bond(self, capsys: Capture) -> None:
        result = check_files(capsys, *(FILES / f"{name}.dts" for name in PAIR), platform=None)
        assert (result["code"], codes(result), result["platform"][-13:]) == (0, [], "nrf54l15.repl")

    @pytest.mark.parametrize("generation", ["icbmsg", "rework"])
    def test_a_pair_of_builds_will_bond_and_nothing_is_open(self, tmp_path: Path, generation: str) -> None:
        sides = [with_kconfig(tmp_path, core, config_of(core, generation)) for core in CORES]
        findings = check(*sides)
        assert {each.code for each in findings} <= {"region-in-sram"}
        expected = "rework" if generation == "rework" else "4.1"
        assert {side.generations for side in sides} == {(expected,)}

    def test_both_generations_are_alike_without_alignment(self) -> None:
        change = (("dcache-alignment = < 0x20 >;", ""),)
        sides = side_with("app", *change, release="3.7"), side_with("flpr", *change, release="4.2")
        assert will_bond(check(*sides))

    def test_the_table_shows_blocks_generation_and_role(self, capsys: Capture) -> None:
        files = [str(FILES / f"{name}.dts") for name in PAIR]
        assert main(["check", *files, "--release", "3.7", "--platform", "none"]) == 0
        said = capsys.readouterr().out
        assert re.search(r"app +│ ipc0 +│ 3\.6 +│ tx 16 of 96 at 0x200 +│ initiator │ 4", said)
        assert "rx 18 of 64 at 0x380" in said

    def test_the_object_has_the_blocks(self, capsys: Capture) -> None:
        result = check_files(capsys, *(FILES / f"{name}.dts" for name in PAIR))
        (app,) = result["sides"][0]["instances"]
        layout = {"blocks_offset": 384, "block_size": 104, "block_count": 16, "longest": 1660}
        assert (app["backend"], app["generation"], app["role"]) == ("icbmsg", "4.1", "initiator")
        assert (app["tx_blocks"], app["rx_blocks"], app["num_ep"], app["tx_layout"]) == (16, 18, 4, layout)

    def test_the_rework_has_a_depth_and_no_roles(self, capsys: Capture) -> None:
        files = [str(FILES / f"{name}.dts") for name in PAIR]
        options = ["--release", "4.5", "--platform", "none"]
        assert main(["check", *files, *options]) == 0
        assert re.search(r"app +│ ipc0 +│ rework +│ tx 16 of 96 at 0x200 +│ - +│ 4", capsys.readouterr().out)
        main(["check", *files, *options, "--json"])
        (app,) = json.loads(capsys.readouterr().out)["sides"][0]["instances"]
        assert (app["slots"], app["generations"], "role" in app) == (16, ["rework"], False)

    def test_a_layout_that_cannot_be_is_left_out(self, capsys: Capture, tmp_path: Path) -> None:
        path = write(tmp_path, PAIR[0], ("tx-blocks = < 0x10 >", "tx-blocks = <999>"))
        (app,) = check_files(capsys, path)["sides"][0]["instances"]
        assert (app["tx_blocks"], "tx_layout" in app) == (999, False)
        main(["check", str(path), "--release", "4.1"])
        assert "Blocks" not in capsys.readouterr().out.replace("tx-blocks", "")

    def test_icmsg_me_has_its_role(self, capsys: Capture, tmp_path: Path) -> None:
        (app,) = check_files(capsys, write(tmp_path, PAIR[0], *me("initiator")))["sides"][0]["instances"]
        assert (app["backend"], app["role"], app["num_ep"]) == ("icmsg_me", "initiator", 2)


class TestPairsThatNeverBind:
    """One mistake each, and its text names both places and the fix."""

    def test_blocks_that_are_not_crossed(self) -> None:
        said = found(
            both(
                flpr=(
                    ("tx-blocks = < 0x12 >", "tx-blocks = < 0x10 >"),
                    ("rx-blocks = < 0x10 >", "rx-blocks = < 0x12 >"),
                )
            )
        )
        assert list(said) == ["blocks-not-swapped"]
        assert (
            "tx-blocks = <16> and rx-blocks = <18> are those of app (app.dts:" in said["blocks-not-swapped"]
        )
        assert "swap the two numbers" in said["blocks-not-swapped"]

    @pytest.mark.parametrize(
        ("old", "says"),
        [
            (
                "tx-blocks = < 0x12 >",
                r"flpr has tx-blocks = <17> \(flpr.dts:\d+.*\), but app rx-blocks = <18> \(app.dts:\d+",
            ),
            (
                "rx-blocks = < 0x10 >",
                r"app has tx-blocks = <16> \(app.dts:\d+.*\), but flpr rx-blocks = <17> \(flpr.dts:\d+",
            ),
        ],
    )
    def test_other_numbers_of_blocks(self, old: str, says: str) -> None:
        said = found(both(flpr=((old, f"{old[:9]} = <17>"),)))
        assert list(said) == ["blocks-differ"]
        assert re.search(says, said["blocks-differ"])

    def test_another_alignment(self) -> None:
        said = found(both(flpr=(("dcache-alignment = < 0x20 >", "dcache-alignment = <64>"),)))
        assert list(said) == ["alignments-differ"]
        assert "aligned to 64 bytes here, but to 32 for app" in said["alignments-differ"]
        assert "set dcache-alignment = <64> on both sides" in said["alignments-differ"]

    @pytest.mark.parametrize(
        ("releases", "says"),
        [
            (
                ("4.1", "3.7"),
                "generation 4.1: blocks of 104 bytes from offset 384 on, 3.6: of 96 from 512 on",
            ),
            (("3.6", "4.4"), "Build both with Zephyr 3.6 to 4.0, or both with Zephyr 4.1 to 4.4"),
            (("4.1", "4.5"), "the newer one announces messages in queues of its own"),
            (("4.5", "3.7"), "Build both with a Zephyr after 4.4, or both with Zephyr 3.6 to 4.0"),
        ],
    )
    def test_two_generations(self, releases: tuple[str, str], says: str) -> None:
        sides = [side_with(core, release=release) for core, release in zip(CORES, releases, strict=True)]
        said = found([each for each in check(*sides) if each.code != "region-in-sram"])
        assert list(said) == ["generations-differ"]
        assert says in said["generations-differ"]
        assert "can never bind" in said["generations-differ"]

    def test_two_depths_of_the_rework(self, tmp_path: Path) -> None:
        sides = [
            with_kconfig(tmp_path, core, config_of(core, "rework").replace(DEPTH, DEPTH.replace("16", depth)))
            for core, depth in zip(CORES, ("16", "32"), strict=True)
        ]
        said = found(check(*sides), "error")
        assert list(said) == ["depths-differ"]
        assert re.search(
            r"MAX_ACTIVE_COUNT=16 \(.*app.config:8\), flpr 32 \(.*flpr.config:8\)", said["depths-differ"]
        )

    @pytest.mark.parametrize(("release", "expected"), [("4.4", []), ("4.5", ["alignments-of-image"])])
    def test_two_alignments_in_one_image_of_the_rework(self, release: str, expected: list[str]) -> None:
        second = (
            "\tipc {\n",
            "\tmore: memory@20030000 { reg = <0x20030000 0x800>; };\n"
            "\tless: memory@20031000 { reg = <0x20031000 0x800>; };\n"
            '\tipc {\n\t\tipc1: ipc1 { compatible = "zephyr,ipc-icbmsg"; tx-region = <&more>; rx-region = <&less>; '
            "tx-blocks = <4>; rx-blocks = <4>; mboxes = <&cpuapp_vevif_rx 0x14>, <&cpuapp_vevif_tx 0x10>; "
            'mbox-names = "rx", "tx"; };\n',
        )
        said = found(check(side_with("app", second, release=release)), "error")
        assert [code for code in said if code.startswith("align")] == expected
        assert all("set dcache-alignment = <32> on each" in said[code] for code in expected)

    def test_regions_that_are_too_small(self) -> None:
        said = found(
            both(
                app=(("tx-blocks = < 0x10 >", "tx-blocks = <250>"),),
                flpr=(("rx-blocks = < 0x10 >", "rx-blocks = <250>"),),
            )
        )
        assert list(said) == ["instance"]
        assert "is too small for" in said["instance"]

    def test_more_blocks_than_the_rework_has(self) -> None:
        changes = ("tx-blocks = < 0x10 >", "tx-blocks = <33>"), ("rx-blocks = < 0x10 >", "rx-blocks = <33>")
        sides = side_with("app", changes[0], release="4.5"), side_with("flpr", changes[1], release="4.5")
        findings = [each for each in check(*sides) if each.severity == "error"]
        assert [(each.code, each.core) for each in findings] == [("instance", "app"), ("instance", "flpr")]
        assert "tx-region has 33 blocks" in findings[0].message
        assert "rx-region has 33 blocks" in findings[1].message

    def test_a_release_before_icbmsg(self) -> None:
        said = found(check(side_with("app", ("dcache-alignment = < 0x20 >;", ""), release="3.5"), None))
        assert "zephyr,ipc-icbmsg exists since Zephyr 3.6, and this is Zephyr 3.5" in said["instance"]

    def test_a_backend_that_is_not_built(self, tmp_path: Path) -> None:
        off = config_of("app").replace("BACKEND_ICBMSG=y", "BACKEND_ICMSG=y")
        said = found(check(with_kconfig(tmp_path, "app", off)), "error")
        assert "set CONFIG_IPC_SERVICE=y and CONFIG_IPC_SERVICE_BACKEND_ICBMSG=y" in said["backend-off"]

    def test_a_control_channel_that_cannot_bond(self, tmp_path: Path) -> None:
        option = "CONFIG_IPC_SERVICE_ICMSG_UNBOUND_DISABLED_ALLOWED"
        off = config_of("app").replace(f"{option}=y", f"# {option} is not set")
        said = found(check(with_kconfig(tmp_path, "app", off)), "error")
        assert "(as zephyr,ipc-icbmsg always is) is not built" in said["mode-forbidden"]
        assert "another mode" not in said["mode-forbidden"]
        short = config_of("app").replace("READ_BUF_SIZE=128", "READ_BUF_SIZE=12")
        assert (
            "cannot hold the 13 bytes of the magic"
            in found(check(with_kconfig(tmp_path, "app", short)))["instance"]
        )


class TestWarningsAndNotes:
    """The verdict stays, and there is something to know."""

    def test_unbound_has_no_effect(self) -> None:
        findings = both(app=(with_properties(unbound="enable"),))
        assert will_bond(findings)
        said = found(findings, "note")
        assert 'unbound = "enable" has no effect on zephyr,ipc-icbmsg' in said["unbound-ignored"]

    def test_an_open_generation_is_said_where_it_matters(self) -> None:
        sides = [side_with(core, release=None) for core in CORES]
        said = found(check(*sides), "note")
        assert "generation 3.6 or 4.1 or rework, which differ here: taken as 4.1" in said["generation-open"]
        assert sides[0].generation == "4.1"

    def test_of_40_either_classic_generation_is_possible(self) -> None:
        sides = side_with("app", release="4.0"), side_with("flpr", release="4.1")
        findings = check(*sides)
        assert will_bond(findings)
        assert (
            "as taken, app (Zephyr 4.0) has ICBMsg of generation 3.6" in found(findings)["generations-open"]
        )
        given = side_with("app", release="4.0", generation="4.1")
        assert "generations-open" not in found(check(given, sides[1]))
        aligned = "dcache-alignment = < 0x20 >;"
        assert "generation-open" not in found(check(side_with("app", (aligned, ""), release="4.0")), "note")

    def test_room_for_fewer_endpoints(self, tmp_path: Path) -> None:
        sides = [
            with_kconfig(tmp_path, core, config_of(core).replace(NUM_EP, f"{NUM_EP[:-1]}{number}"))
            for core, number in zip(CORES, (4, 3), strict=True)
        ]
        findings = check(*sides)
        assert will_bond(findings)
        said = found(findings)["endpoints-differ"]
        assert said.startswith("flpr has room for 3 endpoints and the other side for 4")

    def test_the_limit_of_icmsg_is_none_of_icbmsg(self) -> None:
        assert "rx-limit" not in found(both(), "note")


class TestOptions:
    """``--generation`` and the names of both cores before it."""

    def test_it_tells_what_the_files_do_not(self, capsys: Capture) -> None:
        files = [str(FILES / f"{name}.dts") for name in PAIR]
        assert main(["check", *files, "--platform", "none", "--generation", "rework"]) == 0
        assert (
            main(
                ["check", *files, "--platform", "none", "--generation", "rework", "--flpr-generation", "4.1"]
            )
            == 1
        )
        said = " ".join(capsys.readouterr().out.split())
        assert "flpr (Zephyr 4.0 to 4.4)" in said.replace("│ ", "").replace("  ", " ")

    def test_it_may_not_contradict_the_release(self, capsys: Capture) -> None:
        said = refused(capsys, FILES / f"{PAIR[0]}.dts", "--release", "4.1", "--generation", "rework")
        assert "generation rework of ICBMsg is given, but Zephyr 4.1 (as given) has 4.1" in said

    def test_one_of_a_core_that_is_not_there_is_refused(self, capsys: Capture) -> None:
        said = refused(capsys, FILES / f"{PAIR[0]}.dts", "--rad-generation", "4.1")
        assert "--rad-generation: no file here is of core rad" in said


class TestIcmsgMe:
    """Initiator and follower."""

    def test_a_correct_pair_will_bond(self) -> None:
        findings = both(app=me("initiator"), flpr=me("follower"))
        assert found(findings) == {}
        assert "rx-limit" in found(findings, "note")

    @pytest.mark.parametrize(
        ("role", "says"),
        [
            (
                "initiator",
                "endpoints bind by number, whatever they are called. Make one side zephyr,ipc-icmsg-me-follower",
            ),
            ("follower", "nothing binds. Make one side zephyr,ipc-icmsg-me-initiator"),
        ],
    )
    def test_two_of_one_role(self, role: str, says: str) -> None:
        said = found(both(app=me(role), flpr=me(role)))
        assert list(said) == ["roles-equal"]
        assert says in said["roles-equal"]

    def test_one_side_icbmsg_and_the_other_icmsg_me(self) -> None:
        said = found(both(flpr=me("follower")))
        assert list(said) == ["backends-differ"]
        assert "is zephyr,ipc-icbmsg, and this is zephyr,ipc-icmsg-me-follower" in said["backends-differ"]

    def test_it_needs_what_icmsg_needs(self) -> None:
        said = found(both(app=me("initiator"), flpr=(*me("follower"), ("dcache-alignment = < 0x20 >;", ""))))
        assert list(said) == ["alignments-differ"]
        assert "unbound-ignored" in found(
            both(app=(*me("initiator"), ("status", 'unbound = "detect"; status'))), "note"
        )


class TestNodes:
    """Properties that a node has to have."""

    @pytest.mark.parametrize("name", ["tx-blocks", "rx-blocks"])
    def test_a_node_without_blocks_is_refused(self, capsys: Capture, tmp_path: Path, name: str) -> None:
        said = refused(capsys, write(tmp_path, PAIR[0], (name, "other")))
        assert f"/ipc/ipc0 has no {name}; add one, for example {name} = <16>, with the same number in" in said

    def test_an_overlay_is_asked_for_the_boards_files(self) -> None:
        with pytest.raises(DevicetreeError, match=r"&ipc0.*tx-blocks|tx-blocks.*zephyr\.dts"):
            parse_devicetree(
                "/ { tx: memory@20070000 { reg = <0x20070000 0x800>; };\n rx: memory@20078000 "
                '{ reg = <0x20078000 0x800>; };\n ipc0: ipc0 { compatible = "zephyr,ipc-icbmsg"; tx-region = <&tx>; '
                'rx-region = <&rx>; mboxes = <&mbox 0>, <&mbox 1>; mbox-names = "tx", "rx"; }; };',
                "app.overlay",
            )

    @pytest.mark.parametrize("value", ["<1 2>", '"many"'])
    def test_a_number_of_blocks_is_one_number(self, value: str) -> None:
        with pytest.raises(ConfigurationError, match="tx-blocks of /ipc/ipc0 has to be"):
            side_with("app", ("tx-blocks = < 0x10 >", f"tx-blocks = {value}"))

    def test_no_blocks_at_all_are_an_error(self) -> None:
        said = found(both(app=(("tx-blocks = < 0x10 >", "tx-blocks = <0>"),)))
        assert "tx-region has 0 blocks" in said["instance"]


def test_no_text_says_that_icbmsg_is_not_supported(capsys: Capture) -> None:
    result = check_files(capsys, *(FILES / f"{name}.dts" for name in PAIR))
    assert "not supported" not in messages(result)
