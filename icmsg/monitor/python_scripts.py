"""Python in the Monitor: ``python "…"``, files that bring commands (``mc_name``), and the scripts of hooks.

It is the Python that runs here, with the names of Renode's scripts over the objects of the Monitor
(:mod:`icmsg.monitor.python_objects`); .NET is not there, and is refused in words.

Python of Renode's scripts (2.7, as IronPython has it) as the Python that runs here: what differs is rewritten.

That is ``print`` without parentheses, ``except Error, name``, and ``/``, which rounds whole numbers down. What else is
Python 2.7's alone is a syntax error, and is said.
"""

from __future__ import annotations

import ast
import builtins
import io
import sys
import tokenize
from contextlib import redirect_stdout
from token import COMMENT, ENDMARKER, INDENT, NAME, NEWLINE, OP
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import IcmsgError, MonitorError
from icmsg.limits import SCRIPT_BYTES, read_file
from icmsg.monitor.command import Device
from icmsg.monitor.log import LogLevel
from icmsg.monitor.python_objects import LogLevels, ScriptDevice, ScriptMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import CodeType

    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.machine import MonitorMachine


DIVISION: Final = "__division__"
"""Name by which a rewritten script calls :func:`divide`."""
_OPENING, _CLOSING = "([{", ")]}"
_BEFORE_STATEMENTS: Final = (NEWLINE, INDENT, tokenize.DEDENT, tokenize.NL, COMMENT)


def compile_script(text: str, file: str = "<script>") -> CodeType:
    """Return the code of a script.

    Raises:
        MonitorError: it is no Python; the text says where, as Renode does.
    """
    text = text.replace("\r\n", "\n").expandtabs(8)
    try:
        tree = ast.parse(_rewritten(text), file)
        return compile(ast.fix_missing_locations(_Divisions().visit(tree)), file, "exec")
    except (SyntaxError, ValueError) as error:
        place = (
            f" (Line {error.lineno}, Column {error.offset})"
            if isinstance(error, SyntaxError) and error.lineno
            else ""
        )
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise MonitorError(
            f"[FatalError] {what}{place}\nscripts are run by Python {sys.version_info[0]}.{sys.version_info[1]} here; "
            "of Python 2.7 it knows print, except Error, name, and what / means"
        ) from None


def divide(left: object, right: object) -> object:
    """Divide as Python 2.7: whole numbers give a whole number, rounded down.

    >>> divide(7, 2), divide(7.0, 2)
    (3, 3.5)
    """
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return left / right  # type: ignore[operator]


