"""Simple types of C as values: what bytes in a core's memory mean, and which bytes a value is; little-endian."""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import FirmwareError, closest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = Any
"""int, bool, float, :class:`EnumValue`, bytes (an array of characters or bytes), list (array), dict (struct, union)."""
_BOOLEAN, _FLOAT, _SIGNED, _SIGNED_CHAR, _UNSIGNED_CHAR, _UTF = 2, 4, 5, 6, 8, 0x10
MOST: Final = 64
"""Elements of an array that are shown; of bytes and characters four times as many."""
_FLOATS: Final = {2: "<e", 4: "<f", 8: "<d"}
_NUMBER: Final = re.compile(r"[+-]?(0x[0-9a-f]+|0b[01]+|[0-9]+)", re.IGNORECASE)


class EnumValue(int):
    """A number of an enumeration: equal to the number, and printed by its name, such as ``STATE_BOUND`` or ``A|B``."""

    name: str

    def __new__(cls, number: int, name: str) -> EnumValue:
        """Return ``number`` with the name that the enumeration has for it."""
        made = super().__new__(cls, number)
        made.name = name
        return made

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        return format(self.name if not spec or spec.endswith("s") else int(self), spec)

    def __repr__(self) -> str:
        return f"<{self.name}: {int(self)}>"


@dataclass(frozen=True, eq=False)
class CType(ABC):
    """A type; ``name`` as C writes it, ``size`` in bytes."""

    name: str
    size: int

    @abstractmethod
    def decode(self, data: bytes) -> Value:
        """Return the value of ``size`` bytes."""

    @abstractmethod
    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of a value, or of a text that says one; ``what`` is the variable.

        Raises:
            FirmwareError: it is of another type, or out of range.
        """

    @abstractmethod
    def text(self, value: Value, name_of: Callable[[int], str], /) -> str:
        """Return a value as a person reads it; ``name_of`` names the symbol at an address, or is empty."""

    def refused(self, value: Value, what: str, wanted: str) -> FirmwareError:
        """Return the error about a value that is not ``wanted``."""
        return FirmwareError(f"{what} is of type {self.name}: {value!r} is not {wanted}")


def parse_number(value: Value) -> int | None:
    """Return a whole number, or one that a text says; None where it is none."""
    if isinstance(value, str):
        return (
            int(value, 0 if value.strip("+-0").lower()[:1] in "xb" else 10)
            if _NUMBER.fullmatch(value)
            else None
        )
    return int(value) if isinstance(value, int) else None


@dataclass(frozen=True, eq=False)
class IntegerType(CType):
    """A whole number; ``is_char``: characters that are shown as text."""

    signed: bool
    is_char: bool = False
    bits: int = 0
    """Bits of a bit field; 0 = all of it."""

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        bits = self.bits or 8 * self.size
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else (0, (1 << bits) - 1)

    def decode(self, data: bytes) -> Value:
        """Return the number."""
        return int.from_bytes(data, "little", signed=self.signed)

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of a number, or of a character."""
        is_letter = self.is_char and isinstance(value, str) and re.fullmatch(r"'[\x20-\x7e]'", value)
        number = ord(value[1]) if is_letter else parse_number(value)
        low, high = self.range
        if number is None or not low <= number <= high:
            raise self.refused(value, what, f"a whole number from {low} to {high}")
        return number.to_bytes(self.size, "little", signed=self.signed)

    def text(self, value: Value, _name_of: Callable[[int], str], /) -> str:
        """Return the number, of a character with the character."""
        return f"{value} {chr(value)!r}" if self.is_char and 0x20 <= value < 0x7F else str(value)


@dataclass(frozen=True, eq=False)
class BoolType(CType):
    """True or false; any byte but zero is true."""

    def decode(self, data: bytes) -> Value:
        """Return the truth."""
        return any(data)

    def encode(self, value: Value, what: str) -> bytes:
        """Return the byte."""
        words = {"true": 1, "false": 0}
        number = (
            words.get(value.lower(), parse_number(value)) if isinstance(value, str) else parse_number(value)
        )
        if number not in (0, 1):
            raise self.refused(value, what, "true or false")
        return number.to_bytes(self.size, "little")

    def text(self, value: Value, _name_of: Callable[[int], str], /) -> str:
        """Return ``true`` or ``false``."""
        return "true" if value else "false"


