"""Files as people have them: overlays of the board's nodes, other SoCs and mailboxes, build folders."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from config_files import DATA

from icmsg.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]
CASES = DATA / "cases"
SIDES = {
    "06": ("06/06_app.overlay", "06/06_flpr.overlay"),
    "06b": ("06/06_app.overlay", "06/06b_flpr.overlay"),
    "07": ("07/07_app.overlay", "07/07_pro.overlay"),
    "07 whole": ("07/07_full_app.dts", "07/07_full_pro.dts"),
    "08": ("08/08_m33.overlay", "08/08_m55.overlay"),
}
HSEM = """
/ {
    /delete-node/ memory@38000000;
    down: memory@38000000 { reg = <0x38000000 0x8000>; zephyr,memory-attr = <(DT_MEM_ARM(NOCACHE))>; };
    up: memory@38008000 { reg = <0x38008000 0x8000>; };
    ipc0: ipc0 {
        compatible = "zephyr,ipc-icmsg";
        TX-region = <&down>; RX-region = <&up>;
        mboxes = <&mailbox 11>, <&mailbox 10>; mbox-names = "TX", "RX";
    };
};
&mailbox { status = "okay"; };
"""
FIFO = """
/ {
    a: memory@20080000 { reg = <0x20080000 0x1000>; };
    b: memory@20081000 { reg = <0x20081000 0x1000>; };
    ipc0: ipc0 {
        compatible = "zephyr,ipc-icmsg"; dcache-alignment = <32>;
        TX-region = <&a>; RX-region = <&b>;
        mboxes = <&mbox>, <&mbox>; mbox-names = "TX", "RX";
    };
};
"""
ONE_CHANNEL = FIFO.replace("<&mbox>, <&mbox>", "<&mbox 0 &mbox 0>")


def check(capsys: Capture, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main(["check", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def refused(capsys: Capture, *arguments: str | Path) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith("icmsg: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def codes(found: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in found["findings"] if finding["severity"] != "note"}


def test_an_overlay_that_edits_the_boards_node_asks_for_the_zephyr_dts_and_says_where_it_is(
    capsys: Capture,
) -> None:
    said = refused(capsys, "check", CASES / "01/01_app.overlay", CASES / "01/01_net.overlay")
    assert "01_app.overlay:1: &ipc0 is a node of the board, whose files have its mboxes" in said
    assert "BUILD/zephyr/zephyr.dts, with sysbuild BUILD/IMAGE/zephyr/zephyr.dts" in said


@pytest.mark.parametrize("case", SIDES)
def test_an_soc_that_is_not_the_nrf5340_is_checked_without_a_platform(capsys: Capture, case: str) -> None:
    code, found = check(capsys, *(CASES / name for name in SIDES[case]))
    assert found["platform"] is None
    assert found["platform_reason"]
    assert (code, codes(found)) == ((1, {"alignments-differ"}) if case == "06b" else (0, set()))
    main(["check", *(str(CASES / name) for name in SIDES[case])])
    said = " ".join(capsys.readouterr().out.split())
    assert "memory was not checked against a platform (the SoC is" in said
    assert "flash" not in said


@pytest.mark.parametrize("text", [HSEM, FIFO, ONE_CHANNEL], ids=["semaphores", "FIFO", "one channel"])
def test_pairs_on_other_mailboxes_will_bond(capsys: Capture, tmp_path: Path, text: str) -> None:
    for core, tx, rx in (("app", "tx", "rx"), ("net", "rx", "tx")):
        (tmp_path / f"{core}.overlay").write_text(text.replace("TX", tx).replace("RX", rx), encoding="utf-8")
    code, found = check(capsys, tmp_path / "app.overlay", tmp_path / "net.overlay")
    assert (code, codes(found), found["platform"]) == (0, set(), None)


@pytest.mark.parametrize("compatible", ["nordic,mbox-nrf-ipc", "st,mbox-stm32-hsem"])
def test_one_channel_for_both_ways_is_an_error_where_a_core_hears_itself(
    capsys: Capture, tmp_path: Path, compatible: str
) -> None:
    text = (
        (CASES / "07/07_full_app.dts").read_text(encoding="utf-8").replace("espressif,mbox-esp32", compatible)
    )
    path = tmp_path / "app.dts"
    path.write_text(text, encoding="utf-8")
    code, found = check(capsys, path, "--platform", "none")
    assert (code, codes(found)) == (1, {"channel-shared"})
    assert "<&mbox0 0>" in found["findings"][0]["message"]


def test_run_names_a_channel_that_is_not_there_as_the_devicetree_does(capsys: Capture) -> None:
    app, net = (CASES / name for name in SIDES["06"])
    said = refused(capsys, "run", "--app-dts", app, "--net-dts", net)
    assert f"{app}:18: <&cpuapp_vevif_tx 21> of app: what runs here is the nRF5340" in said
    assert "another SoC (nrf54)" in said


def test_run_names_the_option_that_limits_a_message(capsys: Capture) -> None:
    said = refused(
        capsys, "run", CASES / "10/sysbuild", "--app", "python", "--net", "echo", "--size", "1:200"
    )
    assert "CONFIG_PBUF_RX_READ_BUF_SIZE of net takes at most 64" in said


def test_a_side_that_is_rpmsg_is_called_so(capsys: Capture, tmp_path: Path) -> None:
    net = tmp_path / "net.dts"
    text = (DATA / "net.dts").read_text(encoding="utf-8")
    net.write_text(text.replace("zephyr,ipc-icmsg", "zephyr,ipc-openamp-static-vrings"), encoding="utf-8")
    said = refused(capsys, "check", DATA / "app.dts", net)
    assert "RPMsg over OpenAMP (zephyr,ipc-openamp-static-vrings), not supported yet" in said
    assert "add one" not in said


def test_magic_against_detect_does_not_bond_where_the_magic_side_starts_the_other(
    capsys: Capture, tmp_path: Path
) -> None:
    def write(core: str, mode: str) -> Path:
        path = tmp_path / f"{core}.dts"
        text = (CASES / ("09/09_app.dts" if core == "app" else "09/05_net.dts")).read_text(encoding="utf-8")
        path.write_text(
            text.replace('"detect"', f'"{mode}"').replace("zephyr,sram = &sram0", "zephyr,sram = &app_image"),
            encoding="utf-8",
        )
        return path

    code, found = check(capsys, write("app", "disable"), write("net", "detect"))
    assert (code, codes(found)) == (1, {"disable-opens-first"})
    code, found = check(capsys, write("app", "detect"), write("net", "disable"))
    assert (code, codes(found)) == (0, set())
    said = refused(
        capsys,
        "run",
        "--app-dts",
        write("app", "disable"),
        "--net-dts",
        write("net", "detect"),
        "--net",
        "echo",
    )
    assert "opens first, so that the one ring is lost" in said


def test_sessions_with_different_alignments_do_not_bond(capsys: Capture, tmp_path: Path) -> None:
    net = tmp_path / "net.dts"
    text = (CASES / "09/05_net.dts").read_text(encoding="utf-8")
    net.write_text(text.replace("dcache-alignment = <8>", "dcache-alignment = <32>"), encoding="utf-8")
    code, found = check(capsys, CASES / "10/sysbuild/icmsg", net)
    assert (code, codes(found)) == (1, {"alignments-differ"})


def test_the_halves_of_a_board_for_trustzone_are_no_warning(capsys: Capture, tmp_path: Path) -> None:
    text = (DATA / "app.dts").read_text(encoding="utf-8")
    path = tmp_path / "app.dts"
    path.write_text(
        text + "/ { chosen { zephyr,sram-non-secure-partition = &ns; };"
        " reserved-memory { ns: ns@20040000 { reg = <0x20040000 0x40000>; }; }; };\n",
        encoding="utf-8",
    )
    assert "region-chosen" not in codes(check(capsys, path)[1])


class TestBuildFolder:
    """What ``west build`` leaves."""

    @pytest.fixture
    def build(self, tmp_path: Path) -> Path:
        return shutil.copytree(CASES / "10/sysbuild", tmp_path / "a build ü")

    def test_sysbuild_has_both_sides(self, capsys: Capture, build: Path) -> None:
        code, found = check(capsys, build)
        assert code == 0
        assert [side["core"] for side in found["sides"]] == ["app", "net"]
        assert [side["file"] for side in found["sides"]] == [
            str(build / "icmsg/zephyr/zephyr.dts"),
            str(build / "remote/zephyr/zephyr.dts"),
        ]
        assert [side["rx_limit"] for side in found["sides"]] == [256, 64]

    def test_two_folders_tell_themselves_which_core_they_are_for(self, capsys: Capture, build: Path) -> None:
        for folders in ((build / "icmsg", build / "remote"), (build / "remote", build / "icmsg")):
            _, found = check(capsys, *folders)
            assert [side["rx_limit"] for side in found["sides"]] == [256, 64]

    def test_names_of_folders_say_nothing(self, capsys: Capture, build: Path) -> None:
        (build / "icmsg").rename(build / "x")
        (build / "remote").rename(build / "icmsg")
        (build / "x").rename(build / "remote")
        _, found = check(capsys, build)
        assert [side["rx_limit"] for side in found["sides"]] == [256, 64]

    def test_a_bootloader_is_no_side(self, capsys: Capture, build: Path) -> None:
        loader = build / "mcuboot/zephyr"
        shutil.copytree(build / "icmsg/zephyr", loader)
        (loader / ".config").write_text('CONFIG_BOARD="nrf5340dk"\nCONFIG_MCUBOOT=y\n', encoding="utf-8")
        domains = build / "domains.yaml"
        domains.write_text(
            domains.read_text(encoding="utf-8") + "  - name: mcuboot\n    build_dir: build/mcuboot\n",
            encoding="utf-8",
        )
        _, found = check(capsys, build)
        assert [side["rx_limit"] for side in found["sides"]] == [256, 64]

    def test_images_of_other_cores_below_the_application(
        self, capsys: Capture, build: Path, tmp_path: Path
    ) -> None:
        old = shutil.copytree(build / "icmsg", tmp_path / "old")
        shutil.copytree(build / "remote", old / "hci_rpmsg")
        _, found = check(capsys, old)
        assert [side["rx_limit"] for side in found["sides"]] == [256, 64]

    @pytest.mark.parametrize(
        ("version", "release"), [("4.1.0", "4.1"), ("4.2.99", "4.3"), ("3.5.0", "4.4")], ids=str
    )
    def test_the_release_is_that_of_the_header(
        self, capsys: Capture, build: Path, version: str, release: str
    ) -> None:
        header = build / "icmsg/zephyr/include/generated/zephyr/version.h"
        header.parent.mkdir(parents=True)
        header.write_text(f'#define KERNEL_VERSION_STRING  "{version}"\n', encoding="utf-8")
        _, found = check(capsys, build)
        assert found["sides"][0]["release"] == release  # 3.5 has none of the options in this .config

    def test_the_release_of_build_info(self, capsys: Capture, build: Path) -> None:
        (build / "icmsg/build_info.yml").write_text(
            "cmake:\n  zephyr:\n    version: 4.2.1\n", encoding="utf-8"
        )
        assert check(capsys, build)[1]["sides"][0]["release"] == "4.2"

    @pytest.mark.parametrize("content", ["", "[", "domains: 3", "a: &a [*a]\n", "[" * 5000, "\xff"])
    def test_domains_that_are_none_are_refused(self, capsys: Capture, build: Path, content: str) -> None:
        (build / "domains.yaml").write_text(content, encoding="latin-1")
        assert "is not what west build" in refused(capsys, "check", build)

    def test_a_folder_with_one_core_twice_is_refused(self, capsys: Capture, build: Path) -> None:
        said = refused(capsys, "run", build / "icmsg", build / "icmsg")
        assert "one image for each core is needed, and this was found: " in said

    def test_a_build_without_an_image_is_refused_by_run(self, capsys: Capture, build: Path) -> None:
        assert "has no zephyr.elf and no zephyr.hex; build it" in refused(capsys, "run", build)
