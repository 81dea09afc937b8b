"""Parser of the text of one platform file: returns its syntax tree."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lark.exceptions import UnexpectedInput

from icmsg.soc.platform.layout import to_braces
from icmsg.soc.platform.reader import read
from icmsg.soc.platform.tables import platform_parser
from icmsg.soc.platform.wording import explain

if TYPE_CHECKING:
    from icmsg.soc.platform.nodes import PlatformFile


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
