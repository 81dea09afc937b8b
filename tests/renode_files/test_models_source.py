"""The C# models say what the Python tables say, in C# that every Renode compiles."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from csharp_source import NEWER_THAN_7_3, code_only, models, newer_constructs, register_entries
from looped import for_each

from icmsg.assets import asset, platform_file
from icmsg.config.boards import BOARDS
from icmsg.engines.embedded.riscv.vpr_registers import CLIC
from icmsg.hw import mailboxes
from icmsg.hw.mailboxes.nrf_bellboard import BELLBOARD
from icmsg.hw.mailboxes.nrf_ipc import IPC
from icmsg.hw.mailboxes.nrf_vevif import VEVIF
from icmsg.hw.mailboxes.nrf_vevif_csr import VEVIF_CSR
from icmsg.hw.nrf54_peripherals import GRTC, UARTE54L, VPR
from icmsg.hw.nrf_peripherals import CLOCK, RESET, RTC, WDT
from icmsg.soc.platform import load_platform

if TYPE_CHECKING:
    from icmsg.hw.registers import RegisterBlock

BLOCKS = {
    "NRF_IPC": IPC,
    "NRF5340_CLOCK": CLOCK,
    "NRF_RESET": RESET,
    "NRF_RTC": RTC,
    "NRF_WDT": WDT,
    "NRF_VEVIF": VEVIF,
    "NRF_VEVIF_CSR": VEVIF_CSR,
    "NRF_BELLBOARD": BELLBOARD,
    "NRF_VPR": VPR,
    "NRF_CLIC": CLIC,
    "NRF_GRTC": GRTC,
    "NRF54L_UARTE": UARTE54L,
}
PLATFORMS = [load_platform(platform_file(name)) for name in BOARDS]
BELL = Path(__file__).parents[2] / "examples" / "trio" / "Bell.cs"
DPPI = ("SUBSCRIBE_", "PUBLISH_")

by_model = pytest.mark.parametrize(("model", "block"), BLOCKS.items(), ids=list(BLOCKS))
by_file = pytest.mark.parametrize("path", models(), ids=lambda path: path.stem)


def read(model: str) -> str:
    return (asset("renode") / f"{model}.cs").read_text(encoding="utf-8")


@by_model
def test_every_register_of_the_model_is_in_the_table(model: str, block: RegisterBlock) -> None:
    for entry in register_entries(read(model)):
        register = block.register(entry.name)
        # A DPPI block is one entry for all its registers.
        count = 1 if entry.member in ("Subscribe", "Publish") else register.count
        assert (entry.offset, entry.count) == (register.offset, count), entry.name


@by_model
def test_every_register_of_the_table_is_in_the_model(model: str, block: RegisterBlock) -> None:
    source = read(model)
    named = {entry.name for entry in register_entries(source)}
    missing = {register.name for register in block.registers} - named
    if re.search(r"Registers\.Subscribe, Registers\.Publish|Registers\.Subscribe\w*\.DefineMany", source):
        missing -= {name for name in missing if name.startswith(DPPI)}
    assert missing == set()


@by_model
def test_every_register_is_defined(model: str, block: RegisterBlock) -> None:
    del block
    code = code_only(read(model))
    for entry in register_entries(read(model)):
        assert re.search(rf"\bRegisters\.{entry.member}\b", code), entry.member


@by_model
def test_reset_values_that_are_written_down_are_those_of_the_table(model: str, block: RegisterBlock) -> None:
    names = {entry.member: entry.name for entry in register_entries(read(model))}
    found = re.findall(r"Registers\.(\w+)\.Define\(this, (0x[0-9A-F]+)\)", read(model))
    assert all(block.register(names[member]).reset_value == int(value, 16) for member, value in found)
    direct = {names[member] for member, _ in found}
    # The others take theirs from the state of the model: sources of an oscillator, counters of the watchdog.
    by_state = {"HFCLKSRC", "LFCLKSRC", "HFCLK192MSRC", "LFCLKSRCCOPY", "CRV", "RREN", "REQSTATUS"}
    by_state |= {"CLICCFG", "CLICINFO", "CLICINT", "SYSCOUNTERH"}
    assert {register.name for register in block.registers if register.reset_value} - direct <= by_state


def test_models_have_the_size_up_to_where_the_next_block_begins() -> None:
    assert "public long Size => 0x600;" in read("NRF5340_CLOCK")
    assert CLOCK.size == 0x600
    assert min(entry.offset for entry in register_entries(read("NRF_RESET"))) >= CLOCK.size


@by_file
def test_file_has_renode_s_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("//\n// Copyright (c) ")
    assert "MIT License" in text.split("using ")[0]
    assert "\t" not in text
    assert "\r" not in text
    assert text.endswith("}\n")
    assert not re.search(r"[ ]$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 150
    name = path.stem.removesuffix("_Core")  # of a core and of the block that controls it
    assert re.search(rf"\n {{4}}public (?:sealed |static |abstract )?class {name}\b", text)
    spaces = "Miscellaneous|Timers|CPU|IRQControllers|UART"
    assert re.search(rf"^namespace Antmicro\.Renode\.Peripherals\.({spaces})$", text, re.MULTILINE)
    code = code_only(text)
    assert code.count("{") == code.count("}")
    assert code.count("(") == code.count(")")


@by_file
def test_file_has_nothing_that_the_compiler_on_mono_refuses(path: Path) -> None:
    assert newer_constructs(path.read_text(encoding="utf-8")) == []


EXAMPLES = [
    ("file-scoped namespace", "namespace A.B;"),
    ("record", "public record Point(int X);"),
    ("init accessor", "public int X { get; init; }"),
    ("required member", "public required int X;"),
    ("global using", "global using System;"),
    ("using declaration", "using var file = Open();"),
    ("switch expression", "var x = y switch { 1 => 2 };"),
    ("null-coalescing assignment", "a ??= b;"),
    ("nullable context", "#nullable enable"),
    ("nullable context", "var x = y!.Z;"),
    ("target-typed new", "private readonly List<int> a = new();"),
    ("pattern with not, and, or", "if(x is not null)"),
    ("property pattern", "if(x is { Length: 3 })"),
    ("index from the end or range", "var x = y[^1];"),
    ("index from the end or range", "var x = y[1..3];"),
    ("static lambda", "Call(static x => x);"),
    ("default interface member", "interface IX { int Y() { return 1; } }"),
    ("raw string", 'var x = """a""";'),
    ("collection expression", "int[] x = [1, 2];"),
    ("nint", "nint x = 0;"),
    ("primary constructor", "public class Point(int x)"),
]


@for_each(("construct", "line"), EXAMPLES)
def test_the_check_finds(construct: str, line: str) -> None:
    assert construct in newer_constructs(line)


def test_the_check_knows_every_construct_by_an_example() -> None:
    assert {construct for construct, _ in EXAMPLES} == set(NEWER_THAN_7_3)


def test_every_type_that_is_ours_in_the_platforms_has_a_model() -> None:
    used = {item.type for platform in PLATFORMS for item in platform}
    for name in (*BLOCKS, "NRF_VPR_Core"):
        declared = re.search(r"namespace Antmicro\.Renode\.Peripherals\.(\w+)", read(name))
        assert declared is not None
        assert f"{declared[1]}.{name.removesuffix('_Core')}" in used


@for_each("name", BLOCKS)
def test_the_platform_gives_a_model_only_arguments_and_outputs_that_it_has(name: str) -> None:
    source = read(name)
    constructor = re.search(rf"public {name}\(IMachine machine(?:, (.*?))?\)\s+: (?:base|this)", source)
    assert constructor is not None
    arguments = set(re.findall(r"(\w+)(?: = [^,]+)?(?:,|$)", constructor[1] or ""))
    outputs = set(re.findall(r"public GPIO (\w+) \{ get; \}", source))
    space = re.search(r"^namespace Antmicro\.Renode\.Peripherals\.(\w+)$", source, re.MULTILINE)
    assert space is not None
    found = [item for platform in PLATFORMS for item in platform if item.type == f"{space[1]}.{name}"]
    assert found
    for item in found:
        assert set(item.attributes) <= arguments
        assert {wire.source or "IRQ" for wire in item.connections if wire.index is None} <= outputs
        assert "INumberedGPIOOutput" in source or all(wire.index is None for wire in item.connections)


STAND_INS = Path(__file__).parent / "stand_ins"
with_mcs = pytest.mark.skipif(
    shutil.which("mcs") is None, reason="no mcs here; install mono-mcs to compile the models"
)


def compile_library(out: Path, *arguments: str | Path) -> str:
    """Return what mcs says, in C# 7 as Renode's compiler on Mono takes it; nothing if all is well."""
    command = ["mcs", "-langversion:7", "-warnaserror", "-target:library", f"-out:{out}", *arguments]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"TERM": "dumb"}
    )
    printed = ran.stdout + ran.stderr
    return printed or ("" if ran.returncode == 0 else f"exit code {ran.returncode}")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The types of Renode: those of ``ICMSG_RENODE_STUBS``, such as a Renode's Infrastructure.dll, else stand-ins."""
    named = os.environ.get("ICMSG_RENODE_STUBS")
    if named:
        return [f"-r:{library}" for library in named.split(os.pathsep)]
    made = tmp_path_factory.mktemp("stand_ins") / "stand_ins.dll"
    assert compile_library(made, *sorted(STAND_INS.glob("*.cs"))) == ""
    return [f"-r:{made}"]


