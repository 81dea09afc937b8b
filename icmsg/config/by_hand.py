"""An instance given by hand: one set of rules for options, verbs, keywords and fixtures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.built_for import SPSC_CACHE_LINE, Release
from icmsg.config.instance import InstanceConfig, Region
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SESSION_ALIGNMENT: Final = 8
"""Smallest dcache-alignment with a handshake word (protocol §1.1)."""


def with_given(
    base: InstanceConfig, given: Mapping[str, Any], release: str | None = None, *, sessions: bool = False
) -> InstanceConfig:
    """Return ``base`` with the fields that are ``given``, with what ``release`` says, and with what follows from both.

    A release tells wire, signalling and the limits of both sides, and one without sessions ``unbound``; where the wire
    changes, the alignment is the usual one of the new wire. With sessions, on this side or (``sessions``) on the other,
    the alignment has room for the handshake word. What is given comes before what follows.

    Raises:
        ConfigurationError: that cannot work.
    """
    changes: dict[str, Any] = {} if release is None else _of_release(Release.parse(release), base)
    changes |= given
    for name in ("tx_region", "rx_region"):
        if isinstance(text := changes.get(name), str):
            changes[name] = region_of(name, text)
    if "dcache_alignment" not in given and (sessions or changes.get("unbound", base.unbound) != "disable"):
        alignment = changes.get("dcache_alignment", base.dcache_alignment)
        changes["dcache_alignment"] = max(alignment, _SESSION_ALIGNMENT)
    if changes.get("wire", base.wire) == "spsc_pbuf":
        changes.setdefault("signalling", "repeat")
    return replace(base, **changes)


def region_of(name: str, text: str) -> Region:
    """Return the region of ``ADDR:SIZE``; ConfigurationError, beginning with ``name``, otherwise."""
    try:
        return Region.parse(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name} {error}") from None


def _of_release(release: Release, base: InstanceConfig) -> dict[str, Any]:
    changes: dict[str, Any] = {"wire": release.wire, "signalling": release.signalling}
    changes |= dict.fromkeys(("rx_limit", "peer_rx_limit"), release.rx_limit)
    if not release.sessions:
        changes["unbound"] = "disable"
    if release.wire != base.wire:
        changes["dcache_alignment"] = SPSC_CACHE_LINE if release.wire == "spsc_pbuf" else 0
    return changes
