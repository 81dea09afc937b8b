"""Keywords about who touches a region: watchpoints on its words."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from robot.api.deco import keyword

from icmsg.link.region_watch import RegionAccess, RegionWatch
from icmsg.robot.values import CoreName, RegionName, as_timedelta

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.machine.firmware_stops import AccessKind
    from icmsg.robot.context import KeywordContext

_SHOWN: Final = 8
_KEPT: Final = 20_000


class WatchpointKeywords:
    """Regions are called ``tx`` and ``rx`` as the core has them that is named before.

    Words are ``rd_idx``, ``wr_idx``, ``handshake`` and ``data``.
    """

    def __init__(self, context: KeywordContext) -> None:
        self._context = context
        self._kept: dict[tuple[str, str, str | None], list[RegionAccess]] = {}

    @keyword(tags=["regions"])
    def watch_region(
        self,
        core: CoreName,
        region: RegionName,
        *words: str,
        loads: bool = False,
        instance: str | None = None,
    ) -> None:
        """Records every store to a region from now on, or to these words of it; with ``loads=True`` loads, too.

        Use it before firmware runs; `Get Region Accesses` returns what came.

        | Watch Region | app | tx | wr_idx | |
        """
        kept = self._kept[str(core), region, instance] = []

        def told(access: RegionAccess) -> None:
            if len(kept) < _KEPT:
                kept.append(access)

        self._watch(core, region, instance, told, words, ("store", "load") if loads else ("store",))

    @keyword(tags=["regions"])
    def get_region_accesses(
        self, core: CoreName, region: RegionName, instance: str | None = None
    ) -> list[dict[str, object]]:
        """Returns the accesses since `Watch Region`, at most 20,000: dictionaries as of `Wait For Access`."""
        key = str(core), region, instance
        if key not in self._kept:
            raise AssertionError(
                f"nobody watches {region}-region of {core}; use `Watch Region    {core}    {region}` first"
            )
        return [_as_robot(access) for access in self._kept[key]]

    @keyword(tags=["regions"])
    def wait_for_access(
        self,
        core: CoreName,
        region: RegionName,
        word: str = "wr_idx",
        by: CoreName | None = None,
        kind: str = "store",
        function: str | None = None,
        timeout: timedelta | None = None,
        instance: str | None = None,
    ) -> dict[str, object]:
        """Runs until a core touches a word of a region, and returns who, when, what and where.

        ``by`` is the core, ``kind`` is ``store`` or ``load`` (by firmware), ``function`` the function that does it. The
        dictionary has ``core``, ``time``, ``kind``, ``word``, ``offset``, ``value``, ``pc``, ``function``, ``place``; a
        core that Python plays has ``Python`` as function.

        | ${access}= | Wait For Access | app | rx | wr_idx | by=net | timeout=5 ms |
        | Should Be Equal | ${access.function} | pbuf_write | | | |
        """
        if kind not in ("store", "load"):
            raise AssertionError(f"kind={kind}: use store or load")
        seen: list[RegionAccess] = []
        found: list[RegionAccess] = []

        def told(access: RegionAccess) -> None:
            right = by in (None, access.core) and function in (None, access.function)
            if len(seen) < _KEPT:
                seen.append(access)
            if right and not found:
                found.append(access)

        wanted: AccessKind = "load" if kind == "load" else "store"
        watch = self._watch(core, region, instance, told, (word,), (wanted,))
        what = f"a {kind} to {word} in {region}-region of {core}"
        what += (f" by {by}" if by else "") + (f" in {function}" if function else "")
        try:
            self._context.wait(lambda: bool(found), timeout, what)
        except AssertionError as error:
            first, *others = str(error).splitlines()
            lines = [f"meanwhile: {access}" for access in seen[-_SHOWN:]]
            raise AssertionError(
                "\n".join([first, *(lines or ["meanwhile: none at all"]), *others])
            ) from None
        finally:
            watch.stop()
        return _as_robot(found[0])

    def _watch(
        self,
        core: CoreName,
        region: RegionName,
        instance: str | None,
        told: Callable[[RegionAccess], None],
        words: tuple[str, ...],
        kinds: tuple[AccessKind, ...],
    ) -> RegionWatch:
        links = self._context.links
        other = links.other(core)
        own, mirror = links.of(core, instance), links.of(other, instance)
        regions = (
            {core: own.tx_region, other: mirror.rx_region}
            if region == "tx"
            else {core: own.rx_region, other: mirror.tx_region}
        )
        layout = own.tx_layout if region == "tx" else own.rx_layout
        return RegionWatch(self._context.machine, regions, layout, told, words=words, kinds=kinds)


def _as_robot(access: RegionAccess) -> dict[str, object]:
    return {
        "core": access.core,
        "time": as_timedelta(access.time_ns),
        "kind": access.kind,
        "word": access.word,
        "offset": access.offset,
        "value": access.value,
        "pc": access.pc,
        "function": access.function,
        "place": access.place,
    }
