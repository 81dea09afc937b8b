"""Reads Monitor lines and does what they say (``Monitor.cs`` of Renode, over the embedded engine).

Commands that begin with a device: list its members, call a method, get or set a property.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError, MonitorError, closest
from icmsg.monitor import elsewhere
from icmsg.monitor.arguments import Mismatch, NumbersMode, convert, possible_values, prepare, print_value
from icmsg.monitor.builtins import python_values
from icmsg.monitor.log import LogLevel
from icmsg.monitor.objects.cpu import ForeignCpu
from icmsg.monitor.python_scripts import PythonScripts
from icmsg.monitor.tokens import (
    CWD,
    ORIGIN,
    Collection,
    Refusal,
    Scope,
    Token,
    commands,
    expanded_tokens,
    logical_lines,
    path_token,
    read_script,
    string_token,
    whole_strings,
)
from icmsg.monitor.verbs.syntax import WORD, is_verb, split_commands, words_of

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.monitor.command import Command, Device, Member
    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.search_path import SearchPath
    from icmsg.monitor.tokens import TypedText


_ELSEWHERE: Final = (
    ".\nThe embedded engine has the members that the name alone lists; the renode engine has all of Renode's."
)


def run_device(monitor: Interpreter, device: Device, tokens: Sequence[Token]) -> None:
    """Do what the words behind the name of ``device`` say; variables have their values already.

    Raises:
        MonitorError: there is no such member, or its parameters are others.
    """
    if not tokens:
        monitor.write(device.describe())
        return
    if tokens[0].kind not in ("LITERAL", "LEFT_BRACE"):
        raise MonitorError("Bad syntax")
    name = str(tokens[0].value)
    members = device.members.get(name)
    for part in device.parts if not members else ():
        if isinstance(part, ForeignCpu):
            raise MonitorError(part.refusal)
    if not members and name in elsewhere.UNKNOWN:
        raise MonitorError(
            f"{device.name} does not provide a field, method or property {name}.\n{elsewhere.UNKNOWN[name]}"
        )
    if not members and name in elsewhere.MEMBERS:
        raise MonitorError(f"{device.name} has no {name} here: {elsewhere.MEMBERS[name]}")
    if not members:
        raise MonitorError(
            f"{device.name} does not provide a field, method or property {name}"
            f"{closest(name, device.members) or _ELSEWHERE}"
        )
    if members[0].signature.is_method:
        _call(monitor, device, name, members, tokens[1:])
    else:
        _property(monitor, members[0], tokens[1:])


def _call(
    monitor: Interpreter, device: Device, name: str, members: Sequence[Member], tokens: Sequence[Token]
) -> None:
    reasons: list[str] = []
    for member in sorted(members, key=lambda member: len(member.signature.parameters)):
        arguments = prepare(tokens, member.signature.parameters, monitor.emulation)
        if isinstance(arguments, Mismatch):
            reasons.append(str(arguments))
            continue
        _print(monitor, member.call(arguments), member)
        return
    monitor.write(device.describe(name))
    raise MonitorError("\n".join(["Parameters did not match the signature", *dict.fromkeys(reasons)]))


def _property(monitor: Interpreter, member: Member, tokens: Sequence[Token]) -> None:
    if not tokens or not member.signature.settable:
        _print(monitor, member.get(), member)
        return
    try:
        value = convert(tokens, member.signature.returns, monitor.emulation)
    except Mismatch as reason:
        kind = member.signature.returns
        if kind.members:
            raise MonitorError(
                f"Enum value {tokens[0].text} is not defined for {kind.name}!\n\n{possible_values(kind)}"
            ) from None
        raise MonitorError(
            f"Could not convert {tokens[0].text} to {member.signature.returns.name}: {reason}"
        ) from None
    member.set(value)


def _print(monitor: Interpreter, value: object, member: Member) -> None:
    if value is not None:
        monitor.write(print_value(value, member.signature.returns, monitor.numbers))


_DEEPEST: Final = 40
"""Depth at which scripts, macros and aliases within each other are a circle."""
_REMEMBERED: Final = 1000

Builtin = Callable[["Interpreter", Sequence[Token]], None]


class Interpreter:
    """Executes lines for one :class:`Emulation`; ``path`` is where files are looked for.

    ``commands`` are Renode's commands, ``builtins`` those that Renode has in Python (``mc_…``) by name, ``verbs``
    executes what stands behind ``icmsg``.
    """

    def __init__(
        self,
        emulation: Emulation,
        path: SearchPath,
        commands: Sequence[Command],
        builtins: dict[str, Builtin],
        verbs: Callable[[Sequence[str]], str],
    ) -> None:
        self.emulation: Final = emulation
        self.commands: Final = {command.name: command for command in commands}
        self._alternatives = {other: command for command in commands for other in command.alternatives}
        self.builtins: Final = builtins
        self._verbs = verbs
        scope = Scope(lambda: emulation.selected_name, lambda: emulation.machines)
        self.variables: Final[Collection] = Collection(scope)
        self.macros: Final[Collection] = Collection(scope)
        self.aliases: Final[Collection] = Collection(scope)
        self.path: Final = path
        self.numbers: NumbersMode = NumbersMode.Hexadecimal
        self.verbose: bool = False
        self.has_quit = False
        self.after_command: Callable[[], None] = lambda: None
        """Called behind every command, whether it was typed or stands in a script."""
        self.history: Final[list[str]] = []
        """Lines that were typed, or came from a pipe, the oldest first."""
        self.typed: TypedText | None = None
        """The value whose lines are typed one by one."""
        self.told: Callable[[str], None] = lambda _line: None
        """Takes lines that scripts print while no command is executed."""
        self.suggestions: Callable[[str], list[str]] = lambda _line: []
        """Returns the lines that one can become."""
        self.next_value = 0
        """Number that the command ``next_value`` prints next."""
        self._printed: list[str] | None = None
        self._untold = ""
        self._depth = 0
        self.python: Final = PythonScripts(self)
        self.variables.restore(CWD, path_token(str(path.start)))

    # What is printed

    def write(self, text: str = "", end: str = "\n") -> None:
        """Print; what is printed while no command is executed is told line by line."""
        if self._printed is not None:
            self._printed.append(text + end)
            return
        *lines, self._untold = (self._untold + text + end).split("\n")
        for line in lines:
            self.told(line)

    @contextmanager
    def captured(self) -> Iterator[list[str]]:
        """Collect what is printed inside."""
        inside: list[str] = []
        outside, self._printed = self._printed, inside
        try:
            yield inside
        finally:
            self._printed = outside

    # Lines

    def run_lines(self, text: str) -> None:
        """Run lines as they are typed."""
        for line in whole_strings(text) if self.typed is None else text.splitlines():
            self._remember(line)
            self.parse(line)

    def _remember(self, line: str) -> None:
        if line.strip() and self.history[-1:] != [line]:
            self.history.append(line)
            del self.history[:-_REMEMBERED]

    def run_script(self, path: Path) -> None:
        """Run a file; ``$ORIGIN`` is its folder meanwhile.

        Raises:
            Refusal: a line is refused; the text ends with the file and the line.
        """
        before = self.variables.get(ORIGIN)
        self.variables.restore(ORIGIN, path_token(str(path.parent)))
        try:
            with self.nested():
                for number, line in logical_lines(read_script(path)):
                    self._run_line_of(path, number, line)
        finally:
            if before is not None:
                self.variables.restore(ORIGIN, before)

    def run_macro(self, value: Token) -> None:
        """Run the lines of a variable's value; MonitorError names the line that fails."""
        with self.nested():
            for line in str(value.value).split("\n"):
                self._run_line_of_macro(line)

    def run_reset_macro(self, machine: str) -> None:
        """Run the macro ``reset`` of a machine, as Renode does when the machine was reset."""
        before = self.emulation.selected_name
        self.emulation.select(machine)
        try:
            macro = self.macros.get("reset")
            if macro is None:
                text = "No action for reset - macro reset is not registered."
                self.emulation.log.write(LogLevel.WARNING, text)
            else:
                self.run_macro(macro)
        finally:
            self.emulation.select(before)

    def run_verb(self, words: Sequence[str]) -> None:
        """Run the words behind ``icmsg``; Refusal if the verb is refused."""
        try:
            self.write(self._verbs(words))
        except IcmsgError as error:
            raise Refusal(str(error)) from None

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count scripts and macros within each other."""
        if self._depth >= _DEEPEST:
            raise Refusal("scripts, macros and aliases are nested too deeply: does one run itself?")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def parse(self, line: str) -> None:
        """Run one line, which may have several commands."""
        if self.typed is not None:
            if self.typed.take(line):
                self.typed = None
        elif WORD in line and any(map(is_verb, parts := split_commands(line))):
            for part in parts:
                words = words_of(part, self.variables.text_of) if is_verb(part) else []
                self.run_verb(words[1:]) if words else self.parse(part)
                self.after_command()
        elif line.strip():
            for command in commands(expanded_tokens(line, self.variables)):
                self.run_tokens(command)
                self.after_command()

    def run_tokens(self, tokens: Sequence[Token]) -> None:
        """Run one command.

        Raises:
            Refusal: it is refused; the text is what Renode prints.
        """
        found: list[Token] = []
        again = False
        for token in tokens:
            if token.kind == "EXECUTION":
                again = True
                found.append(self._result_of(str(token.value)))
            elif token.kind == "PATH":
                path = self.path.find(str(token.value))
                found.append(token if path is None else path_token(str(path)))
            else:
                found.append(token)
        if again:
            with self.nested():
                self.parse(" ".join(token.text for token in found))
            return
        try:
            self._execute(found)
        except Refusal:
            raise
        except IcmsgError as error:
            command = " ".join(token.text for token in found)
            raise Refusal(f"There was an error executing command '{command}'\n{error}") from None

    def expand(self, tokens: Sequence[Token]) -> list[Token]:
        """Put the values of variables in; MonitorError where there is none."""
        return [self.variables.value_of(token) for token in tokens]

    # Inside

    def _run_line_of(self, path: Path, number: int, line: str) -> None:
        try:
            self.parse(line)
        except MonitorError as error:
            raise Refusal(f"{error}\n  {path}:{number}") from None

    def _run_line_of_macro(self, line: str) -> None:
        try:
            self.parse(line)
        except Refusal as error:
            self.write(str(error))
            raise MonitorError(f"Parsing line '{line}' failed.") from None

    def _result_of(self, command: str) -> Token:
        with self.nested(), self.captured() as printed:
            self.parse(command)
        return string_token("".join(printed))

    def _execute(self, tokens: Sequence[Token]) -> None:
        first = tokens[0]
        if self.verbose:
            self.write("Executing: " + " ".join(token.text for token in tokens))
        if len(tokens) == 3 and first.kind == "VARIABLE" and tokens[1].kind in ("EQUAL", "DEFAULT"):
            if tokens[1].kind == "EQUAL" or self.variables.get(str(first.value)) is None:
                self.variables.set(str(first.value), tokens[2])
            return
        if first.kind != "LITERAL":
            raise Refusal(f"No such command or device: {first.text}")
        name, rest = str(first.value), tokens[1:]
        if name in self.commands:
            self._run_command(self.commands[name], rest)
        elif (device := self.emulation.device(name)) is not None:
            run_device(self, device, self.expand(rest))
        elif name in self._alternatives:
            self._run_command(self._alternatives[name], rest)
        elif (alias := self.aliases.get(name)) is not None:
            with self.nested():
                self.run_tokens([*expanded_tokens(str(alias.value), self.variables), *rest])
        else:
            self._run_builtin(name, rest)

    def _run_builtin(self, name: str, tokens: Sequence[Token]) -> None:
        if name in self.python.commands():
            values, named = python_values(self, self.expand(tokens))
            self.python.call(name, values, named)
        elif name in self.builtins:
            self.builtins[name](self, self.expand(tokens))
        else:
            raise Refusal(f"No such command or device: {name}{closest(name, self.words())}")

    def words(self) -> list[str]:
        """Return all first words that mean something."""
        names = [*self.commands, *self._alternatives, *self.builtins, *self.python.commands(), "icmsg"]
        names += self.aliases.short_names()
        return sorted({*names, *self.emulation.device_names()})

    def _run_command(self, command: Command, tokens: Sequence[Token]) -> None:
        for form in command.forms:
            if form.fits(tokens):
                form.run(self, tokens)
                return
        if any(token.kind == "VARIABLE" for token in tokens):
            self._run_command(command, self.expand(tokens))
            return
        written = " ".join(token.text for token in tokens)
        raise Refusal(f"Bad parameters for command {command.name} {written}\n{command.help(self)}")
