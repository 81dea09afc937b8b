"""``mach``, ``using``, ``peripherals``: which machines there are, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import closest
from icmsg.monitor.command import Command, Form, address_range, integer, one_of, text, word
from icmsg.monitor.objects.sysbus import print_place
from icmsg.monitor.tokens import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.machine import MonitorMachine
    from icmsg.monitor.tokens import Token
    from icmsg.soc.platform import Peripheral


def _set_number(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    names = list(monitor.emulation.machines)
    number = tokens[1].value
    assert isinstance(number, int)
    if not 0 <= number < len(names):
        raise Refusal("Wrong machine number. Type mach to show a list of available machines.")
    monitor.emulation.select(names[number])


def _create(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = str(tokens[1].value) if len(tokens) > 1 else None
    monitor.emulation.select(monitor.emulation.create(name))


def _add(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = monitor.emulation.create(str(tokens[1].value))
    if monitor.emulation.selected is None:
        monitor.emulation.select(name)


def _set(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.emulation.select(_known(monitor, tokens[1]))


def _remove(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.emulation.remove(_known(monitor, tokens[1]))


def _clear(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.emulation.select(None)


def _start_over(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.emulation.clear()
    # A script's `$netelf?=` would find what an earlier one, or the same one, set for its machine of the same name.
    for names in (monitor.variables, monitor.macros, monitor.aliases):
        names.clear()


def _known(monitor: Interpreter, token: Token) -> str:
    name = str(token.value)
    if name not in monitor.emulation.machines:
        raise Refusal(f"Machine {name} not found{closest(name, monitor.emulation.machines) or '.'}")
    return name


def _list_machines(monitor: Interpreter, _tokens: Sequence[Token] = ()) -> None:
    monitor.write(_machines(monitor))


def _machines(monitor: Interpreter) -> str:
    emulation = monitor.emulation
    selected = emulation.selected_name
    lines = ["", "No machine selected." if selected is None else f"Current machine: {selected}"]
    if emulation.machines:
        longest = max(map(len, emulation.machines))
        lines.append("Available machines:")
        lines += [f"\t{number}: {name.ljust(longest)} " for number, name in enumerate(emulation.machines)]
    return "\n".join(
        [
            *lines,
            "",
            "You can use the following commands:",
            "'mach set [\"name\"|number]'\tto enable the given machine",
            "'mach add \"name\"'\tto create a new machine with the specified name",
            "'mach rem \"name\"'\tto remove a machine",
            "'mach create'\tto create a new machine with generic name and switch to it",
            "'mach clear'\tto clear the current selection",
        ]
    )


def _use(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    prefix = str(tokens[0].value)
    usings = monitor.emulation.usings
    if prefix == "-":
        usings.clear()
    elif (dotted := prefix.rstrip(".") + ".") not in usings:
        usings.append(dotted)


def _usings(monitor: Interpreter) -> str:
    usings = [f"\t{prefix[:-1]}" for prefix in monitor.emulation.usings] or ["\t[none]"]
    return "\n".join(["", "Current 'using':", *usings, "", 'To clear all current usings execute "using -".'])


def _peripherals(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    machine = _selected(monitor)
    monitor.write("Available peripherals:\n")
    monitor.write("\n".join(_tree(machine, lambda _item: True)))


def _named_peripherals(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    sought = str(tokens[0].value).lower()
    _filtered(monitor, lambda item: sought in _name(item).lower() or sought in _type(item).lower())


def _peripherals_in(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    value = tokens[0].value
    assert isinstance(value, tuple)
    start, size = value

    def inside(item: Peripheral) -> bool:
        starts = [place.address for place in item.registrations if place.address is not None]
        return any(start <= address < start + size for address in starts)

    _filtered(monitor, inside)


def _filtered(monitor: Interpreter, wanted: Callable[[Peripheral], bool]) -> None:
    machine = _selected(monitor)
    monitor.write("Filtered peripherals:\n")
    monitor.write("\n".join(_tree(machine, wanted)))


def _selected(monitor: Interpreter) -> MonitorMachine:
    if monitor.emulation.selected is None:
        raise Refusal("Select active machine first.")
    return monitor.emulation.selected


def _tree(machine: MonitorMachine, wanted: Callable[[Peripheral], bool]) -> Iterator[str]:
    """Yield the lines of the tree, by name; everything that this engine models hangs on the bus."""
    if machine.soc is None:
        yield from ("  sysbus (SystemBus)", "      ")
        return
    description = machine.soc.description
    items = sorted((item for item in description if wanted(item)), key=_name)
    yield "  sysbus (SystemBus)"
    yield "  │   " if items else "      "
    for item in items:
        last = item is items[-1]
        yield f"  {'└── ' if last else '├── '}{_name(item)} ({_type(item)})"
        indent = "  " + ("    " if last else "│   ") + "    "
        for place in item.registrations:
            yield f"{indent}{print_place(item, place, machine.name, description)}"
        yield indent


def _name(item: Peripheral) -> str:
    return item.alias or item.name


def _type(item: Peripheral) -> str:
    return item.type.rsplit(".", 1)[-1]


COMMANDS: Final = (
    Command(
        "mach",
        "list and manipulate machines available in the environment.",
        (
            Form(_set_number, (one_of("set"), integer)),
            Form(_set, (one_of("set"), text)),
            Form(_add, (one_of("add"), text)),
            Form(_remove, (one_of("rem"), text)),
            Form(_create, (one_of("create"), text)),
            Form(_create, (one_of("create"),)),
            Form(_clear, (one_of("clear"),)),
            Form(_list_machines),
        ),
        details=_machines,
    ),
    Command(
        "Clear", "removes all machines, variables, macros and aliases, to start over.", (Form(_start_over),)
    ),
    Command(
        "using",
        "expose a prefix to avoid typing full object names.",
        (Form(_use, (word,)),),
        details=_usings,
    ),
    Command(
        "peripherals",
        "prints list of registered and named peripherals.",
        (Form(_peripherals), Form(_named_peripherals, (word,)), Form(_peripherals_in, (address_range,))),
        ("peri",),
    ),
)
