"""Variables with a fixed address, and their types: what DWARF says (versions 2 to 5).

Only the compilation units are read in which the name can occur, which their bytes tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import FirmwareError
from icmsg.machine.c_types import (
    ArrayType,
    BoolType,
    BytesType,
    CType,
    EnumType,
    FloatType,
    IntegerType,
    PointerType,
    QualifiedType,
    StructMember,
    StructType,
)
from icmsg.machine.source_lines import die_name, die_with, short_path, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icmsg.machine.source_lines import DebugInfo

_BOOLEAN, _FLOAT, _SIGNED, _SIGNED_CHAR, _UNSIGNED_CHAR, _UTF = 2, 4, 5, 6, 8, 0x10
_ADDR, _PLUS_UCONST, _ADDRX, _ADDR_INDEX = 0x03, 0x23, 0xA1, 0xFB
_POINTERS: Final = ("DW_TAG_pointer_type", "DW_TAG_reference_type", "DW_TAG_rvalue_reference_type")
_STRUCTS: Final = {
    "DW_TAG_structure_type": "struct",
    "DW_TAG_class_type": "class",
    "DW_TAG_union_type": "union",
}
_QUALIFIERS: Final = (
    "DW_TAG_const_type",
    "DW_TAG_volatile_type",
    "DW_TAG_atomic_type",
    "DW_TAG_restrict_type",
    "DW_TAG_packed_type",
)
_SCOPES: Final = {"DW_TAG_subprogram", "DW_TAG_namespace", "DW_TAG_structure_type", "DW_TAG_class_type"}
_WITH_VARIABLES: Final = {"DW_TAG_subprogram", "DW_TAG_lexical_block", "DW_TAG_namespace"}
_NOWHERE: Final = (0, 0xFFFF_FFFE, 0xFFFF_FFFF)
"""Addresses that linkers give what they have dropped."""
_REMEDY: Final = "make it volatile, or build with -O0"
_GONE: Final = f"the compiler has optimised it away; {_REMEDY}"
_POINTER_BYTES: Final = 4


@dataclass(frozen=True)
class FoundVariable:
    """A variable: ``scopes`` are names by which it can be told from others, its file first.

    ``address`` is None where it has none in memory: then ``constant`` is its value, or ``why`` says where it is.
    """

    scopes: tuple[str, ...]
    type: CType
    address: int | None
    constant: int | bytes | None = None
    why: str = ""


class DebugVariables:
    """The variables of one image."""

    def __init__(self, debug: DebugInfo) -> None:
        self._debug: Final = debug
        self._types: Final[dict[tuple[str, int], CType]] = {}

    @property
    def are_known(self) -> bool:
        """True if the image has debug information."""
        return self._debug.dwarf is not None

    def find(self, name: str) -> list[FoundVariable]:
        """Return all variables of that name: those with an address, or a reason why there is none.

        Raises:
            FirmwareError: the debug information is damaged.
        """
        try:
            return self._distinct(list(self._find(name)))
        except FirmwareError:
            raise
        except Exception as error:  # a damaged file may fail in any way that its reader did not think of
            raise FirmwareError(
                f"the debug information about {name} is damaged ({error}); build again"
            ) from None

    @staticmethod
    def _distinct(found: list[FoundVariable]) -> list[FoundVariable]:
        placed = {each.address: each for each in reversed(found) if each.address is not None}
        return list(reversed(placed.values())) or found[:1]

    def _find(self, name: str) -> Iterator[FoundVariable]:
        declared: Any | None = None
        symbols = [each for each in self._debug.symbols if _may_be(each.name, name) and not each.is_function]
        missing = {each.start for each in symbols}
        for unit in self._likely_first(name, missing):
            for die in _variables_in(unit.get_top_DIE()):
                if die_name(die) != name:
                    continue
                if "DW_AT_declaration" in die.attributes:
                    declared = declared or die
                else:
                    found = self._found(die)
                    missing.discard(found.address or 0)
                    yield found
            if symbols and not missing:
                return  # all that the linker has kept
        if declared is not None:  # defined where nothing is said about it, as in assembly
            where = next((each.start for each in symbols if each.name == name), None)
            why = "" if where is not None else "it is declared and never defined"
            yield FoundVariable((), self._type_of(declared), where, why=why)

    def _likely_first(self, name: str, addresses: Iterable[int]) -> list[Any]:
        """Return the compilation units that have the name, first those that have one of the addresses, too."""
        marks = [address.to_bytes(4, "little") for address in addresses]
        content = _bytes_of(self._debug.dwarf.debug_info_sec) if self._debug.dwarf is not None else b""
        return sorted(
            self._units_with(name),
            key=lambda unit: not any(content.find(mark, unit.cu_offset, _end(unit)) >= 0 for mark in marks),
        )

    def _units_with(self, name: str) -> Iterator[Any]:
        """Yield the compilation units whose bytes have the name, or refer to it."""
        dwarf = self._debug.dwarf
        if dwarf is None:
            return
        inline = name.encode() + b"\0"
        wanted = [inline]
        strings = _bytes_of(dwarf.debug_str_sec)
        at = strings.find(inline)
        while at >= 0:
            wanted.append(at.to_bytes(4, "little"))
            at = strings.find(inline, at + 1)
        by_index = _bytes_of(dwarf.debug_str_offsets_sec)
        indexed = any(each in by_index for each in wanted[1:])
        content = _bytes_of(dwarf.debug_info_sec)
        for unit in dwarf.iter_CUs():
            end = _end(unit)
            if (indexed and unit.header["version"] >= 5) or any(
                content.find(each, unit.cu_offset, end) >= 0 for each in wanted
            ):
                yield unit

    # One variable

    def _found(self, die: Any) -> FoundVariable:
        scopes, type_ = tuple(_scopes(die)), self._type_of(die)
        address, why = self._place(die)
        value = _attribute(die, "DW_AT_const_value")
        constant = (
            bytes(value) if isinstance(value, list) else value if isinstance(value, int | bytes) else None
        )
        return FoundVariable(scopes, type_, address, constant if address is None else None, why)

    def _place(self, die: Any) -> tuple[int | None, str]:
        """Return the address of a variable, or why it has none."""
        holder = die_with(die, "DW_AT_location")
        found = [] if holder is None else _attribute(holder, "DW_AT_location")
        if not isinstance(found, list) or not found:
            return None, f"the compiler keeps it in different places; {_REMEDY}" if found else _GONE
        operation, *rest = found
        if operation == _ADDR and len(rest) >= _POINTER_BYTES:
            address, rest = int.from_bytes(bytes(rest[:4]), "little"), rest[4:]
        elif operation in (_ADDRX, _ADDR_INDEX):
            index, used = _uleb(rest)
            address, rest = int(die.dwarfinfo.get_addr(die.cu, index)), rest[used:]
        else:
            function = next(iter(_scopes(die)[1:]), "its function")
            return None, f"it is a local variable of {function}, and lives on the stack or in a register"
        if rest[:1] == [_PLUS_UCONST]:
            more, used = _uleb(rest[1:])
            address, rest = address + more, rest[1 + used :]
        if rest:
            return None, f"the compiler has split it, or keeps it in another form; {_REMEDY}"
        if address in _NOWHERE and not any(
            each.start == address and each.name == die_name(die) for each in self._debug.symbols
        ):
            return None, "nothing uses it, and the linker has dropped it"
        return address, ""

    # Types

    def _type_of(self, die: Any) -> CType:
        found = die_with(die, "DW_AT_type")
        return (
            BytesType("void", 0) if found is None else self._type(found.get_DIE_from_attribute("DW_AT_type"))
        )

    def _type(self, die: Any) -> CType:
        die = _whole(die)
        key = type(die.cu).__name__, die.offset  # type units of DWARF 4 are in a section of their own
        if key not in self._types:
            self._types[key] = self._make(die)
        return self._types[key]

    def _make(self, die: Any) -> CType:
        tag, name = die.tag, text_of(die, "DW_AT_name") or ""
        size = _attribute(die, "DW_AT_byte_size")
        size = size if isinstance(size, int) else 0
        if tag == "DW_TAG_base_type":
            return _base_type(name, size, _attribute(die, "DW_AT_encoding"))
        if tag == "DW_TAG_enumeration_type":
            return self._enumeration(die, f"enum {name}".strip(), size)
        if tag in _POINTERS:
            pointed = die.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in die.attributes else None
            pointed = None if pointed is None else _whole(pointed)
            return PointerType(
                f"{_short_name(pointed)} *", size or _POINTER_BYTES, partial(self._target, pointed)
            )
        if tag in _STRUCTS:
            return self._struct(die, f"{_STRUCTS[tag]} {name}".strip(), size)
        if tag == "DW_TAG_array_type":
            return self._array(die)
        if tag in _QUALIFIERS or tag == "DW_TAG_typedef":
            of = self._type_of(die)
            const, volatile = tag == "DW_TAG_const_type", tag == "DW_TAG_volatile_type"
            word = "const " if const else "volatile " if volatile else ""
            return QualifiedType(
                name if tag == "DW_TAG_typedef" else word + of.name, of.size, of, const, volatile
            )
        return BytesType(name or tag.removeprefix("DW_TAG_").replace("_", " "), size)

    def _target(self, die: Any | None) -> CType | None:
        if die is None:
            return None
        try:
            found = self._type(die)
        except Exception as error:  # as in find()
            raise FirmwareError(
                f"the debug information about a type is damaged ({error}); build again"
            ) from None
        return None if isinstance(found, BytesType) and not found.size else found

    def _enumeration(self, die: Any, name: str, size: int) -> CType:
        names = {
            text_of(child, "DW_AT_name") or "": int(_attribute(child, "DW_AT_const_value"))
            for child in die.iter_children()
            if child.tag == "DW_TAG_enumerator"
        }
        signed = any(each < 0 for each in names.values())
        if not signed and "DW_AT_type" in die.attributes:
            signed = bool(getattr(self._type_of(die), "signed", False))
        return EnumType(name, size, signed, names)

    def _array(self, die: Any) -> CType:
        counts = [_count(child) for child in die.iter_children() if child.tag == "DW_TAG_subrange_type"]
        found = element = self._type_of(die)
        for index, count in enumerate(reversed(counts or [None])):
            sizes = counts[len(counts) - 1 - index :] or [None]
            name = element.name + " " + "".join(f"[{'' if each is None else each}]" for each in sizes)
            found = ArrayType(name, found.size * (count or 0), found, count)
        return found

    def _struct(self, die: Any, name: str, size: int) -> CType:
        if "DW_AT_declaration" in die.attributes:
            whole = self._definition(die)
            if whole is None:
                return BytesType(f"{name} (its members are not in the debug information)", 0)
            return self._type(whole)
        members = (
            self._member(child)
            for child in die.iter_children()
            if child.tag in ("DW_TAG_member", "DW_TAG_inheritance")
            and "DW_AT_external" not in child.attributes
        )
        return StructType(name, size, tuple(members))

    def _definition(self, die: Any) -> Any | None:
        """Return the struct that another compilation unit has whole."""
        name = text_of(die, "DW_AT_name")
        units = (
            chain(self._units_with(name), self._debug.dwarf.iter_TUs()) if name and self._debug.dwarf else ()
        )
        for unit in units:
            for each in unit.iter_DIEs():
                if (
                    each.tag == die.tag
                    and "DW_AT_declaration" not in each.attributes
                    and text_of(each, "DW_AT_name") == name
                ):
                    return each
        return None

    def _member(self, die: Any) -> StructMember:
        type_ = self._type_of(die)
        bits = _attribute(die, "DW_AT_bit_size") or 0
        place = _attribute(die, "DW_AT_data_member_location") or 0
        if isinstance(place, list):  # DWARF 2: DW_OP_plus_uconst
            place = _uleb(place[1:])[0]
        first = 8 * place
        if (offset := _attribute(die, "DW_AT_data_bit_offset")) is not None:
            first = offset
        elif bits and (offset := _attribute(die, "DW_AT_bit_offset")) is not None:
            # Counted from the most significant bit of a storage unit (DWARF 2 and 3, 5.5.6).
            first += 8 * (_attribute(die, "DW_AT_byte_size") or type_.size) - _signed(offset) - bits
        return StructMember(text_of(die, "DW_AT_name") or "", type_, first, bits)


def _base_type(name: str, size: int, encoding: int) -> CType:
    """Return a type that C has by itself; ``encoding`` is the number that DWARF has for it (DW_ATE_…)."""
    if encoding == _BOOLEAN:
        return BoolType(name, size)
    if encoding == _FLOAT and size in (2, 4, 8):
        return FloatType(name, size)
    if encoding in (_SIGNED, _SIGNED_CHAR, 7, _UNSIGNED_CHAR, _UTF, 1):
        is_char = name == "char" or (encoding == _UTF and size == 1)
        return IntegerType(name, size, encoding in (_SIGNED, _SIGNED_CHAR), is_char)
    return BytesType(name, size)


def _may_be(symbol: str, name: str) -> bool:
    """Tell whether a symbol may be that variable; a static one of a function is ``name.0`` or ``function.name``."""
    return symbol == name or symbol.startswith(f"{name}.") or symbol.endswith(f".{name}")


def _variables_in(scope: Any) -> Iterator[Any]:
    """Yield the variables of a file, with those of its functions; types are not looked into."""
    for die in scope.iter_children():
        if die.tag == "DW_TAG_variable":
            yield die
        elif die.tag in _WITH_VARIABLES:
            yield from _variables_in(die)


def _end(unit: Any) -> int:
    """Return where the bytes of a compilation unit end."""
    return int(unit.cu_offset + unit.header["unit_length"] + unit.structs.initial_length_field_size())


def _whole(die: Any) -> Any:
    """Return a type, from the type unit that has it where it is in one of its own."""
    return die.get_DIE_from_attribute("DW_AT_signature") if "DW_AT_signature" in die.attributes else die


def _short_name(die: Any | None) -> str:
    """Return what a type is called that a pointer points to, which is not looked into for that."""
    if die is None:
        return "void"
    words = (_STRUCTS.get(die.tag, ""), text_of(die, "DW_AT_name") or "…")
    return " ".join(word for word in words if word)


def _count(die: Any) -> int | None:
    """Return how many elements a dimension has; None where nobody says it."""
    count, upper = _attribute(die, "DW_AT_count"), _attribute(die, "DW_AT_upper_bound")
    if isinstance(count, int):
        return count
    return (upper + 1) & 0xFFFF_FFFF if isinstance(upper, int) else None


def _scopes(die: Any) -> list[str]:
    """Return the file of a variable, and the functions and namespaces that it is in."""
    path = text_of(die.cu.get_top_DIE(), "DW_AT_name") or ""
    found: list[str] = []
    outer = die.get_parent()
    while outer is not None:
        if outer.tag in _SCOPES and (name := die_name(outer)):
            found.append(name)
        outer = outer.get_parent()
    return [short_path(path), *found]


def _attribute(die: Any, name: str) -> Any:
    found = die.attributes.get(name)
    return None if found is None else found.value


def _uleb(data: list[int]) -> tuple[int, int]:
    """Return a number, and of how many bytes it is."""
    value = 0
    for index, byte in enumerate(data):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, index + 1
    return value, len(data)


def _signed(number: int) -> int:
    """Return the bit offset of a field that reaches beyond its storage unit, which is negative."""
    return number - (1 << 32) if number >> 31 & 1 else number


def _bytes_of(section: Any | None) -> bytes:
    return b"" if section is None else bytes(section.stream.getbuffer())
