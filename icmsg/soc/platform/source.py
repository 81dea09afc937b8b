"""Text of a platform file as its author wrote it: its layout as braces, and words for what a parser did not expect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from icmsg.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SPACES_PER_LEVEL = 4

_POINT_OF_INTEREST = re.compile(r"""\n|"|'''|//|/\*|[{}]""")
_STRING = re.compile(r'"(?:[^"\\\n]|\\["\\])*"')
_LONG_STRING = re.compile(r"'''(?:[^'\\]|'(?!'')|\\''')*'''")
_STRING_START = re.compile(r'"(?:[^"\\\n]|\\["\\])*')
_LONG_STRING_START = re.compile(r"'''(?:[^'\\]|'(?!'')|\\''')*")
_NOT_NEWLINE = re.compile(r"[^\n]")


@dataclass(slots=True)
class _SourceLine:
    """A line without comments. One with a '''…''' string goes on to where that ends."""

    number: int
    text: str
    depth: int
    """Number of braces that are open at its start."""


def to_braces(text: str, file: str) -> str:
    """Return ``text`` in brace form: indentation becomes ``{``, ``;`` and ``}``, comments become spaces.

    Renode's platform files may be written in two ways, and mixed: with indentation (four spaces a level) or with braces
    and semicolons. Lines inside braces are left alone. Whatever is inserted goes to the end of a line, so every other
    character keeps its line and column, and an error can point at what the author wrote.

    Raises :class:`~icmsg.errors.PlatformError` with line and column for an indentation that means nothing, a
    string, comment or brace that is not closed, and a comment that hides where its line begins.
    """
    lines = _Scanner(text.replace("\r", ""), file).lines()
    level = 0
    last: _SourceLine | None = None
    for line in lines:
        if not line.text or line.text.isspace():
            continue
        if line.depth == 0:
            indent = _indent(line, file)
            if last is None and indent:
                raise _error("the first line with text cannot be indented", file, line.number, 1)
            if indent > level + 1:
                raise _error(
                    f"indented {indent - level} levels deeper than the entry or attribute above; one level "
                    f"({_SPACES_PER_LEVEL} spaces) opens a block",
                    file,
                    line.number,
                    1,
                )
            if last is not None:
                last.text += "{" if indent > level else "}" * (level - indent) + ";"
            level = indent
        last = line
    if last is not None:
        last.text += "}" * level
    return "\n".join(line.text for line in lines)


def _indent(line: _SourceLine, file: str) -> int:
    spaces = len(line.text) - len(line.text.lstrip(" "))
    if line.text[spaces] == "\t":
        raise _error(
            "a tab in the indentation; write four spaces for each level", file, line.number, spaces + 1
        )
    if spaces % _SPACES_PER_LEVEL:
        raise _error(
            f"indented by {spaces} spaces; write a multiple of {_SPACES_PER_LEVEL}",
            file,
            line.number,
            spaces + 1,
        )
    return spaces // _SPACES_PER_LEVEL


def _error(message: str, file: str, line: int, column: int) -> PlatformError:
    return PlatformError(message, file=file, line=line, column=column)


