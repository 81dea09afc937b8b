"""Python in the Monitor: ``python``, commands of files, and the scripts of hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from typed_paths import typed

from icmsg.errors import MonitorError
from icmsg.monitor.python_objects import compile_script

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.monitor import EmbeddedMonitor

START: Final = "sysbus LoadELF @firmware_stubs/prebuilt/echo-net.elf cpu=cpunet; cpunet IsHalted false"


@pytest.fixture
def net(soc: EmbeddedMonitor) -> EmbeddedMonitor:
    """Firmware on core net that has not begun."""
    soc.execute(START)
    return soc


def told(monitor: EmbeddedMonitor, count: int = 50) -> list[str]:
    return [entry.message for entry in monitor.log.last(count)]


# The language


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("print 'x'", "x"),
        ("print 'a', 7/2, 7/2.0, -7/2", "a 3 3.5 -4"),
        ("print 'a',\nprint 'b'", "a b"),
        ("print", ""),
        ("print('x')", "x"),
        ("if 1: print 'x'; print 'y'", "x\ny"),
        ("try:\n    1/0\nexcept ZeroDivisionError, error:\n    print 'no'", "no"),
        ("print len(range(3)), unicode(1), sum(x for x in xrange(3))", "3 1 3"),
    ],
)
def test_python_of_renodes_scripts_means_the_same(
    monitor: EmbeddedMonitor, script: str, printed: str
) -> None:
    assert monitor.execute(f'python """{script}"""') == printed


def test_what_is_no_python_says_where_as_renode(net: EmbeddedMonitor) -> None:
    with pytest.raises(MonitorError, match=r"\[FatalError\] .* \(Line 2, Column \d+\)"):
        compile_script("x = 1\nprint `x`")
    with pytest.raises(MonitorError, match=r"\[FatalError\] '\(' was never closed \(Line 1, Column"):
        net.execute('cpunet AddHook 0x01000C52 "print ("')


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("1/0", r"ZeroDivisionError: .* \(Line 1\)"),
        ("nothing", r"NameError: name 'nothing' is not defined \(Line 1\)"),
        ("monitor.Machine['sysbus.cpunet'].Pc", "has no attribute 'Pc'; did you mean PC"),
        ("monitor.Machine['nobody']", "there is no nobody in this machine"),
        (
            "monitor.Machine['cpunet'].GetRegister(1.5)",
            "GetRegister of sysbus.cpunet: .*1.5 is no whole number",
        ),
        ("monitor.Machine['cpunet'].PC = 'x'", 'PC: "?x"? is no'),
        ("import System", "there is no .NET here, so no System"),
        ("from Antmicro.Renode.Core import X", "there is no .NET here"),
        ("import sys; sys.exit()", "a script cannot end the Monitor"),
        ("monitor.Parse('nothing')", "No such command or device: nothing"),
    ],
)
def test_a_mistake_in_a_script_is_said_in_words(soc: EmbeddedMonitor, script: str, why: str) -> None:
    with pytest.raises(MonitorError, match=why):
        soc.execute(f'python "{script}"')


def test_functions_of_a_file_are_commands(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    path = tmp_path / "mine äö.py"
    path.write_text(
        "def mc_twice(name, times=2):\n    print name * times\n\n"
        "def mc_pc(cpu):\n    print cpu.PC\n\ndef mc_fails():\n    return 'bad'\n",
        encoding="utf-8",
    )
    soc.execute(f"include {typed(path)}")
    assert soc.execute('twice "ab"') == "abab"
    assert soc.execute('twice "ab" times=3') == "ababab"
    assert soc.execute("cpunet PC 0x1234; pc cpunet") == "0x1234"
    assert "twice" in soc.complete("tw")
    for command, why in (
        ("fails", 'Command fails failed, returning "bad"'),
        ("twice", "Command 'twice' failed\n"),
    ):
        with pytest.raises(MonitorError, match=why):
            soc.execute(command)


def test_objects_of_scripts_are_those_of_the_monitor(soc: EmbeddedMonitor) -> None:
    soc.execute("python \"m = monitor.Machine; bus = m.SystemBus; cpu = m['sysbus.cpunet']\"")
    soc.execute('python "bus.WriteDoubleWord(0x20000000, 0x1234); bus.WriteBytes([1, 2], 0x20000004)"')
    assert (
        soc.execute('python "print hex(bus.ReadDoubleWord(0x20000000, cpu)), bus.ReadByte(0x20000005)"')
        == "0x1234 2"
    )
    soc.execute("python \"cpu.SP = 0x21001000; cpu.SetRegister('R3', 7); cpu.IsHalted = True\"")
    assert (
        soc.execute('python "print cpu.SP, cpu.GetRegister(3).RawValue, cpu.IsHalted"') == "0x21001000 7 True"
    )
    soc.execute('emulation RunFor "0.0015"')
    assert soc.execute('python "print m.ElapsedVirtualTime.TimeElapsed.TotalMilliseconds"') == "1.5"
    assert soc.execute('python "print emulationManager.CurrentEmulation.GetSeed()"') == "1"


# Hooks


def test_a_hook_runs_before_its_instruction_and_may_change_registers(net: EmbeddedMonitor) -> None:
    net.execute(
        'cpunet AddSymbolHook "main" "self.Log(LogLevel.Info, \'at {0:X} {1}\', pc, cpu.PC); count = 1"'
    )
    net.execute('cpunet AddSymbolHook "main" "cpu.SetRegister(0, 0x55); print machine.SystemBus, self"')
    assert (
        net.execute('emulation RunFor "0.0001"; cpunet GetRegister 0').splitlines()[0]
        == "sysbus sysbus.cpunet"
    )
    assert "cpunet: at 10001D4 0x10001d4" in told(net)


def test_a_hook_leads_firmware_elsewhere(net: EmbeddedMonitor) -> None:
    """Firmware never comes to where main would print, because main returns at once."""
    net.execute('cpunet AddSymbolHook "main" "cpu.PC = cpu.LR"; emulation RunFor "0.001"')
    assert "echo: up" not in net.execute("uartnet DumpHistoryBuffer")


def test_hooks_are_removed_and_two_at_one_address_both_run(net: EmbeddedMonitor) -> None:
    net.execute(
        "cpunet AddHook 0x010001D4 \"self.InfoLog('one')\"; cpunet AddHook 0x010001D4 \"self.InfoLog('two')\""
    )
    net.execute('cpunet AddSymbolHook "bond" "pass"; cpunet AddHook 0x01000244 "self.InfoLog(\'gone\')"')
    net.execute('cpunet RemoveHooksAt 0x01000244; emulation RunFor "0.0001"')
    assert [text for text in told(net) if text.split()[-1] in ("one", "two", "gone")] == [
        "cpunet: one",
        "cpunet: two",
    ]


def test_a_script_that_fails_in_a_hook_is_told_and_the_emulation_goes_on(net: EmbeddedMonitor) -> None:
    net.execute('cpunet AddHook 0x010001D4 "nothing"; emulation RunFor "0.001"')
    assert any("Python runtime error: NameError: name 'nothing' is not defined" in text for text in told(net))
    assert net.execute("uartnet DumpHistoryBuffer") == "echo: up\r\n"


def test_hooks_see_sleep_and_runs_of_instructions(net: EmbeddedMonitor) -> None:
    net.execute("cpunet AddHookAtWfiStateChange \"self.InfoLog('wfi {0}', isInWfi)\"")
    net.execute("cpunet SetHookAtBlockBegin \"if pc == 0x010001D4: self.InfoLog('block {0}', size)\"")
    net.execute("cpunet SetHookAtBlockEnd \"if pc == 0x010001D4: self.InfoLog('ended {0}', size)\"")
    net.execute('emulation RunFor "0.001"; ipcnet WriteDoubleWord 0x100 1; emulation RunFor "0.001"')
    seen = [text.removeprefix("cpunet: ") for text in told(net) if text.startswith("cpunet: ")]
    assert seen[:4] == ["block 7", "ended 7", "wfi True", "wfi False"]
    assert seen[-1] == "wfi True"


def test_hooks_see_where_exceptions_are_entered_and_return(soc: EmbeddedMonitor) -> None:
    """An SVC, which is 2 in Renode, and an interrupt, which is 5."""
    soc.execute(
        'cpunet AssembleBlock 0x21000200 "svc #0; b 0x21000202; bx lr"; cpunet VectorTableOffset 0x21000000'
    )
    for offset, word in ((0, 0x21001000), (4, 0x21000201), (11 * 4, 0x21000205), (34 * 4, 0x21000205)):
        soc.execute(f"sysbus WriteDoubleWord {0x21000000 + offset} {word}")
    for name in ("Begin", "End"):
        soc.execute(f"cpunet AddHookAtInterrupt{name} \"self.InfoLog('{name} {{0}}', exceptionIndex)\"")
    soc.execute('cpunet IsHalted false; emulation RunFor "0.0001"; nvicnet WriteDoubleWord 0x100 0x40000')
    soc.execute('nvicnet SetPendingIRQ 34; emulation RunFor "0.0001"')
    assert told(soc) == ["cpunet: Begin 2", "cpunet: End 2", "cpunet: Begin 5", "cpunet: End 5"]


def test_a_watchpoint_hook_has_core_address_width_and_value_of_that_width_alone(net: EmbeddedMonitor) -> None:
    for width, name in (("DoubleWord", "word"), ("1", "byte")):
        net.execute(
            f"sysbus AddWatchpointHook 0x20078004 {width} Write "
            f"\"self.InfoLog('{name} {{0:X}} {{1}} {{2:X}} {{3}}', address, width, value, cpu)\""
        )
    net.execute('emulation RunFor "0.001"')
    assert told(net)[-2:] == [
        "sysbus: word 20078004 4 0 sysbus.cpunet",
        "sysbus: word 20078004 4 14 sysbus.cpunet",
    ]


def test_hooks_of_a_peripheral_change_what_is_read_and_written_in_any_order_of_their_end(
    soc: EmbeddedMonitor,
) -> None:
    soc.execute("sysbus LogPeripheralAccess ipcapp")
    soc.execute('sysbus SetHookBeforePeripheralWrite ipcapp "value = value | 4" <0x300 0x10>')
    soc.execute('sysbus SetHookAfterPeripheralRead ipcapp "value += 0x100 if offset == 0x300 else 0"')
    soc.execute("ipcapp WriteDoubleWord 0x300 1")
    assert soc.execute("ipcapp ReadDoubleWord 0x300") == "0x00000105"
    soc.execute("sysbus LogPeripheralAccess ipcapp false; ipcapp WriteDoubleWord 0x300 0")
    assert soc.execute("ipcapp ReadDoubleWord 0x300") == "0x00000104"
    soc.execute("sysbus ClearHookAfterPeripheralRead ipcapp")
    assert soc.execute("ipcapp ReadDoubleWord 0x300") == "0x00000004"
    with pytest.raises(MonitorError, match=r"the embedded engine has hooks at .*ipcapp, .*; not at ramapp"):
        soc.execute('sysbus SetHookAfterPeripheralRead ramapp "pass"')


def test_a_line_hook_has_the_line_and_may_pause(net: EmbeddedMonitor) -> None:
    net.execute('uartnet AddLineHook "up" "print \'line\', line; machine.Pause()"')
    assert net.execute('emulation RunFor "0.01"') == "line echo: up"
    first = net.execute("machine ElapsedVirtualTime")
    assert "00:00:00.010" not in first
    net.execute('emulation RunFor "0.001"')
    assert net.execute("machine ElapsedVirtualTime") != first


def test_hooks_change_no_event_and_no_hash() -> None:
    from icmsg.monitor import EmbeddedMonitor

    hashes = set()
    for hooks in ("", 'cpunet SetHookAtBlockBegin "pass"; cpunet AddHook 0x010001D4 "pass"; '):
        with EmbeddedMonitor() as monitor:
            monitor.execute(f'include @renode/machine.resc; {START}; {hooks}emulation RunFor "0.001"')
            assert monitor.machine is not None
            hashes.add(monitor.machine.trace_sha256())
    assert len(hashes) == 1
