"""Commands of a session: ``help``, ``set``, ``start``, ``logLevel`` and their like.

What it says and how, names for values and commands, whether time passes, and the log with what goes into it. Nothing
runs in the background here. ``start`` only says that time may pass; it does when a front end lets it
(:meth:`icmsg.monitor.embedded.EmbeddedMonitor.pump`), or Python that uses the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import icmsg
from icmsg.errors import MonitorError, closest
from icmsg.monitor.arguments import NumbersMode, print_interval
from icmsg.monitor.command import (
    Command,
    Form,
    anything,
    boolean,
    integer,
    name,
    one_of,
    terminator,
    text,
    variable,
    word,
)
from icmsg.monitor.log import LogLevel
from icmsg.monitor.machine_commands import include
from icmsg.monitor.tokens import Collection, ErrorOfCommand, Refusal, TypedText
from icmsg.monitor.verbs.syntax import WORD

if TYPE_CHECKING:
    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token


def _help(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write("Available commands:")
    monitor.write(f"{'Name':<18}| Description")
    monitor.write("=" * 80)
    for command in sorted(monitor.commands):
        monitor.write(f"{command:<18}: {monitor.commands[command].description}")
    monitor.write(
        "\nYou can also provide a device name to access its methods.\nUse <TAB> for auto-completion."
        f"\n`{WORD} help` lists the commands for ICMsg."
    )


def _help_for(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    name = str(tokens[0].value)
    if name == WORD:
        monitor.run_verb(["help"])
        return
    if name not in monitor.commands:
        raise Refusal(f"No such command: {name}{closest(name, monitor.commands) or '.'}")
    monitor.write(monitor.commands[name].help(monitor))


def _version(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write(f"icmsg, version {icmsg.__version__} (embedded engine)")


def _time(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    # The real time would differ from run to run.
    text = f"Current virtual time: {print_interval(monitor.emulation.now_ns)}"
    monitor.write(text)
    monitor.emulation.log.write(LogLevel.INFO, text)


def _numbers(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.numbers = NumbersMode[str(tokens[0].value)]


def _verbose(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.verbose = bool(tokens[0].value)


def _nothing(_monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    """Do nothing: only a front end has a screen to clear."""


def _python(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.python.execute(str(tokens[0].value))


def _python_variable(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    value = monitor.variables.expand(str(tokens[0].value))
    if not value.is_text:
        raise ErrorOfCommand("Variable type has to be a string.")
    monitor.python.execute(str(value.value))


_Choice = Callable[["Interpreter"], Collection]


def _setter(word: str, noun: str, choose: _Choice) -> Command:
    def assign(monitor: Interpreter, tokens: Sequence[Token]) -> None:
        choose(monitor).set(str(tokens[0].value), tokens[1])

    def ask(monitor: Interpreter, tokens: Sequence[Token]) -> None:
        monitor.typed = TypedText(choose(monitor), str(tokens[0].value), inside=len(tokens) > 1)

    return Command(
        word,
        f"sets {noun}.",
        (Form(ask, (name,)), Form(ask, (name, terminator)), Form(assign, (name, anything))),
        details=lambda _monitor: (
            f'\nYou must provide the name of the {noun}.\n\nUsage:\n\t{word} {noun} "value"\n\n'
            f'\t{word} {noun}\n\t"""\n\t[multiline value]\n\t"""'
        ),
    )


def _executor(word: str, noun: str, choose: _Choice) -> Command:
    def execute(monitor: Interpreter, tokens: Sequence[Token]) -> None:
        if len(tokens) == 1 and tokens[0].kind == "VARIABLE":
            monitor.run_macro(choose(monitor).expand(str(tokens[0].value)))
        else:
            monitor.run_tokens(tokens)

    def known(monitor: Interpreter) -> str:
        lines = [f"\t{full}" for full in choose(monitor).names]
        return "\n".join(["", f"Provide a command or {noun} to execute.", "", f"Available {noun}s:", *lines])

    return Command(
        word,
        f"executes a command or the content of a {noun}.",
        (Form(execute, rest=anything),),
        details=known,
    )


def _require(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    monitor.variables.expand(str(tokens[0].value))


def _string(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    values = monitor.expand(tokens)
    monitor.write(f'"{" ".join(str(token.value) for token in values)}"')


def _start(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    if monitor.emulation.is_started:
        monitor.write("Emulation is already started. Ignoring command")
        return
    monitor.write("Starting emulation...")
    monitor.emulation.is_started = True


def _start_script(monitor: Interpreter, tokens: Sequence[Token]) -> None:
    include(monitor, tokens)
    monitor.emulation.is_started = True


def _pause(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write("Pausing emulation...")
    monitor.emulation.is_started = False


def _quit(monitor: Interpreter, _tokens: Sequence[Token]) -> None:
    monitor.write("Renode is quitting")
    monitor.emulation.select(None)
    monitor.has_quit = True


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
        "help",
        "prints this help message or info about specified command.",
        (Form(_help), Form(_help_for, (word,))),
        ("?", "h"),
    ),
    Command("version", "shows version information.", (Form(_version),)),
    Command("currentTime", "prints out and logs the current emulation virtual time", (Form(_time),)),
    Command(
        "numbersMode",
        "sets the way numbers are displayed.",
        (Form(_numbers, (one_of(*NumbersMode.__members__),)),),
        details=lambda monitor: "\n".join(
            ["", f"Current mode: {monitor.numbers.name}", "", "Options:", *NumbersMode.__members__]
        ),
    ),
    Command(
        "verboseMode",
        "controls the verbosity of the Monitor.",
        (Form(_verbose, (boolean,)),),
        details=lambda monitor: f"Current value: {monitor.verbose}",
    ),
    Command("clear", "clears the screen.", (Form(_nothing),)),
    Command(
        "python",
        "executes the provided python command.",
        (Form(_python, (text,)), Form(_python_variable, (variable,))),
        ("py",),
    ),
    _setter("set", "VARIABLE", lambda monitor: monitor.variables),
    _setter("macro", "MACRO", lambda monitor: monitor.macros),
    _setter("alias", "ALIAS", lambda monitor: monitor.aliases),
    _executor("execute", "VARIABLE", lambda monitor: monitor.variables),
    _executor("runMacro", "MACRO", lambda monitor: monitor.macros),
    Command("require", "verifies the existence of a variable.", (Form(_require, (variable,)),)),
    Command("string", "treat given arguments as a single string.", (Form(_string, rest=anything),), ("str",)),
    Command(
        "start",
        "starts the emulation.",
        (Form(_start), Form(_start_script, (text,))),
        ("s",),
        details=lambda _monitor: (
            "\nUsage:\nstart - starts the whole emulation\nstart @path - executes the script and starts the emulation"
        ),
    ),
    Command("pause", "pauses the emulation.", (Form(_pause),), ("p",)),
    Command("quit", "quits the emulator.", (Form(_quit),), ("q",)),
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
