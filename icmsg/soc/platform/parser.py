"""Parser of the text of one platform file: returns its syntax tree.

The parser of ``repl.lark``, from tables that are kept beside it.

To build the tables takes several times as long as to read a platform file, so they are part of the package. They
hold for one grammar and one release of lark; with any other the parser is built from the grammar, which is slower
and otherwise the same. After a change of the grammar::

    python -c "from icmsg.soc.platform.parser import write_tables; write_tables()"

Words for people about what a parser did not expect.
"""

from __future__ import annotations

import functools
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import lark
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from icmsg.errors import PlatformError
from icmsg.soc.platform.layout import to_braces
from icmsg.soc.platform.reader import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icmsg.soc.platform.values import PlatformFile


GRAMMAR = Path(__file__).with_name("repl.lark")
TABLES = Path(__file__).with_name("repl.tables")


@functools.cache  # it depends on the grammar alone
def platform_parser() -> lark.Lark:
    """Return the parser, which keeps no state from one text to the next."""
    grammar = GRAMMAR.read_text(encoding="utf-8")
    if TABLES.is_file():
        with TABLES.open("rb") as tables:
            if tables.readline() == made_for(grammar):
                return lark.Lark.load(tables)
    return build(grammar)


def build(grammar: str) -> lark.Lark:
    """Return a parser of ``grammar``, without any tables."""
    return lark.Lark(grammar, parser="lalr", propagate_positions=True)


def write_tables() -> None:
    """Write the tables for the grammar as it is now and the lark that is installed."""
    grammar = GRAMMAR.read_text(encoding="utf-8")
    with TABLES.open("wb") as tables:
        tables.write(made_for(grammar))
        build(grammar).save(tables)


def made_for(grammar: str) -> bytes:
    """Return the first line of tables that hold for ``grammar``: the release of lark and the grammar's digest."""
    return f"lark {lark.__version__} {hashlib.sha256(grammar.encode()).hexdigest()}\n".encode()


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


@lru_cache(maxsize=64)  # a description is made for every machine; the tree that is returned cannot change
def parse(text: str, file: str) -> PlatformFile:
    """Return the syntax tree of ``text``; ``file`` is what places and errors call it.

    Raises :class:`~icmsg.errors.PlatformError` with the line, and for syntax the column and what was
    expected.
    """
    braces = to_braces(text, file)
    try:
        tree = platform_parser().parse(braces)
    except UnexpectedInput as error:
        raise explain(error, text, braces, file) from None
    return read(tree, file)
