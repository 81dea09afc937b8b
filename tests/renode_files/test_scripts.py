"""The scripts that ship can be read by Renode's Monitor, and name only what exists."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from monitor_script import Command, Token, file_of, included, read_script, tokenize
from typed_paths import typed

from icmsg.assets import STUB_FOLDER, asset, platform_file
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.machine.image import FirmwareImage
from icmsg.monitor.embedded import EmbeddedMonitor
from icmsg.soc.platform import load_platform

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = sorted(asset("renode").glob("*.resc"))
PAIRINGS = {
    "firmware-firmware": 2,
    "nrf5340": 2,
    "app-python": 1,
    "net-python": 1,
    "python-python": 0,
    "machine": 0,
}
COMMANDS = {"include", "using", "mach", "machine", "emulation", "macro", "runMacro", "showAnalyzer", "sysbus"}

WITHOUT_CORES = "platform"
"""It makes a machine of any platform file, so it can say nothing about cores."""
OTHER_SOCS = {name for name in BOARDS if name != DEFAULT.name}
"""Each has one script; a variable of it halts a core that Python plays."""
HELD = {"nrf54l15": ("$apphalted", "$flprheld"), "nrf54h20": ("$apphalted", "$radhalted")}

each_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


def everything(path: Path) -> list[Command]:
    return [command for script in included(path) for command in read_script(script)]


def texts(path: Path) -> list[str]:
    return [command.text for command in everything(path)]


def macro(path: Path) -> list[str]:
    """Return what the last macro of a script does; a later one of the same name replaces an earlier."""
    own = [
        [command.text for command in read_script(script) if command.in_macro == "reset"]
        for script in included(path)
    ]
    return [lines for lines in own if lines][-1]


def soc_of(path: Path) -> str:
    """Return the SoC of a script."""
    return path.stem if path.stem in OTHER_SOCS else DEFAULT.name


def default_of(path: Path, variable: str) -> Token:
    """Return a default of a variable: that of the script, if it comes before what it includes, else an inner one."""
    for command in read_script(path):
        if command.tokens[0].text == variable:
            return command.tokens[-1]
        if command.tokens[0].text == "include" and file_of(command.tokens[1]).suffix == ".resc":
            return default_of(file_of(command.tokens[1]), variable)
    raise AssertionError(f"{path} has no {variable}")


def test_there_is_a_script_for_each_pairing() -> None:
    assert {path.stem for path in SCRIPTS} == {*PAIRINGS, WITHOUT_CORES, *OTHER_SOCS}


@each_script
def test_the_monitor_can_read_every_line(path: Path) -> None:
    assert all(command.tokens[0].kind in ("literal", "variable") for command in read_script(path))


@each_script
def test_every_file_that_a_script_names_exists(path: Path) -> None:
    files = [
        file_of(token) for command in everything(path) for token in command.tokens if token.kind == "path"
    ]
    assert files
    assert [file for file in files if not file.is_file()] == []


@each_script
def test_every_command_and_device_is_known(path: Path) -> None:
    devices = {item.name for item in load_platform(platform_file(soc_of(path)))}
    for command in everything(path):
        first = command.tokens[0]
        if first.kind == "variable":
            assert command.tokens[1].kind == "default", (
                f"{path.name}:{command.line} overrides what the user set"
            )
        else:
            assert first.text in COMMANDS | devices, f"{path.name}:{command.line}"
        for token in command.tokens[1:]:
            if token.kind == "literal" and re.fullmatch(r"(cpu|ipc|uart|nvic)\w+", token.text):
                assert token.text in devices


@each_script
def test_every_variable_has_a_default_before_it_is_used(path: Path) -> None:
    defined: set[str] = set()
    used = []
    for command in everything(path):
        names = [token.text for token in command.tokens if token.kind == "variable"]
        if command.tokens[0].kind == "variable":
            defined.add(names.pop(0))
        if command.tokens[0].text == "runMacro":
            continue
        used += [name for name in names if name not in defined]
    assert used == []


@each_script
def test_the_header_is_what_renode_shows(path: Path) -> None:
    name, description = path.read_text(encoding="utf-8").splitlines()[:2]
    assert name.startswith(
        ":name: " if path.stem == WITHOUT_CORES else f":name: {BOARDS[soc_of(path)].title}"
    )
    assert description.startswith(":description: ")


@each_script
def test_a_script_is_deterministic_from_its_first_instruction(path: Path) -> None:
    found = texts(path)
    settings = [
        "emulation SetSeed 1",
        "emulation SetGlobalQuantum $quantum",
        "emulation SetGlobalSerialExecution true",
        "emulation SetGlobalAdvanceImmediately true",
    ]
    made = found.index("mach create $name")
    first_run = len(found) if path.stem == WITHOUT_CORES else found.index("runMacro $reset")
    assert default_of(path, "$name").text == f'"{soc_of(path)}"'
    assert all(made < found.index(setting) < first_run for setting in settings)
    assert '$quantum ?= "0.00001"' in found


@each_script
def test_models_are_compiled_together_and_before_the_platform_is_loaded(path: Path) -> None:
    found = everything(path)
    includes = [command for command in found if command.text.endswith(".cs")]
    assert len(includes) == 1
    assert {file_of(token) for token in includes[0].tokens[1:]} == set(asset("renode").glob("*.cs"))
    loads = next(command for command in found if "LoadPlatformDescription" in command.text)
    assert found.index(includes[0]) < found.index(loads)
    assert loads.text == "machine LoadPlatformDescription $platform"
    assert file_of(default_of(path, "$platform")).resolve() == platform_file(soc_of(path)).resolve()


@pytest.mark.parametrize(
    "path", [path for path in SCRIPTS if path.stem in PAIRINGS], ids=lambda path: path.stem
)
def test_a_core_runs_exactly_if_it_was_given_firmware(path: Path) -> None:
    lines = macro(path)
    assert lines[:2] == ["cpuapp IsHalted true", "cpunet IsHalted true"]
    loaded = {line.split("= ")[1] for line in lines if line.startswith("sysbus LoadELF")}
    held = "cpunet IsHalted $netheld" in lines  # until firmware on the application core clears FORCEOFF
    assert held == (len(loaded) == 2)
    released = {line.split()[0] for line in lines if line.endswith(("IsHalted false", "IsHalted $netheld"))}
    assert len(loaded) == PAIRINGS[path.stem]
    assert loaded == released
    for cpu in loaded:
        vectors = f"{cpu} VectorTableOffset ${cpu[3:]}vectors"
        state = "$netheld" if held and cpu == "cpunet" else "false"
        order = [f"sysbus LoadELF ${cpu[3:]}elf cpu = {cpu}", vectors, f"{cpu} IsHalted {state}"]
        assert [line for line in lines[2:] if line in order] == order
    last = [text for text in texts(path) if not text.startswith("include")]
    # Behind everything else: an analyzer that cannot be shown leaves a machine that works.
    assert last[-1 - len(loaded) :] == [
        "runMacro $reset",
        *(f"showAnalyzer uart{cpu[3:]}" for cpu in sorted(loaded)),
    ]


@each_script
def test_the_default_images_start_where_the_script_says(path: Path) -> None:
    defaults = {
        command.tokens[0].text: command.tokens[2]
        for command in everything(path)
        if command.tokens[0].kind == "variable"
    }
    soc = soc_of(path)
    folder = asset(STUB_FOLDER) if soc == DEFAULT.name else asset(STUB_FOLDER) / soc
    for core in BOARDS[soc].roles:
        if f"${core}elf" in defaults:
            file = file_of(defaults[f"${core}elf"])
            assert file.resolve().parent == folder.resolve()
            vectors = defaults.get(f"${core}vectors")  # a VPR begins where its image says
            assert vectors is None or FirmwareImage.load(file).vector_table == int(vectors.text, 16)


@pytest.mark.parametrize("soc", sorted(OTHER_SOCS))
def test_a_script_of_another_soc_loads_both_cores_and_halts_those_that_are_played(soc: str) -> None:
    path = asset(f"renode/{soc}.resc")
    lines, cores = macro(path), BOARDS[soc].roles
    assert lines[:2] == [f"cpu{core} IsHalted true" for core in cores]
    assert lines[2:4] == [f"sysbus LoadELF ${core}elf cpu = cpu{core}" for core in cores]
    assert lines[-2:] == [f"cpu{core} IsHalted {held}" for core, held in zip(cores, HELD[soc], strict=True)]
    last = [text for text in texts(path) if not text.startswith("include")]
    assert last[-3:] == ["runMacro $reset", *(f"showAnalyzer uart{core}" for core in cores)]


@pytest.mark.parametrize("soc", sorted(OTHER_SOCS))
def test_the_default_images_of_another_soc_exchange_their_messages_in_the_embedded_monitor(soc: str) -> None:
    monitor = EmbeddedMonitor()
    monitor.execute(f"include {typed(asset('renode') / f'{soc}.resc')}")
    monitor.execute('emulation RunFor "0.1"')
    assert monitor.machine is not None
    assert "done 1000 of 1000, 0 mismatches" in monitor.machine.core("app").console.text
    monitor.close()


def test_a_script_can_be_read_from_a_folder_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "renode"
    shutil.copytree(asset("renode"), folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(asset("platforms"), folder.parent / "platforms")
    shutil.copytree(asset(STUB_FOLDER), folder.parent / STUB_FOLDER)
    for command in everything(folder / "nrf5340.resc"):
        assert all(file_of(token).is_file() for token in command.tokens if token.kind == "path")


@pytest.mark.parametrize(
    "line", ["sysbus LoadELF /tmp/x.elf", "include $NOWHERE/x.cs", 'mach create "open', "cpu VTOR `x"]
)
def test_the_reader_refuses_what_the_monitor_refuses(line: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        tokenize(line, {"$ORIGIN": "@/x"})


def test_the_reader_puts_a_variable_in_where_a_path_goes_on() -> None:
    tokens = tokenize("include $ORIGIN/a.cs $ORIGIN/../b/c.cs", {"$ORIGIN": "@/x\\ y"})
    assert [token.text for token in tokens] == ["include", "@/x\\ y/a.cs", "@/x\\ y/../b/c.cs"]


def test_the_default_images_bond_on_the_embedded_engine_too() -> None:
    """What nrf5340.resc starts, started on the same platform file."""
    defaults = {
        command.tokens[0].text: command.tokens[2]
        for command in everything(asset("renode/nrf5340.resc"))
        if command.tokens[0].kind == "variable"
    }
    with EmbeddedMachine(asset("platforms/nrf5340.repl")) as machine:
        for name in ("app", "net"):
            core = machine.core(name)
            core.load(file_of(defaults[f"${name}elf"]))
            core.start()
        machine.run_until(
            lambda: "done" in machine.core("app").console.text, timeout_ns=2_000_000_000, what="1000 echoes"
        )
