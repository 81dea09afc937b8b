"""What the Monitor refuses: Renode's words, and behind them what would work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from looped import for_each
from typed_paths import typed

from icmsg.assets import asset
from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def calm() -> Iterator[EmbeddedMonitor]:
    """One machine for many refusals: none of them changes anything."""
    with EmbeddedMonitor(asset("renode").parent) as monitor:
        monitor.execute("include @renode/machine.resc")
        before = monitor.machine.trace_sha256() if monitor.machine is not None else ""
        yield monitor
        assert monitor.machine is not None
        assert (monitor.machine.trace_sha256(), monitor.prompt) == (before, "(nrf5340)")


def refused(monitor: EmbeddedMonitor, command: str) -> str:
    with pytest.raises(MonitorError) as error:
        monitor.execute(command)
    return str(error.value)


@for_each(
    ("command", "text"),
    [
        ("nothing", "No such command or device: nothing"),
        ("perpherals", "No such command or device: perpherals; did you mean peripherals?"),
        ("cpuap PC", "No such command or device: cpuap; did you mean cpuapp?"),
        ("12", "No such command or device: 12"),
        ("$x 1 2", "No such command or device: $x"),
        ("a <", "Could not tokenize here:\na <\n  ^"),
        ('echo "open', 'Could not tokenize here:\necho "open\n     ^'),
        ("a <5, 3>", "Could not tokenize here:\na <5, 3>\n  ^\nCould not create range; the start address can't be "
                     "higher than the end address.\nUse '<5 3>' without a comma if the second argument is size."),
        ('mach set "x"', "Machine x not found."),
        ('mach rem "nrf5304"', "Machine nrf5304 not found; did you mean nrf5340?"),
        ("mach set 5", "Wrong machine number. Type mach to show a list of available machines."),
        ("help mahc", "No such command: mahc; did you mean mach?"),
        ("include @nowhere.resc", "There was an error executing command 'include @nowhere.resc'\n"
                                  "File does not exist: nowhere.resc"),
        ("include @renode/NRF_IPC.cs @renode/nrf5340.resc", "All file extensions must match (saw .cs and .resc)!"),
        ("include @renode/nrf5340.resc @renode/machine.resc",
         "Inclusion of muliple files in currently only supported for *.cs!"),
        ("runMacro $nothing", "There was an error executing command 'runMacro $nothing'\nNo such variable: $nothing"),
        ('mach create "nrf5340"', "There was an error executing command 'mach create \"nrf5340\"'\n"
                                  "Given machine is already added or name is already taken."),
        ("cpuapp 5", "There was an error executing command 'cpuapp 5'\nBad syntax"),
        ("ipcapp DropNex", "There was an error executing command 'ipcapp DropNex'\n"
                           "sysbus.ipcapp does not provide a field, method or property DropNex; "
                           "did you mean DropNext?"),
        ("connector Conect", "There was an error executing command 'connector Conect'\n"
                             "connector does not provide a field, method or property Conect; did you mean Connect?"),
        ("EmulationManager Clear", "There was an error executing command 'EmulationManager Clear'\n"
                                   "EmulationManager does not provide a field, method or property Clear.\n"
                                   "The embedded engine has the members that the name alone lists; "),
        ("Load", "\nThe following methods are available:\n"
                 " - Void Load (ReadFilePath path, Boolean preserveState = False"),
        ("Save", "\nThe following methods are available:\n - Void Save (String path)\n\nUsage:\n"
                 " EmulationManager MethodName param1 param2 ...\n"),
        ('cpuapp GetRegister "R99"', "There was an error executing command 'cpuapp GetRegister \"R99\"'\n"
                                     "Wrong register name: R99"),
        ("cpuapp GetRegister 99", "There was an error executing command 'cpuapp GetRegister 99'\n"
                                  "Wrong register index: 99"),
        ("cpuapp PC 0x100000000", "There was an error executing command 'cpuapp PC 0x100000000'\n"
                                  "Value is too big to be expressed as UInt32"),
        ("cpuapp IsHalted 1", "There was an error executing command 'cpuapp IsHalted 1'\n"
                              "Could not convert 1 to Boolean: 1 is neither true nor false"),
        ("icmsg nonsense", "icmsg has no verb 'nonsense'"),
        ('icmsg_write 0x20070000 "0g"', "There was an error executing command 'icmsg_write 0x20070000 \"0g\"'\n"
                                        "'0g' is no text of hex digits, two for each byte"),
        ("icmsg_read 0x20070000", "There was an error executing command 'icmsg_read 0x20070000'\n"
                                  "Command 'icmsg_read 0x20070000' failed: it takes 2 arguments (1 given)"),
        ("icmsg_read nothing 4", "There was an error executing command 'icmsg_read nothing 4'\n"
                                 "No such emulation element: nothing"),
        ("icmsg_read 0x20070000 0x7fffffff", "There was an error executing command "
                                             "'icmsg_read 0x20070000 0x7fffffff'\n2147483647 bytes at once"),
        ("icmsg_read 0xF0000000 4", "There was an error executing command 'icmsg_read 0xF0000000 4'\n"
                                    "32-bit access at 0xF0000000: "),
        ("icmsg_read = 4", "There was an error executing command 'icmsg_read = 4'\nInvalid argument = at position 1"),
        ("icmsg_regions app 5", "There was an error executing command 'icmsg_regions app 5'\n"
                                "No such emulation element: app"),
        ("sleep -1", "There was an error executing command 'sleep -1'\n-1 is no number of seconds"),
        ('python "import clr"', "There was an error executing command 'python \"import clr\"'\n"
                                "ImportError: there is no .NET here, so no clr: monitor, machine, self"),
        ("cpuapp PerformanceInMips 0", "There was an error executing command 'cpuapp PerformanceInMips 0'\n"
                                       "PerformanceInMips is a whole number from 1 on"),
    ],
)  # fmt: skip
def test_a_refusal_begins_with_renodes_words(calm: EmbeddedMonitor, command: str, text: str) -> None:
    assert refused(calm, command).startswith(text)


@for_each(
    ("command", "reason"),
    [
        ("sysbus ReadDoubleWord", "address (UInt64) is missing"),
        ("sysbus ReadDoubleWord 0 cpuapp 3", "there are too many arguments"),
        ("sysbus ReadDoubleWord 0 cpu", "cpu is no core of this machine"),
        ("sysbus ReadDoubleWord 0 app", "app is no core of this machine"),
        ('sysbus ReadDoubleWord "0"', '"0" is no whole number (UInt64)'),
        ("sysbus ReadDoubleWord adress=0", "there is no parameter adress (there are address, context)"),
        ("sysbus ReadDoubleWord 0 address=0", "there are too many arguments"),
        (
            "sysbus WriteByte value=1 0x20070000",
            "an argument without a name cannot stand behind one with a name",
        ),
        ("sysbus WriteBytes 5 0x20070000", "a list is written as [1, 2, 3]"),
        ("sysbus WriteBytes [1, 2 0x20070000", "a list is written as [1, 2, 3]"),
        ("sysbus ReadByte [1]", "UInt64 takes no list"),
        ("sysbus LoadELF @nowhere.elf cpu=cpuapp", "File does not exist: nowhere.elf"),
        ("sysbus LoadELF nowhere", "a file is written as @nowhere"),
        ("emulation RunFor 0.01", 'a time is written with quotes: "0.01"'),
        (
            'emulation RunFor "soon"',
            '"soon" is no time; write seconds or hours:minutes:seconds, as in 00:00:00.0000',
        ),
        ("cpuapp GetRegister PC", 'a text is written with quotes: "PC"'),
        ("emulation SetGlobalSerialExecution 1", "1 is neither true nor false"),
    ],
)
def test_parameters_that_do_not_fit_show_the_signature_and_the_reason(
    calm: EmbeddedMonitor, command: str, reason: str
) -> None:
    text = refused(calm, command)
    member = command.split()[1]
    assert text.startswith("\nThe following methods are available:\n - ")
    assert f" {member} (" in text.splitlines()[2]
    assert "\nParameters did not match the signature\n" in text
    assert reason in text.splitlines()


def test_a_file_with_a_model_of_somebody_else_names_the_class_and_the_other_engine(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    (tmp_path / "Mine.cs").write_text("namespace A\n{\n    public class MyMailbox : IPeripheral {}\n}\n")
    text = refused(monitor, f"include {typed(tmp_path)}/Mine.cs")
    assert "has no model of its own for MyMailbox; run this script with the renode engine" in text


def test_a_platform_that_the_engine_does_not_run_names_file_line_type_and_the_other_engine(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    path = tmp_path / "mine.repl"
    path.write_text('using "platforms/nrf5340.repl"\n\ncpunet:\n    cpuType: "cortex-m99"\n')
    monitor.execute('mach create "m"')
    text = refused(monitor, f"machine LoadPlatformDescription {typed(path)}")
    assert f"{path}:4" in text
    assert "cpuType 'cortex-m99' is not modelled by the embedded engine" in text
    assert "--engine renode" in text
    assert monitor.machine is None
    monitor.execute("machine LoadPlatformDescription @platforms/nrf5340.repl")
    assert monitor.machine is not None


def test_a_command_for_a_machine_without_one_is_refused(monitor: EmbeddedMonitor) -> None:
    assert refused(monitor, "peripherals") == "Select active machine first."
    assert refused(monitor, "sysbus ReadByte 0").startswith("No such command or device: sysbus")
    assert "there is no machine" in refused(monitor, "icmsg_read 0 4")
    assert "there is no machine" in refused(monitor, "icmsg status")
    monitor.execute('mach create "empty"')
    assert refused(monitor, "cpu PC").startswith("No such command or device: cpu")
    assert monitor.execute('emulation RunFor "0.1"; machine Reset; peripherals').startswith(
        "Available peripherals:"
    )


def test_what_was_printed_before_a_refusal_is_in_front_of_it(soc: EmbeddedMonitor) -> None:
    assert refused(soc, 'echo "a"\nxyzzy\necho "b"') == "a\nNo such command or device: xyzzy"


def test_a_script_stops_at_its_first_refusal_and_says_where(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    (tmp_path / "inner.resc").write_text('\necho "one"\nxyzzy here\necho "two"\n')
    (tmp_path / "outer.resc").write_text("include $ORIGIN/inner.resc\n")
    assert refused(monitor, f"include {typed(tmp_path)}/outer.resc") == (
        f"one\nNo such command or device: xyzzy\n  {tmp_path}/inner.resc:3\n  {tmp_path}/outer.resc:1"
    )


def test_a_script_that_is_no_text_is_refused(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    (tmp_path / "binary.resc").write_bytes(b"\xff\xfe\x00")
    assert "binary.resc cannot be read as a script" in refused(
        monitor, f"include {typed(tmp_path)}/binary.resc"
    )


def test_a_macro_that_fails_at_a_machine_reset_ends_the_reset_with_its_line(soc: EmbeddedMonitor) -> None:
    soc.execute('macro reset "xyzzy"')
    assert refused(soc, "machine Reset") == (
        "No such command or device: xyzzy\nThere was an error executing command 'machine Reset'\n"
        "Parsing line 'xyzzy' failed."
    )


def test_a_machine_without_a_reset_macro_says_so_in_the_log(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @platforms/nrf5340.repl; machine Reset")
    assert monitor.log.last(1)[0].text == "No action for reset - macro reset is not registered."


def test_firmware_that_locks_up_is_in_the_log_and_time_goes_on(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus WriteDoubleWord 0x20000100 0xDE00DE00; cpuapp VectorTableOffset 0x60000000")
    soc.execute("cpuapp PC 0x20000100; cpuapp SP 0x20001000; cpuapp IsHalted false; start")
    soc.pump(1_000_000)
    assert soc.is_started
    assert any("where no fault handler can run" in line.text for line in soc.log.last(10))
    soc.execute('pause; emulation RunFor "0.001"')
