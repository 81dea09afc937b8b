"""Whole files with the idioms of Renode's own multi-core platforms."""

from __future__ import annotations

from pathlib import Path

from icmsg.soc.platform import EnumMember, PlatformDescription, Reference, load_platform

FILES = Path(__file__).parent / "files"


def two_cores() -> PlatformDescription:
    return load_platform(FILES / "two_cores.repl")


def places(platform: PlatformDescription, name: str) -> list[tuple[int | None, str | None, str | None]]:
    return [(place.address, place.cpu, place.region) for place in platform[name].registrations]


def test_all_peripherals_are_there_used_files_first() -> None:
    names = [peripheral.name for peripheral in two_cores()]
    assert names[:4] == ["timer0", "prescaler", "cpu0", "cpu1"]
    assert len(names) == 13
    assert [update.name for update in two_cores().updates] == ["sysbus"]


def test_registrations_for_single_cores() -> None:
    platform = two_cores()
    assert places(platform, "nvic0") == [(0xE000E000, "cpu0", None)]
    assert places(platform, "nvic1") == [(0xE000E000, "cpu1", None)]
    assert places(platform, "tcm0") == [(0, "cpu0", None), (0x11000000, None, None)]
    assert places(platform, "mailbox") == [(0x40000000, "cpu0", "a"), (0x40000000, "cpu1", "b")]
    assert places(platform, "cpu0") == [(None, None, None)]
    assert places(platform, "led") == [(4, None, None)]
    assert [place.size for place in platform["gpio"].registrations] == [0x1000]


def test_a_script_keeps_its_own_layout() -> None:
    script = two_cores()["startCpu1"].attributes["script"]
    assert isinstance(script, str)
    assert script.splitlines()[1:3] == [
        "if request.IsInit:",
        '    started = {"cpu1": False}  // not a comment',
    ]


def test_a_held_core_has_commands_for_start_and_reset() -> None:
    cpu = two_cores()["cpu1"]
    assert (cpu.init, cpu.reset) == (("IsHalted true",), ("IsHalted true", "VectorTableOffset 0x10000"))


def test_wires_fan_out_over_ranges() -> None:
    platform = two_cores()
    wires = [
        (wire.index, wire.destination, wire.irq)
        for wire in platform["dma"].connections
        if wire.source is None
    ]
    assert len(wires) == 32
    assert wires[:3] == [(0, "nvic0", 32), (0, "nvic1", 32), (1, "nvic0", 33)]
    assert [(wire.index, wire.destination, wire.irq) for wire in platform["gpio"].connections] == [
        (0, "nvic0", 50),
        (2, "nvic0", 51),
        (3, "nvic0", 52),
        (4, "led", 0),
    ]


def test_a_local_entry_of_a_used_file() -> None:
    prescaler = two_cores()["prescaler"]
    assert prescaler.local
    assert Path(prescaler.file).name == "timers.repl"
    assert prescaler.attributes == {
        "divider": 1.5,
        "Modes": {
            0: EnumMember(None, "Off"),
            1: EnumMember("Timers.Mode", "Slow"),
            2: EnumMember(None, "Fast"),
        },
        "Input": Reference("timer0", prescaler.place),
    }
