"""Defects of an instance, from the arguments of `Play Core`."""

from __future__ import annotations

from typing import Final

from icmsg.config.icbmsg import ZEPHYR_DEFECTS, Defect

_ALL: Final = "all"


def defects_of(text: str) -> frozenset[Defect]:
    """Return the defects of a list with commas, or ``all`` that Zephyr's rework has; IcbmsgConfig checks the names."""
    if text == _ALL:
        return ZEPHYR_DEFECTS
    names = [name.strip() for name in text.split(",") if name.strip()]
    return frozenset(names)  # type: ignore[arg-type]  # IcbmsgConfig refuses others
