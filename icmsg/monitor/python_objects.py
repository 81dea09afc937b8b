"""Objects that scripts of the Monitor see: devices with the members that they have there, by Renode's names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import MonitorError, closest
from icmsg.hw.exposed import CORE, PERIPHERAL, REGISTER, TIME
from icmsg.monitor.arguments import Mismatch, convert, prepare, print_interval
from icmsg.monitor.log import LogLevel
from icmsg.monitor.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icmsg.monitor.command import Device, Member
    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.machine import MonitorMachine

_FORMAT: Final = re.compile(r"\{(\d+)(?:,(-?\d+))?(?::([xXdD])(\d*))?\}")
_LOGGING: Final = {
    "NoisyLog": LogLevel.NOISY,
    "DebugLog": LogLevel.DEBUG,
    "InfoLog": LogLevel.INFO,
    "WarningLog": LogLevel.WARNING,
    "ErrorLog": LogLevel.ERROR,
}


class LogLevels:
    """``LogLevel`` of scripts."""

    Noisy = LogLevel.NOISY
    Debug = LogLevel.DEBUG
    Info = LogLevel.INFO
    Warning = LogLevel.WARNING
    Error = LogLevel.ERROR


class RegisterValue(int):
    """Value of a core register: a number that is printed in hex, as Renode's."""

    @property
    def RawValue(self) -> int:  # noqa: N802 - Renode's name
        """The number."""
        return int(self)

    def __str__(self) -> str:
        return f"0x{int(self):x}"


class Interval(int):
    """Virtual time in nanoseconds, which are Renode's ticks."""

    Ticks = property(int)
    TotalMicroseconds = property(lambda self: int(self) / 1_000)
    TotalMilliseconds = property(lambda self: int(self) / 1_000_000)
    TotalSeconds = property(lambda self: int(self) / 1_000_000_000)
    TimeElapsed = property(lambda self: self)

    def __str__(self) -> str:
        return print_interval(int(self))


class ScriptDevice:
    """A device: ``cpu.PC``, ``sysbus.ReadDoubleWord(0x20000000)``, ``self.InfoLog("text")``."""

    def __init__(self, device: Device, machine: MonitorMachine | None, emulation: Emulation) -> None:
        object.__setattr__(self, "_device", device)
        object.__setattr__(self, "_machine", machine)
        object.__setattr__(self, "_emulation", emulation)

    def __getattr__(self, name: str) -> Any:
        if name in _LOGGING:
            return lambda text, *values: self.Log(_LOGGING[name], text, *values)
        members = self._members(name)
        if members[0].signature.is_method:
            return lambda *values, **named: self._call(name, members, values, named)
        return self._result(members[0], members[0].get())

    def __setattr__(self, name: str, value: object) -> None:
        member = self._members(name)[0]
        if member.signature.is_method or not member.signature.settable:
            raise AttributeError(f"{name} of {self} cannot be set")
        converted = self._in_machine(lambda: _converted(value, member, self._emulation))
        member.set(converted)

    def __str__(self) -> str:
        return str(self._device.name)

    def Log(self, level: LogLevel, text: object, *values: object) -> None:  # noqa: N802 - Renode's name
        """Write into the log; ``{0}`` and ``{0:X}`` in the text are the values."""
        source = self._device.name.removeprefix("sysbus.")
        self._emulation.log.write(LogLevel(level), formatted(str(text), values), source)

    def GetMachine(self) -> ScriptMachine:  # noqa: N802 - Renode's name
        """Return the machine that it belongs to."""
        return ScriptMachine(self._machine, self._emulation)

    @property
    def Bus(self) -> ScriptDevice:  # noqa: N802 - Renode's name
        """The system bus of its machine."""
        return self.GetMachine().SystemBus

    def _members(self, name: str) -> list[Member]:
        found: list[Member] | None = self._device.members.get(name)
        if not found:
            hint = closest(name, self._device.members)
            raise AttributeError(f"'{self._device.type_name}' object has no attribute '{name}'{hint}")
        return found

    def _call(
        self, name: str, members: Iterable[Member], values: tuple[object, ...], named: Mapping[str, object]
    ) -> object:
        tokens = _tokens(values, named)
        reasons: list[str] = []
        for member in sorted(members, key=lambda member: len(member.signature.parameters)):
            arguments = self._in_machine(
                lambda member=member: prepare(tokens, member.signature.parameters, self._emulation)  # type: ignore[misc]
            )
            if isinstance(arguments, Mismatch):
                reasons.append(str(arguments))
                continue
            return self._result(member, member.call(arguments))
        raise TypeError(f"{name} of {self}: {'; '.join(dict.fromkeys(reasons))}")

    def _in_machine(self, function: Callable[[], Any]) -> Any:
        """Call ``function`` while names mean what they mean in this device's machine."""
        before = self._emulation.selected_name
        if self._machine is not None:
            self._emulation.select(self._machine.name)
        try:
            return function()
        finally:
            self._emulation.select(before)

    def _result(self, member: Member, value: object) -> object:
        kind = member.signature.returns
        if kind is REGISTER and isinstance(value, int):
            return RegisterValue(value)
        if kind is TIME and isinstance(value, int):
            return Interval(value)
        if kind in (CORE, PERIPHERAL) and isinstance(value, str):
            return self.GetMachine()[value]
        return value


