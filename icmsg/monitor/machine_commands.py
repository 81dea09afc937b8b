"""Commands that make machines and say what is in them: ``include``, ``path``, ``Save``, ``Load``, ``mach``, ``using``.

Scripts and platform files, and where they are looked for; which machines there are, and their ``peripherals``.
"""

from __future__ import annotations

import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset
from icmsg.engines.renode.download import fetched, is_address
from icmsg.errors import MonitorError, closest
from icmsg.files import SCRIPT_BYTES, note_found, read_file, rooted
from icmsg.monitor.command import Command, Form, address_range, anything, integer, one_of, text, word
from icmsg.monitor.interpreter import run_device
from icmsg.monitor.log import LogLevel
from icmsg.monitor.objects.sysbus import print_place
from icmsg.monitor.tokens import Refusal, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.machine import MonitorMachine
    from icmsg.soc.platform import Peripheral

_CLASS: Final = re.compile(
    r"^\s*public\s+(?:static\s+|sealed\s+|abstract\s+|partial\s+)*class\s+(\w+)", re.MULTILINE
)
_MONITOR_COMMANDS: Final = ("icmsg_monitor.py", "icbmsg_monitor.py")


def include(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    """Run a script, make what a platform file describes, or accept a model that the engine has."""
    names = [str(token.value) for token in tokens]
    paths = [fetched(name) if is_address(name) else Path(name) for name in names]
    suffixes = {path.suffix for path in paths}
    if len(suffixes) > 1:
        first, second = paths[0].suffix, next(path.suffix for path in paths if path.suffix != paths[0].suffix)
        raise Refusal(f"All file extensions must match (saw {first} and {second})!")
    if len(paths) > 1 and suffixes != {".cs"}:
        raise Refusal("Inclusion of muliple files in currently only supported for *.cs!")
    for path in paths:
        _include_one(monitor, path)


def _include_one(monitor: Interpreter, written: Path) -> None:
    path = Path(rooted(str(written))) if written.is_absolute() else monitor.path.find(str(written))
    if path is None or not path.is_file():
        raise MonitorError(f"File does not exist: {written}")
    note_found(path)
    if path.suffix == ".cs":
        _accept_model(monitor, path)
    elif path.suffix == ".py":
        _accept_python(monitor, path)
    elif path.suffix == ".repl":
        if monitor.emulation.selected is None:
            monitor.emulation.select(monitor.emulation.create())
        machine = monitor.emulation.selected
        assert machine is not None
        machine.load("", str(path))
    else:
        monitor.run_script(path)


def _accept_model(monitor: Interpreter, path: Path) -> None:
    known = _shipped_classes()
    try:
        source = read_file(path, SCRIPT_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    classes = _CLASS.findall(source)
    unknown = [name for name in classes if name not in known]
    if unknown or not classes:
        what = ", ".join(unknown) or "what it contains"
        raise Refusal(
            f"{path}: the embedded engine compiles no C#, and has no model of its own for {what}; "
            "run this script with the renode engine (--engine renode)"
        )
    monitor.emulation.log.write(
        LogLevel.DEBUG,
        f"{path.name}: the embedded engine has its own {', '.join(classes)}; the file is not compiled",
    )


@cache  # the files come with the package
def _shipped_classes() -> set[str]:
    """Return the classes in the shipped files for Renode: the engine has a counterpart of each."""
    found: set[str] = set()
    for file in asset("renode").glob("*.cs"):
        found.update(_CLASS.findall(file.read_text(encoding="utf-8")))
    return found


def _accept_python(monitor: Interpreter, path: Path) -> None:
    if path.name not in _MONITOR_COMMANDS:
        monitor.python.include(path)
        return
    monitor.emulation.log.write(LogLevel.DEBUG, f"{path.name}: the Monitor has these commands itself")


def _reset_path(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.path.reset()
    _print_path(monitor)


def _change_path(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    value = str(tokens[1].value)
    if tokens[0].value == "set":
        monitor.path.set(value)
    else:
        monitor.path.prepend(value)
    _print_path(monitor)


def _print_path(monitor: Interpreter, _tokens: Sequence[Token] = ()) -> None:
    monitor.write(f"Current 'PATH' value is: {monitor.path.text}")


def _manage(monitor: Interpreter, tokens: Sequence[Token], member: str) -> None:
    manager = monitor.emulation.device("EmulationManager")
    assert manager is not None
    run_device(monitor, manager, [Token("LITERAL", member, member), *monitor.expand(tokens)])


def _managed(name: str, description: str, usage: str) -> Command:
    """Return a command that is a member of EmulationManager."""
    run = partial(_manage, member=name)
    return Command(
        name,
        description,
        (Form(run), Form(run, rest=anything)),
        details=lambda _monitor: f"\nUsage:\n{usage}",
    )


def _path_details(monitor: Interpreter) -> str:
    return (
        f"\nCurrent 'PATH' value is: {monitor.path.text}\nDefault 'PATH' value is: {monitor.path.default}\n\n"
        "You can use following commands:\n'path set @path'\tto set 'PATH' to the given value\n"
        "'path add @path'\tto prepend the given value to 'PATH'\n"
        "'path reset'\t\tto reset 'PATH' to it's default value"
    )


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
    _managed(
        "Save",
        "writes the emulation into a file, for Load.",
        "Save @file - takes as long as the emulation took so far, since it is tried out before it is written",
    ),
    _managed(
        "Load",
        "replaces the emulation by the one in a file of Save, paused.",
        "Load @file - does again what was done up to Save; select a machine then, with mach set\n"
        "Load @file true - keeps the machine that is selected\n"
        "Load @file python=true - also where scripts of the file bring Python",
    ),
    Command(
        "include",
        "loads a Monitor script, Python code, platform file or a plugin class.",
        (Form(include, rest=text),),
        ("i",),
        details=lambda _monitor: (
            "\nTo load script(s) you have to provide one (or more) existing file name(s).\n\n"
            "Supported file formats:\n*.cs   - plugin file(s) whose classes the embedded engine has itself\n"
            "*.py   - Python, whose functions mc_name are commands from then on\n"
            "*.repl - platform description file\nother  - monitor script"
        ),
    ),
    Command(
        "path",
        "allows modification of internal 'PATH' variable.",
        (
            Form(_reset_path, (one_of("reset"),)),
            Form(_change_path, (one_of("set", "add"), text)),
            Form(_print_path),
        ),
        details=_path_details,
    ),
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
