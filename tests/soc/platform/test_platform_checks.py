"""What Renode would refuse when it builds the machine."""

from __future__ import annotations

import pytest
from looped import for_each

from icmsg.errors import PlatformError
from icmsg.soc.platform import parse_platform

CORES = "c0: CPU.CortexM @ sysbus\nc1: CPU.CortexM @ sysbus\nk: CPU.Cluster @ sysbus\n"


def refused(text: str) -> str:
    with pytest.raises(PlatformError) as caught:
        parse_platform(text)
    return str(caught.value)


def test_a_reference_may_point_forward_and_to_sysbus_and_machine() -> None:
    platform = parse_platform("a: T @ b\n    X: b\n    y: [sysbus, machine]\nb: T @ sysbus\n")
    assert platform.creation_order == ("a", "b")


@for_each(
    ("text", "message"),
    [
        (
            "a: T\n    x: b",
            "<string>:2: the reference 'b' does not exist; declare 'b: …' or correct the name",
        ),
        ("\na: T @ b 1", "<string>:2: the parent 'b' does not exist"),
        ("a: T @ sysbus b", "<string>:1: the reference 'b' does not exist"),
        ("sysbus:\n    X: b", "<string>:2: the reference 'b' does not exist"),
        ("a: T @ sysbus 0\n    -> b@1", "<string>:2: the wire's destination 'b' does not exist"),
        (
            "a: T @ b\nb: T",
            "<string>:1: 'a' cannot be registered in 'b', which is not registered itself; write '@ …' for",
        ),
        ("a: T @ b\nb: T @ none", "<string>:1: 'a' cannot be registered in 'b'"),
    ],
)
def test_names_that_lead_nowhere_are_refused(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_the_creation_order_has_arguments_before_what_needs_them() -> None:
    platform = parse_platform(
        "a: T\n    x: [b, new U { y: c; Z: a }]\n    Later: d\nb: T\n    x: {1: d}\nc: T\nd: T\n"
    )
    assert platform.creation_order == ("d", "b", "c", "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: T\n    x: a", "<string>:2: a circle, a -> a: each needs the other to be created first"),
        (
            "a: T\n    x: b\nb: T\n    x: new U { y: c }\nc: T\n    x: a",
            "<string>:6: a circle, a -> b -> c -> a",
        ),
        ("x: T\n    x: a\na: T\n    x: b\nb: T\n    x: a", "<string>:6: a circle, a -> b -> a"),
        (
            "a: T @ b\nb: T @ a",
            "<string>:2: a circle, a -> b -> a: each needs the other to be registered first",
        ),
    ],
)
def test_circles_are_refused(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_cores_and_their_nvics_are_no_circle() -> None:
    text = "nvic: N @ sysbus new Bus.BusPointRegistration { address: 0; cpu: cpu }\n    -> cpu@0\n"
    assert parse_platform(text + "cpu: C @ sysbus\n    nvic: nvic\n").creation_order == ("nvic", "cpu")


def test_one_name_is_one_child_of_a_parent() -> None:
    assert refused('a: T @ sysbus 0\nb: T @ sysbus 4 as "a"').startswith(
        "<string>:2: 'b' is called \"a\" in 'sysbus', as 'a' (<string>:1) is; choose another alias"
    )
    parse_platform('p: P @ sysbus 0\na: T @ p 0\nb: T @ sysbus 4 as "a"')


def at(address: str, cpu: str | None = None) -> str:
    scope = f"; {'cluster' if cpu == 'k' else 'cpu'}: {cpu}" if cpu else ""
    return f"sysbus new Bus.BusPointRegistration {{ address: {address}{scope} }}"


@for_each(
    ("first", "second"),
    [
        ("a: T @ sysbus 0x100", "b: T @ sysbus 0x100"),
        ("a: T @ sysbus <0x100, +0x10>", "b: T @ sysbus 0x10F"),
        ("a: T @ sysbus 0x10F", "b: T @ sysbus <0x100, +0x10>"),
        ("a: T @ sysbus <0x0, +0x1000>", "b: T @ sysbus 0x10\nc: T @ sysbus 0x900"),
        ("a: Memory.MappedMemory @ sysbus 0x100\n    size: 0x10", "b: T @ sysbus 0x10F"),
        ("a: Python.PythonPeripheral @ sysbus 0x100\n    size: 0x10", "b: T @ sysbus 0x10F"),
        (f"a: T @ {at('0x100', 'c0')}", f"b: T @ {at('0x100', 'c0')}"),
        (f"a: T @ {at('0x100', 'k')}", f"b: T @ {at('0x100', 'k')}"),
        (f"a: T @ {{ {at('0x100')}; {at('0x100')} }}", ""),
    ],
)
def test_two_registrations_for_one_core_at_one_address_are_refused(first: str, second: str) -> None:
    assert "conflicts with" in refused(CORES + first + "\n" + second)


def test_a_conflict_names_both_places_and_the_core() -> None:
    first = "a: T @ sysbus new Bus.BusRangeRegistration { address: 0x100; size: 16; cpu: c1 }"
    text = f"{CORES}{first}\n\nb: T @ {at('0x108', 'c1')}"
    assert refused(text) == (
        "<string>:6: 'b' at 0x00000108 conflicts with 'a', which is registered for 'c1' from 0x00000100 to 0x0000010F "
        "(<string>:4); move one or let different cores see them with 'cpu:'"
    )


@for_each(
    "text",
    [
        f"a: T @ {at('0x100', 'c0')}\nb: T @ {at('0x100', 'c1')}",
        f"a: T @ {at('0x100', 'c0')}\nb: T @ sysbus 0x100",
        "a: T @ sysbus <0x100, +0x10>\nb: T @ sysbus 0x110",
        "a: Memory.MappedMemory @ sysbus 0x100\n    size: 0x10\nb: T @ sysbus 0x110",
        "a: T @ sysbus 0x100\n    size: 0x10\nb: T @ sysbus 0x104",  # what 'size' means, only the model knows
        "p: T @ sysbus 0\na: T @ p 4\nb: T @ p 4",
        'a: T @ sysbus new Bus.BusPointRegistration { address: 0; condition: "x" }\nb: T @ sysbus 0',
    ],
)
def test_registrations_that_no_core_sees_at_one_address_are_accepted(text: str) -> None:
    assert parse_platform(CORES + text)["b"].registrations
