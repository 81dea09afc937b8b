"""``logLevel``, ``logFile``, ``logNetwork``, ``log``, ``lastLog``, ``showAnalyzer``: the log and what goes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError, closest
from icmsg.monitor.command import Command, Form, anything, boolean, integer, one_of, text, word
from icmsg.monitor.log import LogLevel
from icmsg.monitor.tokens import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token

_LEVELS: Final = {level.name.capitalize(): level for level in LogLevel}
_LEVEL: Final = one_of(*LogLevel, *_LEVELS)
_ANALYZER: Final = "Antmicro.Renode.Analyzers.LoggingUartAnalyzer"
_BACKENDS: Final = ("console", "file", "memory")


def _level(token: Token) -> LogLevel:
    return _LEVELS[str(token.value)] if token.is_text else LogLevel(int(str(token.value)))


def _level_token(token: Token) -> bool:
    return (token.is_integer or token.is_text) and _LEVEL(token)


def _print_levels(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    log = monitor.emulation.log
    monitor.write("Currently set levels:\n")
    monitor.write(f"{'Backend':<18}| {'Emulation element':<36}| Level")
    monitor.write("=" * 65)
    monitor.write(f"{'console':<18}: {'':<36}: {log.level.name}")
    for (machine, device), level in log.levels.items():
        full = device if device in ("sysbus", "machine") else f"sysbus.{device}"
        monitor.write(f"{'':<18}: {f'{machine}:{full}':<36}: {level.name}")
    monitor.write("-" * 65)


def _set_level(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    log = monitor.emulation.log
    log.level = _level(tokens[0])
    log.levels.clear()


def _set_level_of(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = str(tokens[1].value)
    log = monitor.emulation.log
    if name in _BACKENDS:
        log.level = _level(tokens[0])
        return
    if name in monitor.emulation.machines:
        for full in monitor.emulation.machines[name].devices:
            log.levels[name, full.rsplit(".", 1)[-1]] = _level(tokens[0])
        return
    device = monitor.emulation.device(name)
    if device is None:
        raise Refusal(
            f"Could not find emulation element or backend named: {name}"
            f"{closest(name, monitor.emulation.device_names())}"
        )
    machine = monitor.emulation.selected_name or ""
    log.levels[machine, device.name.rsplit(".", 1)[-1]] = _level(tokens[0])


def _set_level_of_backend(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    if str(tokens[1].value) not in _BACKENDS:
        raise Refusal("Could not find emulation element or backend")
    _set_level_of(monitor, [tokens[0], tokens[2]])


def _levels(_monitor: Interpreter) -> str:
    rows = [f"{int(level):<18}: {level.name}" for level in LogLevel]
    return "\n".join(
        [
            "\nUsages:\n logLevel\n logLevel [LEVEL]\n logLevel [LEVEL] [OBJECT]\n logLevel [LEVEL] [BACKEND]",
            " logLevel [LEVEL] [BACKEND] [OBJECT]\n\nAvailable levels:\n",
            f"{'Level':<18}| Name",
            "=" * 39,
            *rows,
        ]
    )


def _file(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.emulation.log.to_file(monitor.path.new(str(tokens[0].value)))


def _network(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    if tokens[1:] and tokens[1].value is False:
        raise MonitorError(
            "the embedded engine sends the log without colors: leave PLAIN_MODE out, or give true"
        )
    monitor.emulation.log.to_port(int(str(tokens[0].value)))


def _log(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    level = _level(tokens[1]) if len(tokens) > 1 else LogLevel.INFO
    monitor.emulation.log.write(level, f"Script: {tokens[0].value}")


def _last(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    count = int(str(tokens[0].value)) if tokens else 20
    for entry in monitor.emulation.log.last(count):
        monitor.write(str(entry))


def _show(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = str(next(token for token in tokens if token.kind == "LITERAL").value)
    device = monitor.emulation.device(name)
    machine = monitor.emulation.selected
    if device is None or machine is None:
        raise Refusal(f"Peripheral not found: {name}{closest(name, monitor.emulation.device_names())}")
    machine.show(device.name.rsplit(".", 1)[-1])


def _analyzers(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = str(tokens[-1].value)
    device = monitor.emulation.device(name)
    if device is None:
        raise Refusal(f"Peripheral not found: {name}{closest(name, monitor.emulation.device_names())}")
    try:
        monitor.emulation.uart(name)
    except MonitorError:
        raise Refusal(f"No backend found for {name}") from None
    monitor.write(_ANALYZER if len(tokens) > 1 else f"{_ANALYZER} (default)")


COMMANDS: Final = (
    Command(
        "logLevel",
        "sets logging level for backends.",
        (
            Form(_print_levels),
            Form(_set_level, (_level_token,)),
            Form(_set_level_of, (_level_token, anything)),
            Form(_set_level_of, (_level_token, anything, boolean)),
            Form(_set_level_of_backend, (_level_token, word, anything)),
            Form(_set_level_of_backend, (_level_token, word, anything, boolean)),
        ),
        details=_levels,
    ),
    Command(
        "logFile",
        "sets the output file for logger.",
        (Form(_file, (text,)), Form(_file, (text, boolean))),
        ("logF",),
        details=lambda _monitor: "\nYou must specify the filename (full path or relative) for output file.",
    ),
    Command(
        "logNetwork",
        "sets the output port for logger.",
        (Form(_network, (integer,)), Form(_network, (integer, boolean))),
        ("logN",),
        details=lambda _monitor: (
            "\nUsages:\n logNetwork PORT [PLAIN_MODE]\n\nYou must specify the port number for the logger's socket."
        ),
    ),
    Command(
        "log",
        "logs messages.",
        (Form(_log, (text,)), Form(_log, (text, _level_token))),
        details=lambda _monitor: "\nUsage:\nlog <<message to log>> <<log level>>",
    ),
    Command(
        "lastLog",
        "Logs last n logs.",
        (Form(_last), Form(_last, (integer,))),
        details=lambda _monitor: "\nUsage:\nlastLog\nlastLog <<numberOfEntries>>",
    ),
    Command(
        "showAnalyzer",
        "opens a peripheral backend analyzer.",
        (
            Form(_show, (word,)),
            Form(_show, (word, word)),
            Form(_show, (text, word)),
            Form(_show, (text, word, word)),
        ),
        ("sa",),
        details=lambda _monitor: (
            "\nUsage:\n------\nshowAnalyzer ([externalName]) [peripheral] ([typeName])\n"
            "\twrites every line of the UART into the log"
        ),
    ),
    Command(
        "analyzers",
        "shows available analyzers for peripheral.",
        (Form(_analyzers, (word,)), Form(_analyzers, (one_of("default"), word))),
        details=lambda _monitor: "\nUsage:\n------\nanalyzers [peripheral]\nanalyzers default [peripheral]",
    ),
)
