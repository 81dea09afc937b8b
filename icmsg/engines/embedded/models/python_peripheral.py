"""Peripherals whose registers are a script: Renode's ``Python.PythonPeripheral`` and ``machine PyDevFromFile``.

The script has ``request``, ``size`` and ``self``. In the Monitor it has all names of the Monitor's hooks, and its
Python 2.7 is rewritten; elsewhere it is the Python that runs here, and ``self`` writes warnings alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from icmsg.errors import ConfigurationError, IcmsgError
from icmsg.files import SCRIPT_BYTES, read_file
from icmsg.hw.exposed import UINT64, VOID, exposed
from icmsg.hw.model import SizedModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.hw.line import Line
    from icmsg.soc.platform import Peripheral

SCRIPTED: Final = "Python.PythonPeripheral"
"""The type of a peripheral that a script is."""
_NOT_SHOWN: Final = ("NoisyLog", "DebugLog", "InfoLog", "Log")
_PYDEV: Final = {
    "counter.py": "if request.IsInit: last = -1\nelif request.IsRead: last += 1; request.Value = last",
    "flipflop.py": "if request.IsInit: on = 0\nelse: on = 1 - on; request.Value = on * 0xFFFFFFFF",
    "repeater.py": (
        "if request.IsInit: last = 0\nelif request.IsWrite: last = request.Value\n"
        "elif request.IsRead: request.Value = last"
    ),
    "rolling-bit.py": (
        "if request.IsInit: last = 0\nelse: last = last << 1 & 0xFFFFFFFF if last else 1; request.Value = last"
    ),
    "ticker.py": (
        "if request.IsInit: last, step = 0, 1\nelif request.IsUser and request.Offset == 1: last = request.Value\n"
        "elif request.IsUser and request.Offset == 2: step = request.Value\n"
        "elif not request.IsUser: last += step; request.Value = last"
    ),
}
"""Scripts that do what those of these names in Renode's ``scripts/pydev`` do, for where that folder is not."""


class PeripheralScript(Protocol):
    """A script that was compiled; what goes wrong in it is told, and raises nothing."""

    @property
    def names(self) -> dict[str, Any]:
        """Values of its names."""

    def run(self, **values: object) -> None:
        """Run it once, with these values of names."""


ScriptMaker = Callable[[str, str], Callable[[], PeripheralScript] | None]
"""(name of the peripheral, text) -> what makes its script at the first access; None where no Python is run.

Raises:
    IcmsgError: the text is no Python.
"""


def scripted(
    item: Peripheral, scripts: ScriptMaker | None, tell: Callable[[str], None]
) -> PythonPeripheral | None:
    """Return the peripheral that a script of a platform file is; None where no Python is run.

    Without ``scripts`` it has no Monitor, and ``tell`` takes its warnings and what goes wrong.

    Raises:
        PlatformError: there is no script, or it is no Python.
    """
    folders = (Path(), *Path(item.file).resolve().parents)
    try:
        text = text_of(item.attributes.get("script"), item.attributes.get("filename"), folders)
        if scripts is None:
            make: Callable[[], PeripheralScript] | None = partial(_itself, PlainScript(item.name, text, tell))
        else:
            make = scripts(item.alias or item.name, text)
    except IcmsgError as error:
        raise item.error(str(error)) from None
    size = item.attributes.get("size")
    initable = item.attributes.get("initable") is True
    return (
        None
        if make is None
        else PythonPeripheral(make, size if isinstance(size, int) else 0, initable=initable)
    )


def _itself(script: PlainScript) -> PlainScript:
    return script


def text_of(script: object, file: object, folders: Iterable[Path]) -> str:
    """Return the text of a ``Python.PythonPeripheral`` by its attributes; ``file`` may lie in one of ``folders``.

    Raises:
        ConfigurationError: it has neither or both of them, or the file is not there.
    """
    if isinstance(script, str) is isinstance(file, str):
        raise ConfigurationError("Parameters `script` and `filename` cannot be both set or both unset.")
    if isinstance(script, str):
        return script
    found = next((path for folder in folders if (path := folder / str(file)).is_file()), None)
    if found is not None:
        try:
            return read_file(found, SCRIPT_BYTES).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{found} cannot be read: {error}") from None
    known = _PYDEV.get(str(file).replace("\\", "/").rpartition("/")[2])
    if known is None:
        raise ConfigurationError(f"Could not find source file for the script: {file}.")
    return known


