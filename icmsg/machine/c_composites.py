"""Arrays and structs of C as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icmsg.machine.c_types import MOST, CType, IntegerType, Value, bare

if TYPE_CHECKING:
    from collections.abc import Callable


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
        parts: list[tuple[str, int]] = []
        for each in value[:most]:
            text = self.element.text(each, name_of)
            parts[-1:] = (
                [(text, parts[-1][1] + 1)] if parts and parts[-1][0] == text else [*parts[-1:], (text, 1)]
            )
        words = [
            f"{text} ({times} times)" if times > 4 else ", ".join([text] * times) for text, times in parts
        ]
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

    def member(self, name: str) -> StructMember | None:
        """Return a member, also one of a struct without a name within."""
        for each in self.members:
            if each.name == name:
                return each
            inner = bare(each.type)
            if not each.name and isinstance(inner, StructType) and (found := inner.member(name)) is not None:
                return StructMember(name, found.type, each.bit + found.bit, found.bits)
        return None

    def names(self) -> list[str]:
        """Return the names of all members."""
        found: list[str] = []
        for each in self.members:
            inner = bare(each.type)
            found += [each.name] if each.name else inner.names() if isinstance(inner, StructType) else []
        return found

    def decode(self, data: bytes) -> Value:
        """Return a dictionary of the members."""
        found: dict[str, Value] = {}
        for each in self.members:
            value = each.decode(data)
            found |= {each.name: value} if each.name else value if isinstance(value, dict) else {}
        return found

    def encode(self, value: Value, what: str) -> bytes:
        """Return the bytes of a dictionary with all members; of a union with one."""
        raise self.refused(
            value, what, f"one value; write its members one by one: {what}.{(self.names() or ['…'])[0]}"
        )

    def text(self, value: Value, name_of: Callable[[int], str], /) -> str:
        """Return the members in braces."""
        words = []
        for name in self.names():
            found = self.member(name)
            assert found is not None
            words.append(f"{name} = {found.type.text(value[name], name_of)}")
        return "{" + ", ".join(words) + "}"