class _Scanner:
    """Splits a text into lines, knowing strings, comments and braces."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._lines: list[_SourceLine] = []
        self._parts: list[str] = []
        self._number = 1  # of the physical line that is read
        self._line_start = 0  # its first character
        self._line = _SourceLine(1, "", 0)
        self._open: list[PlatformError] = []  # what to say of each open brace if nothing closes it

    def lines(self) -> list[_SourceLine]:
        """Return all lines, blank ones too."""
        text = self._text
        position = 0
        while match := _POINT_OF_INTEREST.search(text, position):
            start = match.start()
            self._parts.append(text[position:start])
            found = match[0]
            if found == "\n":
                position = self._newline(start)
            elif found in "{}":
                position = self._brace(found, start)
            elif found == '"':
                position = self._string(start, _STRING, _STRING_START, '"', '\\" or \\\\')
            elif found == "'''":
                position = self._string(start, _LONG_STRING, _LONG_STRING_START, "'''", "\\'''")
            elif found == "//":
                position = self._line_comment(start)
            else:
                position = self._block_comment(start)
        self._parts.append(text[position:])
        self._end_line()
        if self._open:
            raise self._open[-1]
        return self._lines

    def _error(self, message: str, position: int) -> PlatformError:
        return _error(message, self._file, self._number, position - self._line_start + 1)

    def _end_line(self) -> None:
        self._line.text = "".join(self._parts)
        self._lines.append(self._line)
        self._parts = []

    def _newline(self, position: int) -> int:
        self._end_line()
        self._number += 1
        self._line_start = position + 1
        self._line = _SourceLine(self._number, "", len(self._open))
        return position + 1

    def _brace(self, brace: str, position: int) -> int:
        self._parts.append(brace)
        if brace == "{":
            self._open.append(self._error("this '{' is never closed; write the matching '}'", position))
        elif not self._open:
            raise self._error(
                "this '}' closes nothing; take it away or write the matching '{' before it", position
            )
        else:
            self._open.pop()
        return position + 1

    def _string(
        self, position: int, whole: re.Pattern[str], start: re.Pattern[str], quote: str, escapes: str
    ) -> int:
        match = whole.match(self._text, position)
        if match is None:
            prefix = start.match(self._text, position)
            end = prefix.end() if prefix else position
            if self._text.startswith("\\", end):
                self._count_newlines(position, end)
                raise self._error(f"a backslash in {quote}…{quote} can only be part of {escapes}", end)
            where = " on the same line" if quote == '"' else ""
            raise self._error(f"this {quote} is never closed; write the closing {quote}{where}", position)
        self._parts.append(match[0])
        self._count_newlines(position, match.end())
        return match.end()

    def _count_newlines(self, start: int, end: int) -> None:
        newlines = self._text.count("\n", start, end)
        if newlines:
            self._number += newlines
            self._line_start = self._text.rfind("\n", start, end) + 1

    def _line_comment(self, start: int) -> int:
        # Renode asks for a space before it, so that an address such as http://… in a command is no comment.
        if start > self._line_start and self._text[start - 1] != " ":
            self._parts.append("//")
            return start + 2
        end = self._text.find("\n", start)
        end = len(self._text) if end < 0 else end
        self._parts.append(" " * (end - start))
        return end

    def _block_comment(self, start: int) -> int:
        end = self._text.find("*/", start + 2) + 2
        if end == 1:
            raise self._error("this /* is never closed; write the closing */", start)
        comment = self._text[start:end]
        line_end = self._text.find("\n", end)
        behind = self._text[end : line_end if line_end >= 0 else len(self._text)]
        before = self._text[self._line_start : start]
        if not self._open and behind and not behind.isspace():
            if "\n" in comment:
                self._count_newlines(start, end)
                raise self._error("outside braces only spaces can follow a comment of several lines", end)
            if not before or before.isspace():
                raise self._error(
                    "outside braces a comment at the start of a line must take the whole line", start
                )
        first, *more = _NOT_NEWLINE.sub(" ", comment).split("\n")
        self._parts.append(first)
        position = start + len(first)
        for blank in more:
            position = self._newline(position)
            self._parts.append(blank)
            position += len(blank)
        return end


# Where one of several terminals can stand: what tells the case, what else belongs to it, and its name.
_CASES: tuple[tuple[set[str], set[str], str], ...] = (
    (
        {"STRING", "_LESS", "HEXADECIMAL", "NEW", "_LBRACKET"},
        {
            "LONG_STRING",
            "DECIMAL",
            "FRACTION",
            "MINUS",
            "DOTTED",
            "MEMBER",
            "BOOLEAN",
            "NAME",
            "NONE",
            "EMPTY",
        },
        "a value",
    ),
    (
        {"SECTION", "ARROW"},
        {"NAME", "HEXADECIMAL", "DECIMAL", "_LBRACKET"},
        "an attribute (name: value), a wire (-> destination@number), a section (init:)",
    ),
    ({"DOTTED"}, {"NAME"}, "a type (Namespace.Type)"),
    ({"LOCAL"}, {"NAME"}, "an entry (name: Namespace.Type)"),
    ({"NONE", "_LBRACE", "NAME"}, set(), "where to register ('sysbus 0x1000', or 'none')"),
)
_WORDS = {
    "$END": "the end of the file",
    "USING": "'using'",
    "NEW": "'new'",
    "_AS": "'as \"alias\"'",
    "LOCAL": "'local'",
    "SECTION": "'preinit', 'init' or 'reset'",
    "ADD": "'add'",
    "NONE": "'none'",
    "EMPTY": "'empty'",
    "BOOLEAN": "'true' or 'false'",
    "NAME": "a name",
    "DOTTED": "a name with dots",
    "MEMBER": "an enum's member (.Name)",
    "HEXADECIMAL": "a number",
    "FRACTION": "a number",
    "DECIMAL": "a number",
    "STRING": "a text in double quotes",
    "LONG_STRING": "a text in '''",
    "STATEMENT": "a Monitor command",
    "ARROW": "'->'",
    "MINUS": "'-'",
    "PLUS": "'+'",
    "_AT": "'@'",
    "_COLON": "':'",
    "_COMMA": "','",
    "_SEMICOLON": "a new line (or ';')",
    "_LBRACE": "an indented block (or '{')",
    "_RBRACE": "the end of the block (or '}')",
    "_LBRACKET": "'['",
    "_RBRACKET": "']'",
    "_LESS": "'<'",
    "_GREATER": "'>'",
    "VBAR": "'|'",
    "HASH": "'#'",
}
_RENODE: tuple[tuple[set[str], str], ...] = (
    ({"$END"}, "end of input"),
    (
        {"NONE", "EMPTY", "STRING"},
        "constructor or property value or none keyword or empty keyword",
    ),
    ({"NONE", "_LBRACE"}, "registration info or none keyword or registration infos list"),
    ({"NONE", "NAME"}, "none keyword or destination peripheral reference"),
    ({"_COLON", "ARROW"}, "colon or arrow"),
    ({"_COLON"}, "colon"),
    ({"_RBRACE"}, ""),  # which one, see _block
    ({"_RBRACKET"}, "]"),
    ({"_GREATER"}, ">"),
    ({"_COMMA"}, ","),
    ({"_AT"}, "@"),
    ({"NAME", "DOTTED"}, "type name"),
    ({"HEXADECIMAL"}, "hexadecimal number or decimal non-negative number or decimal number"),
)
"""Words of Renode 1.16.1 for what it expected: the first of which all terminals can stand there."""
_INSERTED = {"{": "a block that is indented deeper", ";": "the end of the line", "}": "the end of the line"}


def explain(error: UnexpectedInput, text: str, braces: str, file: str) -> PlatformError:
    """Return ``error`` in words; ``text`` is what the author wrote, ``braces`` what was parsed."""
    lines = text.replace("\r", "").split("\n")
    found, line, column = _found(error, lines, braces)
    message = f"expected {_expectation(error)}, found {found}"
    if lines[line - 1].startswith("using "):
        message += "; a 'using' line is 'using \"path\"' and stands before all entries"
    refusal = PlatformError(message, file=file, line=line, column=column)
    refusal.syntax = f"Error E00: Syntax error, {_as_renode(error, braces)}"
    return refusal


def _as_renode(error: UnexpectedInput, braces: str) -> str:
    expected = set(_terminals(error))
    words = next((words for terminals, words in _RENODE if terminals <= expected), "")
    state = error.interactive_parser if isinstance(error, UnexpectedToken) else None
    stack = state.parser_state.value_stack if state is not None else []
    if expected == {"STRING"}:
        words = "alias" if stack[-1].type == "_AS" else "quoted string"
    elif not words and "_RBRACE" in expected and stack:
        words = f"{_block(stack)} end"
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    char = "" if at_end else braces.split("\n")[error.line - 1][error.column - 1 :][:1]
    found = "Unexpected end of input reached" if at_end else f"unexpected '{char}'"
    return f"{found}; expected {words or _expectation(error)}"


def _block(stack: Sequence[object]) -> str:
    """Return Renode's name of the block that is open, from what the parser has read."""
    types = [getattr(part, "type", "") for part in stack]
    opened = len(types) - 1 - types[::-1].index("_LBRACE")
    if types[opened - 1] == "_AT":
        return "registration infos list"
    if "SECTION" in types[max(opened - 3, 0) : opened]:  # init:, or init add:
        return f"{stack[opened - 1 - types[opened - 1 :: -1].index('SECTION')]} statement list"
    return "attribute list"