@dataclass(frozen=True, eq=False)
class FloatType(CType):
    """A floating-point number of 2, 4 or 8 bytes."""

    def decode(self, data: bytes) -> Value:
        """Return the number."""
        return struct.unpack(_FLOATS[self.size], data)[0]

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of a number."""
        try:
            return struct.pack(_FLOATS[self.size], float(value))
        except (ValueError, TypeError, OverflowError):
            raise self.refused(value, what, "a number in its range") from None

    def text(self, value: Value, _name_of: Callable[[int], str], /) -> str:
        """Return the shortest number that is the same in this size."""
        digits = {2: 5, 4: 9, 8: 17}[self.size]
        return next(
            text
            for text in (f"{value:.{count}g}" for count in range(1, digits + 1))
            if value != value or self.decode(struct.pack(_FLOATS[self.size], float(text))) == value
        )


@dataclass(frozen=True, eq=False)
class EnumType(CType):
    """An enumeration; ``names`` has the number of each enumerator."""

    signed: bool
    names: Mapping[str, int]

    def decode(self, data: bytes) -> Value:
        """Return the number with its name."""
        number = int.from_bytes(data, "little", signed=self.signed)
        return EnumValue(number, self._name(number))

    def _name(self, number: int) -> str:
        for name, each in self.names.items():
            if each == number:
                return name
        flags = {name: each for name, each in self.names.items() if each > 0 and each & number == each}
        together = 0
        for each in flags.values():
            together |= each
        if number > 0 and together == number and all(each & each - 1 == 0 for each in flags.values()):
            return "|".join(flags)
        return str(number)

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of an enumerator, by its name or number, or of several joined by ``|``."""
        number = parse_number(value)
        if number is None and isinstance(value, str):
            parts = [part.strip() for part in value.split("|")]
            unknown = next((part for part in parts if part not in self.names), None)
            if unknown is not None:
                known = ", ".join(list(self.names)[:MOST])
                raise FirmwareError(
                    f"{what} is of type {self.name}, which has no {unknown!r}{closest(unknown, self.names)}; "
                    f"there are {known}"
                )
            number = 0
            for part in parts:
                number |= self.names[part]
        return IntegerType(self.name, self.size, self.signed).encode(
            value if number is None else number, what
        )

    def text(self, value: Value, _name_of: Callable[[int], str], /) -> str:
        """Return the name; a number that has none with a word about it."""
        return str(value) if not str(value).lstrip("-").isdigit() else f"{value} (no enumerator)"


@dataclass(frozen=True, eq=False)
class PointerType(CType):
    """An address; ``target`` finds the type of what is there, None for ``void`` and functions."""

    target: Callable[[], CType | None]

    def decode(self, data: bytes) -> Value:
        """Return the address."""
        return int.from_bytes(data, "little")

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of an address."""
        return IntegerType(self.name, self.size, signed=False).encode(value, what)

    def text(self, value: Value, name_of: Callable[[int], str], /) -> str:
        """Return the address, and the symbol there."""
        name = name_of(value) if value else ""
        return f"0x{value:08X}{f' <{name}>' if name else ''}"


@dataclass(frozen=True, eq=False)
class QualifiedType(CType):
    """A type with ``const`` or ``volatile``, or another name for one; the rest is that of ``of``."""

    of: CType
    const: bool = False
    volatile: bool = False

    def decode(self, data: bytes) -> Value:
        """Return the value."""
        return self.of.decode(data)

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of a value."""
        return self.of.encode(value, what)

    def text(self, value: Value, name_of: Callable[[int], str], /) -> str:
        """Return a value as a person reads it."""
        return self.of.text(value, name_of)


@dataclass(frozen=True, eq=False)
class BytesType(CType):
    """Something of which nothing but the size is known; its value is bytes."""

    def decode(self, data: bytes) -> Value:
        """Return the bytes."""
        return data

    def encode(self, value: Value, what: str) -> bytes:
        """Return as many bytes."""
        if not isinstance(value, bytes | bytearray) or len(value) != self.size:
            raise self.refused(
                value, what, f"bytes, {self.size} of them: its type is not known, build with -g"
            )
        return bytes(value)

    def text(self, value: Value, _name_of: Callable[[int], str], /) -> str:
        """Return the bytes in hexadecimal."""
        return str(value[: 4 * MOST].hex(" ")) + (" …" if len(value) > 4 * MOST else "")


def bare(type_: CType) -> CType:
    """Return a type without other names for it and without ``const`` and ``volatile``."""
    while isinstance(type_, QualifiedType):
        type_ = type_.of
    return type_


def qualifiers(type_: CType) -> tuple[bool, bool]:
    """Return whether a type is ``const``, and whether it is ``volatile``."""
    const = volatile = False
    while isinstance(type_, QualifiedType):
        const, volatile = const or type_.const, volatile or type_.volatile
        type_ = type_.of
    return const, volatile


def base_type(name: str, size: int, encoding: int) -> CType:
    """Return a type that C has by itself; ``encoding`` is the number that DWARF has for it (DW_ATE_…)."""
    if encoding == _BOOLEAN:
        return BoolType(name, size)
    if encoding == _FLOAT and size in (2, 4, 8):
        return FloatType(name, size)
    if encoding in (_SIGNED, _SIGNED_CHAR, 7, _UNSIGNED_CHAR, _UTF, 1):
        is_char = name == "char" or (encoding == _UTF and size == 1)
        return IntegerType(name, size, encoding in (_SIGNED, _SIGNED_CHAR), is_char)
    return BytesType(name, size)
