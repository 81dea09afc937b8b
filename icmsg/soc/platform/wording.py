"""Words for people about what a parser did not expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from icmsg.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_INSERTED = {"{": "a block that is indented deeper", ";": "the end of the line", "}": "the end of the line"}


def explain(error: UnexpectedInput, text: str, braces: str, file: str) -> PlatformError:
    """Return ``error`` in words; ``text`` is what the author wrote, ``braces`` what was parsed."""
    lines = text.replace("\r", "").split("\n")
    found, line, column = _found(error, lines, braces)
    message = f"expected {_expectation(error)}, found {found}"
    if lines[line - 1].startswith("using "):
        message += "; a 'using' line is 'using \"path\"' and stands before all entries"
    return PlatformError(message, file=file, line=line, column=column)


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
