"""From the arguments of `Play Core` to the configuration of an instance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.instance import Region
from icmsg.config.release import Release
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.instance import InstanceConfig
    from icmsg.robot.values import CoreName

_SESSION_ALIGNMENT: Final = 8
"""Smallest dcache-alignment with a handshake word (protocol §1.1)."""
_LIMITS: Final = {"rx_limit", "peer_rx_limit"}
"""Of these a devicetree says nothing."""


def config_from_arguments(
    base: InstanceConfig, given: Mapping[str, Any], release: str | None = None
) -> InstanceConfig:
    """Return ``base`` with what was given, and what ``release`` does; ConfigurationError if that cannot work."""
    changes = dict(given)
    if release is not None:
        zephyr = Release.parse(release)
        for name in ("wire", "signalling", "rx_limit"):
            changes.setdefault(name, getattr(zephyr, name))
    for name in ("tx_region", "rx_region"):
        if name in changes:
            changes[name] = _region(name, changes[name])
    unbound = changes.get("unbound", base.unbound)
    if unbound != "disable":
        changes.setdefault("dcache_alignment", max(base.dcache_alignment, _SESSION_ALIGNMENT))
    if changes.get("wire", base.wire) == "spsc_pbuf":
        changes.setdefault("signalling", "repeat")
    return replace(base, **changes)


def config_from_files(
    core: CoreName,
    dts: str,
    kconfig: str | None,
    release: str | None,
    dts_of: CoreName,
    chosen: str | None,
    name: str,
    given: Mapping[str, Any],
) -> InstanceConfig:
    """Return the instance ``chosen`` (None = the only one) of a devicetree, as ``core`` has it, called ``name``.

    Raises:
        ConfigurationError: with file and line; or arguments that the devicetree says already.
    """
    from icmsg.config.load import load_pair, load_side  # parsing devicetrees is slow to load

    twice = [argument for argument in given if argument not in _LIMITS]
    if twice:
        raise ConfigurationError(f"{twice[0]} and dts exclude each other: the devicetree says it already")
    side = load_side(dts, kconfig, release, dts_of)
    pair = load_pair(side, None, chosen) if dts_of == "app" else load_pair(None, side, chosen)
    return replace(pair.app if core == "app" else pair.net, name=name, **dict(given))


def _region(name: str, text: str) -> Region:
    try:
        return Region.parse(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name} {error}") from None
