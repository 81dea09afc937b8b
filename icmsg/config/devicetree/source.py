"""Text that dtlib can parse, made from a user's devicetree file.

A *complete* file has ``/dts-v1/`` (a build's ``zephyr.dts``, or a hand-written tree) and goes through as it is.
Everything else is an *overlay*, a part of a tree whose rest is in the board's files:

- nodes that it refers to but does not define get a stand-in, so that its own nodes can be read;
- nodes that stand outside ``/ { … };``, as in the examples of Zephyr's documentation, are put into the root;
- the macros ``DT_SIZE_K`` and ``DT_SIZE_M`` are written out. Any other macro leaves a property unreadable, which
  is an error only if ICMsg needs that property.

Lines stay where they are, so that messages can name them.

Replacements in a text that keep every line where it is.

Reads a devicetree text token by token, before dtlib does, for what dtlib does not tell or does not take.

It follows comments, strings, braces and cells, and knows no more of the language than that.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.errors import DevicetreeError
from icmsg.files import DEVICETREE_BYTES, LABELS, STATEMENT_BYTES, read_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping


class Edit(NamedTuple):
    """Put ``text`` in place of ``start`` … ``end`` (offsets); ``macro`` names what is lost thereby."""

    start: int
    end: int
    text: str
    macro: str | None = None


class Edits:
    """A set of replacements that do not overlap."""

    def __init__(self, edits: Iterable[Edit] = ()) -> None:
        self._edits = list(edits)

    def add(self, edits: Iterable[Edit]) -> None:
        """Take in more replacements."""
        self._edits.extend(edits)

    def apply(self, text: str) -> tuple[str, list[tuple[int, str]]]:
        """Return the new text, and where in it (offset) which macro was lost."""
        pieces: list[str] = []
        macros: list[tuple[int, str]] = []
        done = length = 0
        for edit in sorted(self._edits, key=lambda edit: edit[:2]):  # at one offset, in the order of adding
            kept = text[done : edit.start]
            length += len(kept)
            if edit.macro is not None:
                macros.append((length, edit.macro))
            new = edit.text + "\n" * text.count("\n", edit.start, edit.end)
            length += len(new)
            pieces += (kept, new)
            done = edit.end
        return "".join(pieces) + text[done:], macros


_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|/\*.*?\*/|//[^\n]*|^\#(?:line)?[ \t]+\d+[ \t]+"[^\n]*)
  | (?P<endless>/\*)
  | (?P<text>"(?:[^\\"]|\\.)*"|'(?:[^\\'\n]|\\.)*')
  | (?P<directive>\#[ \t]*(?:include|define|undef|if|ifdef|ifndef|elif|else|endif|error|warning|pragma)
        (?![\w,.+?\#@-])(?:\\\n|[^\n])*)
  | (?P<command>/(?:dts-v1|plugin|include|delete-node|delete-property|omit-if-no-ref|memreserve|bits|incbin)/)
  | (?P<reference>&(?:[A-Za-z_]\w*|\{[^}\n]{0,512}\}))
  | (?P<label>[A-Za-z_]\w*:)
  | (?P<word>\w+)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_HEADER: Final = re.compile(r'\s*#\s*include\s*(?:<[^>]*\.h>|"[^"]*\.h")')
_LONGEST_CALL: Final = 512
_PARENTHESIS: Final = re.compile("[()]")
_SIZES: Final = {"DT_SIZE_K": "(0x400*", "DT_SIZE_M": "(0x100000*"}


class Scanner:
    """Pass over ``text``; after :meth:`run` the attributes tell what was found.

    ``complete``: the file has ``/dts-v1/``. ``include_line``: line of the first ``/include/``, or 0.
    ``edits``: what makes the text parsable by dtlib.
    """

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._line_ends = [match.start() for match in re.finditer("\n", text)]
        self.complete = False
        self.include_line = 0
        self.edits: list[Edit] = []
        self._defined: dict[str, int] = {}
        self._referenced: dict[str, int] = {}
        self._amended: dict[str, int] = {}
        self._bare: list[Edit] = []
        self._depth = 0
        self._cells = False
        # Of the statement that is being read: its first offset, what it begins with, whether '=' was seen.
        self._start: int | None = None
        self._first = ""
        self._value = False
        self._parentheses: list[bool] = []  # True: a size macro's, which needs one more at its end

    def run(self) -> Scanner:
        """Scan the whole text; raises :class:`DevicetreeError` where only the C preprocessor can go on."""
        for match in self._tokens():
            kind, token, start = match.lastgroup, match.group(), match.start()
            if kind == "endless":
                raise DevicetreeError(
                    "a comment begins here and never ends; add */", file=self._file, line=self._line(start)
                )
            if kind == "directive":
                self._directive(token, start)
            elif kind == "reference":
                self._reference(token[1:], start)
            elif self._cells and kind in ("word", "mark"):
                self._in_cells(token, match)
            elif kind == "command":
                self._command(token, start)
            elif kind == "label":
                self._defined.setdefault(token[:-1], start)
            elif kind == "word":
                self._first = self._first or "word"
            elif kind == "mark":
                self._mark(token, start)
        return self

    def missing_labels(self) -> set[str]:
        """Return the labels of nodes that the text uses and that have to be there before it."""
        undefined = {label for label in self._referenced if label not in self._defined}
        return undefined | {
            label for label, start in self._amended.items() if start < self._defined.get(label, start + 1)
        }

    def reference_lines(self) -> dict[str, int]:
        """Return the line (from 1) of the first ``&label``, for every label."""
        return {label: self._line(start) for label, start in self._referenced.items()}

    def bare_node_edits(self) -> list[Edit]:
        """Return what puts nodes outside of the root into it."""
        return self._bare

    def _tokens(self) -> Iterator[re.Match[str]]:
        self._position = 0
        while match := _TOKEN.match(self._text, self._position):
            self._position = match.end()
            if match.lastgroup == "skip":
                continue
            if self._start is None and match.lastgroup != "directive":
                self._start = match.start()
            yield match

    def _line(self, offset: int) -> int:
        return bisect_left(self._line_ends, offset) + 1

    def _new_statement(self) -> None:
        self._start = None
        self._first = ""
        self._value = False

    def _directive(self, token: str, start: int) -> None:
        if not _HEADER.match(token):  # a header has macros only, and those are looked at where they are used
            first_line = token.split("\n", 1)[0].strip()
            raise DevicetreeError(
                f"'{first_line}' needs the C preprocessor; the build has run it: give its zephyr/zephyr.dts",
                file=self._file,
                line=self._line(start),
            )
        self.edits.append(Edit(start, start + len(token), ""))

    def _command(self, token: str, start: int) -> None:
        if token == "/dts-v1/":
            self.complete = True
        elif token == "/include/":
            self.include_line = self.include_line or self._line(start)
        self._first = self._first or token

    def _reference(self, label: str, start: int) -> None:
        if not label.startswith("{"):
            self._referenced.setdefault(label, start)
            if self._depth == 0:
                self._amended.setdefault(label, start)
        self._first = self._first or "reference"

    def _mark(self, token: str, start: int) -> None:
        if token == "{":
            if self._depth == 0 and self._first == "word" and self._start is not None:
                self._bare.append(Edit(self._start, self._start, "/ {"))
            self._depth += 1
            self._new_statement()
        elif token == "}":
            self._close(start)
        elif token == ";":
            self._new_statement()
        elif token == "=":
            self._value = True
        elif token == "<" and self._value:
            self._cells = True
            self._parentheses.clear()
        else:
            self._first = self._first or token

    def _close(self, start: int) -> None:
        self._depth -= 1
        self._new_statement()
        semicolon = re.compile(r"\s*;").match(self._text, start + 1)
        if semicolon is None:
            self._depth = max(self._depth, 0)
        elif self._depth == 0 and self._bare and not self._bare[-1].text.startswith("}"):
            self._bare.append(Edit(semicolon.end(), semicolon.end(), "};"))
        elif self._depth < 0:
            self._depth = 0
            if self._bare:  # an excerpt: it ends the root that it does not begin
                self._bare.append(Edit(start, semicolon.end(), ""))

    def _in_cells(self, token: str, match: re.Match[str]) -> None:
        if token[0].isalpha() or token[0] == "_":
            self._macro(token, match.start())
        elif token == "(":
            self._parentheses.append(False)
        elif token == ")" and self._parentheses:
            if self._parentheses.pop():
                self.edits.append(Edit(match.end(), match.end(), ")"))
        elif token == ">" and not self._parentheses:
            self._cells = False
        elif token == ";":  # the author forgot the '>'; dtlib says so
            self._cells = False
            self._new_statement()

    def _macro(self, name: str, start: int) -> None:
        end = start + len(name)
        called = self._text[end : end + 1] == "("
        if called and name in _SIZES:
            self.edits.append(Edit(start, end, _SIZES[name]))
            self._parentheses.append(True)
            self._position = end + 1
            return
        self._position = self._behind_call(end) if called else end
        self.edits.append(Edit(start, self._position, "0", macro=name))

    def _behind_call(self, opening: int) -> int:
        depth = 0
        for mark in _PARENTHESIS.finditer(self._text, opening, opening + _LONGEST_CALL):
            depth += 1 if mark.group() == "(" else -1
            if depth == 0:
                return mark.end()
        return opening


STAND_INS: Final = "board-file"
"""Node below the root that holds the stand-ins; no path with it is ever shown."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text for dtlib and what was known about the file before parsing.

    ``macros`` are (offset in ``text``, name) of what was not expanded, ``references`` the first line (from 1) of
    every ``&label``, ``lines`` the file as its author sees it.
    """

    file: str
    text: str
    complete: bool
    macros: tuple[tuple[int, str], ...]
    references: Mapping[str, int]
    lines: tuple[str, ...]


def read_source(path: str | os.PathLike[str]) -> Source:
    """Read the file ``path``; raises :class:`DevicetreeError` for one that cannot be read or is not text."""
    file = str(path)
    try:
        raw = read_file(path, DEVICETREE_BYTES)
    except OSError as error:
        raise DevicetreeError(
            f"cannot be read ({error.strerror}); give a devicetree file, for example a build's zephyr/zephyr.dts",
            file=file,
        ) from None
    return prepare_source(decoded(raw, file), file)


def decoded(data: bytes, file: str) -> str:
    """Return the text of a file; raises :class:`DevicetreeError` for what no devicetree looks like."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DevicetreeError(
            "is not UTF-8 text; give a devicetree source, for example a build's zephyr/zephyr.dts",
            file=file,
            line=data.count(b"\n", 0, error.start) + 1,
        ) from None
    position = 0
    for statement in text.split(";"):
        if len(statement) > STATEMENT_BYTES or statement.count(":") > LABELS:
            raise DevicetreeError(
                f"a statement of more than {STATEMENT_BYTES} characters or {LABELS} colons begins here; "
                "is this a devicetree?",
                file=file,
                line=text.count("\n", 0, position) + 1,
            )
        position += len(statement) + 1
    return text


def prepare_source(text: str, file: str) -> Source:
    """Return ``text`` ready for dtlib; ``file`` is the name in messages and what ``/include/`` is relative to.

    Raises:
        DevicetreeError: the text needs the C preprocessor, or is an overlay with ``/include/``.
    """
    text = text.replace("\r\n", "\n")
    scan = Scanner(text, file).run()
    edits = Edits(scan.edits)
    head = ""
    if not scan.complete:
        if scan.include_line:
            raise DevicetreeError(
                "an overlay's /include/ is not followed; give the build's zephyr/zephyr.dts",
                file=file,
                line=scan.include_line,
            )
        stand_ins = " ".join(f"{label}: {label} {{ }};" for label in sorted(scan.missing_labels()))
        head = f"/dts-v1/; / {{ {STAND_INS} {{ {stand_ins} }}; }};\n"
        edits.add(scan.bare_node_edits())
    head += '# 1 "{}"\n'.format(file.replace('"', "'").replace("\n", " "))
    body, macros = edits.apply(text)
    return Source(
        file=file,
        text=head + body,
        complete=scan.complete,
        macros=tuple((len(head) + offset, name) for offset, name in macros),
        references=scan.reference_lines(),
        lines=tuple(text.split("\n")),
    )
