"""Machines of the Monitor in which no core runs: what is there, what answers, and what is refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import MonitorError, PlatformError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RISCV = """\
cpu: CPU.RiscV32 @ sysbus
    cpuType: "rv32imacv"
    timeProvider: clint

clint: IRQControllers.CoreLevelInterruptor @ sysbus 0x44000000
    frequency: 66000000
    [0, 1] -> cpu@[3, 7]

plic: IRQControllers.PlatformLevelInterruptController @ sysbus 0x40000000
    0 -> cpu@11
    numberOfSources: 31
    numberOfContexts: 1

ddr: Memory.MappedMemory @ sysbus 0x80000000
    size: 0x10000

uart: UART.SiFive_UART @ sysbus 0x70001000
    IRQ -> plic@1
"""


@pytest.fixture
def riscv(tmp_path: Path) -> Iterator[EmbeddedMonitor]:
    (tmp_path / "board.repl").write_text(RISCV)
    with EmbeddedMonitor(tmp_path) as monitor:
        monitor.execute("include @board.repl")
        yield monitor


def test_a_platform_of_cores_of_other_kinds_is_there_and_says_once_that_nothing_runs(
    riscv: EmbeddedMonitor,
) -> None:
    told = [entry.text for entry in riscv.log.last(20)]
    assert len(told) == 1
    assert told[0].startswith(
        "the embedded engine does not execute cpu (CPU.RiscV32), so no core of this machine runs; the renode engine"
    )
    riscv.execute("sysbus WriteDoubleWord 0x80000000 0x1234; emulation RunFor '0.01'")
    assert riscv.execute("sysbus ReadDoubleWord 0x80000000") == "0x00001234"
    assert "TimeElapsed = 00:00:00.010" in riscv.execute("machine ElapsedVirtualTime")
    assert "uart (SiFive_UART)" in riscv.execute("peripherals")


@pytest.mark.parametrize(
    "command",
    [
        "sysbus.cpu PC",
        "sysbus.cpu IsHalted false",
        "sysbus.cpu AddHook 0 'pass'",
        "sysbus LoadELF @image.elf",
    ],
)
def test_what_needs_such_a_core_is_refused_in_words(
    riscv: EmbeddedMonitor, command: str, tmp_path: Path
) -> None:
    image = tmp_path / "image.elf"
    image.write_bytes(stub_bytes())
    with pytest.raises(
        MonitorError, match=r"core cpu is a CPU\.RiscV32, which the embedded engine does not execute"
    ):
        riscv.execute(command.replace("@image.elf", typed(image)))


def stub_bytes() -> bytes:
    from icmsg.assets import stub

    return stub("echo", "net").read_bytes()


def test_outside_of_the_monitor_such_a_platform_is_refused(tmp_path: Path) -> None:
    (tmp_path / "board.repl").write_text(RISCV)
    with pytest.raises(PlatformError, match=r"cpu is not executed: its cpuType .rv32imacv. has V"):
        EmbeddedMachine(tmp_path / "board.repl")


def test_a_uart_without_a_core_prints_into_the_log_and_remembers(riscv: EmbeddedMonitor) -> None:
    riscv.execute("showAnalyzer uart; sysbus WriteDoubleWord 0x70001008 0x10001")
    for byte in b"hi\n":
        riscv.execute(f"sysbus WriteDoubleWord 0x70001000 {byte}")
    assert riscv.log.last(1)[0].text.endswith("] hi")
    assert riscv.execute("uart DumpHistoryBuffer") == "hi\n"
    riscv.execute("sysbus WriteDoubleWord 0x7000100C 1; uart WriteChar 0x41")
    assert riscv.execute("sysbus ReadDoubleWord 0x70001004") == "0x00000041"
    assert riscv.execute("sysbus ReadDoubleWord 0x70001004") == "0x80000000"


def test_asking_for_a_device_makes_nothing(tmp_path: Path) -> None:
    with EmbeddedMonitor(tmp_path) as monitor:
        with pytest.raises(MonitorError, match="No such command or device: sysbus"):
            monitor.execute("sysbus")
        assert not monitor.emulation.machines
        monitor.execute("mach create")
        assert monitor.execute("sysbus ReadByte 0x0") == "0x00"
        assert monitor.machine is None  # no platform was loaded
        monitor.execute("start")
        monitor.pump(1_000_000)
        monitor.execute(
            'machine LoadPlatformDescriptionFromString "m: Memory.ArrayMemory @ sysbus 0 { size: 8 }"'
        )
        assert monitor.machine is not None


def test_a_script_of_a_platform_file_has_the_names_of_the_monitor_and_tells_what_goes_wrong(
    tmp_path: Path,
) -> None:
    (tmp_path / "script.py").write_text(
        "if request.IsRead:\n    self.InfoLog('read at {0}', request.Offset)\n    request.Value = 7 / 2 + unknown\n"
    )
    repl = 'p: Python.PythonPeripheral @ sysbus 0x100 { size: 0x4; filename: "script.py" }'
    (tmp_path / "p.repl").write_text(repl)
    with EmbeddedMonitor(tmp_path) as monitor:
        monitor.execute("include @p.repl")
        assert monitor.execute("sysbus ReadDoubleWord 0x100") == "0x00000000"
        assert [entry.text for entry in monitor.log.last(2)] == [
            "read at 0",
            "Python runtime error: NameError: name 'unknown' is not defined (Line 3)",
        ]


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ("size: 4", "Parameters `script` and `filename` cannot be both set or both unset"),
        ('size: 4; filename: "nosuch.py"', "Could not find source file for the script: nosuch.py"),
        ('size: 4; script: "if error"', "unexpected EOF while parsing"),
    ],
)
def test_a_script_that_cannot_be_is_refused_when_the_file_is_loaded(
    tmp_path: Path, attributes: str, text: str
) -> None:
    (tmp_path / "p.repl").write_text(f"p: Python.PythonPeripheral @ sysbus 0x100 {{ {attributes} }}")
    with EmbeddedMonitor(tmp_path) as monitor, pytest.raises(MonitorError, match=text):
        monitor.execute("include @p.repl")


def test_without_python_a_script_of_a_platform_file_is_a_stand_in(tmp_path: Path) -> None:
    (tmp_path / "p.repl").write_text(
        'p: Python.PythonPeripheral @ sysbus 0x100 { size: 4; script: "request.Value = 5" }'
    )
    with EmbeddedMonitor(tmp_path, python=False) as monitor:
        monitor.execute("include @p.repl")
        assert "has no models of Python.PythonPeripheral (p)" in monitor.log.last(1)[0].text
        assert monitor.execute("sysbus ReadDoubleWord 0x100") == "0x00000000"


def test_modules_of_python_2_are_found_by_their_former_names(tmp_path: Path) -> None:
    with EmbeddedMonitor(tmp_path) as monitor:
        text = "import SimpleHTTPServer, StringIO; print StringIO.StringIO('text').read()"
        assert monitor.execute(f'python "{text}"') == "text"


@pytest.mark.parametrize(
    ("overriding", "value"), [("true", "0x00000005"), ("false", "0x00000000")], ids=["overrides", "beside"]
)
def test_firmware_meets_a_tag_that_overrides_registers(overriding: str, value: str, tmp_path: Path) -> None:
    with EmbeddedMonitor(tmp_path) as monitor:
        monitor.execute("include @renode/machine.resc")
        monitor.execute(
            f"sysbus Tag <0x41012000 8> 'x' 5 overridePeripheralAccesses={overriding}; sysbus Tag <0x20070000 4> 'y'"
        )
        assert monitor.execute("sysbus ReadDoubleWord 0x41012000 cpunet") == value
        monitor.execute("sysbus Tag <0x20070100 4> 'z' 5 overridePeripheralAccesses=true")
        assert "do not override mapped memory for the CPU" in monitor.log.last(1)[0].text
        if overriding == "true":
            monitor.execute("sysbus RemoveTag 0x41012004")
            assert monitor.execute("sysbus ReadDoubleWord 0x41012000 cpunet") == "0x00000000"
