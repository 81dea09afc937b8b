"""Entries without a type update one that has a type, in the same file or in one that is used."""

from __future__ import annotations

import pytest
from looped import for_each

from icmsg.errors import PlatformError
from icmsg.soc.platform import EXISTING, Reference, parse_platform

BASE = """
nvic: IRQControllers.NVIC @ sysbus 0xE000E000
uart: UART.X @ sysbus 0x100 as "console"
    size: 1
    Wide: true
    IRQ -> nvic@1
    [0-2] -> nvic@[10-12]
    init:
        one
    reset:
        again
"""


def test_an_update_replaces_attributes_and_leaves_others() -> None:
    uart = parse_platform(BASE + "uart:\n    size: 2\n    New: nvic\n", "f")["uart"]
    assert dict(uart.attributes) == {"size": 2, "Wide": True, "New": Reference("nvic", uart.place)}
    assert uart.line == 3
    assert str(uart.error("", "size")) == "f:13: "


def test_none_takes_an_attribute_away() -> None:
    assert dict(parse_platform(BASE + "uart:\n    size: none\n")["uart"].attributes) == {"Wide": True}


def test_an_update_may_stand_before_the_declaration() -> None:
    platform = parse_platform("a:\n    x: 1\n    y: 1\na: T\n    x: 2\n")
    assert dict(platform["a"].attributes) == {"x": 2, "y": 1}
    assert platform["a"].line == 4


def test_an_update_replaces_all_registrations_and_the_alias() -> None:
    base = parse_platform(BASE)["uart"]
    moved = parse_platform(BASE + "uart: @ { sysbus 0x200; sysbus 0x300 }\n")["uart"]
    assert (base.alias, [registration.address for registration in base.registrations]) == ("console", [0x100])
    assert (moved.alias, [registration.address for registration in moved.registrations]) == (
        None,
        [0x200, 0x300],
    )
    assert {registration.place.line for registration in moved.registrations} == {12}


def test_registered_none_is_reached_by_no_bus() -> None:
    uart = parse_platform(BASE + "uart: @ none\n")["uart"]
    assert uart.registrations == ()
    assert uart.alias is None


def wires(text: str) -> list[tuple[str | int | None, int]]:
    connections = parse_platform(text)["uart"].connections
    return [(wire.index if wire.source is None else wire.source, wire.irq) for wire in connections]


def test_an_update_rewires_only_the_outputs_it_names() -> None:
    assert wires(BASE) == [("IRQ", 1), (0, 10), (1, 11), (2, 12)]
    assert wires(BASE + "uart:\n    1-2 -> nvic@21-22\n") == [("IRQ", 1), (0, 10), (1, 21), (2, 22)]
    assert wires(BASE + "uart:\n    IRQ -> nvic@5 | nvic@6\n")[:2] == [("IRQ", 5), ("IRQ", 6)]


def test_none_takes_a_wire_away_and_only_that() -> None:
    assert wires(BASE + "uart:\n    0-1 -> none\n") == [("IRQ", 1), (2, 12)]
    assert wires(BASE + "uart:\n    IRQ -> none\nuart:\n    IRQ -> nvic@9\n")[0] == ("IRQ", 9)


def test_a_section_replaces_and_add_appends() -> None:
    replaced = parse_platform(BASE + "uart:\n    init:\n        two\n")["uart"]
    appended = parse_platform(
        BASE + "uart:\n    init add:\n        two\n        three\n    preinit add:\n        x\n"
    )["uart"]
    assert (replaced.init, replaced.reset) == (("two",), ("again",))
    assert (appended.init, appended.preinit) == (("one", "two", "three"), ("x",))


def test_what_exists_already_can_be_updated_but_not_declared() -> None:
    platform = parse_platform('sysbus:\n    init:\n        Tag <0x0, 0x4> "X"\n    Alone: 1\n')
    assert platform.peripherals == ()
    update = platform.updates[0]
    assert (update.name, update.type, update.init) == ("sysbus", "Bus.SystemBus", ('Tag <0x0, 0x4> "X"',))
    with pytest.raises(
        PlatformError, match=r"1: 'sysbus' exists already as Bus\.SystemBus; write 'sysbus:' without a type"
    ):
        parse_platform("sysbus: T")


def test_an_earlier_description_can_be_built_upon() -> None:
    earlier = {**EXISTING, **{peripheral.name: peripheral.type for peripheral in parse_platform(BASE)}}
    platform = parse_platform("led: LED @ uart 3\n    -> nvic@4\nuart:\n    Wide: false\n", existing=earlier)
    assert [peripheral.name for peripheral in platform] == ["led"]
    assert [(update.name, update.type) for update in platform.updates] == [("uart", "UART.X")]


@for_each(
    ("text", "message"),
    [
        ("a: T\n\na: T", "3: 'a' is declared already at <string>:1; write 'a:' without a type to update it"),
        ("a:\n    x: 1", "1: 'a' has no type, here or elsewhere; write 'a: Namespace.Type @ …' once"),
        ("a: T\na:", "2: the entry 'a' says nothing; give it a type or an attribute, or remove it"),
        ("a: T\na: {}", "2: the entry 'a' says nothing"),
        ("a: T\n    x: 1\n    y: 2\n    x: 3", "4: 'x' stands already at <string>:2 in this entry; keep one"),
        ("a: T\n    init:\n        b\n    init add:\n        c", "4: 'init:' stands already at <string>:2"),
        ('a: T as "b"', "1: 'a' has the alias \"b\" but is not registered; write '@ parent' before 'as'"),
        ('a: T @ none as "b"', "1: 'a' has the alias \"b\" but is not registered"),
        (
            "sysbus:\n    size: 1",
            "2: 'size' is lower case, so a constructor's argument, but 'sysbus' is not created here",
        ),
    ],
)
def test_entries_that_contradict_are_refused(text: str, message: str) -> None:
    with pytest.raises(PlatformError) as caught:
        parse_platform(text)
    assert str(caught.value).startswith(f"<string>:{message}")
