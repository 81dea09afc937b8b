"""Registrations, wires and sections of one entry."""

from __future__ import annotations

import pytest
from looped import for_each

from icmsg.errors import PlatformError
from icmsg.soc.platform import EnumMember, Peripheral, Place, Registration, parse_platform

HERE = Place("anywhere", 1)
OTHERS = """
c0: CPU.CortexM @ sysbus
nvic: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0; cpu: c0 }
gic: GIC @ sysbus 0x1
port: GPIO @ sysbus 0x2
"""


def entry(text: str) -> Peripheral:
    return parse_platform(text + OTHERS)["a"]


@for_each(
    ("text", "registrations"),
    [
        ("sysbus", [Registration("sysbus", place=HERE)]),
        ("none", []),
        ("sysbus 0x100", [Registration("sysbus", 0x100, place=HERE)]),
        ("sysbus <0x100, +0x10>", [Registration("sysbus", 0x100, 0x10, place=HERE)]),
        ("port 5", [Registration("port", 5, place=HERE)]),
        ("port .Slot", [Registration("port", point=EnumMember(None, "Slot"), place=HERE)]),
        ('port "x"', [Registration("port", point="x", place=HERE)]),
        (
            "{ sysbus 0x100; sysbus <0x200, 0x210>; }",
            [Registration("sysbus", 0x100, place=HERE), Registration("sysbus", 0x200, 0x10, place=HERE)],
        ),
        (
            "sysbus new Bus.BusPointRegistration { address: 0x100; cpu: c0 }",
            [Registration("sysbus", 0x100, cpu="c0", place=HERE)],
        ),
        (
            "sysbus new Antmicro.Renode.Peripherals.Bus.BusPointRegistration { address: 0x100; offset: 4 }",
            [Registration("sysbus", 0x100, offset=4, place=HERE)],
        ),
        (
            "sysbus new Bus.BusRangeRegistration { address: 0x100; size: 8; cluster: c0 }",
            [Registration("sysbus", 0x100, 8, cluster="c0", place=HERE)],
        ),
        (
            'sysbus new Bus.BusRangeRegistration { range: <0x100, +8>; condition: "initiator == c0" }',
            [Registration("sysbus", 0x100, 8, condition="initiator == c0", place=HERE)],
        ),
        (
            'sysbus new Bus.BusMultiRegistration { address: 0x100; size: 8; region: "app"; cpu: c0 }',
            [Registration("sysbus", 0x100, 8, "c0", "app", place=HERE)],
        ),
    ],
)
def test_a_registration_is_read_as_what_it_says(text: str, registrations: list[Registration]) -> None:
    assert list(entry(f"a: T @ {text}").registrations) == registrations


@for_each(
    ("point", "message"),
    [
        ("BusPointRegistration { cpu: c0 }", "BusPointRegistration has cpu; it takes address"),
        ("BusPointRegistration", "BusPointRegistration has no arguments; it takes address"),
        ("BusPointRegistration { address: 0; size: 4 }", "BusPointRegistration has no argument 'size'"),
        ("BusPointRegistration { Address: 0 }", "constructor's arguments are lower case: write 'address'"),
        (
            "BusPointRegistration { address: c0 }",
            "the argument 'address' of Bus.BusPointRegistration has to be a number",
        ),
        (
            "BusPointRegistration { address: true }",
            "'address' of Bus.BusPointRegistration has to be a number",
        ),
        ("BusPointRegistration { address: 0; cpu: 1 }", "has to be the name of a core's entry"),
        ("BusPointRegistration { address: 0; cpu: nobody }", "the core or cluster 'nobody' does not exist"),
        (
            "BusPointRegistration { address: 0; cpu: c0; cluster: c0 }",
            "only one of cpu, cluster and condition",
        ),
        ("BusRangeRegistration { address: 0 }", "it takes address, size or range"),
        ("BusMultiRegistration { address: 0; size: 4 }", "it takes address, size, region"),
        ("BusMultiRegistration { address: 0; size: 4; region: 1 }", 'has to be a text such as "data"'),
    ],
)
def test_a_bus_registration_that_no_constructor_takes_is_refused(point: str, message: str) -> None:
    with pytest.raises(PlatformError) as caught:
        entry(f"\na: T @ sysbus new Bus.{point}")
    assert str(caught.value).startswith("<string>:2: ")
    assert message in str(caught.value)


