"""Renode's Monitor over the fake .NET members: commands in, text out, in the forms that Renode's sources give it.

``MonitorCommands.PrintActionResult`` prints a number in hexadecimal digits of its width, a truth as ``True``, a text as
it is, each with ``\\r\\n`` behind it, to which the shell adds a ``\\r``. ``renode/icmsg_monitor.py`` is the real one.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fake_dotnet
from fake_dotnet import Cpu, DotNetError, FakeLockstep

from icmsg.assets import asset, platform_file
from icmsg.engines.lockstep.monitor_text import monitor_path
from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_END = "\r\r\n"
EXTENSIONS = {
    "RunUntil",
    "TakeRecords",
    "Follow",
    "FollowTimeline",
    "Unfollow",
    "EndLockstep",
    "RunUntilInterrupt",
    "ElapsedNanoseconds",
}
_WORD = re.compile(r'"[^"]*"|(?:\\ |\S)+')
_BETWEEN = re.compile(r";(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")
_WIDTHS = {"Byte": 2, "Word": 4, "DoubleWord": 8}


class RenodeMonitor:
    """A process with Renode in it; ``missing`` names extensions and commands whose files were not included."""

    def __init__(self, *, missing: frozenset[str] | set[str] = frozenset()) -> None:
        self.renode = fake_dotnet.FakeRenode()
        self.missing = missing
        self.lines: list[str] = []
        self.scope: dict[str, Any] = {}
        self.log: list[str] = []
        self.started = False
        self.lockstep: FakeLockstep | None = None
        self.doorbells: fake_dotnet.DoorbellJournal | None = None
        self.console: fake_dotnet.ConsoleCapture | None = None
        self.timeline: fake_dotnet.TimelineWatch | None = None

    @property
    def machine(self) -> fake_dotnet.FakeMachine:
        return self.renode._machine()

    def execute(self, line: str) -> str:
        """As the keyword Execute Command: what is printed, or an error with what is printed in red."""
        self.lines.append(line)
        return "".join(self._part(command) for command in (_BETWEEN.split(line) if ";" in line else [line]))

    def _part(self, command: str) -> str:
        try:
            return self._run(command.strip())
        except DotNetError as error:
            raise MonitorError(
                f"There was an error executing command '{command}': \r\n{error}\r\n"
            ) from error

    def _run(self, command: str) -> str:
        words = [word.strip('"') for word in _WORD.findall(command)]
        if not words:
            return ""
        name, arguments = words[0], words[1:]
        if command.startswith("include") and command.endswith(".py"):
            return self._include(Path(arguments[0].removeprefix("@").replace("\\ ", " ")))
        known = getattr(self, f"_on_{name}", None)
        if known is not None:
            return str(known(arguments))
        if f"mc_{name}" in self.scope and name not in self.missing:
            return self._call(name, arguments)
        thing = self.renode.current.objects.get(name) if self.renode.current is not None else None
        if isinstance(thing, fake_dotnet.Registers) and arguments[0] not in ("Reset", "WriteChar"):
            return self._member(name, thing, arguments)
        if isinstance(thing, Cpu) and arguments == ["IsHalted"]:
            return f"{thing.halted}{LINE_END}"
        if isinstance(thing, Cpu) and arguments == ["VectorTableOffset"]:
            table = int(thing.core._slot.control.vector_table)  # type: ignore[attr-defined]
            return f"0x{table:08X}{LINE_END}"
        if name in ("using", "mach", "machine", "emulation", "logLevel") or thing is not None:
            printed = self.renode._execute(command)
            return f"{printed}{LINE_END}" if printed else ""
        raise DotNetError(f"No such command or device: {name}")

    # Commands

    def _on_pause(self, _arguments: list[str]) -> str:
        assert self.machine.lockstep is None, "PauseAll waits for ever while a lockstep holds the emulation"
        self.started = False
        return "Pausing emulation...\r\n\r"

    def _on_currentTime(self, _arguments: list[str]) -> str:  # noqa: N802 - the Monitor's name
        seconds, fraction = divmod(self.machine.soc.now_ns, 10**9)
        virtual = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:09}"
        return f"Current virtual time: {virtual}\r\nCurrent real time: 00:00:01.234567000\r\n\r"

    def _on_lastLog(self, _arguments: list[str]) -> str:  # noqa: N802 - the Monitor's name
        lines = [
            f"12:00:00.0000 [WARNING] sysbus: [cpu{warning.core}: 0x{warning.pc:X}] ReadDoubleWord from non existing "
            f"peripheral at 0x{warning.address:X}.\r\n\r"
            for warning in self.machine.soc.warnings
        ]
        return "".join([*self.log, *lines])

    def _on_emulation(self, arguments: list[str]) -> str:
        if arguments[0] != "RunFor":
            self.renode._execute("emulation " + " ".join(arguments))
            return ""
        if self.started:
            raise DotNetError("This action is not available when emulation is already started")
        assert self.machine.lockstep is None, "Renode does not refuse this, and mixes both times"
        self.machine.soc.run_for(int(float(arguments[1]) * 1e9))
        return ""

    def _on_sysbus(self, arguments: list[str]) -> str:
        if arguments[0] == "LoadELF":
            self.renode._execute("sysbus " + " ".join(arguments))
            return ""
        if arguments == ["GetLoadedFingerprints"]:
            files = [one.FileName for one in self.machine.bus.GetLoadedFingerprints()]
            return "[\r\n" + "".join(f"Binary {file}: {'0123abcd' * 4}, " for file in files) + "\r\n]\r\n"
        found = re.fullmatch(r"(Read|Write)(Byte|Word|DoubleWord)", arguments[0])
        if found is None:
            raise DotNetError(f"sysbus does not provide a field, method or property {arguments[0]}")
        numbers = [int(word, 0) for word in arguments[1:] if word[0].isdigit()]
        named = [self.machine.objects[word] for word in arguments[1:] if not word[0].isdigit()]
        context = named[0] if named else self.machine.objects["cpuapp"]  # memories belong to nobody
        result = getattr(self.machine.bus, arguments[0])(*numbers, context)
        return f"0x{result:0{_WIDTHS[found[2]]}X}{LINE_END}" if found[1] == "Read" else ""

    def _member(self, name: str, thing: fake_dotnet.Registers, arguments: list[str]) -> str:
        member, *values = arguments
        if member == "ReadDoubleWord":
            return f"0x{thing.ReadDoubleWord(int(values[0], 0)):08X}{LINE_END}"
        if member == "WriteDoubleWord":
            thing.WriteDoubleWord(int(values[0], 0), int(values[1], 0))
            return ""
        if member == "NetworkVectorTable" and values:
            return ""  # the embedded machine takes it from the image
        if member == "IsNetworkPlayed" and values:
            self.machine.soc.core("net").is_played_elsewhere = values[0] == "true"
            return ""
        if len(values) == 1 and values[0] == "IsSet":
            return f"{getattr(thing, member).IsSet}{LINE_END}"
        if member in EXTENSIONS - self.missing and name.startswith("ipc"):
            result = getattr(self, f"_{member}")(*values)
            return "" if result is None else f"{result}{LINE_END}"
        raise DotNetError(f"{name} does not provide a field, method or property {member}.")

    # RemoteExtensions.cs and LockstepExtensions.cs

    def _Follow(self, mailboxes: str, uarts: str) -> None:  # noqa: N802 - the Monitor's name
        self._Unfollow()
        objects = self.machine.objects
        self.doorbells = fake_dotnet.DoorbellJournal(
            self.machine, 4096, [objects[name] for name in mailboxes.split()]
        )
        self.console = fake_dotnet.ConsoleCapture(
            self.machine, 4096, [objects[name] for name in uarts.split()]
        )

    def _FollowTimeline(self, wanted: str) -> None:  # noqa: N802 - the Monitor's name
        if self.timeline is not None:
            self.timeline.Dispose()
        self.timeline = fake_dotnet.TimelineWatch(self.machine, 4096) if wanted == "true" else None

    def _Unfollow(self) -> None:  # noqa: N802 - the Monitor's name
        for records in (self.doorbells, self.console, self.timeline):
            if records is not None:
                records.Dispose()
        self.doorbells = self.console = self.timeline = None

    def _RunUntil(self, microseconds: str, lines: str) -> str:  # noqa: N802 - the Monitor's name
        found = [line.split(".") for line in lines.split()]
        self._advance(
            int(microseconds), [getattr(self.machine.objects[name], output) for name, output in found]
        )
        return self._TakeRecords()

    def _advance(self, microseconds: int, lines: list[Any]) -> bool:
        if self.started:
            raise DotNetError("The emulation runs by itself; pause it before a lockstep is made")
        if self.lockstep is None or self.machine.lockstep is not self.lockstep:
            self.lockstep = FakeLockstep(self.machine)
        self.lockstep._lines = lines
        if self.doorbells is not None:
            self.doorbells.HoldOnTask = self.lockstep
        return self.lockstep.Advance(microseconds)

    def _TakeRecords(self) -> str:  # noqa: N802 - the Monitor's name
        digits, lost = "", 0
        for block in (self.doorbells, self.console, self.timeline):
            if block is not None:
                number, missing = memoryview(block._memory).cast("B")[:8].cast("I")
                digits += bytes(block._memory)[16 : 16 + 16 * number].hex().upper()
                lost += missing
                block._memory[:8] = bytes(8)
        return f"{self._ElapsedNanoseconds()} {lost} {digits or '-'}"

    def _ElapsedNanoseconds(self) -> str:  # noqa: N802 - the Monitor's name
        return str(self.machine.soc.now_ns)

    def _EndLockstep(self) -> None:  # noqa: N802 - the Monitor's name
        if self.lockstep is not None:
            self.lockstep.Dispose()
        self.lockstep = None

    def _RunUntilInterrupt(self, microseconds: str) -> bool:  # noqa: N802 - the Monitor's name
        return self._advance(int(microseconds), [self.machine.objects["ipcapp"].IRQ])

    # IronPython

    def _include(self, path: Path) -> str:
        monitor = types.SimpleNamespace(Machine=_ScriptMachine(self))
        self.scope["self"] = monitor
        exec(compile(path.read_text(), str(path), "exec"), self.scope)
        return ""

    def _call(self, name: str, arguments: list[str]) -> str:
        values = [
            int(word, 0) if re.fullmatch(r"0x[0-9a-fA-F]+|\d{1,6}", word) else word for word in arguments
        ]
        if name == "icmsg_write":
            values[1] = arguments[1]
        printed = io.StringIO()
        with _dotnet_modules(), contextlib.redirect_stdout(printed):
            try:
                self.scope[f"mc_{name}"](*values)
            except Exception as error:
                raise DotNetError(f"Command '{name} {' '.join(arguments)}' failed\r\n\t{error}") from error
        return printed.getvalue().replace("\n", "\r\n")


class _ScriptMachine:
    def __init__(self, monitor: RenodeMonitor) -> None:
        self._monitor = monitor

    @property
    def SystemBus(self) -> _ScriptMachine:  # noqa: N802 - .NET's name
        return self

    def ReadBytes(self, address: int, count: int) -> bytes:  # noqa: N802 - .NET's name
        return bytes(self._monitor.machine.soc.core("app").bus.read_block(address, count))

    def WriteBytes(self, data: list[int], address: int) -> None:  # noqa: N802 - .NET's name
        self._monitor.machine.soc.core("app").bus.write_block(address, bytes(data))


@contextlib.contextmanager
def _dotnet_modules() -> Iterator[None]:
    system = types.ModuleType("System")
    system.__dict__.update(Array={"Byte": list}, Byte="Byte")
    before = sys.modules.get("System")
    sys.modules["System"] = system
    try:
        yield
    finally:
        if before is None:
            del sys.modules["System"]
        else:
            sys.modules["System"] = before


def with_machine(
    *,
    quantum_ns: int = 10_000,
    missing: frozenset[str] | set[str] = frozenset(),
    platform: Path | None = None,
) -> RenodeMonitor:
    """Return a Monitor in which a script has made the machine of ``renode/machine.resc``."""
    monitor = RenodeMonitor(missing=missing)
    if "icmsg_read" not in missing:
        monitor.execute(f"include {monitor_path(asset('renode') / 'icmsg_monitor.py')}")
    for line in (
        'mach create "nrf5340"',
        f"machine LoadPlatformDescription {monitor_path(Path(platform or platform_file('nrf5340')))}",
        f'emulation SetGlobalQuantum "{quantum_ns / 1e9:.9f}"',
        "cpuapp IsHalted true",
        "cpunet IsHalted true",
    ):
        monitor.execute(line)
    monitor.lines.clear()
    return monitor
