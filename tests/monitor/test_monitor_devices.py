"""Devices in the Monitor: forms of what they print, and cores in every state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

from icmsg.assets import stub
from icmsg.errors import MonitorError
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.monitor import EmbeddedMonitor

INITIATOR = "firmware_stubs/prebuilt/initiator-app.elf"
ECHO = "firmware_stubs/prebuilt/echo-net.elf"


def refused(monitor: EmbeddedMonitor, command: str) -> str:
    with pytest.raises(MonitorError) as error:
        monitor.execute(command)
    return str(error.value)


def messages(monitor: EmbeddedMonitor) -> list[str]:
    return [entry.message for entry in monitor.log.last(1000)]


# Numbers


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("sysbus ReadByte 0x20070000", "0xEF"),
        ("sysbus ReadWord 0x20070000", "0xBEEF"),
        ("sysbus ReadDoubleWord 0x20070000", "0xDEADBEEF"),
        ("sysbus ReadDoubleWord 0x20070001", "0x00DEADBE"),
        ("sysbus ReadQuadWord 0x20070000", "0x00000000DEADBEEF"),
        ("shared ReadDoubleWord 0", "0xDEADBEEF"),
        ("sysbus.shared ReadWord 2", "0xDEAD"),
        ("shared Size", "0x0000000000010000"),
        ("shared SegmentCount", "0x00000001"),
        ("sysbus ReadBytes 0x20070000 4", "[\n0xEF, 0xBE, 0xAD, 0xDE, \n]"),
        ("sysbus ReadBytes 0x2007FFFE 4", "[\n0x00, 0x00, 0x00, 0x00, \n]"),
        ("shared ReadBytes 0 11", "[\n0xEF, 0xBE, 0xAD, 0xDE" + ", 0x00" * 6 + ", \n0x00, \n]"),
        ("numbersMode Decimal; sysbus ReadByte 0x20070000", "239"),
        ("numbersMode Both; sysbus ReadWord 0x20070000", "0xBEEF (48879)"),
        ("icmsg_read 0x20070000 6", "efbeadde0000"),
        ("cpuapp IsHalted", "True"),
        ("cpuapp PerformanceInMips", "0x0000002A"),
        ("cpunet Id", "0x00000001"),
        ("cpunet Model", "cortex-m33"),
        ("cpuapp PC", "0x0"),
        ("cpuapp ExecutedInstructions", "0x0000000000000000"),
        ("machine IsPaused", "True"),
        ("machine ElapsedVirtualTime", "[Domain = [nrf5340], TimeElapsed = 00:00:00.000000000]"),
        ("ipcapp ElapsedNanoseconds", "0"),
        ("emulation MachinesCount", "0x00000001"),
    ],
)
def test_a_result_is_printed_in_the_form_of_its_type(
    soc: EmbeddedMonitor, command: str, printed: str
) -> None:
    soc.execute("sysbus WriteDoubleWord 0x20070000 0xDEADBEEF")
    assert soc.execute(command) == printed


def test_writes_of_every_width_change_just_what_they_say(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus WriteQuadWord 0x20070000 0x1122334455667788")
    soc.execute(
        "sysbus WriteByte 0x20070000 0xAA; sysbus WriteWord 0x20070002 0xBBCC; shared WriteByte 7 0xDD"
    )
    soc.execute("sysbus WriteDoubleWord 0x20070005 0x99")
    assert soc.execute("sysbus ReadQuadWord 0x20070000") == "0x00009944BBCC77AA"
    soc.execute('sysbus WriteBytes [1, 0x2, 3] 0x20070100; icmsg_write 0x20070103 "0405"')
    assert soc.execute("icmsg_read 0x20070100 5") == "0102030405"


def test_what_belongs_to_a_core_is_seen_with_that_core_only(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus WriteDoubleWord 0x5002A510 0x5 cpuapp")
    assert soc.execute("sysbus ReadDoubleWord 0x5002A510 cpuapp") == "0x00000005"
    assert soc.execute("sysbus ReadDoubleWord 0x4002A510 context=sysbus.cpuapp") == "0x00000005"
    assert soc.execute("ipcapp ReadDoubleWord 0x510") == "0x00000005"
    assert soc.execute("sysbus ReadDoubleWord 0x5002A510") == "0x00000000"
    assert soc.execute("sysbus ReadDoubleWord 0x5002A510 cpunet") == "0x00000000"
    assert messages(soc)[-2:] == ["sysbus: ReadDoubleWord from non existing peripheral at 0x5002A510."] * 2


def test_an_access_that_nothing_answers_is_0_and_a_warning(soc: EmbeddedMonitor) -> None:
    assert soc.execute("sysbus ReadByte 0xF0000000; sysbus WriteWord 0xF0000002 0x12") == "0x00"
    assert soc.execute("ipcapp ReadDoubleWord 0x400; ipcapp WriteDoubleWord 0x7FC 1") == "0x00000000"
    assert messages(soc)[-4:] == [
        "sysbus: ReadByte from non existing peripheral at 0xF0000000.",
        "sysbus: WriteWord to non existing peripheral at 0xF0000002, value 0x12.",
        "ipcapp: Unhandled read from offset 0x400.",
        "ipcapp: Unhandled write to offset 0x7FC, value 0x1.",
    ]


def test_a_register_has_its_side_effect(soc: EmbeddedMonitor) -> None:
    soc.execute(
        "ipcnet WriteDoubleWord 0x590 1; ipcnet WriteDoubleWord 0x304 1; ipcapp WriteDoubleWord 0x510 1"
    )
    soc.execute("ipcapp WriteDoubleWord 0x0 1")
    assert soc.execute("ipcnet GetStatus").startswith("INTEN=0x0001 EVENTS=0x0001 IRQ=1 sent=0 received=1")
    assert soc.execute("nvicnet ReadDoubleWord 0x200") == "0x00040000"
    soc.execute("ipcnet Reset; nvicnet Reset")
    assert soc.execute("ipcnet GetStatus").startswith("INTEN=0x0000 EVENTS=0x0000 IRQ=0")
    assert soc.execute("nvicnet ReadDoubleWord 0x200") == "0x00000000"


def test_what_is_at_an_address(soc: EmbeddedMonitor) -> None:
    assert (
        soc.execute("sysbus WhatIsAt 0x20070004") == "nrf5340.shared registered at <0x20070000, 0x2007FFFF>"
    )
    assert soc.execute("sysbus WhatIsAt 0x5002A510 cpuapp") == (
        "nrf5340.ipcapp registered at <0x5002A000, 0x5002AFFF> for core [CPU: nrf5340.cpuapp[0]]"
    )
    assert soc.execute("sysbus WhatIsAt 0x5002A510") == ""


def test_a_device_alone_lists_its_members(soc: EmbeddedMonitor) -> None:
    listed = soc.execute("resetapp")
    assert " - Void HoldNetwork ()\n" in listed
    assert " - UInt32 ReadDoubleWord (Int64 offset)\n" in listed
    assert " - UInt32 NetworkVectorTable\n     available for 'get' and 'set'\n" in listed
    assert " - Boolean IsNetworkHeld\n     available for 'get'\n" in listed
    assert "\nUsage:\n sysbus.resetapp MethodName param1 param2 ...\n" in listed
    assert (
        "\nUsage:\n - get: sysbus.resetapp PropertyName\n - set: sysbus.resetapp PropertyName Value\n"
        in listed
    )
    assert (
        " - Void LoadELF (ReadFilePath fileName, Boolean useVirtualAddress = False, ICPU cpu = null)"
        in soc.execute("sysbus")
    )


# Loading


def test_arguments_may_be_named(soc: EmbeddedMonitor) -> None:
    soc.execute(f"sysbus LoadELF cpu=cpuapp fileName={typed(INITIATOR)}")
    assert soc.machine is not None
    assert soc.machine.core("app").image is not None
    soc.execute("sysbus WriteDoubleWord value=7 address=0x20070000")
    assert soc.execute("sysbus ReadDoubleWord address=0x20070000 context=cpuapp") == "0x00000007"


def test_symbols_belong_to_the_core_for_which_an_image_was_loaded(soc: EmbeddedMonitor) -> None:
    soc.execute(f"sysbus LoadELF {typed(INITIATOR)} cpu=cpuapp; sysbus LoadELF {typed(ECHO)} cpu=cpunet")
    app = FirmwareImage.load(stub("initiator", "app")).symbol("vectors")
    net = FirmwareImage.load(stub("echo", "net")).symbol("vectors")
    assert soc.execute('sysbus GetSymbolAddress "vectors" context=cpuapp') == f"0x{app:016X}"
    assert soc.execute('sysbus GetSymbolAddress "vectors" cpunet') == f"0x{net:016X}"
    assert refused(soc, 'sysbus GetSymbolAddress "vectors"').endswith(
        "Could not find any address for symbol: vectors; core cpuapp has it: add context=cpuapp"
    )
    assert refused(soc, 'sysbus GetSymbolAddress "vektors" cpuapp').endswith("; did you mean vectors?")


def test_the_address_of_a_function_is_without_the_bit_that_says_thumb(soc: EmbeddedMonitor) -> None:
    soc.execute(f"sysbus LoadELF {typed(INITIATOR)} cpu=cpuapp")
    address = FirmwareImage.load(stub("initiator", "app")).symbol("main")
    assert address & 1
    assert soc.execute('sysbus GetSymbolAddress "main" cpuapp') == f"0x{address - 1:016X}"
    assert soc.execute(f"sysbus FindSymbolAt 0x{address + 1:X} cpuapp") == "main+0x2"


def test_without_a_core_an_image_is_for_the_one_in_whose_memory_it_lies(soc: EmbeddedMonitor) -> None:
    soc.execute(f"sysbus LoadELF {typed(INITIATOR)}; sysbus LoadELF {typed(ECHO)}")
    assert soc.machine is not None
    images = {name: core.image and core.image.path.name for name, core in soc.machine.cores.items()}
    assert images == {"app": "initiator-app.elf", "net": "echo-net.elf"}


def test_a_binary_and_a_hex_file_are_loaded_where_they_belong(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    soc.execute(f"sysbus LoadBinary {typed(tmp_path)}/a.bin 0x20070000 offset=2 size=4")
    assert soc.execute("icmsg_read 0x20070000 6") == "323334350000"
    (tmp_path / "a.hex").write_text(":020000042007D3\n:0400100001020304E2\n:00000001FF\n")
    soc.execute(f"sysbus LoadHEX {typed(tmp_path)}/a.hex")
    assert soc.execute("icmsg_read 0x20070010 4") == "01020304"


@pytest.mark.parametrize(
    "line", ["0400100001020304E2", ":0400100001020304E3", ":0400", ":zz", ":04001000010203E2"]
)
def test_a_damaged_hex_file_names_the_line(soc: EmbeddedMonitor, tmp_path: Path, line: str) -> None:
    (tmp_path / "a.hex").write_text(f":020000042007D3\n{line}\n")
    assert "a.hex:2: not a record of an Intel HEX file" in refused(
        soc, f"sysbus LoadHEX {typed(tmp_path)}/a.hex"
    )


def test_an_image_of_the_other_core_is_refused(soc: EmbeddedMonitor) -> None:
    assert "it was linked for core net" in refused(soc, f"sysbus LoadELF {typed(ECHO)} cpu=cpuapp")


def test_nothing_is_loaded_while_the_emulation_is_started(soc: EmbeddedMonitor) -> None:
    soc.execute("start")
    assert refused(soc, f"sysbus LoadELF {typed(ECHO)} cpu=cpunet").endswith(
        "Cannot load ELF on an unpaused machine."
    )


# Cores


def test_a_core_that_nobody_halts_starts_from_its_vector_table_when_time_passes(
    monitor: EmbeddedMonitor,
) -> None:
    monitor.execute('mach create "m"; machine LoadPlatformDescription @platforms/nrf5340.repl')
    monitor.execute(f"sysbus LoadELF {typed(ECHO)} cpu=cpunet")
    assert monitor.execute("cpunet IsHalted; cpunet PC; cpunet VectorTableOffset") == "False\n0x0\n0x01000000"
    monitor.execute('emulation RunFor "0.0001"')
    assert monitor.machine is not None
    assert monitor.machine.core("net").console.text.startswith("echo: up")
    assert int(monitor.execute("cpunet ExecutedInstructions"), 16) > 100


def test_a_core_without_an_image_is_halted_with_an_error_in_the_log(monitor: EmbeddedMonitor) -> None:
    monitor.execute('mach create "m"; machine LoadPlatformDescription @platforms/nrf5340.repl')
    monitor.execute('emulation RunFor "0.0001"')
    assert monitor.execute("cpuapp IsHalted") == "True"
    assert any(
        text.startswith("cpuapp: the reset vector of core app is 0x00000000")
        and text.endswith("CPU was halted.")
        for text in messages(monitor)
    )


def test_a_core_begins_with_the_registers_that_were_set(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus WriteDoubleWord 0x20000100 0xE7FE3001")  # adds r0, #1; b .
    soc.execute(
        'cpuapp PC 0x20000100; cpuapp SP 0x20001000; cpuapp SetRegister "R0" 0x41; cpuapp IsHalted false'
    )
    assert soc.execute('cpuapp PC; cpuapp SP; cpuapp GetRegister "r0"') == "0x20000100\n0x20001000\n0x41"
    soc.execute("cpuapp Step")
    assert soc.execute("cpuapp PC; cpuapp GetRegister 0; cpuapp SP") == "0x20000102\n0x42\n0x20001000"


def test_stepping_executes_exactly_so_many_instructions(soc: EmbeddedMonitor) -> None:
    soc.execute(f"sysbus LoadELF {typed(INITIATOR)} cpu=cpuapp; cpuapp IsHalted false")
    counts = []
    for count in (1, 2, 10, 1, 100):
        before = int(soc.execute("cpuapp ExecutedInstructions"), 16)
        printed = soc.execute(f"cpuapp Step {count}")
        counts.append(int(soc.execute("cpuapp ExecutedInstructions"), 16) - before)
        assert printed == f"0x{int(soc.execute('cpuapp PC'), 16):016X}"
    assert counts == [1, 2, 10, 1, 100]


def test_a_halted_core_does_not_step(soc: EmbeddedMonitor) -> None:
    assert soc.execute("cpuapp Step 5") == "0x0000000000000000"
    assert messages(soc)[-1] == "cpuapp: Ignoring stepping on a halted CPU"


def test_a_core_halts_and_goes_on_where_it_was(soc: EmbeddedMonitor) -> None:
    soc.execute(f'sysbus LoadELF {typed(ECHO)} cpu=cpunet; cpunet IsHalted false; emulation RunFor "0.0001"')
    soc.execute("cpunet IsHalted true")
    before = soc.execute("cpunet ExecutedInstructions; cpunet PC")
    soc.execute('emulation RunFor "0.001"')
    assert soc.execute("cpunet ExecutedInstructions; cpunet PC; cpunet IsHalted") == f"{before}\nTrue"
    soc.execute('cpunet IsHalted false; emulation RunFor "0.0001"')
    assert soc.execute("cpunet ExecutedInstructions").splitlines() > before.splitlines()[:1]


def test_a_reset_core_starts_again_and_a_halted_one_stays_halted(soc: EmbeddedMonitor) -> None:
    soc.execute(f'sysbus LoadELF {typed(ECHO)} cpu=cpunet; cpunet IsHalted false; emulation RunFor "0.0001"')
    soc.execute('cpunet Reset; emulation RunFor "0.0001"')
    assert soc.machine is not None
    lines = soc.machine.core("net").console.lines
    assert [line.text for line in lines].count("echo: up") == 2
    soc.execute('cpunet IsHalted true; cpunet Reset; emulation RunFor "0.001"')
    assert [line.text for line in lines].count("echo: up") == 2
    soc.execute('cpunet IsHalted false; emulation RunFor "0.0001"')
    assert [line.text for line in lines].count("echo: up") == 3


def test_the_reset_of_a_core_leaves_its_mailbox_alone(soc: EmbeddedMonitor) -> None:
    soc.execute("ipcnet WriteDoubleWord 0x590 3; cpunet Reset")
    assert soc.execute("ipcnet ReadDoubleWord 0x590") == "0x00000003"


def test_an_image_may_lie_where_only_the_script_knows_its_vector_table(
    soc: EmbeddedMonitor, tmp_path: Path
) -> None:
    image = FirmwareImage.load(stub("echo", "net"))
    data = b"".join(segment.data for segment in image.segments)
    (tmp_path / "echo.bin").write_bytes(data)
    soc.execute(
        f"sysbus LoadBinary {typed(tmp_path)}/echo.bin 0x01000000; cpunet VectorTableOffset 0x01000000"
    )
    soc.execute('cpunet IsHalted false; emulation RunFor "0.0001"')
    assert soc.machine is not None
    assert soc.machine.core("net").console.text.startswith("echo: up")


def test_a_core_that_python_plays_counts_as_halted(soc: EmbeddedMonitor) -> None:
    assert soc.machine is not None
    soc.machine.core("app").play()
    assert soc.execute("cpuapp IsHalted") == "True"
    assert "core app is played by Python" in refused(soc, "cpuapp IsHalted false")
    assert "core app is played by Python" in refused(soc, "cpuapp PC 0x10")
    soc.execute("cpuapp IsHalted true")
    assert soc.machine.core("app").is_played


def test_force_off_holds_and_releases_the_network_core(soc: EmbeddedMonitor) -> None:
    soc.execute(f"sysbus LoadELF {typed(ECHO)} cpu=cpunet; resetapp HoldNetwork; cpunet IsHalted false")
    soc.execute('emulation RunFor "0.0001"')
    assert (
        soc.execute("resetapp IsNetworkHeld; resetapp IsNetworkHalted; cpunet IsHalted") == "True\nTrue\nTrue"
    )
    assert soc.execute("resetapp NetworkVectorTable") == "0x01000000"
    soc.execute('resetapp ReleaseNetwork; emulation RunFor "0.0001"')
    assert (
        soc.execute("resetapp IsNetworkHeld; resetapp IsNetworkHalted; cpunet IsHalted")
        == "False\nFalse\nFalse"
    )
    soc.execute('resetapp RestartNetwork; emulation RunFor "0.0001"')
    assert soc.machine is not None
    assert [line.text for line in soc.machine.core("net").console.lines].count("echo: up") == 2


def test_the_registers_are_a_table(soc: EmbeddedMonitor) -> None:
    rows = soc.execute("cpuapp GetRegistersValues").splitlines()
    assert rows[1] == "| Name      | Index | Value |"
    assert rows[3] == "| R0        | 0     | 0x0   |"
    assert rows[0] == rows[2] == rows[-1] == "-" * len(rows[1])
    assert len(rows) == 4 + 21


# Time


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0.000001", 1_000),
        ("00:00:00.000001", 1_000),
        ("00:01.5", 1_500_000_000),
        ("0.0000000019", 1),
        ("1", 1_000_000_000),
    ],
)
def test_times_are_written_as_seconds_or_as_hours_minutes_seconds(
    soc: EmbeddedMonitor, text: str, nanoseconds: int
) -> None:
    soc.execute(f'emulation RunFor "{text}"')
    passed = int(soc.execute("ipcapp ElapsedNanoseconds"))
    assert nanoseconds <= passed <= nanoseconds + 8  # the machine's own resolution


def test_a_sync_point_is_one_quantum_away(soc: EmbeddedMonitor) -> None:
    soc.execute('emulation SetGlobalQuantum "0.00025"; emulation RunToNearestSyncPoint')
    assert soc.machine is not None
    assert soc.machine.quantum_ns == 250_000
    assert soc.execute("ipcapp ElapsedNanoseconds") == "250000"
    assert soc.execute("emulation GetTimeSourceInfo").endswith("Quantum: 00:00:00.000250000")


def test_time_passes_until_the_interrupt_of_a_mailbox_rises(soc: EmbeddedMonitor) -> None:
    soc.execute("ipcapp WriteDoubleWord 0x590 1; ipcapp WriteDoubleWord 0x304 1")
    assert soc.execute("ipcapp RunUntilInterrupt 50; ipcapp ElapsedNanoseconds") == "False\n50000"
    soc.execute(
        "ipcnet WriteDoubleWord 0x510 1; ipcnet SignalDelayMicroseconds 20; ipcnet WriteDoubleWord 0 1"
    )
    assert soc.execute("ipcapp RunUntilInterrupt 50; ipcapp ElapsedNanoseconds") == "True\n70000"
    assert (
        soc.execute("ipcapp RunUntilInterrupt 50; ipcapp ElapsedNanoseconds; ipcapp EndLockstep")
        == "True\n70000"
    )


def test_after_start_time_passes_when_it_is_pumped(soc: EmbeddedMonitor) -> None:
    soc.pump(1_000)
    assert soc.execute("ipcapp ElapsedNanoseconds; start") == "0\nStarting emulation..."
    soc.pump(1_000)
    assert soc.execute("ipcapp ElapsedNanoseconds") == "1000"
    assert soc.execute("start") == "Emulation is already started. Ignoring command"
    assert refused(soc, 'emulation RunFor "1"').endswith(
        "This action is not available when emulation is already started"
    )
    assert soc.execute("pause; machine IsPaused") == "Pausing emulation...\nTrue"
    soc.pump(1_000)
    assert soc.execute("ipcapp ElapsedNanoseconds") == "1000"


def test_machines_run_beside_each_other(monitor: EmbeddedMonitor) -> None:
    for name in ("one", "two"):
        monitor.execute(f'mach create "{name}"; machine LoadPlatformDescription @platforms/nrf5340.repl')
    monitor.execute(
        'sysbus WriteDoubleWord 0x20070000 2; mach set "one"; sysbus WriteDoubleWord 0x20070000 1'
    )
    monitor.execute('emulation RunFor "0.001"; mach set 1')
    assert (
        monitor.execute("sysbus ReadDoubleWord 0x20070000; ipcapp ElapsedNanoseconds")
        == "0x00000002\n1000000"
    )
    assert monitor.execute("mach set 0; sysbus ReadDoubleWord 0x20070000; ipcapp ElapsedNanoseconds") == (
        "0x00000001\n1000000"
    )


def test_an_offset_before_or_behind_a_peripheral_is_a_warning(soc: EmbeddedMonitor) -> None:
    """Found by generated lines: -1 is no offset of anything, though Python would take it for the last byte."""
    assert (
        soc.execute("gpioteapp ReadWord -1; shared ReadByte -1; mutex ReadByte 0x1000")
        == "0x0000\n0x00\n0x00"
    )
    soc.execute("shared WriteDoubleWord 0xFFFE 1; mutex WriteDoubleWord 0xFFE 1")
    assert [message.split(":")[0] for message in messages(soc)[-5:]] == [
        "gpioteapp",
        "shared",
        "mutex",
        "shared",
        "mutex",
    ]
