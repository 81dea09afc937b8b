"""Forms of Monitor commands that scripts use: each is accepted, refused as Renode does, or refused in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from looped import Cases
from typed_paths import typed

from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor, elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent
TABLE: Final = (HERE / "forms.txt").read_text(encoding="utf-8").splitlines()
LEAST_AS_IN_RENODE: Final = 231
"""Forms of the table that are answered as a Renode answers them: accepted, or with its own error."""


def fresh() -> EmbeddedMonitor:
    monitor = EmbeddedMonitor(HERE.parent.parent)
    monitor.execute("include @renode/machine.resc")
    return monitor


def answer(monitor: EmbeddedMonitor, form: str) -> str:
    try:
        monitor.execute(form)
    except MonitorError as error:
        return str(error)
    return ""


def rows() -> Iterator[tuple[str, str, str]]:
    for line in TABLE:
        if not line.startswith("#"):
            kind, _, rest = line.partition("\t")
            form, _, text = rest.partition("\t")
            yield kind, form, text


def test_every_form_is_accepted_or_answered_as_the_table_says(tmp_path: Path) -> None:
    monitor = fresh()
    try:
        with Cases() as cases:
            for number, (kind, form, text) in enumerate(rows()):
                if kind == "--":
                    monitor.close()
                    monitor = fresh()
                    continue
                folder = tmp_path / str(number)
                folder.mkdir()
                with cases.case(form):
                    got = answer(monitor, form.replace("@$OUT", typed(folder)).replace("$OUT", str(folder)))
                    assert (got == "") == (kind == "accepted"), got
                    assert text in got, f"{got!r} has not {text!r}"
    finally:
        monitor.close()


def test_most_forms_are_answered_as_a_renode_answers_them() -> None:
    kinds = [kind for kind, _, _ in rows()]
    assert kinds.count("accepted") + kinds.count("renode") >= LEAST_AS_IN_RENODE
    assert set(kinds) == {"accepted", "renode", "refused", "--"}


def test_what_is_refused_in_words_says_what_to_use_or_that_nothing_is_there() -> None:
    said = (*elsewhere.REFUSED.values(), *elsewhere.MEMBERS.values())
    wanting = [text for text in said if not re.search(r"[Uu]se |the renode engine| here: |: ", text)]
    assert not wanting
    assert not [text for text in said if "\n" in text or text.endswith(".")]


# Ranges of sysbus


def test_a_tag_names_a_range_gives_a_value_and_is_told_in_the_log(soc: EmbeddedMonitor) -> None:
    assert soc.execute("sysbus ReadDoubleWord 0x58024800") == "0x00000000"
    soc.execute(
        'sysbus Tag <0x58024800, 0x58024803> "PWR" 0x100; sysbus Tag <0x58025000 0x100> "CRC" 5 silent=true'
    )
    assert soc.execute("sysbus ReadDoubleWord 0x58024800") == "0x00000100"
    assert soc.execute("sysbus ReadByte 0x58025010 cpunet") == "0x05"
    soc.execute("sysbus WriteWord 0x58024802 7")
    assert [entry.text for entry in soc.log.last(9)] == [
        "ReadDoubleWord from non existing peripheral at 0x58024800.",
        "(tag: 'PWR') ReadDoubleWord from non existing peripheral at 0x58024800, returning 0x00000100.",
        "(tag: 'PWR') WriteWord to non existing peripheral at 0x58024802, value 0x0007.",
    ]


def test_a_tag_within_a_tag_has_both_names_and_one_across_is_refused(soc: EmbeddedMonitor) -> None:
    soc.execute('sysbus Tag <0x58024000 0x1000> "PWR"; sysbus Tag <0x58024800 4> "CR" 9')
    assert soc.execute("sysbus ReadDoubleWord 0x58024800") == "0x00000009"
    assert "(tag: 'PWR/CR')" in soc.log.last(1)[0].text
    refusal = answer(soc, 'sysbus Tag <0x58024FFC 8> "across"')
    assert "Currently subtag has to be completely contained in other tag, in this case PWR." in refusal
    for range_ in ("<0 0>", "<0xFFFFFFFF 2>", "<0xFFFFFFFFFFFFFFFF 1>"):
        assert "lies within 32 bits" in answer(soc, f'sysbus Tag {range_} "x"'), range_


def test_numbers_of_64_bits_and_negative_ones_are_the_bits_that_renode_takes(soc: EmbeddedMonitor) -> None:
    soc.execute("sysbus WriteQuadWord 0x20000000 0xF7F6F5F4F3F2F1F0")
    assert soc.execute("sysbus ReadQuadWord 0x20000000") == "0xF7F6F5F4F3F2F1F0"
    soc.execute("sysbus WriteByte 0x20000000 -1; sysbus WriteDoubleWord 0x20000004 -2")
    assert soc.execute("sysbus ReadQuadWord 0x20000000") == "0xFFFFFFFEF3F2F1FF"
    soc.execute('sysbus Tag <0x58024800 4> "X" 0xF7F6F5F4F3F2F1F0')
    for size, value in (
        ("Byte", "F0"),
        ("Word", "F1F0"),
        ("DoubleWord", "F3F2F1F0"),
        ("QuadWord", "F7F6F5F4F3F2F1F0"),
    ):
        assert soc.execute(f"sysbus Read{size} 0x58024800") == f"0x{value}"
        assert soc.log.last(1)[0].text == (
            f"(tag: 'X') Read{size} from non existing peripheral at 0x58024800, returning 0x{value}."
        )
    assert soc.execute("sysbus ReadDoubleWord 0xFFFFFFFFFFFFFFFF") == "0x00000000"
    soc.execute("sysbus WriteByte 0x20000000 -129; sysbus WriteByte 0x20000001 258")
    assert soc.execute("sysbus ReadWord 0x20000000") == "0x027F"
    assert "0xFFFFFFFFFFFFFFFF is no RegisterValue" in answer(soc, "cpunet PC 0xFFFFFFFFFFFFFFFF")


def test_an_overriding_tag_answers_instead_of_a_peripheral_and_for_the_monitor_of_memory(
    soc: EmbeddedMonitor,
) -> None:
    before = soc.execute("ipcnet ReadDoubleWord 0x510")
    soc.execute('sysbus Tag <0x41012510 4> "C" 0x42 overridePeripheralAccesses=true')
    soc.execute('sysbus Tag <0x20000000 4> "Z" 0x77 false false true')
    assert soc.log.last(1)[0].text == (
        "Tags with OverridePeripheralAccesses property do not override mapped memory for the CPU."
    )
    assert soc.execute("sysbus ReadDoubleWord 0x41012510 cpunet") == "0x00000042"
    assert soc.log.last(1)[0].text == (
        "(tag: 'C') ReadDoubleWord from overriding tag at 0x41012510, returning 0x00000042."
    )
    soc.execute("sysbus WriteDoubleWord 0x41012510 7 cpunet; sysbus WriteDoubleWord 0x41012514 3 cpunet")
    assert soc.execute("ipcnet ReadDoubleWord 0x510") == before
    assert soc.execute("ipcnet ReadDoubleWord 0x514") == "0x00000003"
    assert soc.execute("sysbus ReadDoubleWord 0x20000000") == "0x00000077"
    assert soc.machine is not None
    net = soc.machine.core("net")
    assert (net.bus.read32(0x4101_2510), net.bus.read32(0x4101_2514)) == (0x42, 3)
    assert net.bus.read32(0x2000_0000) == 0
    # ldr r0, [r1]; ldr r2, [r1, #4]; str r2, [r1]; b .
    soc.execute(
        "sysbus WriteQuadWord 0x21000000 0xE7FE600A684A6808; cpunet SP 0x21001000; cpunet PC 0x21000001"
    )
    soc.execute('cpunet SetRegister 1 0x41012510; cpunet IsHalted false; emulation RunFor "0.00001"')
    assert (soc.execute("cpunet GetRegister 0"), soc.execute("cpunet GetRegister 2")) == ("0x42", "0x3")
    assert soc.execute("ipcnet ReadDoubleWord 0x510") == before


def test_a_tag_comes_before_time_passes_and_stays_with_further_descriptions(soc: EmbeddedMonitor) -> None:
    soc.execute('sysbus Tag <0x58024800 4> "PWR" 0x100')
    soc.execute(
        'machine LoadPlatformDescriptionFromString "more: Memory.MappedMemory @ sysbus 0x60000000 { size: 0x1000 }"'
    )
    assert soc.execute("sysbus ReadDoubleWord 0x58024800") == "0x00000100"
    soc.execute("sysbus LoadELF @firmware_stubs/prebuilt/echo-net.elf cpu=cpunet; cpunet IsHalted false")
    soc.execute('emulation RunFor "0.00001"')
    assert "before time passes" in answer(soc, 'sysbus Tag <0x58026000 4> "late"')


def test_a_silenced_range_reads_zero_without_a_word_and_conflicts_with_what_is_there(
    soc: EmbeddedMonitor,
) -> None:
    soc.execute("sysbus SilenceRange <0x58000000 0x2000>; sysbus WriteDoubleWord 0x58001FFC 5")
    assert soc.execute("sysbus ReadDoubleWord 0x58001FFC") == "0x00000000"
    assert not soc.log.last(5)
    refusal = answer(soc, "sysbus SilenceRange <0x2006F000 0x2000>")
    assert "<0x2006F000, 0x20070FFF> because it conflicts with peripheral" in refusal


def test_unhandled_accesses_are_told_as_they_are_chosen(soc: EmbeddedMonitor) -> None:
    soc.execute('sysbus Tag <0x58024800 4> "PWR"')
    shown = soc.execute("sysbus UnhandledAccessBehaviour")
    assert shown.split("\n") == [
        "Report", "", "Possible values are:",
        "\tReport", "\tReportIfTagged", "\tReportIfNotTagged", "\tDoNotReport", "",
    ]  # fmt: skip
    told = {"Report": 2, "ReportIfTagged": 1, "ReportIfNotTagged": 1, "DoNotReport": 0}
    for behaviour, count in told.items():
        before = len(soc.log.last(1000))
        soc.execute(f"sysbus UnhandledAccessBehaviour {behaviour}")
        soc.execute("sysbus ReadByte 0x58024800; sysbus ReadByte 0x59000000")
        assert len(soc.log.last(1000)) - before == count, behaviour


def test_a_range_of_memory_is_zeroed_in_both_forms(soc: EmbeddedMonitor) -> None:
    for form in ("0x20000000 8", "<0x20000000, 0x20000007>", "<0x20000000 8> cpuapp"):
        soc.execute("sysbus WriteQuadWord 0x20000000 0x1122334455667788; sysbus WriteByte 0x20000008 9")
        soc.execute(f"sysbus ZeroRange {form}")
        assert soc.execute("sysbus ReadQuadWord 0x20000000") == "0x0000000000000000"
        assert soc.execute("sysbus ReadByte 0x20000008") == "0x09"
    assert (
        soc.execute("sysbus WhatPeripheralIsAt 0x20000000")
        == "Antmicro.Renode.Peripherals.Memory.MappedMemory"
    )
    assert soc.execute("sysbus WhatPeripheralIsAt 0x59000000") == ""


# Cores and interrupts


def test_an_exception_pends_by_its_number_and_a_line_by_that_of_its_interrupt(soc: EmbeddedMonitor) -> None:
    soc.execute("nvicnet SetPendingIRQ 34; nvicnet OnGPIO 5 true; nvicnet SetPendingIRQ 14")
    assert soc.execute("nvicnet ReadDoubleWord 0x200") == f"0x{1 << 18 | 1 << 5:08X}"
    assert int(soc.execute("nvicnet ReadDoubleWord 0xD04"), 16) >> 28 & 1 == 1
    soc.execute("nvicnet OnGPIO 5 false; nvicnet WriteDoubleWord 0x280 0xFFFFFFFF")
    assert soc.execute("nvicnet ReadDoubleWord 0x200") == "0x00000000"
    assert "exception 3 cannot be made pending" in answer(soc, "nvicnet SetPendingIRQ 3")
    assert "there is no external interrupt 480" in answer(soc, "nvicnet OnGPIO 480 true")


def test_members_of_a_core_answer_as_renodes(soc: EmbeddedMonitor) -> None:
    soc.execute("cpunet SetRegisterUnsafe 3 0x21")
    assert soc.execute("cpunet GetRegisterUnsafe 3") == soc.execute('cpunet GetRegister "R3"') == "0x21"
    assert soc.execute("cpunet GetRegisters").startswith(
        "[\nR0, R1, R2, R3, R4, R5, R6, R7, R8, R9, \nR10, R11, "
    )
    assert soc.execute("cpunet TranslateAddress 0x20000010 Read") == "0x0000000020000010"
    assert soc.execute("cpunet MaximumBlockSize") == "0x000007FF"
    soc.execute("cpunet MaximumBlockSize 1; cpunet MaximumBlockSize 2")
    assert [entry.text[:34] for entry in soc.log.last(9)] == ["MaximumBlockSize has no effect on "]
    assert "use IsHalted true" in answer(soc, "start; cpunet Pause")


# Consoles


def test_a_hub_hands_what_one_uart_prints_to_the_other(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    monitor.execute("include @renode/nrf5340.resc")
    monitor.execute(
        'emulation CreateUARTHub "hub"; connector Connect uartapp hub; connector Connect uartnet hub'
    )
    monitor.execute(f"uartnet RecordToAsciinema {typed(tmp_path / 'net.cast')}")
    monitor.execute('emulation RunFor "0.001"')
    machine = monitor.machine
    assert machine is not None
    printed = monitor.execute("uartnet DumpHistoryBuffer")
    assert printed.startswith("echo: up\r\n")
    assert b"".join(written.data for written in machine.core("app").console.inputs).decode() == printed
    assert monitor.execute("uartnet DumpHistoryBuffer 4") == "echo"
    assert "already registered in this hub" in answer(monitor, "connector Connect uartnet hub")
    monitor.execute("connector Disconnect uartnet hub")
    assert "not registered in this hub" in answer(monitor, "connector Disconnect uartnet hub")
    assert "'hub' is already used" in answer(monitor, 'emulation CreateUARTHub "hub"')
    monitor.close()
    first, *entries = (tmp_path / "net.cast").read_text(encoding="utf-8").splitlines()
    assert first == '{"version": 2, "width": 80, "height": 24, "title": "uartnet"}'
    assert entries[0] == '[0.000026238, "o", "echo: up\\r\\n"]'


def test_the_level_of_a_uarts_interrupt_and_its_analyzer_are_told(soc: EmbeddedMonitor) -> None:
    assert soc.execute("uartnet IRQ") == "GPIO: unset"
    analyzer = "Antmicro.Renode.Analyzers.LoggingUartAnalyzer"
    assert soc.execute("analyzers uartnet") == f"{analyzer} (default)"
    assert soc.execute("analyzers default uartnet") == analyzer
    assert answer(soc, "analyzers ipcnet") == "No backend found for ipcnet"


def test_an_environment_and_a_switch_are_there_and_nothing_can_be_attached(soc: EmbeddedMonitor) -> None:
    soc.execute('emulation CreateEnvironment "env"; emulation CreateSwitch "sw"')
    assert (soc.execute("env Temperature"), soc.execute("env Humidity")) == ("0", "0")
    soc.execute("env Temperature 21.5; env Humidity 40")
    assert (soc.execute("env Temperature"), soc.execute("env Humidity")) == ("21.5", "40")
    assert (
        soc.execute("env GetRegisteredMachineNames")
        == soc.execute("env GetRegisteredSensorsNames")
        == "[\n\n]"
    )
    soc.execute("sw Pause")
    assert soc.execute("sw IsPaused") == "True"
    soc.execute("sw Resume; sw Start")
    assert soc.execute("sw IsPaused") == "False"
    assert "Could not find a way to connect NVIC to Switch" in answer(soc, "connector Connect nvicnet sw")
    assert "is already used" in answer(soc, 'emulation CreateSwitch "env"')
    soc.execute('emulation RunFor "0.001"; Clear')
    assert "No such command or device: sw" in answer(soc, "sw")


# Time and session


def test_sleep_lets_virtual_time_pass_where_the_emulation_is_started(soc: EmbeddedMonitor) -> None:
    soc.execute("sleep 1")
    assert soc.execute("currentTime") == "Current virtual time: 00:00:00.000000000"
    soc.execute("start; sleep 0.25; pause")
    assert soc.execute("currentTime") == "Current virtual time: 00:00:00.250000000"


def test_history_lists_the_lines_of_the_session(monitor: EmbeddedMonitor) -> None:
    monitor.execute('echo "a"\necho "b"\necho "b"\necho "c"')
    assert (
        monitor.execute("history")
        == 'Commands history:\n\n 1: echo "a"\n 2: echo "b"\n 3: echo "c"\n 4: history'
    )
    assert monitor.execute("history 1") == "Commands history:\n\n 5: history 1"


def test_a_profile_moves_the_file_away_that_has_its_name(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_text("kept")
    soc.execute(f"cpunet EnableProfiler CollapsedStack {typed(path)}; cpunet DisableProfiler")
    assert (tmp_path / "profile.1").read_text() == "kept"
