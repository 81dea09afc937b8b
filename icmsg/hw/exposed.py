"""Members that a part of the machine shows to Renode's Monitor, declared where it is made.

::

    class Mailbox:
        @exposed(UINT32)
        def latched_events(self) -> int: ...          # a method: ipcapp LatchedEvents

        @property
        @exposed(UINT32)
        def drop_next(self) -> int: ...               # a property; with a setter it can be set as well

        @exposed(VOID, channels=UINT32)
        def signal(self, channels: int) -> None: ...  # ipcapp Signal 0x2, or Signal channels=0x2

The Monitor's names are the Python names as C# writes them (``drop_next`` is ``DropNext``, the parameter
``use_virtual_address`` is ``useVirtualAddress``), unless ``name`` gives another one. Types are those of the members of
Renode's own models, because the Monitor prints a number as wide as its type.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK: Final = "icmsg_exposed"


@dataclass(frozen=True, slots=True)
class Kind:
    """A C# type as the Monitor names it.

    A whole number has its ``size`` in bytes and may be ``signed``; an enumeration has its ``members``, from 0 on or
    with the ``numbers`` of each.
    """

    name: str
    size: int = 0
    signed: bool = False
    members: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()

    @property
    def range(self) -> range:
        """The whole numbers that fit."""
        bits = 8 * self.size
        return range(-(1 << bits - 1), 1 << bits - 1) if self.signed else range(1 << bits)


VOID: Final = Kind("Void")
BOOL: Final = Kind("Boolean")
STRING: Final = Kind("String")
UINT8: Final = Kind("Byte", 1)
UINT16: Final = Kind("UInt16", 2)
UINT32: Final = Kind("UInt32", 4)
UINT64: Final = Kind("UInt64", 8)
INT32: Final = Kind("Int32", 4, signed=True)
INT64: Final = Kind("Int64", 8, signed=True)
REGISTER: Final = Kind("RegisterValue", 8)
"""A core register: printed in lower-case hex without leading zeros."""
DECIMAL: Final = Kind("Decimal")
"""A number with decimals; in Python its text."""
TIME: Final = Kind("TimeInterval")
"""A time; in Python a whole number of nanoseconds."""
FILE: Final = Kind("ReadFilePath")
"""A file to read; in Python a path that exists."""
CORE: Final = Kind("ICPU")
"""A core; in Python its name."""
PERIPHERAL: Final = Kind("IPeripheral")
"""A peripheral; in Python its name."""
ANY: Final = Kind("Object")
"""Anything, where nothing is done with it."""
EXTERNAL: Final = Kind("IExternal")
"""Something beside the machines, such as a terminal; in Python its name."""
RANGE: Final = Kind("Range")
"""Addresses; in Python (first address, number of bytes)."""
BYTES: Final = Kind("Byte[]")
TABLE: Final = Kind("String[,]")
"""A table; in Python rows of texts, the first one the headings."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Parameter of a method; ``default`` counts where ``optional``."""

    name: str
    kind: Kind
    optional: bool = False
    default: object = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Member as the Monitor knows it; ``is_method`` tells a method from a property."""

    name: str
    returns: Kind
    parameters: tuple[Parameter, ...] = ()
    is_method: bool = True
    settable: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    returns: Kind
    parameters: dict[str, Kind]


def exposed(returns: Kind = VOID, /, name: str = "", **parameters: Kind) -> Callable[[_Function], _Function]:
    """Show a method, or below ``@property`` a property, to the Monitor; every parameter gets its type."""

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, _Mark(name or pascal_case(function.__name__), returns, parameters))
        return function

    return mark


def pascal_case(name: str) -> str:
    """Return a Python name as C# writes a member.

    >>> pascal_case("drop_next")
    'DropNext'
    """
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def signatures(cls: type) -> Iterator[tuple[str, Signature]]:
    """Yield (Python name, signature) of everything that ``cls`` and its bases expose, what is overridden once."""
    seen: set[str] = set()
    for base in cls.__mro__:
        for attribute, member in vars(base).items():
            is_property = isinstance(member, property)
            mark = getattr(member.fget if isinstance(member, property) else member, _MARK, None)
            if mark is None or attribute in seen:
                continue
            seen.add(attribute)
            settable = isinstance(member, property) and member.fset is not None
            parameters = () if is_property else tuple(_parameters(member, mark))
            yield attribute, Signature(mark.name, mark.returns, parameters, not is_property, settable)


def _parameters(function: Callable[..., Any], mark: _Mark) -> Iterator[Parameter]:
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        pascal = pascal_case(name.rstrip("_"))  # one that Python has already, such as ``from_``
        optional = parameter.default is not parameter.empty
        yield Parameter(
            pascal[:1].lower() + pascal[1:],
            mark.parameters[name],
            optional,
            parameter.default if optional else None,
        )
