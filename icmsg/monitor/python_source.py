"""Python of Renode's scripts (2.7, as IronPython has it) as the Python that runs here: what differs is rewritten.

That is ``print`` without parentheses, ``except Error, name``, and ``/``, which rounds whole numbers down. What else is
Python 2.7's alone is a syntax error, and is said.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from token import COMMENT, ENDMARKER, INDENT, NAME, NEWLINE, OP
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

DIVISION: Final = "__division__"
"""Name by which a rewritten script calls :func:`divide`."""
_OPENING, _CLOSING = "([{", ")]}"
_BEFORE_STATEMENTS: Final = (NEWLINE, INDENT, tokenize.DEDENT, tokenize.NL, COMMENT)


def compile_script(text: str, file: str = "<script>", *, result: str = "") -> CodeType:
    """Return the code of a script; one that is an expression puts its value into the name ``result``.

    Raises:
        MonitorError: it is no Python; the text says where, as Renode does.
    """
    text = text.replace("\r\n", "\n").expandtabs(8)
    try:
        tree = ast.parse(_rewritten(text), file)
        only = tree.body[0] if len(tree.body) == 1 else None
        if result and isinstance(only, ast.Expr):
            kept = ast.Assign([ast.Name(result, ast.Store())], only.value)
            tree.body[0] = ast.copy_location(kept, only)
        return compile(ast.fix_missing_locations(_Divisions().visit(tree)), file, "exec")
    except (SyntaxError, ValueError) as error:
        place = (
            f" (Line {error.lineno}, Column {error.offset})"
            if isinstance(error, SyntaxError) and error.lineno
            else ""
        )
        what = _wrong(error, text) if isinstance(error, SyntaxError) else str(error)
        raise MonitorError(
            f"[FatalError] {what}{place}\nscripts are run by Python {sys.version_info[0]}.{sys.version_info[1]} here; "
            "of Python 2.7 it knows print, except Error, name, and what / means"
        ) from error


def _wrong(error: SyntaxError, text: str) -> str:
    """Return what is wrong; where the text is at its end too early, in Python 2.7's words."""
    lines = text.split("\n")
    at_end = error.lineno == len(lines) and error.offset is not None and error.offset > len(lines[-1])
    return "unexpected EOF while parsing" if at_end else error.msg


def divide(left: object, right: object) -> object:
    """Divide as Python 2.7: whole numbers give a whole number, rounded down.

    >>> divide(7, 2), divide(7.0, 2)
    (3, 3.5)
    """
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return left / right  # type: ignore[operator]


class _Divisions(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        call = ast.Call(ast.Name(DIVISION, ast.Load()), [node.left, node.right], [])
        return ast.copy_location(call, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            node.op = ast.FloorDiv()
        return node


def _rewritten(text: str) -> str:
    """Return the text with Python 2.7's statements in the form of Python 3; what cannot be read stays as it is."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    lines = text.split("\n")
    edits: list[tuple[int, int, int, str]] = []  # row, first and last column, text
    depth = 0
    begins = True
    for index, token in enumerate(tokens):
        if begins and token.type == NAME and token.string == "print":
            edits += _print_edits(tokens, index)
        if begins and token.type == NAME and token.string == "except":
            edits += _except_edits(tokens, index)
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        begins = depth == 0 and (
            token.type in _BEFORE_STATEMENTS or (token.type == OP and token.string in ";:")
        )
    for row, first, last, new in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:first] + new + line[last:]
    return "\n".join(lines)


def _end_of_statement(tokens: Sequence[tokenize.TokenInfo], index: int) -> int:
    depth = 0
    for end in range(index + 1, len(tokens)):
        token = tokens[end]
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        if token.type in (NEWLINE, COMMENT, ENDMARKER) or (depth == 0 and token.string == ";"):
            return end
    return len(tokens) - 1


def _print_edits(tokens: Sequence[tokenize.TokenInfo], index: int) -> list[tuple[int, int, int, str]]:
    word = tokens[index]
    end = _end_of_statement(tokens, index)
    inside = tokens[index + 1 : end]
    if not inside:
        return [(word.start[0], word.start[1], word.end[1], "print()")]
    if inside[0].string == "=" or _is_one_group(inside):
        return []
    last = inside[-1]
    row, column = last.end
    if last.string == ",":
        return [(word.end[0], word.end[1], inside[0].start[1], "("), (row, column - 1, column, ", end=' ')")]
    return [(word.end[0], word.end[1], inside[0].start[1], "("), (row, column, column, ")")]


def _is_one_group(tokens: Sequence[tokenize.TokenInfo]) -> bool:
    """Return whether one pair of parentheses holds all: ``print("x")`` is the same in both."""
    depth = 0
    for number, token in enumerate(tokens):
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        if depth == 0:
            return tokens[0].string == "(" and number == len(tokens) - 1
    return False


def _except_edits(tokens: Sequence[tokenize.TokenInfo], index: int) -> list[tuple[int, int, int, str]]:
    depth = 0
    for token in tokens[index + 1 :]:
        if token.type == OP:
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
        if depth == 0 and token.string == ",":
            return [(token.start[0], token.start[1], token.end[1], " as")]
        if token.string == ":" and depth == 0:
            break
    return []
