"""Commands of the Monitor, members that a device shows, and the Monitor as all engines offer it.

A command of the Monitor: its name, what it says about itself, and the tokens that it takes.

Members that a device shows to the Monitor, collected from the objects it is made of, and how it lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from icmsg.hw.exposed import BOOL, STRING, Parameter, Signature, signatures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.machine.machine import Machine
    from icmsg.monitor.interpreter import Interpreter
    from icmsg.monitor.tokens import Token


Slot = Callable[["Token"], bool]
"""Tells whether a token may stand at a place."""
Run = Callable[["Interpreter", Sequence["Token"]], None]


@dataclass(frozen=True, slots=True)
class Form:
    """Way to write a command: a token for each of ``slots``, then, with ``rest``, one or more such tokens."""

    run: Run
    slots: tuple[Slot, ...] = ()
    rest: Slot | None = None

    def fits(self, tokens: Sequence[Token]) -> bool:
        """Tell whether the tokens behind the command's name have this form."""
        count = len(self.slots)
        if len(tokens) < count + (self.rest is not None) or (self.rest is None and len(tokens) > count):
            return False
        rest = self.rest
        return all(slot(token) for slot, token in zip(self.slots, tokens, strict=False)) and (
            rest is None or all(rest(token) for token in tokens[count:])
        )


@dataclass(frozen=True, slots=True)
class Command:
    """A command; ``details`` writes what ``help`` says beyond the description."""

    name: str
    description: str
    forms: tuple[Form, ...]
    alternatives: tuple[str, ...] = ()
    details: Callable[[Interpreter], str] | None = None

    def help(self, interpreter: Interpreter) -> str:
        """Return what ``help NAME`` prints."""
        short = f" [ {', '.join(self.alternatives)} ]" if self.alternatives else ""
        lines = [f"{self.name}{short}", self.description]
        if self.details is not None:
            lines.append(self.details(interpreter))
        return "\n".join(lines)


def anything(_token: Token) -> bool:
    """Accept any token."""
    return True


def word(token: Token) -> bool:
    """A bare word."""
    return token.kind == "LITERAL"


def variable(token: Token) -> bool:
    """``$name``."""
    return token.kind == "VARIABLE"


def name(token: Token) -> bool:
    """A bare word or ``$name``."""
    return token.kind in ("LITERAL", "VARIABLE")


def text(token: Token) -> bool:
    """A string in quotes or a path."""
    return token.is_text


def integer(token: Token) -> bool:
    """A whole number."""
    return token.is_integer


def boolean(token: Token) -> bool:
    """``true`` or ``false``."""
    return token.kind == "BOOLEAN"


def address_range(token: Token) -> bool:
    """``<0x0, 0x100>`` or ``<0x0 0x100>``."""
    return token.kind in ("ABSOLUTE_RANGE", "RELATIVE_RANGE")


def terminator(token: Token) -> bool:
    """Three quotes."""
    return token.kind == "TERMINATOR"


def one_of(*values: object) -> Slot:
    """Return a slot for one of these words, texts or numbers."""

    def slot(token: Token) -> bool:
        return token.value in values and not isinstance(token.value, bool)

    return slot


class Monitor(Protocol):
    """Renode's command language over one emulation."""

    @property
    def machine(self) -> Machine | None:
        """The selected machine, or None before one was made."""

    @property
    def prompt(self) -> str:
        """``(monitor)``, or the name of the selected machine in parentheses."""

    def execute(self, command: str) -> str:
        """Run one or more lines and return what they print, without the last line end.

        Raises:
            MonitorError: a command is refused; the text is what the Monitor prints.
        """


_KNOWN: dict[type, tuple[tuple[str, Signature], ...]] = {}
"""Members by class: what a class exposes never changes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A method or property of one of a device's objects."""

    signature: Signature
    owner: object
    attribute: str

    def call(self, arguments: Sequence[object]) -> object:
        """Call the method."""
        return getattr(self.owner, self.attribute)(*arguments)

    def get(self) -> object:
        """Return the property's value."""
        return getattr(self.owner, self.attribute)

    def set(self, value: object) -> None:
        """Set the property."""
        setattr(self.owner, self.attribute, value)


class Device:
    """Named object of the Monitor: ``sysbus.ipcapp`` with the type ``NRF_IPC``, made of ``parts``.

    A member of an earlier part hides one with the same Python name of a later part.
    """

    def __init__(self, name: str, type_name: str, *parts: Any) -> None:
        self.name: Final = name
        self.type_name: Final = type_name
        self.parts: Final = parts
        self.members: Final[dict[str, list[Member]]] = {}
        seen: set[str] = set()
        for part in parts:
            for attribute, signature in _signatures(type(part)):
                if attribute not in seen:
                    seen.add(attribute)
                    self.members.setdefault(signature.name, []).append(Member(signature, part, attribute))

    @property
    def is_attached(self) -> bool:
        """True while one of its parts looks at what the machine does."""
        return any(getattr(part, "is_attached", False) for part in self.parts)

    def describe(self, only: str | None = None) -> str:
        """Return the list of methods and properties that the Monitor prints, or of those called ``only``."""
        found = [
            member.signature
            for name in sorted(self.members)
            for member in self.members[name]
            if only in (None, name)
        ]
        methods = [signature for signature in found if signature.is_method]
        properties = [signature for signature in found if not signature.is_method]
        return "\n".join([*self._methods(methods), *self._properties(properties)])

    def _methods(self, methods: Sequence[Signature]) -> Iterator[str]:
        if methods:
            yield "\nThe following methods are available:"
            for method in methods:
                parameters = ", ".join(_parameter(parameter) for parameter in method.parameters)
                yield f" - {method.returns.name} {method.name} ({parameters})"
            yield f"\nUsage:\n {self.name} MethodName param1 param2 ...\n"

    def _properties(self, properties: Sequence[Signature]) -> Iterator[str]:
        if properties:
            yield "\nThe following properties are available:"
            for found in properties:
                yield f" - {found.returns.name} {found.name}"
                yield f"     available for 'get'{' and' if found.settable else ''}" + (
                    " 'set'" if found.settable else ""
                )
            yield f"\nUsage:\n - get: {self.name} PropertyName\n - set: {self.name} PropertyName Value\n"


_Part = TypeVar("_Part")


def parts_of(devices: Mapping[str, Device], kind: type[_Part]) -> Iterator[tuple[str, _Part]]:
    """Yield the parts of a kind that devices have, with the names of these."""
    return (
        (name, part) for name, device in devices.items() for part in device.parts if isinstance(part, kind)
    )


def _signatures(cls: type) -> tuple[tuple[str, Signature], ...]:
    if cls not in _KNOWN:
        _KNOWN[cls] = tuple(signatures(cls))
    return _KNOWN[cls]


def _parameter(parameter: Parameter) -> str:
    text = f"{parameter.kind.name} {parameter.name}"
    if not parameter.optional:
        return text
    if parameter.default is None:
        return f"{text} = null"
    if parameter.kind is STRING:
        return f'{text} = "{parameter.default}"'
    return f"{text} = {parameter.default if parameter.kind is not BOOL else bool(parameter.default)}"
