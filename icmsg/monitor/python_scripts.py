"""Python in the Monitor: ``python "…"``, files that bring commands (``mc_name``), and the scripts of hooks.

It is the Python that runs here, with the names of Renode's scripts over the objects of the Monitor
(:mod:`icmsg.monitor.python_objects`); .NET is not there, and is refused in words.
"""

from __future__ import annotations

import builtins
import importlib
import io
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import IcmsgError, MonitorError
from icmsg.files import SCRIPT_BYTES, read_file
from icmsg.monitor.command import Device
from icmsg.monitor.log import LogLevel
from icmsg.monitor.python_objects import DIVISION, ScriptDevice, ScriptMachine, compile_script, divide
from icmsg.monitor.tokens import ErrorOfCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import CodeType

    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.machine import MonitorMachine


_DOTNET: Final = ("clr", "System", "Antmicro", "Microsoft", "IronPython")
_COMMAND: Final = "mc_"
_RESULT: Final = "__result__"
"""Name of the value of ``python "…"`` where that is an expression."""
_FORMER: Final[dict[str, object]] = {
    "xrange": range,
    "unicode": str,
    "long": int,
    "unichr": chr,
    "basestring": str,
}
"""Names of Python 2.7 that have another one since."""
_FORMER_MODULES: Final = {
    "BaseHTTPServer": "http.server",
    "ConfigParser": "configparser",
    "Cookie": "http.cookies",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "SimpleHTTPServer": "http.server",
    "SocketServer": "socketserver",
    "StringIO": "io",
    "cPickle": "pickle",
    "cStringIO": "io",
    "httplib": "http.client",
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
    "xmlrpclib": "xmlrpc.client",
}
"""Modules of Python 2.7 that have another name since."""


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

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Begin without what scripts have defined, and have it again behind that."""
        before = self._names
        self.clear()
        try:
            yield
        finally:
            self._names = before

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

    def execute(self, text: str) -> object:
        """Run ``python "…"``, and return its value where it is an expression, else None.

        Raises:
            MonitorError: it is no Python, or something went wrong in it, which is the cause of the error.
        """
        code = self._compiled(text, result=_RESULT)
        self._names[_RESULT] = None
        self.run(code, self._names)
        return self._names.pop(_RESULT, None)

    def _compiled(self, text: str, file: str = "<script>", *, result: str = "") -> CodeType:
        if not self.is_allowed:
            raise MonitorError("no Python of scripts is run in this session: it was started with --no-python")
        journal = self.emulation.journal
        journal.python = journal.python or text.strip().partition("\n")[0]
        return compile_script(text, file, result=result)

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
            raise ErrorOfCommand(f'Command {name} failed, returning "{result}".')

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
            raise MonitorError(_words(error)) from error


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

    def SuggestionNeeded(self, line: str) -> list[str]:  # noqa: N802 - Renode's name
        """Return the lines that ``line`` can become."""
        return self._monitor.suggestions(line)

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
    if name in _FORMER_MODULES and not level:
        return importlib.import_module(_FORMER_MODULES[name])
    if name.split(".")[0] not in _DOTNET:
        return builtins.__import__(name, names, local, wanted or (), level)
    if wanted and set(wanted) == {"LogLevel"}:
        return LogLevelModule
    raise ImportError(
        f"there is no .NET here, so no {name}: monitor, machine, self and LogLevel are there, with the members that "
        "the Monitor lists; the renode engine has .NET"
    )


class LogLevels:
    """``LogLevel`` of scripts."""

    Noisy = LogLevel.NOISY
    Debug = LogLevel.DEBUG
    Info = LogLevel.INFO
    Warning = LogLevel.WARNING
    Error = LogLevel.ERROR


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
