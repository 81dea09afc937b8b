"""A core in the Monitor: assembler, disassembler, traces of execution, opcode counters, modes and speeds."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

import pytest
from typed_paths import typed

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.monitor import EmbeddedMonitor

SPIN: Final = "sysbus LoadELF @firmware_stubs/prebuilt/spin-app.elf cpu=cpuapp"
ECHO: Final = "sysbus LoadELF @firmware_stubs/prebuilt/echo-net.elf cpu=cpunet"


def number(text: str) -> int:
    return int(text, 16)


# Code


def test_code_is_assembled_into_memory_and_disassembled_in_renodes_form(soc: EmbeddedMonitor) -> None:
    assert soc.execute('cpunet AssembleBlock 0x21000000 "movs r0, #1; ldr.w r1, [r2]; bx lr"') == "0x00000008"
    assert soc.execute("sysbus ReadQuadWord 0x21000000") == "0x47701000F8D22001"
    assert soc.execute("cpunet DisassembleBlock 0x21000000 8").splitlines() == [
        "0x21000000:   2001           movs\tr0, #1",
        "0x21000002:   f8d21000       ldr.w\tr1, [r2]",
        "0x21000006:   4770           bx\tlr",
    ]
    soc.execute("cpunet PC 0x21000006")
    assert soc.execute("cpunet DisassembleBlock blockSize=2") == "0x21000006:   4770           bx\tlr\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ('cpunet AssembleBlock 0x21000000 "fooo"', "Failed to assemble. Reason: Invalid mnemonic"),
        ('cpunet AssembleBlock 0x60000000 "nop"', "no memory or peripheral is there"),
        ("cpunet DisassembleBlock 0x60000000 4", "no memory or peripheral is there"),
        ('cpunet DisassembleBlock 0x21000000 4 "arm64"', "this core has thumb"),
        ("cpunet DisassembleBlock 0x21000000 0xFFFFFFFF", "bytes at once are too many"),
        (
            'cpunet CreateExecutionTracing "t" @x TraceBasedModel',
            "Tracing don't support text output file with",
        ),
        ('cpunet CreateExecutionTracing "t" @x PC true', "writes traces as text: leave isBinary out"),
        ('cpunet CreateExecutionTracing "t" @/nowhere/x PC', "cannot be written"),
        ('cpunet InstallOpcodeCounterPattern "x" "01"', "only 16 and 32-bit opcode patterns"),
        ('cpunet GetOpcodeCounter "x"', "Couldn't find the x opcode"),
    ],
)
def test_what_cannot_be_done_is_said_in_renodes_words(soc: EmbeddedMonitor, command: str, why: str) -> None:
    with pytest.raises(MonitorError, match=why):
        soc.execute(command)


def test_without_the_extra_it_is_named(soc: EmbeddedMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "capstone", None)
    monkeypatch.setitem(__import__("sys").modules, "keystone", None)
    for command in ("DisassembleBlock 0x21000000 4", 'AssembleBlock 0x21000000 "nop"'):
        with pytest.raises(MonitorError, match=r"is not installed: pip install 'icmsg\[assembler\]'"):
            soc.execute(f"cpunet {command}")


# What was executed


def test_a_trace_has_every_instruction_in_each_form(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    for form in ("PC", "Opcode", "PCAndOpcode", "Disassembly"):
        soc.execute(f'cpunet CreateExecutionTracing "{form}" {typed(tmp_path / form)} {form}')
    soc.execute(f'cpunet CreateExecutionTracing "packed" {typed(tmp_path / "packed")} PC compress=true')
    with pytest.raises(MonitorError, match="ExecutionTracer is already running"):
        soc.execute(f'cpunet CreateExecutionTracing "PC" {typed(tmp_path / "other")} PC')
    assert not (tmp_path / "other").exists()
    soc.execute(
        f'{ECHO}; cpunet IsHalted false; emulation RunFor "0.0001"; PC Stop; cpunet DisableExecutionTracing'
    )
    lines = {form: (tmp_path / form).read_text().splitlines() for form in ("PC", "Opcode", "PCAndOpcode")}
    executed = number(soc.execute("cpunet ExecutedInstructions"))
    assert [len(each) for each in lines.values()] == [executed] * 3
    assert lines["PC"][:3] == ["0x1000244", "0x1000248", "0x100024C"]
    assert lines["PCAndOpcode"] == [
        f"{pc}: {code}" for pc, code in zip(lines["PC"], lines["Opcode"], strict=True)
    ]
    assert lines["Opcode"][0] == "0xF2400080"
    first = (tmp_path / "Disassembly").read_text().splitlines()[0]
    assert first.startswith("0x01000244:   f2400080       movw r0, #0x80")
    assert first.endswith("[Reset_Handler]")
    assert gzip.decompress((tmp_path / "packed").read_bytes()).decode().splitlines() == lines["PC"]
    assert any("Execution tracer stopped, output file" in entry.text for entry in soc.log.last(20))


def test_the_end_of_the_machine_writes_the_trace(tmp_path: Path) -> None:
    from icmsg.monitor import EmbeddedMonitor

    with EmbeddedMonitor() as monitor:
        monitor.execute(f"include @renode/machine.resc; {ECHO}; cpunet IsHalted false")
        monitor.execute(
            f'cpunet CreateExecutionTracing "t" {typed(tmp_path / "t")} PC; emulation RunFor "0.0001"'
        )
    assert len((tmp_path / "t").read_text().splitlines()) > 1000


def test_opcodes_are_counted_as_renode_counts_them(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    """A pattern of 16 bits is the first halfword of a Thumb instruction; ``any`` counts every instruction."""
    soc.execute(f"{ECHO}; cpunet IsHalted false; cpunet EnableOpcodesCounting true")
    for name, pattern in (("any", "x" * 16), ("bx lr", "0100011101110000"), ("wide", "1111" + "x" * 28)):
        soc.execute(f'cpunet InstallOpcodeCounterPattern "{name}" "{pattern}"')
    soc.execute('emulation RunFor "0.0001"')
    counts = {
        name: number(soc.execute(f'cpunet GetOpcodeCounter "{name}"')) for name in ("any", "bx lr", "wide")
    }
    assert counts["any"] == number(soc.execute("cpunet ExecutedInstructions"))
    assert 0 < counts["bx lr"] < counts["wide"] < counts["any"]
    assert soc.execute("cpunet GetAllOpcodesCounters").splitlines()[1] == "|Opcode|Count|"
    soc.execute(f"cpunet SaveAllOpcodesCounters {typed(tmp_path / 'c')}; cpunet ResetOpcodesCounters")
    assert (tmp_path / "c").read_text().splitlines()[0] == f"any;{counts['any']}"
    assert soc.execute('cpunet GetOpcodeCounter "any"') == "0x0000000000000000"
    with pytest.raises(MonitorError, match="Opcode 'any' already registered"):
        soc.execute('cpunet InstallOpcodeCounterPattern "any" 0 0')


# Modes and speeds


def test_a_step_puts_a_core_into_single_step_and_starts_the_emulation_as_in_renode(
    soc: EmbeddedMonitor,
) -> None:
    soc.execute(f"{ECHO}; cpunet IsHalted false")
    assert soc.execute("cpunet Step") == "0x0000000001000248"
    assert soc.execute("emulation IsStarted") == "True"
    assert soc.execute("cpunet ExecutionMode").startswith("SingleStep\n")
    assert soc.execute("cpunet Step 10; cpunet PC").splitlines()[-1] == "0x100026a"
    with pytest.raises(MonitorError, match="not available when emulation is already started"):
        soc.execute('emulation RunFor "0.001"')
    soc.pump(1_000_000)
    soc.execute("pause")
    assert soc.execute("cpunet PC") == "0x100026a"
    with pytest.raises(
        MonitorError, match="cpunet is in ExecutionMode SingleStep, for which all others wait"
    ):
        soc.execute('emulation RunFor "0.001"')
    soc.execute('cpunet ExecutionMode Continuous; emulation RunFor "0.001"')
    assert soc.execute("uartnet DumpHistoryBuffer") == "echo: up\r\n"


def test_others_go_on_beside_a_stepped_core_where_it_does_not_block(soc: EmbeddedMonitor) -> None:
    soc.execute(f"{SPIN}; {ECHO}; cpunet ExecutionMode SingleStep; emulation SingleStepBlocking false")
    soc.execute('cpuapp IsHalted false; cpunet IsHalted false; emulation RunFor "0.0001"')
    assert number(soc.execute("cpuapp ExecutedInstructions")) > 1000
    assert number(soc.execute("cpunet ExecutedInstructions")) == 0
    soc.execute("cpunet Step 3")
    assert number(soc.execute("cpunet ExecutedInstructions")) == 3


def test_mips_are_instructions_in_virtual_time(soc: EmbeddedMonitor) -> None:
    soc.execute(
        f'emulation SetGlobalQuantum "0.00001"; cpuapp PerformanceInMips 10; {SPIN}; cpuapp IsHalted false'
    )
    counts = []
    for mips in (10, 32, 1):
        soc.execute(f'cpuapp PerformanceInMips {mips}; emulation RunFor "0.001"')
        assert number(soc.execute("cpuapp PerformanceInMips")) == mips
        counts.append(number(soc.execute("cpuapp ExecutedInstructions")))
    assert [counts[0], counts[1] - counts[0], counts[2] - counts[1]] == pytest.approx(
        [10_000, 32_000, 1_000], rel=0.02
    )
    with pytest.raises(MonitorError, match="97 MIPS are no whole part of this machine's tick"):
        soc.execute("cpuapp PerformanceInMips 97")


def test_a_speed_that_makes_the_machine_anew_keeps_what_is_connected_and_refuses_what_it_would_lose(
    soc: EmbeddedMonitor,
) -> None:
    soc.execute('emulation CreateUARTHub "hub"; connector Connect sysbus.uartnet hub')
    soc.execute('uartnet AddLineHook "up" "print \'seen\'"; cpunet PerformanceInMips 97')
    soc.execute(f"{ECHO}; cpunet IsHalted false")
    assert soc.execute('emulation RunFor "0.001"') == "seen"
    assert number(soc.execute("cpunet PerformanceInMips")) == 97
    fresh = (
        'Clear; include @renode/machine.resc; cpunet AddHook 0x01000100 "pass"; cpunet PerformanceInMips 97'
    )
    with pytest.raises(MonitorError, match=r"before hooks, traces and logs of sysbus.cpunet"):
        soc.execute(fresh)
