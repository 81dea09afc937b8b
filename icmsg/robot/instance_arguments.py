"""Configuration of an instance, from the arguments of `Play Core`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.icbmsg import ZEPHYR_DEFECTS, Defect
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.instance import InstanceConfig

_ALL: Final = "all"
_LIMITS: Final = {"rx_limit", "peer_rx_limit"}
"""Arguments of which a devicetree says nothing."""


def config_from_files(
    core: str,
    other: str,
    dts: str,
    kconfig: str | None,
    release: str | None,
    dts_of: str,
    chosen: str | None,
    name: str,
    given: Mapping[str, Any],
) -> InstanceConfig:
    """Return the instance ``chosen`` (None = the only one) of a devicetree, as ``core`` has it, called ``name``.

    ``dts_of`` is the core whose devicetree it is: ``core``, or the ``other`` end of its link.

    Raises:
        ConfigurationError: with file and line; or arguments that the devicetree says already.
    """
    from icmsg.config.load import load_pair, load_side  # parsing devicetrees is slow to load

    twice = [argument for argument in given if argument not in _LIMITS]
    if twice:
        raise ConfigurationError(f"{twice[0]} and dts exclude each other: the devicetree says it already")
    side = load_side(dts, kconfig, release, dts_of)
    own, theirs = load_pair(side, None, chosen)
    if dts_of not in (core, other):
        raise ConfigurationError(f"dts_of={dts_of}: use {core} or {other}, the two cores of the link")
    return replace(own if dts_of == core else theirs, name=name, **dict(given))


def defects_of(text: str) -> frozenset[Defect]:
    """Return the defects of a list with commas, or ``all`` that Zephyr's rework has; IcbmsgConfig checks the names."""
    if text == _ALL:
        return ZEPHYR_DEFECTS
    names = [name.strip() for name in text.split(",") if name.strip()]
    return frozenset(names)  # type: ignore[arg-type]  # IcbmsgConfig refuses others
