"""A parsed devicetree: nodes and properties with the place where they stand.

The parser is dtlib of the ``devicetree`` package, the one that Zephyr's build uses. Its release on PyPI does not
keep lines, so this module looks at where it is while it parses. Nothing of dtlib is visible outside of here.
"""

from __future__ import annotations

import errno
import io
import re
import tempfile
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The package has neither type hints that mypy reads nor a stub package.
from devicetree.dtlib import DT, DTError, _MarkerType  # type: ignore[import-untyped]
from devicetree.dtlib import Property as LibraryProperty

from icmsg.config.devicetree.source import STAND_INS, Source, decoded
from icmsg.config.findings import SourceLocation
from icmsg.errors import DevicetreeError
from icmsg.files import (
    DEVICETREE_BYTES,
    INCLUDE_DEPTH,
    INCLUDES,
    NESTING,
    read_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NoReturn

_STAND_IN = re.compile(rf"/{STAND_INS}/(\w+)")
_UNDEFINED = re.compile(r"undefined node label '(\w+)'")
_PATH = re.compile(r"(?<![\w'])/[^\s:']*")
_ORIGIN = re.compile(r"/\* in (\S+:\d+) \*/")
_NODE_ORIGIN = re.compile(r"/\* node '.*' defined in (\S+:\d+) \*/")
_WORD = 4
_UINT32 = _MarkerType.UINT32
_LONGEST_LINE = 2000
_LONGEST_SHIFT = 64


@dataclass(frozen=True, slots=True, eq=False)
class Property:
    """Property of a node. ``value`` is as in a compiled tree: cells big-endian, texts with a zero behind each."""

    name: str
    value: bytes
    place: SourceLocation
    macro: str | None
    """Name of a C macro in the value that only a build can expand; the value is then worth nothing."""

    def words(self) -> list[int] | None:
        """Return the 32-bit cells, or None if the value does not consist of them."""
        if len(self.value) % _WORD:
            return None
        return [
            int.from_bytes(self.value[start : start + _WORD], "big")
            for start in range(0, len(self.value), _WORD)
        ]

    def strings(self) -> list[str] | None:
        """Return the texts, or None if the value does not consist of them."""
        if not self.value.endswith(b"\0"):
            return None
        try:
            return self.value[:-1].decode("utf-8").split("\0")
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Node of a devicetree. ``stand_in``: its definition is in a file that an overlay does not name."""

    path: str
    name: str
    labels: tuple[str, ...]
    parent: Node | None
    place: SourceLocation
    stand_in: bool
    properties: Mapping[str, Property]
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """Yield the node and everything below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def strings(self, name: str) -> list[str]:
        """Return the texts of property ``name``; an empty list without it, or if it has no texts."""
        found = self.properties.get(name)
        return (found.strings() if found else None) or []

    @property
    def enabled(self) -> bool:
        """Tell whether ``status`` lets the node be used."""
        return self.strings("status") in ([], ["okay"], ["ok"])


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """All nodes of ``file``; ``complete`` is False for an overlay."""

    file: str
    complete: bool
    root: Node
    by_phandle: Mapping[int, Node]
    by_path: Mapping[str, Node]
    chosen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Properties of ``/chosen`` that name a node, by its path."""


def parse_tree(source: Source) -> Tree:
    """Parse ``source``; raises :class:`DevicetreeError` with file and line for everything that dtlib refuses."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "source.dts"
        copy.write_text(source.text, encoding="utf-8", newline="\n", errors="replace")
        return _Converter(_PlacedDT(str(copy), source), source).tree()


class _PlacedDT(DT):  # type: ignore[misc]  # dtlib is not typed
    """dtlib's parser, which notes where nodes and properties begin."""

    def __init__(self, path: str, source: Source) -> None:
        self.node_places: dict[Any, SourceLocation] = {}
        self.property_places: dict[Any, tuple[SourceLocation, str | None]] = {}
        self._source = source
        self._copy = path
        self._lineno = 1
        self._included = 0
        self._texts: dict[str, str] = {}  # of the files that were included
        self._bytes_left = DEVICETREE_BYTES
        self._depth = 0
        self._labels: dict[str, Any] = {}
        self._next_phandle = 1
        try:
            super().__init__(path)
        except DevicetreeError:
            raise
        except DTError as error:
            raise self._late_error(str(error)) from None
        except RecursionError:
            self._parse_error(
                f"nodes or parentheses are nested too deeply (more than {NESTING}); flatten them"
            )
        except Exception as error:  # dtlib lets Python's own errors out for malformed numbers
            reason = "a number with too many digits" if "limit" in str(error) else error
            self._parse_error(f"malformed value ({reason}); correct it")

    def _parse_node(self, node: Any) -> Any:
        self.node_places.setdefault(node, self._here())
        for label in node.labels:
            self._labels.setdefault(label, node)
        self._enter()
        parsed = super()._parse_node(node)
        self._depth -= 1
        return parsed

    def _parse_assignment(self, prop: Any) -> None:
        place, start = self._here(), self._tok_end_i
        super()._parse_assignment(prop)
        lost = None if self._filestack else self._lost_macro(start, self._tok_end_i)
        self.property_places[prop] = place, lost

    def _enter_file(self, filename: str) -> None:
        self._included += 1
        if len(self._filestack) >= INCLUDE_DEPTH or self._included > INCLUDES:
            self._parse_error(
                f"/include/ of '{filename}': files may include each other {INCLUDE_DEPTH} deep, and {INCLUDES} in all"
            )
        path = (Path(self.filename).parent / filename).resolve()
        users = {self.filename, self._source.file, *(file.filename for file in self._filestack)}
        if path in {Path(user).resolve() for user in users}:
            self._parse_error(f"/include/ of '{filename}': a file that includes itself, directly or not")
        super()._enter_file(filename)
        self._texts[self.filename] = self._file_contents

    def _open(self, filename: str, mode: str = "r", **_: object) -> Any:
        path = str(Path(self.filename).parent / filename)
        try:
            data = Path(path).read_bytes() if path == self._copy else read_file(path, self._bytes_left)
        except OSError as error:
            missing = error.errno == errno.ENOENT
            reason = f"there is no {path}" if missing else f"{path} cannot be read ({error.strerror})"
            self._parse_error(reason)
        self._bytes_left -= len(data)
        if "b" in mode:
            return _named(io.BytesIO(data), path)
        return _named(io.StringIO(decoded(data, path)), path)

    def _ref2node(self, s: str) -> Any:
        """Return what dtlib's own search of the whole tree finds, from an index of the labels."""
        if s[0] == "{":
            return super()._ref2node(s)
        node = self._labels.get(s)
        if node is None or not _is_in_tree(node):
            node = self._labels[s] = super()._ref2node(s)
        return node

    def _node_phandle(self, node: Any) -> Any:
        """Return what dtlib does; it looks for a free number from 1 on for every node."""
        if "phandle" not in node.props:
            while self._next_phandle in self.phandle2node:
                self._next_phandle += 1
            found = LibraryProperty(node, "phandle")
            found._add_marker(_UINT32)
            found.value = self._next_phandle.to_bytes(_WORD, "big")
            node.props["phandle"] = found
            self.phandle2node[self._next_phandle] = node
        return super()._node_phandle(node)

    def _eval_prim(self) -> int:
        return self._cell_sized(super()._eval_prim())

    def _eval_unary(self) -> int:
        self._enter()
        value: int = super()._eval_unary()
        self._depth -= 1
        return value

    def _eval_mul(self) -> int:
        value: int = self._eval_unary()
        while True:
            operator = next((sign for sign in "*/%" if self._check_token(sign)), None)
            if operator is None:
                return value
            other: int = self._eval_unary()
            if operator == "*":
                value = self._cell_sized(value * other)
            elif not other:
                self._parse_error("division by zero")
            else:
                value = value // other if operator == "/" else value % other

    def _lost_macro(self, start: int, end: int) -> str | None:
        macros = self._source.macros
        first = bisect_left(macros, (start, ""))
        return macros[first][1] if first < len(macros) and macros[first][0] < end else None

    def _eval_shift(self) -> int:
        value: int = self._eval_add()
        while True:
            left = self._check_token("<<")
            if not left and not self._check_token(">>"):
                return value
            amount: int = self._eval_add()
            if not 0 <= amount <= _LONGEST_SHIFT:  # a number of a gigabyte is a hang, not a value
                self._parse_error(
                    f"a shift by {amount} bits does not fit any cell; use 0 to {_LONGEST_SHIFT}"
                )
            value = self._cell_sized(value << amount if left else value >> amount)

    def _cell_sized(self, value: int) -> int:
        """Return ``value``; a number that fits no cell is refused before numbers of a gigabyte can come of it."""
        if value.bit_length() > 2 * _LONGEST_SHIFT:
            self._parse_error(f"a number of {value.bit_length()} bits does not fit any cell")
        return value

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > NESTING:
            self._parse_error(
                f"nodes or parentheses are nested too deeply (more than {NESTING}); flatten them"
            )

    def _parse_error(self, message: object) -> NoReturn:
        raise self._here().error(DevicetreeError, self._words(str(message)))

    def _here(self) -> SourceLocation:
        """Return where the parser is; what stands before the user's text belongs to its first line."""
        if self.filename == self._copy:
            return SourceLocation(self._source.file, 1)
        return SourceLocation(self.filename, self._lineno)

    def _late_error(self, message: str) -> DevicetreeError:
        """Return dtlib's error for the whole tree, which names a node but no line."""
        undefined = _UNDEFINED.search(message)
        if undefined and (line := self._source.references.get(undefined[1])):
            return DevicetreeError(self._words(message), file=self._source.file, line=line)
        if undefined:
            for file, text in self._texts.items():
                if used := re.search(rf"&{undefined[1]}\b", text):
                    line = text.count("\n", 0, used.start()) + 1
                    return DevicetreeError(self._words(message), file=file, line=line)
        paths = {node.path: place for node, place in self.node_places.items()}
        found = (paths[path] for path in _PATH.findall(message) if path in paths)
        place = next(found, SourceLocation(self._source.file, 1))
        return DevicetreeError(self._words(message), file=place.file, line=place.line)

    def _words(self, message: str) -> str:
        message = _STAND_IN.sub(r"&\1", message)
        if _UNDEFINED.search(message) and self._source.complete:
            message += (
                "; define the label. If this is an overlay, take '/dts-v1/;' away, or give the build's "
                "zephyr/zephyr.dts"
            )
        return message


def _is_in_tree(node: Any) -> bool:
    while node.parent is not None:
        if node.parent.nodes.get(node.name) is not node:
            return False
        node = node.parent
    return True


def _named(stream: Any, name: str) -> Any:
    """Return ``stream`` with the ``name`` that dtlib takes from an open file."""
    stream.name = name
    return stream


class _Converter:
    """Converter from dtlib's tree to ours."""

    def __init__(self, dt: _PlacedDT, source: Source) -> None:
        self._dt = dt
        self._source = source
        self._by_path: dict[str, Node] = {}

    def tree(self) -> Tree:
        root = self._node(self._dt.root, None)
        by_phandle = {
            number: self._by_path[node.path]
            for number, node in self._dt.phandle2node.items()
            if node.path in self._by_path
        }
        by_path = {_STAND_IN.sub(r"&\1", path): node for path, node in self._by_path.items()}
        return Tree(self._source.file, self._source.complete, root, by_phandle, by_path)

    def _node(self, dt_node: Any, parent: Node | None) -> Node:
        path = str(dt_node.path)
        place = self._dt.node_places[dt_node]
        stand_in = not self._source.complete and path.startswith(f"/{STAND_INS}/") and path.count("/") == 2
        if stand_in:
            place = SourceLocation(self._source.file, self._source.references[dt_node.name])
        node = Node(
            path=_STAND_IN.sub(r"&\1", path),
            name=dt_node.name,
            labels=tuple(dt_node.labels),
            parent=parent,
            place=self._with_origin(place, self._node_origin(place)),
            stand_in=stand_in,
            properties={prop.name: self._property(prop, place) for prop in dt_node.props.values()},
        )
        self._by_path[path] = node
        node.children.extend(self._node(child, node) for child in dt_node.nodes.values())
        return node

    def _property(self, prop: Any, node_place: SourceLocation) -> Property:
        place, macro = self._dt.property_places.get(
            prop, (node_place, None)
        )  # one without a value has no place
        return Property(prop.name, prop.value, self._with_origin(place, self._origin(place)), macro)

    def _with_origin(self, place: SourceLocation, origin: str | None) -> SourceLocation:
        return SourceLocation(place.file, place.line, origin) if origin else place

    def _origin(self, place: SourceLocation) -> str | None:
        """Return what a build's zephyr.dts (Zephyr ≥ 4.2) says behind the value."""
        for line in self._lines_from(place, 0):
            if found := _ORIGIN.search(line):
                return found[1]
            if ";" in line:
                break
        return None

    def _node_origin(self, place: SourceLocation) -> str | None:
        before = next(iter(self._lines_from(place, -1)), "")
        found = _NODE_ORIGIN.search(before)
        return found[1] if found else None

    def _lines_from(self, place: SourceLocation, offset: int) -> list[str]:
        if place.file != self._source.file:
            return []
        first = place.line - 1 + offset
        return [line[:_LONGEST_LINE] for line in self._source.lines[max(first, 0) : first + 8]]
