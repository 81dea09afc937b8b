"""From the text of one platform file to its syntax tree."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lark import Lark
from lark.exceptions import UnexpectedInput

from icmsg.cosim.platform.layout import to_braces
from icmsg.cosim.platform.reader import read
from icmsg.cosim.platform.wording import explain

if TYPE_CHECKING:
    from icmsg.cosim.platform.nodes import PlatformFile


def parse(text: str, file: str) -> PlatformFile:
    """Return the syntax tree of ``text``; ``file`` is what places and errors call it.

    Raises :class:`~icmsg.errors.PlatformError` with the line, and for syntax the column and what was
    expected.
    """
    braces = to_braces(text, file)
    try:
        tree = _grammar().parse(braces)
    except UnexpectedInput as error:
        raise explain(error, text, braces, file) from None
    return read(tree, file)


@functools.cache  # the tables depend on the grammar alone, and take longer to build than a file takes to read
def _grammar() -> Lark:
    return Lark.open("repl.lark", rel_to=__file__, parser="lalr", propagate_positions=True)
