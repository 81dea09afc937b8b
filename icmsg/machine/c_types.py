"""Types of C: what bytes in a core's memory mean, and which bytes a value is; little-endian."""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import or_
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import FirmwareError, closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Value = Any
"""int, bool, float, :class:`EnumValue`, bytes (an array of characters or bytes), list (array), dict (struct, union)."""
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
        base = 0 if value.strip("+-0").lower()[:1] in "xb" else 10
        return int(value, base) if _NUMBER.fullmatch(value) else None
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
        number = {"true": 1, "false": 0}.get(str(value).lower(), parse_number(value))
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
        if (
            number > 0
            and reduce(or_, flags.values(), 0) == number
            and all(each & each - 1 == 0 for each in flags.values())
        ):
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
            number = reduce(or_, (self.names[part] for part in parts))
        whole = IntegerType(self.name, self.size, self.signed)
        return whole.encode(value if number is None else number, what)

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
            wanted = f"bytes, {self.size} of them: its type is not known, build with -g"
            raise self.refused(value, what, wanted)
        return bytes(value)

    def text(self, value: Value, _name_of: Callable[[int], str], /) -> str:
        """Return the bytes in hexadecimal."""
        return str(value[: 4 * MOST].hex(" ")) + (" …" if len(value) > 4 * MOST else "")


def bare(type_: CType) -> CType:
    """Return a type without other names for it and without ``const`` and ``volatile``."""
    while isinstance(type_, QualifiedType):
        type_ = type_.of
    return type_


@dataclass(frozen=True, eq=False)
class ArrayType(CType):
    """``count`` elements one behind the other; None where C does not say how many: then its size is 0."""

    element: CType
    count: int | None

    @property
    def is_bytes(self) -> bool:
        """True for an array of bytes or characters, whose value is bytes."""
        element = bare(self.element)
        return isinstance(element, IntegerType) and element.size == 1

    @property
    def is_text(self) -> bool:
        """True for an array of characters."""
        element = bare(self.element)
        return isinstance(element, IntegerType) and element.is_char

    def decode(self, data: bytes) -> Value:
        """Return bytes, or a list."""
        if self.is_bytes:
            return data
        step = self.element.size
        return [self.element.decode(data[at : at + step]) for at in range(0, self.size, step)] if step else []

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of a list, of bytes, or of a text, which is filled up with zeros."""
        count = self.count or 0
        if self.is_text and isinstance(value, str):
            value = value.encode()
        if self.is_bytes and isinstance(value, bytes | bytearray):
            if len(value) > count:
                raise self.refused(value, what, f"{count} bytes or fewer, it is {len(value)}")
            return bytes(value).ljust(count, b"\0")
        if not isinstance(value, list | tuple) or len(value) != count:
            kind = f"a list of {count} values" if not self.is_text else f"a text of {count} bytes or fewer"
            raise self.refused(value, what, f"{kind}; or write one element: {what}[0]")
        return b"".join(self.element.encode(each, f"{what}[{at}]") for at, each in enumerate(value))

    def text(self, value: Value, name_of: Callable[[int], str], /) -> str:
        """Return a text in quotes, or the elements in braces, equal ones counted."""
        if self.is_text:
            shown = value.rstrip(b"\0")
            cut = "…" if len(shown) > 4 * MOST else ""
            return '"' + repr(shown[: 4 * MOST])[2:-1].replace('"', '\\"') + '"' + cut
        most = 4 * MOST if self.is_bytes else MOST
        words = []
        for text, same in groupby(self.element.text(each, name_of) for each in value[:most]):
            times = len(list(same))
            words.append(f"{text} ({times} times)" if times > 4 else ", ".join([text] * times))
        return "{" + ", ".join([*words, *(["…"] if len(value) > most else [])]) + "}"


@dataclass(frozen=True, eq=False)
class StructMember:
    """A member of a struct: ``bit`` counts from the struct's first bit, ``bits`` is 0 where it is no bit field."""

    name: str
    type: CType
    bit: int
    bits: int = 0

    def decode(self, data: bytes) -> Value:
        """Return its value, from the bytes of the struct."""
        if not self.bits:
            return self.type.decode(data[self.bit // 8 : self.bit // 8 + self.type.size])
        number = int.from_bytes(data, "little") >> self.bit & (1 << self.bits) - 1
        if getattr(bare(self.type), "signed", False) and number >> self.bits - 1:
            number |= -1 << self.bits
        size = max(self.type.size, -(-self.bits // 8))
        return self.type.decode((number & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def encode_into(self, data: bytearray, value: Value, what: str) -> None:
        """Put a value into the bytes of the struct; raises as :meth:`CType.encode`."""
        encoded = self.type.encode(value, what)
        if not self.bits:
            data[self.bit // 8 : self.bit // 8 + len(encoded)] = encoded
            return
        kind = bare(self.type)
        signed = bool(getattr(kind, "signed", False))
        number = int.from_bytes(encoded, "little", signed=signed)
        IntegerType(f"{kind.name} : {self.bits}", len(encoded), signed, bits=self.bits).encode(number, what)
        mask = (1 << self.bits) - 1 << self.bit
        whole = int.from_bytes(data, "little") & ~mask | number << self.bit & mask
        data[:] = whole.to_bytes(len(data), "little")


@dataclass(frozen=True, eq=False)
class StructType(CType):
    """A struct, class or union; members without a name are those of a struct within, of which only those have names."""

    members: tuple[StructMember, ...]

    def named(self) -> Iterator[StructMember]:
        """Yield all members that have a name, those of a struct without one within, too."""
        for each in self.members:
            inner = bare(each.type)
            if each.name:
                yield each
            elif isinstance(inner, StructType):
                yield from (StructMember(m.name, m.type, each.bit + m.bit, m.bits) for m in inner.named())

    def member(self, name: str) -> StructMember | None:
        """Return a member by its name."""
        return next((each for each in self.named() if each.name == name), None)

    def names(self) -> list[str]:
        """Return the names of all members."""
        return [each.name for each in self.named()]

    def decode(self, data: bytes) -> Value:
        """Return a dictionary of the members."""
        return {each.name: each.decode(data) for each in self.named()}

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of a dictionary with all members; of a union with one."""
        first = (self.names() or ["…"])[0]
        raise self.refused(value, what, f"one value; write its members one by one: {what}.{first}")

    def text(self, value: Value, name_of: Callable[[int], str], /) -> str:
        """Return the members in braces."""
        words = (f"{each.name} = {each.type.text(value[each.name], name_of)}" for each in self.named())
        return "{" + ", ".join(words) + "}"
