"""Variables of firmware in a core's memory: found by name, read and written by member, on every engine.

A person writes a name as ``stats.received``, ``buf[3]``, ``p->x``, ``*p`` or ``file.c::counter``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from icmsg.errors import BusError, FirmwareError, closest
from icmsg.machine.c_types import (
    ArrayType,
    BytesType,
    CType,
    PointerType,
    QualifiedType,
    StructMember,
    StructType,
    Value,
    bare,
)

if TYPE_CHECKING:
    from icmsg.hw.bus import Bus
    from icmsg.machine.debug_variables import DebugVariables, FoundVariable
    from icmsg.machine.image import FirmwareImage


_SCOPE: Final = re.compile(r"([^\[\]*]+)::")
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
_STEP: Final = re.compile(r"\s*(?:(\.|->)\s*([A-Za-z_$][\w$]*)|\[\s*(0[xX][0-9a-fA-F]+|[0-9]+)\s*\])")


@dataclass(frozen=True, slots=True)
class VariablePath:
    """A variable ``name``, told from others by ``scope`` (its file, function or namespace, or empty), and what of it.

    ``steps`` are names of members behind ``.`` or ``->``, as (operator, name), and indices, as ("[", number).
    ``stars`` is how often the value is followed as a pointer at last.
    """

    name: str
    steps: tuple[tuple[str, str | int], ...] = ()
    scope: str = ""
    stars: int = 0


def parse_path(text: str) -> VariablePath:
    """Return what a text names.

    Raises:
        FirmwareError: it is not written like a variable.
    """
    rest = text.strip()
    stars = len(rest) - len(rest.lstrip("* "))
    stars, rest = rest[:stars].count("*"), rest[stars:]
    scope = ""
    if (found := _SCOPE.match(rest)) is not None:
        scope, rest = found[1].strip().strip("'\""), rest[found.end() :]
    name = _NAME.match(rest)
    if name is None:
        raise _refused(text, text.strip() or "nothing")
    rest = rest[name.end() :]
    steps: list[tuple[str, str | int]] = []
    while rest.strip():
        step = _STEP.match(rest)
        if step is None:
            raise _refused(text, rest.strip())
        steps.append((step[1], step[2]) if step[1] else ("[", int(step[3], 0)))
        rest = rest[step.end() :]
    return VariablePath(name[0], tuple(steps), scope, stars)


def _refused(text: str, what: str) -> FirmwareError:
    return FirmwareError(
        f"{text!r} is no variable (at {what!r}); write name, name.member, name[3], pointer->member, *pointer, "
        "file.c::name or function::name"
    )


_LARGEST: Final = 0x1_0000
"""Bytes of a variable that are read at once."""
_BUILD: Final = "build it with debug information (-g)"


@dataclass(eq=False)
class Variable:
    """A variable of firmware, or a part of one, at ``address`` of the core that ``bus`` belongs to.

    ``path`` is how it was asked for. Reading and writing take no virtual time. What a compiler keeps in a register
    meanwhile, it does not read again: that is true for everything but ``volatile``.
    """

    path: str
    type: CType
    address: int | None
    bus: Bus
    image: FirmwareImage
    constant: Value = None
    is_const: bool = False
    field: StructMember | None = None
    """The bit field that is meant, in the bytes at ``address``."""

    @property
    def size(self) -> int:
        """Bytes that it takes; of a bit field those in which it lies."""
        return self.type.size if self.field is None else -(-(self.field.bit + self.field.bits) // 8)

    @property
    def value(self) -> Value:
        """The value that is there now.

        int, bool, float; for an enumeration an int that prints its name; bytes for an array of bytes or characters;
        list for any other array; dict for a struct or union.

        Raises:
            FirmwareError: it is too large to be read at once, or the core has no memory there.
        """
        if self.address is None:
            return self.constant
        if not self.size and self.type.size == 0:
            raise FirmwareError(
                f"{self.path} is of type {self.type.name}, whose size is not known; read a part of it"
            )
        if self.size > _LARGEST:
            raise FirmwareError(
                f"{self.path} has {self.size} bytes, and the limit is {_LARGEST}; read a part of it"
            )
        data = self._read(self.address, self.size)
        return self.type.decode(data) if self.field is None else self.field.decode(data)

    @value.setter
    def value(self, value: Value) -> None:
        self.write(value)

    def write(self, value: Value) -> None:
        """Put a value there: one as :attr:`value` has it, or a text that says a number, an enumerator or characters.

        Raises:
            FirmwareError: it is of another type or out of range, the variable is constant or has several members, or
                the core has no memory there.
        """
        if self.address is None:
            raise FirmwareError(
                f"{self.path} is a constant that the compiler has put into the code: nothing can change it"
            )
        if self.is_const:
            raise FirmwareError(
                f"{self.path} is const: the compiler may have used its value already; write memory instead"
            )
        if self.field is None:
            data = self.type.encode(value, self.path)
        else:
            kept = bytearray(self._read(self.address, self.size))
            self.field.encode_into(kept, value, self.path)
            data = bytes(kept)
        try:
            self.bus.write_block(self.address, data)
        except BusError as error:
            raise FirmwareError(f"{self.path}: {error}") from None

    def __str__(self) -> str:
        value = self.value
        if isinstance(self.type, BytesType) and self.address is not None:
            return f"{self.type.size} bytes at 0x{self.address:08X}: {self.type.text(value, self._name_of)}"
        return self.type.text(value, self._name_of)

    def __getitem__(self, part: str | int) -> Variable:
        """Return a member or an element."""
        return self.part("[" if isinstance(part, int) else ".", part)

    def part(self, operator: str, part: str | int) -> Variable:
        """Return a member (``.``, ``->``) or an element (``[``).

        Raises:
            FirmwareError: there is none, or the operator is not one for this type.
        """
        kind = bare(self.type)
        path = f"{self.path}[{part}]" if operator == "[" else f"{self.path}{operator}{part}"
        self._check_known(kind)
        if operator == "[":
            return self._element(kind, int(part), path)
        if isinstance(kind, PointerType):
            if operator == ".":
                raise FirmwareError(f"{self.path} is a pointer ({kind.name}): write {self.path}->{part}")
            return replace(self.pointed(), path=self.path).part(".", part)._called(path)
        if not isinstance(kind, StructType):
            raise FirmwareError(f"{self.path} is of type {kind.name}, which has no members")
        if operator == "->":
            raise FirmwareError(f"{self.path} is no pointer ({kind.name}): write {self.path}.{part}")
        return self._member(kind, str(part), path)

    def _check_known(self, kind: CType) -> None:
        if isinstance(kind, BytesType):
            raise FirmwareError(f"{self.path}: nothing is known but its size ({kind.size} bytes): {_BUILD}")

    def _called(self, path: str) -> Variable:
        return replace(self, path=path)

    def _element(self, kind: CType, index: int, path: str) -> Variable:
        if isinstance(kind, PointerType):
            start = self.pointed()
            assert start.address is not None
            return replace(start, path=path, address=start.address + index * start.type.size & 0xFFFF_FFFF)
        if not isinstance(kind, ArrayType):
            raise FirmwareError(f"{self.path} is of type {kind.name}, which has no elements")
        if not 0 <= index < (kind.count if kind.count else index + 1):
            raise FirmwareError(f"{path}: there are {kind.count} elements, 0 to {(kind.count or 0) - 1}")
        const = _qualifiers(kind.element)[0] or self.is_const
        return self._within(path, kind.element, index * kind.element.size, const=const)

    def _member(self, kind: StructType, name: str, path: str) -> Variable:
        found = kind.member(name)
        if found is None:
            names = kind.names()
            known = f"; it has {', '.join(names)}" if names else ""
            raise FirmwareError(
                f"{self.path} ({kind.name}) has no member {name}{closest(name, names)}{known}"
            )
        const, volatile = _qualifiers(found.type)
        const = (const or self.is_const) and not volatile
        if not found.bits:
            return self._within(path, found.type, found.bit // 8, const=const)
        field = replace(found, bit=found.bit % 8)
        return replace(self._within(path, found.type, found.bit // 8, const=const), field=field)

    def _within(self, path: str, type_: CType, offset: int, *, const: bool) -> Variable:
        if self.address is not None:
            return Variable(path, type_, self.address + offset, self.bus, self.image, is_const=const)
        data = bytes(self.constant)[offset : offset + type_.size] if isinstance(self.constant, bytes) else b""
        if len(data) < type_.size:
            raise FirmwareError(f"{path}: the debug information does not have all of this constant")
        return Variable(path, type_, None, self.bus, self.image, type_.decode(data), is_const=True)

    def pointed(self) -> Variable:
        """Return what a pointer points to.

        Raises:
            FirmwareError: it is no pointer, is NULL, or points to something without a type.
        """
        kind, path = bare(self.type), f"*{self.path}"
        self._check_known(kind)
        if isinstance(kind, ArrayType):
            return replace(self.part("[", 0), path=path)
        if not isinstance(kind, PointerType):
            raise FirmwareError(f"{self.path} is of type {kind.name}, which is no pointer")
        target = kind.target()
        if target is None:
            raise FirmwareError(
                f"{self.path} is a pointer ({kind.name}) to something whose type is not known"
            )
        address = self.value
        if not address:
            raise FirmwareError(f"{self.path} is NULL")
        const, volatile = _qualifiers(target)
        return Variable(path, target, address, self.bus, self.image, is_const=const and not volatile)

    def _read(self, address: int, size: int) -> bytes:
        try:
            return bytes(self.bus.read_block(address, size))
        except BusError as error:
            raise FirmwareError(f"{self.path}: {error}") from None

    def _name_of(self, address: int) -> str:
        code = self.image.function_at(address & ~1)
        place = address & ~1 if code is not None and code.is_function else address
        found = self.image.function_at(place)
        near = found is not None and place < found.start + max(found.size, 1)
        return self.image.name_of(place) if near else ""


def _qualifiers(type_: CType) -> tuple[bool, bool]:
    """Return whether a type is ``const``, and whether it is ``volatile``."""
    const = volatile = False
    while isinstance(type_, QualifiedType):
        const, volatile = const or type_.const, volatile or type_.volatile
        type_ = type_.of
    return const, volatile


def find_variable(image: FirmwareImage, bus: Bus, text: str) -> Variable:
    """Return the variable of ``image`` that a text names: see :mod:`icmsg.machine.variables`.

    Without debug information a name of the symbol table gives its size and its bytes.

    Raises:
        FirmwareError: there is no such variable or member (the text suggests one), several variables have the name, or
            it has no place in memory.
    """
    if "." in text and (made := _symbol(image, bus, text.strip())) is not None:
        return made  # a name such as counter.0, which a compiler has made
    path = parse_path(text)
    variables = _variables(image)
    found = (
        [each for each in variables.find(path.name) if _is_in(each, path.scope)]
        if variables is not None
        else []
    )
    if found:
        variable = _placed(image, bus, path, found)
    elif not path.scope and (symbol := _symbol(image, bus, path.name)) is not None:
        variable = symbol
    else:
        raise _unknown(image, path)
    for operator, part in path.steps:
        variable = variable.part(operator, part)
    for _ in range(path.stars):
        variable = variable.pointed()
    return variable


def _placed(image: FirmwareImage, bus: Bus, path: VariablePath, found: list[FoundVariable]) -> Variable:
    placed = [each for each in found if each.address is not None]
    if len(placed) > 1:
        names = ", ".join(f"{_scope(each, placed)}::{path.name}" for each in placed)
        raise FirmwareError(f"{path.name}: there are {len(placed)} variables of that name; write {names}")
    one = (placed or found)[0]
    name = f"{path.scope}::{path.name}" if path.scope else path.name
    constant = one.constant
    if one.address is None and constant is None:
        raise FirmwareError(f"{name} has no place in memory: {one.why}")
    if one.address is None and isinstance(constant, int):
        constant = one.type.decode(
            (constant & (1 << 8 * one.type.size) - 1).to_bytes(one.type.size, "little")
        )
    elif (
        one.address is None
        and isinstance(constant, bytes)
        and not isinstance(bare(one.type), ArrayType | StructType)
    ):
        constant = one.type.decode(constant.ljust(one.type.size, b"\0"))
    element = bare(one.type)
    const, volatile = _qualifiers(one.type)
    if isinstance(element, ArrayType):
        inner = _qualifiers(element.element)
        const, volatile = const or inner[0], volatile or inner[1]
    return Variable(name, one.type, one.address, bus, image, constant, is_const=const and not volatile)


def _is_in(found: FoundVariable, scope: str) -> bool:
    """Return whether a variable is in a file, function or namespace."""
    file = found.scopes[0] if found.scopes else ""
    return not scope or scope in found.scopes or f"/{file}".endswith(f"/{scope}")


def _scope(found: FoundVariable, among: list[FoundVariable]) -> str:
    """Return the shortest of a variable's scopes that no other one has."""
    for scope in reversed(found.scopes):
        if sum(scope in other.scopes for other in among) == 1:
            return scope.rsplit("/", 1)[-1] if scope == found.scopes[0] else scope
    return found.scopes[0] if found.scopes else f"0x{found.address or 0:08X}"


def _variables(image: FirmwareImage) -> DebugVariables | None:
    if image.debug is None:
        return None
    return image.debug.variables if image.debug.variables.are_known else None


def _symbol(image: FirmwareImage, bus: Bus, name: str) -> Variable | None:
    """Return what the symbol table knows of a name; FirmwareError if it is a function."""
    symbols = image.debug.symbols if image.debug is not None else []
    found = next((each for each in symbols if each.name == name), None)
    if found is None:
        return None
    if found.is_function:
        raise FirmwareError(f"{name} is a function, no variable")
    return Variable(name, BytesType(f"{found.size} bytes", found.size), found.start, bus, image)


def _unknown(image: FirmwareImage, path: VariablePath) -> FirmwareError:
    symbols = image.debug.symbols if image.debug is not None else []
    name = f"{path.scope}::{path.name}" if path.scope else path.name
    if any(each.name == path.name and each.is_function for each in symbols):
        return FirmwareError(f"{path.name} is a function, no variable")
    known = [each.name for each in symbols if not each.is_function] or list(image.symbols)
    if not known:
        return FirmwareError(f"{image.path} has no names, it was stripped: give the ELF file of the build")
    suggestion = closest(path.name, known)
    hint = "" if suggestion or _variables(image) is not None else f"; for statics and members {_BUILD}"
    return FirmwareError(f"{image.path}: there is no variable {name}{suggestion}{hint}")
