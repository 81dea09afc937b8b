"""The parser of ``repl.lark``, from tables that are kept beside it.

To build the tables takes several times as long as to read a platform file, so they are part of the package. They
hold for one grammar and one release of lark; with any other the parser is built from the grammar, which is slower
and otherwise the same. After a change of the grammar::

    python -c "from icmsg.soc.platform.tables import write_tables; write_tables()"
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import lark

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
