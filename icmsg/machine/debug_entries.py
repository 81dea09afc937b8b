"""Attributes of the entries (DIEs) that debug information is made of."""

from __future__ import annotations

from typing import Any, Final

DEEPEST: Final = 64
"""Depth of what lies within one another, or refers to one another; more is no tree."""


def die_name(die: Any) -> str | None:
    """Return what an entry of the debug information is called, itself or where it comes from."""
    for _ in range(DEEPEST):
        name = text_of(die, "DW_AT_name")
        if name is not None:
            return name
        link = next(
            (each for each in ("DW_AT_abstract_origin", "DW_AT_specification") if each in die.attributes),
            None,
        )
        if link is None:
            return None
        die = die.get_DIE_from_attribute(link)
    return None


def text_of(die: Any, attribute: str) -> str | None:
    """Return an attribute of an entry that is a text."""
    found = die.attributes.get(attribute)
    return None if found is None else decoded(found.value)


def number_of(die: Any, attribute: str) -> int | None:
    """Return an attribute of an entry that is a number."""
    found = die.attributes.get(attribute)
    return found.value if found is not None and isinstance(found.value, int) else None


def decoded(value: Any) -> str:
    """Return a name in a file as text."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
