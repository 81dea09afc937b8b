"""A core that this engine does not execute is left out, and only its firmware is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from riscv_beside import BEFORE, BEHIND, write_platform

from icmsg.assets import asset, platform_file, stub
from icmsg.cli.main import main
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.errors import ConfigurationError, MonitorError, PlatformError
from icmsg.monitor.embedded import EmbeddedMonitor

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = (
    "core rv is a CPU.RiscV32, which the embedded engine does not execute here, since its cpuType 'rv32imacv' has V, "
    "instructions that the embedded engine does not have; the renode engine runs it: --engine renode"
)


@pytest.mark.parametrize("where", [BEFORE, BEHIND])
def test_the_other_cores_exchange_messages(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = write_platform(tmp_path, where)
    assert main(["run", "--engine", "embedded", "--platform", str(platform), "--messages", "20"]) == 0
    assert "20 of 20 messages" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["rv", "cpurv"])
def test_whoever_asks_for_it_is_told_where_it_runs(name: str, tmp_path: Path) -> None:
    with EmbeddedMachine(write_platform(tmp_path)) as machine:
        assert list(machine.cores) == ["app", "net"]
        with pytest.raises(ConfigurationError, match=REFUSED):
            machine.core(name)
        with pytest.raises(ConfigurationError, match="no core 'rw'; the platform has app, net"):
            machine.core("rw")


def test_the_trace_is_that_of_the_platform_without_it(tmp_path: Path) -> None:
    found = []
    for platform in (write_platform(tmp_path), platform_file("nrf5340")):
        with EmbeddedMachine(platform) as machine:
            core = machine.core("net")
            core.load(stub("echo", "net"))
            core.start()
            machine.run_for(100_000)
            found.append(machine.trace_sha256())
    assert found[0] == found[1]


def test_a_script_may_hold_it_and_is_refused_when_it_gives_it_firmware(tmp_path: Path) -> None:
    with EmbeddedMonitor() as monitor:
        monitor.execute(f"$platform={monitor_path(write_platform(tmp_path))}")
        monitor.execute(f"include {monitor_path(asset('renode') / 'machine.resc')}")
        assert monitor.execute("cpurv IsHalted").strip() == "True"
        monitor.execute("cpurv IsHalted true")
        for command in (
            "cpurv IsHalted false",
            f"sysbus LoadELF {monitor_path(stub('echo', 'net'))} cpu=cpurv",
        ):
            with pytest.raises(MonitorError, match=REFUSED):
                monitor.execute(command)


def test_what_stays_must_not_refer_to_what_is_left_out(tmp_path: Path) -> None:
    platform = write_platform(tmp_path)
    extra = "\nipcrv: Miscellaneous.NRF_IPC @ sysbus new Bus.BusPointRegistration { address: 0x50041000; cpu: cpurv }\n"
    text = platform.read_text() + extra
    assert text.count("    peer: ipcapp\n") == 1
    platform.write_text(text.replace("    peer: ipcapp\n", "    peer: ipcrv\n"))
    with pytest.raises(PlatformError, match=f"repl:.*: ipcnet refers to ipcrv, and {REFUSED}"):
        EmbeddedMachine(platform)


def test_a_platform_of_other_cores_only_is_refused(tmp_path: Path) -> None:
    platform = tmp_path / "only.repl"
    platform.write_text('cpurv: CPU.RiscV64 @ sysbus\n    cpuType: "rv64imac"\n    timeProvider: empty\n')
    with pytest.raises(PlatformError, match="needs at least one"):
        EmbeddedMachine(platform)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ('cpuType: "rv32imac_zba_zbb"', "has Zba, Zbb, instructions that the embedded engine does not have"),
        ('cpuType: "rv32g_v"', "has V, instructions"),
        ('cpuType: "rv32mac"', "names no base"),
        ('cpuType: "rv32imac"; interruptMode: InterruptMode.Clic', "its interruptMode is none of Auto"),
        ('cpuType: "rv32imac"; endianness: Endianess.BigEndian', "it is big-endian"),
    ],
)
def test_a_hart_that_is_not_executed_is_refused_with_its_reason(
    attributes: str, why: str, tmp_path: Path
) -> None:
    platform = tmp_path / "only.repl"
    lines = "".join(f"    {line}\n" for line in attributes.split("; "))
    platform.write_text(f"cpurv: CPU.RiscV32 @ sysbus\n{lines}")
    with pytest.raises(PlatformError, match=f"only.repl:1: cpurv is not executed: .*{why}.*--engine renode"):
        EmbeddedMachine(platform)


@pytest.mark.parametrize(
    ("cpu_type", "words"),
    [
        ("rv64imac", "it should start with rv32"),
        ("RV32IE", "ISA string cannot contain both I and E base instruction sets at the same time"),
        ("rv32ge", "ISA string cannot contain both I and E base instruction sets at the same time"),
        ("RV32EF", "RV32E can only have M, A and C standard extensions"),
        ("rv32gc_invalid_isa", "Undefined instructions set extension: 'NVALID'"),
        ("rv32imac_zifence", "Undefined instructions set extension: 'ZIFENCE'"),
    ],
)
@pytest.mark.parametrize("coreless", [False, True])
def test_a_cpu_type_that_is_none_is_refused_in_renodes_words(
    cpu_type: str, words: str, coreless: bool, tmp_path: Path
) -> None:
    platform = tmp_path / "only.repl"
    platform.write_text(f'cpurv: CPU.RiscV32 @ sysbus\n    cpuType: "{cpu_type}"\n')
    with pytest.raises(PlatformError) as caught:
        EmbeddedMachine(platform, coreless=coreless)
    assert words in str(caught.value)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "cpu_type",
    [
        "RV32G",
        "rv32imafdcg",
        "RV32_IMACZicsr_Zifencei",
        "RV32IMACZicsr_Zifencei",
        "rv32ea_zicsr_zifencei",
        "rv32imcu",
    ],
)
def test_a_cpu_type_is_read_as_renode_reads_it(cpu_type: str, tmp_path: Path) -> None:
    platform = tmp_path / "only.repl"
    platform.write_text(f'cpurv: CPU.RiscV32 @ sysbus\n    cpuType: "{cpu_type}"\n')
    with EmbeddedMachine(platform) as machine:
        assert list(machine.cores) == ["rv"]
