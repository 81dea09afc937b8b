"""Which SoC and which core files are for, by Kconfig, compatible, labels and names of overlays; names of options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from config_files import DATA
from nrf54_files import FILES, H20, L15, check, codes, refused, source

from icmsg.cli.main import main
from icmsg.config.boards import BOARDS
from icmsg.config.build_folder import build_sides
from icmsg.config.built_for import board_in, core_in, core_of, soc_of
from icmsg.config.devicetree import parse_devicetree
from icmsg.config.kconfig import parse_kconfig
from icmsg.config.load import load_side
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("text", "board"),
    [
        ("nordic,nrf5340-dk-nrf5340-cpuapp", "nrf5340"),
        ("nRF5340_CPUAPP_QKAA", "nrf5340"),
        ("nordic,nrf54l15dk_nrf54l15-cpuflpr", "nrf54l15"),
        ("nrf54l15dk/nrf54l15/cpuflpr/xip", "nrf54l15"),
        ("nrf54l15_enga_cpuapp", "nrf54l15"),
        ("nordic,nrf54h20dk_nrf54h20-cpurad", "nrf54h20"),
        ("nrf54h20dk", "nrf54h20"),
        ("nordic,nrf54l15dk_nrf54l10-cpuapp", None),
        ("nrf54l15dk/nrf54l05/cpuapp", None),
        ("nordic,nrf9280pdk_nrf9280-cpuapp", None),
        ("nordic,nrf54lm20dk_nrf54lm20a-cpuapp", None),
        ("st,stm32h747i-disco", None),
    ],
)
def test_a_kits_name_is_not_that_of_its_soc(text: str, board: str | None) -> None:
    found = board_in(text)
    assert (found.name if found is not None else None) == board


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("nrf54l15dk/nrf54l15/cpuflpr", "flpr"),
        ("nrf5340dk_nrf5340_cpuappns", "app"),
        ("SOC_NRF54H20_CPURAD", "rad"),
        ("cpusys_vevif", "sys"),
        ("cpuapp_cpuppr_ipc", None),
        ("mbox", None),
    ],
)
def test_a_core_is_called_as_zephyr_does_without_the_cpu(text: str, core: str | None) -> None:
    assert core_in(text) == core


@pytest.mark.parametrize(
    ("name", "soc", "core"),
    [
        ("l15_app", "nrf54l15", "app"),
        ("l15_flpr", "nrf54l15", "flpr"),
        ("h20_app", "nrf54h20", "app"),
        ("h20_rad", "nrf54h20", "rad"),
        ("h20_ppr", "nrf54h20", "ppr"),
        ("nrf9280_rad", "nordic,nrf9280pdk_nrf9280-cpurad", "rad"),
    ],
)
def test_a_build_tells_by_the_compatible_of_its_root(name: str, soc: str, core: str) -> None:
    tree = parse_devicetree(source(name), "zephyr.dts")
    assert (soc_of(tree, None), core_of(tree)) == (soc, core)


def test_kconfig_tells_the_soc_of_a_board_of_ones_own() -> None:
    tree = parse_devicetree(source("l15_app", ("nordic,nrf54l15dk_nrf54l15-cpuapp", "mine,board")), "a.dts")
    assert soc_of(tree, None) == "mine,board"
    assert soc_of(tree, parse_kconfig('CONFIG_SOC="nrf54l15"', ".config")) == "nrf54l15"
    assert core_of(tree) == "app"  # by cpuapp_vevif_rx, on which it hears


@pytest.mark.parametrize(
    ("file", "soc", "core"),
    [
        ("app.overlay", "nrf54", "app"),
        ("boards/nrf54l15dk_nrf54l15_cpuapp.overlay", "nrf54l15", "app"),
        ("boards/nrf54l15dk_nrf54l10_cpuapp.overlay", "nrf54", "app"),
    ],
)
def test_an_overlay_tells_by_its_name_and_by_what_it_hears_on(file: str, soc: str, core: str) -> None:
    tree = parse_devicetree((DATA / "nrf54l15_app.overlay").read_text(encoding="utf-8"), file)
    assert (soc_of(tree, None), core_of(tree)) == (soc, core)


@pytest.mark.parametrize("pair", [L15, H20], ids=["nRF54L15", "nRF54H20"])
def test_sides_are_called_after_their_cores_in_whatever_order_they_are_given(
    capsys: Capture, pair: tuple[str, str]
) -> None:
    files = [FILES / f"{name}.dts" for name in pair]
    for given in (files, files[::-1]):
        found = check(capsys, *given)
        assert [side["core"] for side in found["sides"]] == [name.split("_")[1] for name in pair]
        assert found["code"] == 0


def test_options_are_those_of_the_core_or_of_the_side(capsys: Capture) -> None:
    files = [FILES / f"{name}.dts" for name in L15]
    config = str(DATA / "zephyr_4_1.config")
    for option in ("--flpr-kconfig", "--net-kconfig"):
        found = check(capsys, *files, option, config)
        assert [side["kconfig"] for side in found["sides"]] == [[], [config]]
    found = check(capsys, *files, "--flpr-release", "3.4", "--app-release", "4.1")
    assert codes(found) == ["instance", "generations-differ"]
    said = refused(capsys, *files, "--rad-kconfig", config)
    assert "--rad-kconfig: no file here is of core rad; they are of app and flpr" in said


def test_options_of_a_named_soc_are_those_of_its_cores(capsys: Capture) -> None:
    files = [FILES / f"{name}.dts" for name in H20]
    found = check(capsys, *files, "--soc", "nrf54h20", "--rad-release", "4.0")
    assert [side["release"] for side in found["sides"]] == ["4.1", "4.0"]
    said = refused(capsys, *files, "--soc", "nrf5340")
    assert "--soc nrf5340: " in said
    assert "is of the nRF54H20; give --soc nrf54h20" in said


@pytest.mark.parametrize(
    ("pair", "soc"), [(L15, "nrf54l15"), (H20, "nrf54h20")], ids=["nRF54L15", "nRF54H20"]
)
def test_memory_is_judged_with_the_socs_own_platform(
    capsys: Capture, tmp_path: Path, pair: tuple[str, str], soc: str
) -> None:
    found = check(capsys, *(FILES / f"{name}.dts" for name in pair), platform=None)
    assert (found["code"], codes(found)) == (0, [])
    assert found["platform"].endswith(f"{soc}.repl")
    assert found["platform_reason"] == f"the SoC is the {BOARDS[soc].title}"
    moved = {"nrf54l15": ("0x20018000 0x800", "0x20040000 0x800"), "nrf54h20": ("0x2f0bf000 ", "0x22000000 ")}
    files = []
    for name in pair:
        path = tmp_path / f"{name}.dts"
        path.write_text(source(name, moved[soc]), encoding="utf-8")
        files.append(path)
    assert "region-not-accessible" in codes(check(capsys, *files, platform=None))


def test_a_core_that_the_platform_lacks_is_said(capsys: Capture) -> None:
    files = [str(FILES / f"{name}.dts") for name in ("h20_app", "h20_ppr")]
    main(["check", *files, "--release", "4.1"])
    out = " ".join(capsys.readouterr().out.split())
    assert "the platform file has no core ppr, and memory was checked without it" in out


def test_overlays_called_as_a_build_wants_them_are_of_their_boards_soc(
    capsys: Capture, tmp_path: Path
) -> None:
    files = [tmp_path / f"nrf54l15dk_nrf54l15_{core}.overlay" for core in ("cpuflpr", "cpuapp")]
    for path, name in zip(files, ("flpr", "app"), strict=True):
        path.write_bytes((DATA / f"nrf54l15_{name}.overlay").read_bytes())
    found = check(capsys, *files, platform=None)
    assert [(side["core"], side["soc"]) for side in found["sides"]] == [
        ("app", "nrf54l15"),
        ("flpr", "nrf54l15"),
    ]
    assert (found["code"], codes(found)) == (0, [])
    assert found["platform"].endswith("nrf54l15.repl")


def test_files_of_two_socs_have_no_platform(capsys: Capture) -> None:
    found = check(capsys, FILES / "l15_app.dts", FILES / "h20_rad.dts", platform=None)
    assert (found["code"], found["platform"]) == (1, None)
    assert found["platform_reason"] == "the files are of two SoCs, nRF54L15 and nRF54H20"


class TestBuildFolders:
    """What ``west build`` leaves for these SoCs."""

    @staticmethod
    def image(folder: Path, name: str, *options: str) -> Path:
        zephyr = folder / "zephyr"
        zephyr.mkdir(parents=True)
        (zephyr / "zephyr.dts").write_text(source(name), encoding="utf-8")
        (zephyr / ".config").write_text(
            "".join(f"CONFIG_{option}\n" for option in (*options, "IPC_SERVICE_BACKEND_ICMSG=y")),
            encoding="utf-8",
        )
        return folder

    def sysbuild(self, folder: Path, **images: tuple[str, str]) -> Path:
        for name, (file, target) in images.items():
            self.image(folder / name, file, f'BOARD_TARGET="{target}"', f'BOARD_QUALIFIERS="{target}"')
        domains = "".join(f"  - name: {name}\n    build_dir: build/{name}\n" for name in images)
        (folder / "domains.yaml").write_text(
            f"default: {next(iter(images))}\nbuild_dir: build\ndomains:\n{domains}", encoding="utf-8"
        )
        return folder

    def test_sysbuild_has_the_cores_of_the_soc(self, capsys: Capture, tmp_path: Path) -> None:
        build = self.sysbuild(
            tmp_path, remote=("l15_flpr", "nrf54l15/cpuflpr"), sample=("l15_app", "nrf54l15/cpuapp")
        )
        found = check(capsys, build)
        assert [side["core"] for side in found["sides"]] == ["app", "flpr"]
        assert found["code"] == 0
        assert list(build_sides([build])) == ["app", "flpr"]

    def test_of_three_images_those_of_the_link_are_taken(self, capsys: Capture, tmp_path: Path) -> None:
        build = self.sysbuild(
            tmp_path,
            sample=("h20_app", "nrf54h20/cpuapp"),
            ppr=("h20_ppr", "nrf54h20/cpuppr"),
            rad=("h20_rad", "nrf54h20/cpurad"),
        )
        assert [side["core"] for side in check(capsys, build)["sides"]] == ["app", "rad"]
        found = check(capsys, build / "sample", build / "ppr")
        assert [side["core"] for side in found["sides"]] == ["app", "ppr"]

    def test_two_images_of_other_cores_are_a_pair_too(self, capsys: Capture, tmp_path: Path) -> None:
        build = self.sysbuild(
            tmp_path, sample=("h20_app", "nrf54h20/cpuapp"), ppr=("h20_ppr", "nrf54h20/cpuppr")
        )
        found = check(capsys, build)
        assert ([side["core"] for side in found["sides"]], found["code"]) == (["app", "ppr"], 0)

    def test_the_soc_of_a_kit_with_another_part_is_that_part(self, tmp_path: Path) -> None:
        folder = self.image(tmp_path, "l15_app", 'SOC="nrf54l10"', "SOC_NRF54L10_CPUAPP=y")
        assert load_side(folder).soc == "nrf54l10"

    def test_run_names_the_soc_that_is_meant(self, tmp_path: Path) -> None:
        build = self.image(tmp_path, "l15_flpr", "SOC_NRF54L15_CPUFLPR=y", 'SOC="nrf54l15"')
        with pytest.raises(
            ConfigurationError, match=r"is an image for core flpr of the nRF54L15.*--soc nrf54l15"
        ):
            build_sides([build], roles=("app", "net"), one_will_do=True)