@with_mcs
def test_the_models_compile(libraries: list[str], tmp_path: Path) -> None:
    assert compile_library(tmp_path / "models.dll", *libraries, *models()) == ""


@with_mcs
def test_the_example_of_a_mailbox_compiles_behind_the_models(libraries: list[str], tmp_path: Path) -> None:
    assert compile_library(tmp_path / "models.dll", *libraries, *models(), BELL) == ""


def test_the_example_of_a_mailbox_has_the_registers_of_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "_KINDS", {})
    monkeypatch.syspath_prepend(BELL.parent)
    import bell

    written = {(entry.name, entry.offset, entry.count) for entry in register_entries(BELL.read_text("utf-8"))}
    assert written == {(register.name, register.offset, register.count) for register in bell.BELL.registers}


@with_mcs
@pytest.mark.parametrize(
    ("file", "right", "wrong", "error"),
    [
        ("CoreHolder", "core.IsHalted = true;", "core.IsHalted = true", "CS1525"),
        ("CoreHolder", "core.Resume();", "core.Wake();", "CS1061"),
        ("NRF_VPR_Core", "level = (uint)offeredLevel;", "level = offeredLevel;", "CS0266"),
        ("NRF_CLIC", "Connections[number].IsSet", "Connections[number].IsHigh", "CS1061"),
        ("NRF_IPC", "IRQ.Set((enabled & latched) != 0);", "IRQ.Set(enabled & latched);", "CS1503"),
        ("NRF_RTC", "due[index] = Never;", "due[index] = null;", "CS0037"),
        ("NRF_WDT", "FieldMode.Read, name", "FieldMode.ReadOnly, name", "CS0117"),
        ("Lockstep", "held.WaitOne();", "var unused = 1; held.WaitOne();", "CS0219"),
    ],
)
def test_a_slip_in_a_model_is_found(
    libraries: list[str], tmp_path: Path, file: str, right: str, wrong: str, error: str
) -> None:
    for path in models():
        text = path.read_text(encoding="utf-8")
        if path.stem == file:
            assert right in text
            text = text.replace(right, wrong, 1)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    said = compile_library(tmp_path / "models.dll", *libraries, *sorted(tmp_path.glob("*.cs")))
    assert f"{file}.cs" in said
    assert error in said