class ScriptMachine:
    """``machine`` of scripts: ``machine["sysbus.uart0"]``, ``machine.SystemBus``, ``machine.Pause()``."""

    def __init__(self, machine: MonitorMachine | None, emulation: Emulation) -> None:
        self._machine: Final = machine
        self._emulation: Final = emulation

    def __getitem__(self, name: str) -> ScriptDevice:
        devices = {} if self._machine is None else self._machine.devices
        device = devices.get(name) or devices.get(f"sysbus.{name}")
        if device is None:
            raise KeyError(f"there is no {name} in this machine{closest(name, devices)}")
        return ScriptDevice(device, self._machine, self._emulation)

    @property
    def SystemBus(self) -> ScriptDevice:  # noqa: N802 - Renode's name
        """The bus."""
        return self["sysbus"]

    @property
    def ElapsedVirtualTime(self) -> Interval:  # noqa: N802 - Renode's name
        """The virtual time; ``.TimeElapsed.TotalSeconds`` and its like are numbers."""
        return Interval(0 if self._machine is None else self._machine.now_ns)

    @property
    def LocalTimeSource(self) -> ScriptMachine:  # noqa: N802 - Renode's name
        """Source of the machine's time: itself."""
        return self

    def Pause(self) -> None:  # noqa: N802 - Renode's name
        """Let no more time pass, from the end of the slice that runs."""
        self._emulation.pause()

    def Start(self) -> None:  # noqa: N802 - Renode's name
        """Let time pass, as ``start``."""
        self._emulation.is_started = True

    def Reset(self) -> None:  # noqa: N802 - Renode's name
        """Reset the machine, behind the instruction that runs."""
        if self._machine is not None:
            self._machine.request_reset()

    RequestReset = Reset


def formatted(text: str, values: tuple[object, ...]) -> str:
    """Return a text with its values, in .NET's way.

    >>> formatted("{0} at 0x{1:X4}", ("read", 255))
    'read at 0x00FF'
    """

    def one(found: re.Match[str]) -> str:
        number, width, kind, digits = found.groups()
        if int(number) >= len(values):
            raise MonitorError(f"the text {text!r} has no value for {found[0]}")
        value = values[int(number)]
        shown = str(value)
        if kind in ("x", "X", "d", "D") and isinstance(value, int):
            shown = f"{int(value):0{digits or 1}{kind if kind in 'xX' else 'd'}}"
        return (
            shown
            if not width
            else shown.ljust(-int(width))
            if width.startswith("-")
            else shown.rjust(int(width))
        )

    return _FORMAT.sub(one, text) if values else text


def _tokens(values: tuple[object, ...], named: Mapping[str, object]) -> list[Token]:
    tokens = [token for value in values for token in _value_tokens(value)]
    for name, value in named.items():
        tokens += [Token("LITERAL", name, name), Token("EQUAL", "=", "="), *_value_tokens(value)]
    return tokens


def _value_tokens(value: object) -> list[Token]:
    """Return a value of Python as the tokens that mean the same in a line of the Monitor."""
    if value is None:
        return [Token("NULL", "null", None)]
    if isinstance(value, bool):
        return [Token("BOOLEAN", str(value), value)]
    if isinstance(value, Interval):
        return [Token("TIME", str(value), str(value))]
    if isinstance(value, int):
        return [Token("INTEGER", str(int(value)), int(value))]
    if isinstance(value, float):
        return [Token("FLOAT", str(value), value)]
    if isinstance(value, ScriptDevice):
        return [Token("LITERAL", str(value), str(value))]
    if isinstance(value, (bytes, bytearray, list)):
        items = [token for item in value for token in (*_value_tokens(item), Token("COMMA", ",", ","))]
        return [Token("LEFT_BRACE", "[", "["), *items[:-1], Token("RIGHT_BRACE", "]", "]")]
    return [Token("STRING", str(value), str(value))]


def _converted(value: object, member: Member, emulation: Emulation) -> object:
    try:
        return convert(_value_tokens(value), member.signature.returns, emulation)
    except Mismatch as reason:
        raise TypeError(f"{member.signature.name}: {reason}") from None