class PlainScript:
    """Script ``text`` of the peripheral ``name`` without a Monitor; ``tell`` takes its warnings and what goes wrong.

    Raises:
        ConfigurationError: it is no Python.
    """

    def __init__(self, name: str, text: str, tell: Callable[[str], None]) -> None:
        try:
            self._code = compile(text, f"<script of {name}>", "exec")
        except (SyntaxError, ValueError) as error:
            raise ConfigurationError(f"the script of {name} is no Python: {error}") from None
        self._name: Final = name
        self._tell: Final = tell
        self.names: dict[str, Any] = {"__name__": "__main__", "self": ScriptedRegisters(name, tell)}
        """Values of its names."""

    def run(self, **values: object) -> None:
        """Run it once, with these values of names."""
        self.names.update(values)
        try:
            exec(self._code, self.names)
        except Exception as error:
            self._tell(f"script of {self._name}: {type(error).__name__}: {error}")


class ScriptedRegisters:
    """``self`` of a script without a Monitor: its warnings and errors are told, the rest of its log is not."""

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self._name: Final = name
        self._tell: Final = tell

    def WarningLog(self, text: object, *_values: object) -> None:  # noqa: N802 - Renode's name
        """Warn."""
        self._tell(f"{self._name}: {text}")

    ErrorLog = WarningLog

    def __getattr__(self, name: str) -> Any:
        if name in _NOT_SHOWN:
            return lambda *_values: None
        raise AttributeError(f"{self._name} has no {name} without a Monitor")


class PythonRequest:
    """``request`` of a script that answers accesses; names begin in upper or lower case."""

    def __init__(self, kind: str, offset: int, value: int, length: int, counter: int) -> None:
        self.Value = value
        self.Offset = offset
        self.Length = length
        self.Counter = counter
        self.Type = kind
        self.IsInit = kind == "INIT"
        self.IsRead = kind == "READ"
        self.IsWrite = kind == "WRITE"
        self.IsUser = kind == "USER"

    def __getattr__(self, name: str) -> Any:
        upper = name[:1].upper() + name[1:]
        if upper == name or upper not in vars(self):
            raise AttributeError(name)
        return vars(self)[upper]

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name[:1].upper() + name[1:], value)


class PythonPeripheral(SizedModel):
    """Peripheral whose registers are a script; its names keep their values from one access to the next."""

    irq: Line | None = None

    def __init__(self, make: Callable[[], PeripheralScript], size: int, *, initable: bool) -> None:
        self._make: Final = make
        self._size: Final = size
        self._initable: Final = initable
        self._counter = 0
        self._script: PeripheralScript | None = None

    def _ask(self, kind: str, offset: int, value: int, length: int) -> int:
        if self._script is None:  # its device is there now
            self._script = self._make()
            self._script.names["size"] = self._size
            self.reset()
        request = PythonRequest(kind, offset, value, length, self._counter)
        self._counter += 1
        self._script.run(request=request)
        value = request.Value  # a script may have put anything there
        return int(value) & ((1 << 8 * length) - 1) if isinstance(value, int) else 0

    def reset(self) -> None:
        """Let the script begin anew, if it wants to know."""
        if self._initable:
            self._ask("INIT", 0, 0, 0)

    def _read(self, offset: int, size: int) -> int:
        """Ask the script for ``size`` bytes."""
        return self._ask("READ", offset, 0, size)

    def _write(self, offset: int, size: int, value: int) -> None:
        """Give the script ``size`` bytes."""
        self._ask("WRITE", offset, value, size)

    def read64(self, offset: int) -> int:
        """Read 64 bits."""
        return self._ask("READ", offset, 0, 8)

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits."""
        self._ask("WRITE", offset, value, 8)

    @exposed(VOID, command=UINT64, value=UINT64)
    def control_write(self, command: int, value: int) -> None:
        """Write to the script beside its registers (``IsUser``)."""
        self._ask("USER", command, value, 8)

    @exposed(UINT64, command=UINT64)
    def control_read(self, command: int) -> int:
        """Read from the script beside its registers (``IsUser``)."""
        return self._ask("USER", command, 0, 8)