@for_each(
    ("text", "wires"),
    [
        ("-> nvic@5", [(None, None, "nvic", 5, None)]),
        ("IRQ -> nvic@0x2A", [("IRQ", None, "nvic", 42, None)]),
        ("3 -> nvic@7", [(None, 3, "nvic", 7, None)]),
        ("IRQ -> nvic@5 | gic@6", [("IRQ", None, "nvic", 5, None), ("IRQ", None, "gic", 6, None)]),
        ("0 -> gic#0x100@26", [(None, 0, "gic", 26, 0x100)]),
        ("0-1->nvic@8-9", [(None, 0, "nvic", 8, None), (None, 1, "nvic", 9, None)]),
        ("[0-1] -> nvic@[9-8]", [(None, 0, "nvic", 9, None), (None, 1, "nvic", 8, None)]),
        (
            "[0, 2-3, Line] -> nvic@[4, 6-8]",
            [
                (None, 0, "nvic", 4, None),
                (None, 2, "nvic", 6, None),
                (None, 3, "nvic", 7, None),
                ("Line", None, "nvic", 8, None),
            ],
        ),
        (
            "[0-1] -> nvic@[1-2] | gic#3@[3-4]",
            [
                (None, 0, "nvic", 1, None),
                (None, 0, "gic", 3, 3),
                (None, 1, "nvic", 2, None),
                (None, 1, "gic", 4, 3),
            ],
        ),
        ("IRQ -> none", []),
        ("-> none", []),
        ("0-3 -> none", []),
    ],
)
def test_a_wire_is_read_as_what_it_connects(text: str, wires: list[tuple[object, ...]]) -> None:
    read = entry(f"a: T\n    {text}").connections
    assert [(wire.source, wire.index, wire.destination, wire.irq, wire.local) for wire in read] == wires
    assert {str(wire.place) for wire in read} <= {"<string>:2"}


@for_each(
    ("text", "message"),
    [
        ("IRQ -> nobody@1", "the wire's destination 'nobody' does not exist; declare 'nobody: …'"),
        ("[0-3] -> nvic@[1-3]", "4 on the left of '->', but 3 on the right, at 'nvic'"),
        ("-> nvic@1-3", "1 on the left of '->', but 3 on the right"),
        ("[0-1] -> nvic@[1-2] | gic@[1]", "2 on the left of '->', but 1 on the right, at 'gic'"),
        ("irq -> nvic@1", "properties begin with an upper-case letter; write 'IRQ'"),
        ("init -> nvic@1", "expected ':' or 'add', found '-'"),
        ("none -> nvic@1", "'none' is a keyword"),
        ("-> empty@1", "'empty' is a keyword"),
        ("3-3 -> nvic@1", "the range 3-3 is one number; write 3"),
        ("IRQ -> nvic@1\n    IRQ -> gic@1", "'IRQ ->' stands already at <string>:3 in this entry"),
        ("[0-3] -> nvic@[0-3]\n    2 -> gic@1", "'2 ->' stands already at <string>:3 in this entry"),
        ("-> nvic@1\n    -> gic@1", "'->' stands already at <string>:3 in this entry"),
    ],
)
def test_a_wire_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(PlatformError) as caught:
        entry(f"\na: T\n    {text}")
    assert message in str(caught.value)
    assert caught.value.line == 3 + text.count("\n")


def test_sections_are_kept_as_monitor_commands() -> None:
    peripheral = entry(
        """a: T
    preinit:
        include @mailbox.cs
    init:
        IsHalted true
        Tag <0x0, 0x4> "a;{b}" 0x1   // what the Monitor sees ends here
        echo "say \\"hi\\""
    reset:
        IsHalted true
"""
    )
    assert peripheral.preinit == ("include @mailbox.cs",)
    assert peripheral.init == ("IsHalted true", 'Tag <0x0, 0x4> "a;{b}" 0x1', 'echo "say "hi""')
    assert peripheral.reset == ("IsHalted true",)
    assert str(peripheral.error("no", "init")) == "<string>:4: no"


def test_sections_in_braces_are_the_same() -> None:
    assert entry("a: T { init: { one 1; two; }; reset add: {} }").init == ("one 1", "two")


def test_entry_attributes_and_wires_know_file_and_line() -> None:
    platform = parse_platform("\n// first\na: T\n    size: 1\n\n    Wide: true\n    -> a@1\n", "dir/f.repl")
    peripheral = platform["a"]
    assert (peripheral.file, peripheral.line) == ("dir/f.repl", 3)
    assert str(peripheral.error("why")) == "dir/f.repl:3: why"
    assert str(peripheral.error("why", "size")) == "dir/f.repl:4: why"
    assert str(peripheral.error("why", "Wide")) == "dir/f.repl:6: why"
    assert str(peripheral.error("why", "absent")) == "dir/f.repl:3: why"
    assert peripheral.connections[0].place.line == 7


def test_a_type_loses_only_the_default_namespace() -> None:
    assert entry("a: Antmicro.Renode.Peripherals.UART.X").type == "UART.X"
    assert entry("a: Antmicro.Renode.Core.X").type == "Antmicro.Renode.Core.X"