class _Divisions(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        call = ast.Call(ast.Name(DIVISION, ast.Load()), [node.left, node.right], [])
        return ast.copy_location(call, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            node.op = ast.FloorDiv()
        return node


def _rewritten(text: str) -> str:
    """Return the text with Python 2.7's statements in the form of Python 3; what cannot be read stays as it is."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    lines = text.split("\n")
    edits: list[tuple[int, int, int, str]] = []  # row, first and last column, text
    depth = 0
    begins = True
    for index, token in enumerate(tokens):
        if begins and token.type == NAME and token.string == "print":
            edits += _print_edits(tokens, index)
        if begins and token.type == NAME and token.string == "except":
            edits += _except_edits(tokens, index)
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        begins = depth == 0 and (
            token.type in _BEFORE_STATEMENTS or (token.type == OP and token.string in ";:")
        )
    for row, first, last, new in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:first] + new + line[last:]
    return "\n".join(lines)


def _end_of_statement(tokens: Sequence[tokenize.TokenInfo], index: int) -> int:
    depth = 0
    for end in range(index + 1, len(tokens)):
        token = tokens[end]
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        if token.type in (NEWLINE, COMMENT, ENDMARKER) or (depth == 0 and token.string == ";"):
            return end
    return len(tokens) - 1


def _print_edits(tokens: Sequence[tokenize.TokenInfo], index: int) -> list[tuple[int, int, int, str]]:
    word = tokens[index]
    end = _end_of_statement(tokens, index)
    inside = tokens[index + 1 : end]
    if not inside:
        return [(word.start[0], word.start[1], word.end[1], "print()")]
    if inside[0].string == "=" or _is_one_group(inside):
        return []
    last = inside[-1]
    row, column = last.end
    if last.string == ",":
        return [(word.end[0], word.end[1], inside[0].start[1], "("), (row, column - 1, column, ", end=' ')")]
    return [(word.end[0], word.end[1], inside[0].start[1], "("), (row, column, column, ")")]


def _is_one_group(tokens: Sequence[tokenize.TokenInfo]) -> bool:
    """Return whether one pair of parentheses holds all: ``print("x")`` is the same in both."""
    depth = 0
    for number, token in enumerate(tokens):
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        if depth == 0:
            return tokens[0].string == "(" and number == len(tokens) - 1
    return False


def _except_edits(tokens: Sequence[tokenize.TokenInfo], index: int) -> list[tuple[int, int, int, str]]:
    depth = 0
    for token in tokens[index + 1 :]:
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        if depth == 0 and token.string == ",":
            return [(token.start[0], token.start[1], token.end[1], " as")]
        if token.string == ":" and depth == 0:
            break
    return []


_DOTNET: Final = ("clr", "System", "Antmicro", "Microsoft", "IronPython")
_COMMAND: Final = "mc_"
_FORMER: Final[dict[str, object]] = {
    "xrange": range,
    "unicode": str,
    "long": int,
    "unichr": chr,
    "basestring": str,
}
"""Names of Python 2.7 that have another one since."""


class HookScript:
    """The script of a hook; its names keep their values from one call to the next, as in Renode.

    What goes wrong in it is told in the log, and the emulation goes on.
    """

    def __init__(self, scripts: PythonScripts, code: CodeType, names: dict[str, Any], source: str) -> None:
        self._scripts: Final = scripts
        self._code: Final = code
        self._source: Final = source
        self.names: Final = names
        """Values of the script's names."""

    def run(self, **values: object) -> None:
        """Run it once, with these values of names."""
        self.names.update(values)
        try:
            self._scripts.run(self._code, self.names)
        except IcmsgError as error:
            self._scripts.emulation.log.write(LogLevel.ERROR, f"Python runtime error: {error}", self._source)


class PythonScripts:
    """Scripts over one Monitor."""

    def __init__(self, monitor: Interpreter) -> None:
        self.emulation: Final[Emulation] = monitor.emulation
        self._monitor: Final = monitor
        self._names: dict[str, Any] = {}
        self.is_allowed = True
        """False where nothing shall be run that a script brings."""
        self.clear()

    def clear(self) -> None:
        """Forget everything that scripts have defined."""
        parsing = _ScriptMonitor(self._monitor)
        self._names = {**self._common(), "self": parsing}

    def _common(self) -> dict[str, Any]:
        emulation = _Emulations(self.emulation)
        return {
            "__builtins__": {**vars(builtins), **_FORMER, "__import__": _import},
            "__name__": "__main__",
            DIVISION: divide,
            "monitor": _ScriptMonitor(self._monitor),
            "emulationManager": emulation,
            "LogLevel": LogLevels,
        }

    def hook(self, machine: MonitorMachine, text: str, itself: str, *others: str) -> HookScript:
        """Return the script ``text`` of a hook of the device ``itself``, which also ``others`` of its names mean.

        Raises:
            MonitorError: it is no Python.
        """
        code = self._compiled(text)
        around = ScriptMachine(machine, self.emulation)
        names = {**self._common(), "machine": around}
        for name in ("self", *others):
            names[name] = around[itself]
        return HookScript(self, code, names, itself.removeprefix("sysbus."))

    def execute(self, text: str) -> None:
        """Run ``python "…"``; MonitorError says what went wrong."""
        self.run(self._compiled(text), self._names)

    def _compiled(self, text: str, file: str = "<script>") -> CodeType:
        if not self.is_allowed:
            raise MonitorError("no Python of scripts is run in this session: it was started with --no-python")
        return compile_script(text, file)

    def include(self, path: Path) -> None:
        """Run a file; its functions ``mc_name`` are commands from then on.

        Raises:
            MonitorError: it cannot be read, is no Python, or something went wrong in it.
        """
        try:
            text = read_file(path, SCRIPT_BYTES).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise MonitorError(f"{path} cannot be read: {error}") from None
        self._names["__file__"] = str(path)
        self.run(self._compiled(text, str(path)), self._names)

    def commands(self) -> list[str]:
        """Return the commands that scripts have defined."""
        return [
            name.removeprefix(_COMMAND)
            for name, value in self._names.items()
            if name.startswith(_COMMAND) and callable(value)
        ]

    def call(self, name: str, values: Sequence[object], named: dict[str, object]) -> None:
        """Run a command that a script has defined.

        Raises:
            MonitorError: something went wrong in it.
        """
        function = self._names[_COMMAND + name]
        given = [self.seen(value) for value in values]
        with_names = {key: self.seen(value) for key, value in named.items()}
        try:
            result = self._guarded(lambda: function(*given, **with_names))
        except MonitorError as error:
            words = " ".join([name, *map(str, given)])
            raise MonitorError(f"Command '{words}' failed\n{error}") from None
        if result is not None and result is not True:
            raise MonitorError(f'Command {name} failed, returning "{result}".')

    def seen(self, value: object) -> object:
        """Return a value as scripts see it."""
        return (
            ScriptDevice(value, self.emulation.selected, self.emulation)
            if isinstance(value, Device)
            else value
        )

    def run(self, code: CodeType, names: dict[str, Any]) -> None:
        """Run code in ``names``; MonitorError says what went wrong."""
        self._guarded(lambda: exec(code, names))

    def _guarded(self, function: Callable[[], Any]) -> Any:
        try:
            with redirect_stdout(_Output(self._monitor)):
                return function()
        except IcmsgError as error:
            raise MonitorError(str(error)) from None
        except SystemExit:
            raise MonitorError("a script cannot end the Monitor: use monitor.Parse('quit')") from None
        except Exception as error:
            raise MonitorError(_words(error)) from None


class _ScriptMonitor:
    """``monitor`` of scripts."""

    def __init__(self, monitor: Interpreter) -> None:
        self._monitor: Final = monitor

    def Parse(self, line: str) -> None:  # noqa: N802 - Renode's name
        """Run a line."""
        self._monitor.parse(line)

    def TryGetVariable(self, name: str) -> object:  # noqa: N802 - Renode's name
        """Return the value of a variable, None if there is none."""
        found = self._monitor.variables.get(name)
        return None if found is None else found.value

    @property
    def Machine(self) -> ScriptMachine:  # noqa: N802 - Renode's name
        """The selected machine."""
        return ScriptMachine(self._monitor.emulation.selected, self._monitor.emulation)


class _Emulations:
    """``emulationManager`` of scripts."""

    def __init__(self, emulation: Emulation) -> None:
        self._emulation: Final = emulation

    @property
    def CurrentEmulation(self) -> ScriptDevice:  # noqa: N802 - Renode's name
        """The emulation: its members are those of ``emulation`` in the Monitor."""
        device = self._emulation.device("emulation")
        assert device is not None
        return ScriptDevice(device, None, self._emulation)


class _Output(io.TextIOBase):
    def __init__(self, monitor: Interpreter) -> None:
        self._monitor: Final = monitor

    def write(self, text: str) -> int:
        self._monitor.write(text, end="")
        return len(text)


def _import(
    name: str, names: Any = None, local: Any = None, wanted: Sequence[str] | None = (), level: int = 0
) -> Any:
    """Import a module of Python; ImportError for what is .NET's."""
    if name.split(".")[0] not in _DOTNET:
        return builtins.__import__(name, names, local, wanted or (), level)
    if wanted and set(wanted) == {"LogLevel"}:
        return LogLevelModule
    raise ImportError(
        f"there is no .NET here, so no {name}: monitor, machine, self and LogLevel are there, with the members that "
        "the Monitor lists; the renode engine has .NET"
    )


class LogLevelModule:
    """The one name of Renode's namespaces that scripts may import: they have it anyway."""

    LogLevel = LogLevels


def _words(error: Exception) -> str:
    """Return an error of a script with its line."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get(DIVISION) is divide:
            line = trace.tb_lineno
        trace = trace.tb_next
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return f"{type(error).__name__}: {text}{'' if line is None else f' (Line {line})'}"
