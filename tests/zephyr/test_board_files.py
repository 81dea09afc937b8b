"""What Zephyr's build system reads of the module, in a project of CMake that does with it what Zephyr does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from zephyr_build import PASSED, ROOT, printing, sysbuild

if TYPE_CHECKING:
    from pathlib import Path

MODULE = ROOT / "zephyr"
BOARDS = sorted(path.parent for path in MODULE.glob("boards/*/*/board.yml"))
CMAKE = pytest.mark.skipif(
    shutil.which("cmake") is None or shutil.which("ninja") is None, reason="cmake and ninja are not installed"
)
IMAGE = """
cmake_minimum_required(VERSION 3.20)
project(image NONE)
function(zephyr_get variable)
  if(DEFINED CACHE{${variable}})
    set(${variable} $CACHE{${variable}} PARENT_SCOPE)
  endif()
endfunction()
set(APPLICATION_BINARY_DIR ${CMAKE_BINARY_DIR})
add_custom_target(zephyr_final)
set(logical_target_for_zephyr_elf zephyr_final)
include("@BOARD@/board.cmake")
list(GET SUPPORTED_EMU_PLATFORMS 0 default_emu)
add_custom_target(run DEPENDS run_${default_emu})
"""
SYSBUILD = """
cmake_minimum_required(VERSION 3.20)
project(sysbuild NONE)
include("@MODULE@/sysbuild/CMakeLists.txt")
set(BOARD nrf5340dk)
set(BOARD_QUALIFIERS @QUALIFIERS@)
add_custom_target(icmsg)
add_custom_target(remote)
set_target_properties(remote PROPERTIES BOARD nrf5340dk/nrf5340/cpunet)
foreach(image icmsg remote)
  icmsg_PRE_IMAGE_CMAKE(IMAGES icmsg remote IMAGE ${image})
  get_target_property(board ${image} BOARD)
  message(STATUS "${image} is for ${board}.")
endforeach()
"""


def configured(text: str, source: Path, binary: Path, *definitions: str) -> str:
    source.mkdir(exist_ok=True)
    (source / "CMakeLists.txt").write_text(text, encoding="utf-8")
    command = ["cmake", "-GNinja", "-S", source, "-B", binary, *definitions]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_variant_of_a_board_has_all_that_zephyr_looks_for() -> None:
    assert BOARDS
    for folder in BOARDS:
        board = yaml.safe_load((folder / "board.yml").read_text(encoding="utf-8"))["board"]
        name = board["extend"]
        assert (folder / f"Kconfig.{name}").is_file()
        for variant in board["variants"]:
            target = f"{name}/{variant['qualifier']}/{variant['name']}"
            files = folder / target.replace("/", "_")
            base = target.removesuffix("/icmsg").replace("/", "_")
            assert f"/{base}.dts>" in files.with_suffix(".dts").read_text(encoding="utf-8")
            assert files.with_name(f"{files.name}_defconfig").is_file()
            platform = yaml.safe_load(files.with_suffix(".yaml").read_text(encoding="utf-8"))
            assert (platform["identifier"], platform["sysbuild"]) == (target, True)
            assert platform["simulation"] == [{"name": "custom", "exec": "icmsg"}]


@CMAKE
@pytest.mark.parametrize("program", ["icmsg", "none"])
def test_the_target_run_prints_the_console_of_the_image_from_all_images_of_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    build = sysbuild(tmp_path / "build", "app", app="app", remote="net")
    printing(build / "app/zephyr/zephyr.elf", "app", "hello", PASSED, release=True)
    printing(build / "remote/zephyr/zephyr.elf", "net", "remote is up")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("cmake", "ninja"):
        (programs / name).symlink_to(str(shutil.which(name)))
    installed = programs / program
    installed.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m icmsg "$@"\n')
    installed.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    configured(
        IMAGE.replace("@BOARD@", str(BOARDS[0])),
        tmp_path / "source",
        build / "app",
        "-DSYSBUILD=True",
        f"-DPYTHON_EXECUTABLE={tmp_path}/programs/python",
        "-DICMSG_ARGS=--quantum-us 50",
    )
    command = ["ninja", "-C", build / "app", "run"]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if program == "none":
        assert done.returncode != 0
        assert b"icmsg is not installed: pip install icmsg" in done.stdout
        return
    assert b"hello\r\nPROJECT EXECUTION SUCCESSFUL\r\n" in done.stdout, done.stdout
    assert (done.returncode, done.stderr) == (0, "net│ remote is up\n".encode())


@CMAKE
@pytest.mark.parametrize("qualifiers", ["/nrf5340/cpuapp/icmsg", "/nrf5340/cpuapp/ns"])
def test_images_of_a_variant_are_built_for_the_board_itself(tmp_path: Path, qualifiers: str) -> None:
    text = SYSBUILD.replace("@MODULE@", str(MODULE)).replace("@QUALIFIERS@", qualifiers)
    printed = configured(text, tmp_path / "source", tmp_path / "build")
    untouched = "board-NOTFOUND" if qualifiers.endswith("ns") else "nrf5340dk/nrf5340/cpuapp"
    assert f"icmsg is for {untouched}." in printed
    assert "remote is for nrf5340dk/nrf5340/cpunet." in printed


LAUNCHER = """
cmake_minimum_required(VERSION 3.20)
project(sysbuild NONE)
include("@MODULE@/sysbuild/CMakeLists.txt")
set(BOARD nrf54l15dk)
set(BOARD_QUALIFIERS /nrf54l15/cpuflpr/icmsg)
add_custom_target(vpr_launcher)
set_target_properties(vpr_launcher PROPERTIES BOARD nrf54l15dk/nrf54l15/cpuapp)
icmsg_PRE_IMAGE_CMAKE(IMAGES vpr_launcher IMAGE vpr_launcher)
message(STATUS "snippets are <$CACHE{vpr_launcher_SNIPPET}>.")
"""


@CMAKE
@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("nordic-flpr-icmsg", "nordic-flpr"),
        ("cdc-acm-console;nordic-flpr;nordic-flpr-icmsg", "cdc-acm-console;nordic-flpr"),
        ("nordic-flpr-xip", "nordic-flpr-xip"),
        ("", ""),
    ],
)
def test_the_launcher_of_a_variant_has_the_snippet_of_the_board(
    tmp_path: Path, given: str, used: str
) -> None:
    """The name that Zephyr's soc/nordic/sysbuild.cmake makes of all qualifiers is that of no snippet."""
    text = LAUNCHER.replace("@MODULE@", str(MODULE))
    defined = [f"-Dvpr_launcher_SNIPPET={given}"] if given else []
    assert f"snippets are <{used}>." in configured(text, tmp_path / "source", tmp_path / "build", *defined)
