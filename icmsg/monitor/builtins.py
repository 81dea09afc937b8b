"""The commands that Renode's Monitor has in Python: those of its own ``monitor.py`` and of ``icmsg_monitor.py``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from icmsg.config.boards import DEFAULT
from icmsg.errors import BusError, MonitorError, closest
from icmsg.monitor.command import Device

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.monitor.interpreter import Builtin, Interpreter
    from icmsg.monitor.tokens import Token

_LARGEST_BLOCK: Final = 1 << 20


def python_values(monitor: Interpreter, tokens: Sequence[Token]) -> tuple[list[object], dict[str, object]]:
    """Return the arguments as Python gets them: values, then ``name=value`` pairs."""
    first_equal = next((index for index, token in enumerate(tokens) if token.kind == "EQUAL"), None)
    count = len(tokens) if first_equal is None else first_equal - 1
    if count < 0:
        raise MonitorError("Invalid argument = at position 1")
    named: dict[str, object] = {}
    for index in range(count, len(tokens), 3):
        triple = tokens[index : index + 3]
        if len(triple) != 3 or triple[0].kind != "LITERAL" or triple[1].kind != "EQUAL":
            written = "".join(token.text for token in triple)
            raise MonitorError(
                f"Invalid keyword argument {written} at position {count + 1 + (index - count) // 3}"
            )
        named[triple[0].text] = _value(monitor, triple[2])
    return [_value(monitor, token) for token in tokens[:count]], named


def _value(monitor: Interpreter, token: Token) -> object:
    if token.kind != "LITERAL":
        return token.value
    device = monitor.emulation.device(token.text)
    if device is None:
        raise MonitorError(
            f"No such emulation element: {token.text}{closest(token.text, monitor.emulation.device_names())}"
        )
    return device


def _take(name: str, least: int, most: int) -> Callable[[Callable[..., None]], Builtin]:
    """Turn a function of values into a builtin that checks how many there are."""

    def wrap(function: Callable[..., None]) -> Builtin:
        def run(monitor: Interpreter, tokens: Sequence[Token]) -> None:
            values, named = python_values(monitor, tokens)
            if named or not least <= len(values) <= most:
                counts = str(least) if least == most else f"{least} to {most}"
                raise MonitorError(
                    f"Command '{name} {' '.join(token.text for token in tokens)}' failed: it takes {counts} "
                    f"argument{'s' * (counts != '1')} ({len(values) + len(named)} given)"
                )
            function(monitor, *values)

        return run

    return wrap


@_take("echo", 0, 2)
def _echo(monitor: Interpreter, *values: object) -> None:
    if len(values) == 2:
        if values[0] == "-n":
            monitor.write(str(values[1]), end="")
        else:
            monitor.write("usage: echo [-n] [string]")
    else:
        monitor.write(*map(str, values))


@_take("sleep", 1, 1)
def _sleep(monitor: Interpreter, seconds: object) -> None:
    """Let as much virtual time pass as Renode would wait, if the emulation is started; if not, nothing happens."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
        raise MonitorError(f"{seconds} is no number of seconds")
    if monitor.emulation.is_started:
        monitor.emulation.advance(round(seconds * 1_000_000_000), waits=False)


@_take("get_environ", 1, 1)
def _environ(monitor: Interpreter, variable: object) -> None:
    value = os.environ.get(str(variable))
    if value is not None:
        monitor.write(value)


@_take("str_contains", 2, 2)
def _contains(monitor: Interpreter, part: object, whole: object) -> None:
    monitor.write(str(str(part).lower() in str(whole).lower()))


@_take("if", 2, 2)
def _if(monitor: Interpreter, condition: object, command: object) -> None:
    if condition:
        for line in str(command).splitlines():
            monitor.parse(line)


@_take("dump", 2, 3)
def _dump(monitor: Interpreter, start: object, count: object, width: object = 16) -> None:
    soc = _soc(monitor)
    first, total, step = (_number(value) for value in (start, count, width))
    for address in range(first, first + total, max(step, 1)):
        data = _read(soc, address, max(step, 1))
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
        monitor.write(f"0x{address:08X} | {' '.join(f'{byte:02X}' for byte in data)} | {text}")


@_take("icmsg_read", 2, 2)
def _icmsg_read(monitor: Interpreter, address: object, count: object) -> None:
    monitor.write(_read(_soc(monitor), _number(address), _number(count)).hex())


@_take("icmsg_write", 2, 2)
def _icmsg_write(monitor: Interpreter, address: object, data: object) -> None:
    try:
        block = bytes.fromhex(str(data))
    except ValueError:
        raise MonitorError(f"{data!r} is no text of hex digits, two for each byte") from None
    try:
        _soc(monitor).bus.write_block(_number(address), block)
    except BusError as error:
        raise MonitorError(str(error)) from None


def _read(soc: EmbeddedMachine, address: int, count: int) -> bytes:
    if not 0 <= count <= _LARGEST_BLOCK:
        raise MonitorError(f"{count} bytes at once are too many; read at most {_LARGEST_BLOCK}")
    try:
        return soc.bus.read_block(address, count)
    except BusError as error:
        raise MonitorError(str(error)) from None


def _soc(monitor: Interpreter) -> EmbeddedMachine:
    machine = monitor.emulation.selected
    if machine is None or machine.soc is None:
        raise MonitorError(
            f"there is no machine; include renode/{DEFAULT.name}.resc, or select one with `mach set`"
        )
    return machine.soc


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MonitorError(f"{value} is no address or number of bytes")
    return value


@_take("icmsg_status", 0, 0)
def _icmsg_status(monitor: Interpreter) -> None:
    monitor.run_verb(["status"])


@_take("icmsg_dump", 1, 2)
def _icmsg_dump(monitor: Interpreter, region: object, *packets: object) -> None:
    name = region.name if isinstance(region, Device) else str(region)
    monitor.run_verb(["dump", name, *(str(_number(count)) for count in packets)])


@_take("icmsg_watch", 0, 1)
def _icmsg_watch(monitor: Interpreter, on: object = True) -> None:
    monitor.run_verb(["watch", "on" if on else "off"])


@_take("icmsg_release", 0, 0)
def _icmsg_release(monitor: Interpreter) -> None:
    monitor.run_verb(["release"])


def _icmsg_regions(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    values, named = python_values(monitor, tokens)
    words = [*map(str, values), *(f"{name}={value}" for name, value in named.items())]
    monitor.run_verb(["regions", *words])


BUILTINS: Final[dict[str, Builtin]] = {
    "dump": _dump,
    "echo": _echo,
    "get_environ": _environ,
    "if": _if,
    "sleep": _sleep,
    "str_contains": _contains,
    "icmsg_read": _icmsg_read,
    "icmsg_write": _icmsg_write,
    "icmsg_status": _icmsg_status,
    "icmsg_dump": _icmsg_dump,
    "icmsg_watch": _icmsg_watch,
    "icmsg_release": _icmsg_release,
    "icmsg_regions": _icmsg_regions,
}
"""Functions by the names that follow ``mc_`` there."""