def _found(error: UnexpectedInput, lines: list[str], braces: str) -> tuple[str, int, int]:
    if isinstance(error, UnexpectedEOF) or (
        isinstance(error, UnexpectedToken) and error.token.type == "$END"
    ):
        last = max(number for number, line in enumerate(lines, 1) if line.strip() or number == 1)
        return "the end of the file", last, len(lines[last - 1]) + 1
    line, column = error.line, error.column
    written = lines[line - 1]
    if column > len(written):
        inserted = braces.split("\n")[line - 1][column - 1]
        return _INSERTED.get(inserted, "the end of the line"), line, len(written) + 1
    rest = written[column - 1 :]
    word = rest[
        : next((end for end, char in enumerate(rest) if end and not _belong(rest[0], char)), len(rest))
    ]
    return f"'{word}'", line, column


def _belong(first: str, char: str) -> bool:
    return first == '"' or ((first.isalnum() or first == "_") and (char.isalnum() or char in "_."))


def _expectation(error: UnexpectedInput) -> str:
    expected = set(_terminals(error))
    words = []
    for telling, others, name in _CASES:
        if telling <= expected:
            words.append(name)
            expected -= telling | others
    words += sorted({_WORDS.get(terminal, terminal) for terminal in expected})
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _terminals(error: UnexpectedInput) -> Iterable[str]:
    if isinstance(error, UnexpectedToken):
        accepts = error.accepts
        return accepts if isinstance(accepts, set) and accepts else error.expected
    if isinstance(error, UnexpectedCharacters):
        return error.allowed or ()
    return error.expected if isinstance(error, UnexpectedEOF) else ()
