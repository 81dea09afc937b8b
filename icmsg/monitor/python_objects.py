"""Python of Renode's scripts (2.7, as IronPython has it) for the Python that runs here: its source, and what it sees.

Devices have the members that they have there, by Renode's names.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from token import COMMENT, ENDMARKER, INDENT, NAME, NEWLINE, OP
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import MonitorError, closest
from icmsg.hw.exposed import CORE, PERIPHERAL, REGISTER, TIME
from icmsg.monitor.arguments import Mismatch, convert, prepare, print_interval
from icmsg.monitor.log import LogLevel
from icmsg.monitor.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import CodeType

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
        machine = "" if self._machine is None else self._machine.name
        self._emulation.log.write(LogLevel(level), formatted(str(text), values), source, machine=machine)

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

    PauseAndRequestEmulationPause = Pause

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


DIVISION: Final = "__division__"
"""Name by which a rewritten script calls :func:`divide`."""
_OPENING, _CLOSING = "([{", ")]}"
_BEFORE_STATEMENTS: Final = (NEWLINE, INDENT, tokenize.DEDENT, tokenize.NL, COMMENT)


def compile_script(text: str, file: str = "<script>", *, result: str = "") -> CodeType:
    """Return the code of a script; one that is an expression puts its value into the name ``result``.

    What differs in Python 2.7 is rewritten: ``print`` without parentheses, ``except Error, name``, and ``/``, which
    rounds whole numbers down. What else is its alone is a syntax error, and is said.

    Raises:
        MonitorError: it is no Python; the text says where, as Renode does.
    """
    text = text.replace("\r\n", "\n").expandtabs(8)
    try:
        tree = ast.parse(_rewritten(text), file)
        only = tree.body[0] if len(tree.body) == 1 else None
        if result and isinstance(only, ast.Expr):
            kept = ast.Assign([ast.Name(result, ast.Store())], only.value)
            tree.body[0] = ast.copy_location(kept, only)
        return compile(ast.fix_missing_locations(_Divisions().visit(tree)), file, "exec")
    except (SyntaxError, ValueError) as error:
        place = (
            f" (Line {error.lineno}, Column {error.offset})"
            if isinstance(error, SyntaxError) and error.lineno
            else ""
        )
        what = _wrong(error, text) if isinstance(error, SyntaxError) else str(error)
        raise MonitorError(
            f"[FatalError] {what}{place}\nscripts are run by Python {sys.version_info[0]}.{sys.version_info[1]} here; "
            "of Python 2.7 it knows print, except Error, name, and what / means"
        ) from error


def _wrong(error: SyntaxError, text: str) -> str:
    """Return what is wrong; where the text is at its end too early, in Python 2.7's words."""
    lines = text.split("\n")
    at_end = error.lineno == len(lines) and error.offset is not None and error.offset > len(lines[-1])
    return "unexpected EOF while parsing" if at_end else error.msg


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
