"""Commands of the Monitor: what each prints and what it changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

import icmsg
from icmsg.errors import MonitorError
from icmsg.monitor.log import LogLevel

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.monitor import EmbeddedMonitor
    from icmsg.monitor.log import LogEntry


def refused(monitor: EmbeddedMonitor, command: str) -> str:
    with pytest.raises(MonitorError) as error:
        monitor.execute(command)
    return str(error.value)


# Machines


def test_mach_lists_machines_and_its_own_forms(monitor: EmbeddedMonitor) -> None:
    forms = monitor.execute("mach")
    assert forms.startswith("\nNo machine selected.\n\nYou can use the following commands:\n")
    monitor.execute('mach create "alpha"; mach create; mach add "beta"')
    assert monitor.execute("mach").startswith(
        "\nCurrent machine: machine-0\nAvailable machines:\n\t0: alpha     \n\t1: machine-0 \n\t2: beta      \n\n"
    )


def test_mach_selects_and_removes(monitor: EmbeddedMonitor) -> None:
    assert monitor.prompt == "(monitor)"
    monitor.execute('mach add "a"; mach add "b"')
    assert monitor.prompt == "(a)"
    assert (monitor.execute("mach set 1"), monitor.prompt) == ("", "(b)")
    monitor.execute('mach rem "a"')
    assert monitor.prompt == "(b)"
    monitor.execute('mach rem "b"')
    assert monitor.prompt == "(monitor)"
    monitor.execute('$name?="c"; mach create $name')
    assert monitor.prompt == "(c)"
    monitor.execute("mach clear")
    assert (monitor.prompt, monitor.machine) == ("(monitor)", None)


def test_a_removed_machine_is_closed(soc: EmbeddedMonitor) -> None:
    machine = soc.machine
    assert machine is not None
    soc.execute('mach rem "nrf5340"')
    assert soc.machine is None
    with pytest.raises(icmsg.errors.EngineError, match="closed"):
        machine.run_for(1)


def test_devices_need_their_prefix_only_without_using(soc: EmbeddedMonitor) -> None:
    assert soc.execute("ipcapp DropNext; sysbus.ipcapp DropNext") == "0x00000000\n0x00000000"
    soc.execute("using -")
    assert soc.execute("sysbus.ipcapp DropNext") == "0x00000000"
    assert refused(soc, "ipcapp DropNext").startswith("No such command or device: ipcapp")
    assert soc.execute("help using").endswith(
        "Current 'using':\n\t[none]\n\nTo clear all current usings execute \"using -\"."
    )
    soc.execute("using sysbus")
    assert soc.execute("ipcapp DropNext") == "0x00000000"


def test_the_tree_of_peripherals(soc: EmbeddedMonitor) -> None:
    lines = soc.execute("peripherals").splitlines()
    assert lines[:8] == [
        "Available peripherals:",
        "",
        "  sysbus (SystemBus)",
        "  │   ",
        "  ├── cacheapp (ArrayMemory)",
        "  │       <0x50001000, 0x50001FFF>",
        "  │       ",
        "  ├── clockapp (NRF5340_CLOCK)",
    ]
    names = [line.split()[1] for line in lines if "── " in line]
    assert names == sorted(names)
    assert lines[lines.index("  ├── cpunet (CortexM)") + 1] == "  │       Slot: 1"
    assert "  │       <0x5002A000, 0x5002AFFF> for core [CPU: nrf5340.cpuapp[0]]" in lines
    assert lines[-3:] == [
        "  └── wdtnet (NRF_WDT)",
        "          <0x4100B000, 0x4100BFFF> for core [CPU: nrf5340.cpunet[1]]",
        "          ",
    ]
    assert soc.execute("peri mailbox") == "Filtered peripherals:\n\n  sysbus (SystemBus)\n      "
    assert soc.execute("peripherals <0x41012000 0x1>") == soc.execute("peripherals ipcnet")


# Scripts and files


def test_path_prepends_and_resets(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    start = monitor.execute("path").removeprefix("Current 'PATH' value is: ")
    (tmp_path / "here.resc").write_text('echo "found"\n')
    assert "File does not exist: here.resc" in refused(monitor, "include @here.resc")
    assert monitor.execute(f"path add {typed(tmp_path)}") == f"Current 'PATH' value is: {tmp_path};{start}"
    assert monitor.execute("include @here.resc; i @here.resc") == "found\nfound"
    assert monitor.execute(f"path set {typed(tmp_path)}") == f"Current 'PATH' value is: {tmp_path}"
    assert monitor.execute("path reset") == f"Current 'PATH' value is: {start}"
    assert refused(monitor, "path add @nowhere").endswith(
        "Entry nowhere does not exist or is not a directory."
    )


def test_a_platform_file_may_be_included(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @platforms/nrf5340.repl")
    assert monitor.prompt == "(machine-0)"
    assert monitor.execute("cpuapp IsHalted") == "False"


def test_models_that_the_engine_has_are_accepted_with_a_line_in_the_log(monitor: EmbeddedMonitor) -> None:
    monitor.execute(
        "logLevel 0; include @renode/NRF_IPC.cs @renode/Lockstep.cs; include @renode/icmsg_monitor.py"
    )
    assert [entry.message for entry in monitor.log.last(3)] == [
        "NRF_IPC.cs: the embedded engine has its own NRF_IPC; the file is not compiled",
        "Lockstep.cs: the embedded engine has its own Lockstep; the file is not compiled",
        "icmsg_monitor.py: the Monitor has these commands itself",
    ]


def test_a_start_with_a_script_runs_it_first(monitor: EmbeddedMonitor) -> None:
    monitor.execute("start @renode/python-python.resc")
    assert monitor.is_started
    monitor.pump(5_000)
    assert monitor.execute("ipcapp ElapsedNanoseconds") == "5000"


def test_platform_descriptions_add_up(monitor: EmbeddedMonitor) -> None:
    monitor.execute("include @renode/machine.resc; sysbus WriteDoubleWord 0x20070000 5")
    monitor.execute(
        'machine LoadPlatformDescriptionFromString "extra: Memory.MappedMemory @ sysbus 0x30000000 { size: 0x1000 }"'
    )
    monitor.execute("extra WriteDoubleWord 0 7")
    assert monitor.execute("sysbus ReadDoubleWord 0x30000000 cpunet; sysbus ReadDoubleWord 0x20070000") == (
        "0x00000007\n0x00000005"
    )
    assert monitor.execute("cpuapp IsHalted; cpunet IsHalted") == "True\nTrue"
    monitor.execute('emulation RunFor "0.000001"')
    assert "load them before time passes" in refused(
        monitor, "machine LoadPlatformDescription @platforms/nrf5340.repl"
    )


# Log


def test_log_lines_have_virtual_times_and_levels(soc: EmbeddedMonitor) -> None:
    soc.execute('emulation RunFor "0.01234"; log "hello"; log "careful" 2; log "hidden" 0; log "bad" "Error"')
    assert soc.execute("lastLog 3") == (
        "00:00:00.0123 [INFO] Script: hello\n00:00:00.0123 [WARNING] Script: careful\n"
        "00:00:00.0123 [ERROR] Script: bad"
    )
    assert soc.execute("lastLog").endswith(soc.execute("lastLog 2"))
    assert refused(soc, "lastLog 1001").endswith("The number of entries cannot be larger than 1000")


def test_the_level_of_the_log_and_of_one_device(soc: EmbeddedMonitor) -> None:
    soc.execute("logLevel 3 sysbus; logLevel -1 ipcapp; sysbus ReadByte 0xF0000000")
    assert not soc.log.last(1)
    assert soc.execute("logLevel") == "\n".join(
        [
            "Currently set levels:\n",
            "Backend           | Emulation element                   | Level",
            "=" * 65,
            "console           :                                     : INFO",
            "                  : nrf5340:sysbus                      : ERROR",
            "                  : nrf5340:sysbus.ipcapp               : NOISY",
            "-" * 65,
        ]
    )
    soc.execute('logLevel "Debug"; log "now" 0')
    assert soc.log.last(1)[0].level is LogLevel.DEBUG
    assert refused(soc, "logLevel 1 ipcap").startswith(
        "Could not find emulation element or backend named: ipcap; did you mean ipcapp?"
    )
    assert refused(soc, "logLevel 7").startswith("Bad parameters for command logLevel 7\n")


def test_a_log_file_gets_every_line(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    soc.execute(f'logFile {typed(tmp_path)}/log.txt; log "a"; log "b" 3')
    assert (
        tmp_path / "log.txt"
    ).read_text() == "00:00:00.0000 [INFO] Script: a\n00:00:00.0000 [ERROR] Script: b\n"
    assert "cannot be written" in refused(soc, f"logFile {typed(tmp_path)}/no/folder.txt")


def test_a_log_file_takes_the_place_of_none(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "log").symlink_to(tmp_path / "mine")
    soc.execute(f"logFile {typed(tmp_path)}/log")
    assert soc.log.last(1)[0].text == f"Old file {tmp_path}/log moved to {tmp_path}/log.1"
    soc.execute(f'log "a"; logFile {typed(tmp_path)}/log; log "b"; logFile {typed(tmp_path)}/mine')
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1", "log.2", "mine", "mine.1"]
    assert (tmp_path / "mine.1").read_text() == "precious"
    assert (tmp_path / "log.1").is_symlink()
    assert "Script: a" in (tmp_path / "log.2").read_text()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_a_log_file_is_a_file(soc: EmbeddedMonitor, tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "other")
    assert "it is there, and is no file" in refused(soc, f"logFile {typed(tmp_path)}/other")
    assert [each.name for each in tmp_path.iterdir()] == ["other"]


def test_a_front_end_sees_log_lines_as_they_come(soc: EmbeddedMonitor) -> None:
    seen: list[LogEntry] = []
    soc.log.add_sink(seen.append)
    soc.execute('log "a"')
    assert [(entry.level, entry.message) for entry in seen] == [(LogLevel.INFO, "Script: a")]


def test_lines_of_shown_consoles_go_into_the_log_in_the_order_of_time(monitor: EmbeddedMonitor) -> None:
    monitor.execute('include @renode/nrf5340.resc; emulation RunFor "0.0001"')
    entries = [entry for entry in monitor.log.last(100) if entry.source.startswith("uart")]
    assert [entry.message.split("] ")[1] for entry in entries] == [
        "initiator: up",
        "echo: up",
        "initiator: bound",
        "echo: bound",
    ]
    assert [entry.time_ns for entry in entries] == sorted(entry.time_ns for entry in entries)
    assert entries[0].message == "uartapp: [virt: 15.62µs (+15.62µs)] initiator: up"
    assert monitor.execute("sa uartnet") == ""
    assert refused(monitor, "showAnalyzer ipcapp").endswith("No suitable analyzer found for ipcapp")
    assert refused(monitor, "showAnalyzer uart") == "Peripheral not found: uart; did you mean uartnet?"


def test_accesses_to_registers_are_logged_with_their_maker_between_the_lines_of_the_consoles(
    monitor: EmbeddedMonitor,
) -> None:
    monitor.execute("include @renode/nrf5340.resc; sysbus LogPeripheralAccess ipcapp")
    monitor.execute('emulation RunFor "0.00003"; ipcapp ReadDoubleWord 0x304')
    lines = [entry.message for entry in monitor.log.last(100)]
    writes = [line for line in lines if "WriteUInt32 to 0x304 (INTENSET), value 0x2" in line]
    assert len(writes) == 1
    assert writes[0].startswith("ipcapp: [cpuapp: 0x")
    assert lines[0].endswith("initiator: up")
    assert lines[-1] == "ipcapp: ReadUInt32 from 0x304 (INTENSET), returned 0x2"
    times = [entry.time_ns for entry in monitor.log.last(100) if entry.source in ("ipcapp", "uartapp")]
    assert times[:-1] == sorted(
        times[:-1]
    )  # the last one is the Monitor's own, behind which a core may be ahead
    monitor.execute('sysbus LogPeripheralAccess ipcapp false; emulation RunFor "0.001"')
    assert sum("UInt32" in entry.text for entry in monitor.log.last(1000)) == len(
        [line for line in lines if "UInt32" in line]
    )
    assert "not to nvicapp" in refused(monitor, "sysbus LogPeripheralAccess nvicapp")


def test_all_accesses_are_logged_twice_over_and_change_no_trace(monitor: EmbeddedMonitor) -> None:
    hashes = []
    for command in ("", "sysbus LogAllPeripheralsAccess; sysbus LogAllPeripheralsAccess"):
        monitor.execute("include @renode/nrf5340.resc")
        monitor.execute(command)
        monitor.execute('emulation RunFor "0.0005"')
        assert monitor.machine is not None
        hashes.append(monitor.machine.trace_sha256())
        monitor.execute('mach rem "nrf5340"')
    assert hashes[0] == hashes[1]
    assert len([entry for entry in monitor.log.last(1000) if "UInt32" in entry.text]) > 100


def test_what_firmware_does_that_nothing_models_is_in_the_log(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus WriteDoubleWord 0x20000100 0xE7FE6800")  # ldr r0, [r0]; b .
    soc.execute('cpuapp PC 0x20000100; cpuapp SP 0x20001000; cpuapp SetRegister "R0" 0x50021000')
    soc.execute('cpuapp IsHalted false; emulation RunFor "0.000001"')
    entry = soc.log.last(1)[0]
    assert (entry.source, entry.level) == ("sysbus", LogLevel.WARNING)
    assert entry.text.startswith("[cpuapp: 0x20000100] ")
    assert "PWM0" in entry.text


# Information


def test_help_lists_commands_and_explains_one(monitor: EmbeddedMonitor) -> None:
    lines = monitor.execute("help").splitlines()
    assert lines[:3] == ["Available commands:", "Name              | Description", "=" * 80]
    assert "mach              : list and manipulate machines available in the environment." in lines
    names = [line.split(":")[0].rstrip() for line in lines[3 : lines.index("")]]
    assert names == sorted(names)
    assert monitor.execute("h path").startswith("path\nallows modification of internal 'PATH' variable.\n")
    assert monitor.execute("? start").startswith("start [ s ]\nstarts the emulation.\n")
    for name in names:
        assert monitor.execute(f"help {name}").split("\n")[0].split(" [ ")[0] == name


def test_version_and_time(soc: EmbeddedMonitor) -> None:
    assert soc.execute("version") == f"icmsg, version {icmsg.__version__} (embedded engine)"
    soc.execute('emulation RunFor "3601.5"')
    assert soc.execute("currentTime") == "Current virtual time: 01:00:01.500000000"
    assert soc.log.last(1)[0].text == "Current virtual time: 01:00:01.500000000"


def test_verbose_mode_shows_every_command(monitor: EmbeddedMonitor) -> None:
    assert monitor.execute('verboseMode true; echo "a"; verboseMode false; echo "b"') == (
        'Executing: echo "a"\na\nExecuting: verboseMode false\nb'
    )


def test_quit_says_so_and_is_seen(soc: EmbeddedMonitor) -> None:
    assert not soc.has_quit
    assert soc.execute("q") == "Renode is quitting"
    assert (soc.has_quit, soc.prompt) == (True, "(monitor)")


def test_echo_and_its_relatives(soc: EmbeddedMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert soc.execute('echo "a b"; echo "-n" "c"; echo "d"; echo; echo 16') == "a b\ncd\n\n16"
    assert soc.execute('echo "x" "y"') == "usage: echo [-n] [string]"
    assert soc.execute('string a "b" 1; clear') == '"a b 1"'
    assert soc.execute("str_contains \"ell\" 'HELLO'; str_contains \"x\" 'a'") == "True\nFalse"
    monkeypatch.setenv("ICMSG_TEST", "here")
    assert soc.execute('get_environ "ICMSG_TEST"; get_environ "ICMSG_NOT_THERE"') == "here"
    assert soc.execute("if true 'echo \"yes\"'; if false 'echo \"no\"'") == "yes"
    soc.execute('icmsg_write 0x20070000 "48690041"')
    assert (
        soc.execute("dump 0x20070000 8 4")
        == "0x20070000 | 48 69 00 41 | Hi.A\n0x20070004 | 00 00 00 00 | ...."
    )


def test_the_verbs_and_their_names_in_renode_are_the_same(soc: EmbeddedMonitor) -> None:
    assert soc.execute("icmsg_status") == soc.execute("icmsg status")
    assert soc.execute("icmsg_dump cpuapp 4") == soc.execute("icmsg dump app->net 4")
    assert soc.execute("icmsg_regions app=0x20071000 size=0x400") == soc.execute("icmsg regions")
    assert "0x20071000…0x200713FF" in soc.execute("icmsg config")
    assert soc.execute("icmsg_watch") == soc.execute("icmsg watch on")
    assert soc.execute("icmsg_release") == soc.execute("icmsg release")
    assert soc.execute("icmsg_watch false") == soc.execute("icmsg watch off")


def test_verbs_stand_beside_commands_in_a_line_and_take_variables(soc: EmbeddedMonitor) -> None:
    soc.execute('$what="dump"')
    assert soc.execute('echo "a"; icmsg help $what; echo "b;c"') == "\n".join(
        ["a", soc.execute("icmsg help dump"), "b;c"]
    )
    assert refused(soc, 'icmsg send "open') == 'a quote is not closed: "open'


def test_watched_packets_are_lines_in_the_log(monitor: EmbeddedMonitor) -> None:
    monitor.execute('include @renode/nrf5340.resc; icmsg watch; emulation RunFor "0.0001"')
    assert any("app->net 1 byte: 01" in entry.text for entry in monitor.log.last(100))


def test_settings_of_time_that_hold_anyway_are_accepted(soc: EmbeddedMonitor) -> None:
    assert (
        soc.execute(
            "emulation SetSeed 7; emulation GetSeed; emulation SetGlobalSerialExecution true; "
            'machine SetSerialExecution true; machine SetQuantum "0.00001"; machine SetAdvanceImmediately true'
        )
        == "0x00000007\nTrue"
    )
    assert "the renode engine takes false" in refused(soc, "emulation SetGlobalSerialExecution false")
    assert "never waits for the wall clock" in refused(soc, "emulation SetGlobalAdvanceImmediately false")


def test_each_command_is_shown_as_soon_as_it_has_run(soc: EmbeddedMonitor) -> None:
    shown: list[str] = []
    with pytest.raises(MonitorError, match="nosuch"):
        soc.execute(
            "echo 'one'; emulation RunFor '0.001'; cpunet IsHalted; nosuch; echo 'never'", shown.append
        )
    assert shown == ["one", "True"]


def test_lines_of_a_script_are_shown_as_they_run(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    script = tmp_path / "two.resc"
    script.write_text("echo 'first'\necho 'second'\n", encoding="utf-8")
    shown: list[str] = []
    assert monitor.execute(f"include {typed(script)}", shown.append) == ""
    assert shown == ["first", "second"]


def test_clear_forgets_what_a_script_or_a_person_set(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    script = tmp_path / "machine.resc"
    script.write_text('mach create "soc"\n$elf?=@default.elf\necho $elf\n', encoding="utf-8")
    assert monitor.execute(f"include {typed(script)}").endswith("default.elf")
    monitor.execute("Clear; $elf=@mine.elf")
    assert monitor.execute(f"include {typed(script)}").endswith("mine.elf")
    monitor.execute("Clear")
    assert monitor.execute(f"include {typed(script)}").endswith("default.elf")


def test_a_machine_has_its_bus_before_a_platform_is_loaded_and_keeps_what_was_done_to_it(
    monitor: EmbeddedMonitor,
) -> None:
    monitor.execute('mach create; sysbus Tag <0x10, 0x13> "named" 7')
    assert monitor.execute("sysbus ReadDoubleWord 0x0") == "0x00000000"
    monitor.execute(
        'machine LoadPlatformDescriptionFromString "ram: Memory.MappedMemory @ sysbus 0x1000 { size: 0x1000 }"'
    )
    assert monitor.execute("sysbus ReadDoubleWord 0x10") == "0x00000007"
    assert monitor.execute("sysbus ReadDoubleWord 0x1000") == "0x00000000"


def test_a_string_goes_over_lines_that_are_given_at_once(monitor: EmbeddedMonitor) -> None:
    places = {"a": 0x1000, "b": 0x3000}
    lines = "\n\n".join(
        f"{name}: Memory.MappedMemory @ sysbus {at} {{ size: 0x1000 }}" for name, at in places.items()
    )
    monitor.execute(
        f'mach create; machine LoadPlatformDescriptionFromString "{lines}"\nsysbus WriteByte 0x3000 5'
    )
    assert monitor.execute("sysbus ReadByte 0x3000") == "0x05"
    with pytest.raises(MonitorError, match="Could not tokenize here"):
        monitor.execute('echo "open\necho 1')
