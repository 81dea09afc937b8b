"""Static checks that tell from the files of both sides whether they will bond, and the loader of those files.

>>> from icmsg.config.load import load_side
>>> findings = check(load_side("app.dts"), load_side("net.dts", core="net"))  # doctest: +SKIP
>>> will_bond(findings)  # doctest: +SKIP
True

:func:`check` looks at each side by itself and then at both together. Nothing is raised for what can be read but
cannot work: each such thing is a :class:`~icmsg.config.findings.Finding` with the text that names the fix.

Loader of the one or two sides of a check: whose files each is, and in which order.

The files tell the cores (:mod:`icmsg.config.built_for`), whatever the order in which they are given; what they leave
open follows from the SoC's two roles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.config.backends import check_icbmsg_side
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.build_folder import BuildFiles, build_files, build_sides, is_build
from icmsg.config.built_for import core_of, soc_of
from icmsg.config.devicetree import ICBMSG as ICBMSG_NODE
from icmsg.config.devicetree import ME_FOLLOWER, ME_INITIATOR, Devicetree, load_devicetree
from icmsg.config.findings import Finding, SourceLocation, will_bond
from icmsg.config.kconfig import BACKEND, ICBMSG, ME_ROLES, MODE_SWITCHES
from icmsg.config.load import side_of
from icmsg.config.mailboxes import check_channels
from icmsg.config.memory_checks import MemoryRange, check_memory
from icmsg.config.pair_checks import check_pairs
from icmsg.config.pairing import Pairing, choose, leads_to, pair_up
from icmsg.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from icmsg.config.boards import Board
    from icmsg.config.built_for import Release
    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.icbmsg import Generation
    from icmsg.config.load import Files, Side


class SideSettings(NamedTuple):
    """Files and facts that are given for one side, beside its devicetree."""

    kconfig: Files = None
    release: Release | str | None = None
    generation: Generation | None = None
    """Generation of ICBMsg, where the release does not tell it."""


class _Read(NamedTuple):
    files: BuildFiles
    devicetree: Devicetree

    @property
    def board(self) -> Board | None:
        return BOARDS.get(self.files.soc or soc_of(self.devicetree, None) or "")

    @property
    def core(self) -> str | None:
        return self.files.core or core_of(self.devicetree, self.board)


def load_sides(
    paths: Sequence[str],
    settings: Callable[[int, str], SideSettings],
    cores: Sequence[str] = (),
    soc: str | None = None,
) -> list[Side]:
    """Return the sides of one or two files or build folders, or both sides of a folder with several images.

    ``settings`` gives what belongs to a side, by its place (0 or 1) and the name of its core. ``cores`` are those of
    the platform that is meant, those of its link first; without them any core will do, and ``soc`` is the board that is
    meant where the files do not tell.

    Raises:
        ConfigurationError: as for :func:`~icmsg.config.load.load_side`.
    """
    if len(paths) == 1 and is_build(paths[0]):
        found = [_read(files) for files in build_sides(paths).values()]
    else:
        found = [_read(build_files(path, role)) for path, role in zip(paths, DEFAULT.roles, strict=False)]
    boards = [each.board for each in found if each.board is not None]
    expected = cores or (BOARDS[soc] if soc else boards[0] if boards else DEFAULT).roles
    known = [core if not cores or core in cores else None for core in (each.core for each in found)]
    sides = list(zip(_names(known, expected), found, strict=True))
    sides.sort(key=lambda side: expected.index(side[0]) if side[0] in expected else len(expected))
    return [
        side_of(
            read.files, read.devicetree, given.kconfig, given.release, core, soc, generation=given.generation
        )
        for place, (core, read) in enumerate(sides)
        for given in [settings(place, core)]
    ]


def _read(files: BuildFiles) -> _Read:
    return _Read(files, load_devicetree(files.dts))


def _names(known: Sequence[str | None], expected: Sequence[str]) -> list[str]:
    """Return a name for each side: that of its core, else the first of ``expected`` that is free.

    Two files of one core are taken for two sides.
    """
    told = [core if core not in known[:place] else None for place, core in enumerate(known)]
    free = [core for core in expected if core not in told]
    return [core or free.pop(0) for core in told]


__all__ = ["Finding", "MemoryRange", "check", "check_side", "will_bond"]

_OPTIONS: Final = {ICBMSG_NODE: ICBMSG, ME_INITIATOR: ME_ROLES[0], ME_FOLLOWER: ME_ROLES[1]}
"""Kconfig options that build a backend, by ``compatible``."""
_ORDER: Final = {"error": 0, "warning": 1, "note": 2}


def check(
    first: Side,
    second: Side | None = None,
    platform: Sequence[MemoryRange] | None = None,
    ends: Sequence[str] = (),
    instance: str | None = None,
) -> list[Finding]:
    """Return everything that was found, the worst first; an empty list is a good one.

    ``platform`` is the memory of the emulated SoC, None to leave it out; ``ends`` are the cores that share the regions,
    all of the SoC where nobody says. ``instance`` is the only one to look at, by name, label or path. Of two sides,
    only the instances between them are judged (:mod:`icmsg.config.pairing`).

    Raises:
        ConfigurationError: no such instance, or the sides talk to each other through another backend.
    """
    if second is None:
        nodes: Sequence[IcmsgNode] = first.devicetree.instances
        if instance is not None:
            nodes = choose([(node,) for node in nodes], instance, first)
        return _sorted(check_side(first, nodes, platform, ends))
    pairing = pair_up(first, second)
    if instance is not None:
        ours, theirs = choose(pairing.pairs, instance, first, pairing.aside)
        pairing = Pairing([(ours, theirs)], [], [], pairing.aside)
    findings = [
        *check_side(first, pairing.of_first, platform, ends),
        *check_side(second, pairing.of_second, platform, ends),
        *check_pairs(first, second, pairing),
    ]
    return _sorted(findings)


def check_side(
    side: Side,
    nodes: Sequence[IcmsgNode],
    platform: Sequence[MemoryRange] | None = None,
    ends: Sequence[str] = (),
) -> Iterator[Finding]:
    """Yield what is wrong with ``nodes``, instances of one side, whatever the other side is."""
    there = frozenset[str]().union(*(memory.cores for memory in platform or ()))

    def ends_of(node: IcmsgNode) -> Sequence[str]:
        """Return the cores that share the regions of ``node``, as far as the platform has them."""
        other = leads_to(side, node)
        cores = ends if other is None or other in ends else (side.core, other)
        return [core for core in cores if core in there]

    yield from _release(side, nodes)
    for node in nodes:
        yield from _instance(side, node)
        yield from _kconfig(side, node)
    yield from check_icbmsg_side(side, nodes)
    yield from check_channels(side, nodes)
    yield from check_memory(side, nodes, platform, ends_of)
    for other in side.devicetree.others:
        yield Finding(
            "note",
            "other-backend",
            side.core,
            other.path,
            other.place,
            f"{other.compatible} is another backend, of which only the memory was checked",
        )


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])


def _release(side: Side, nodes: Sequence[IcmsgNode]) -> Iterator[Finding]:
    if not nodes:
        return
    node = nodes[0]
    if len(side.releases.wires) > 1:
        yield Finding(
            "note",
            "release-open",
            side.core,
            node.path,
            node.place,
            f"Zephyr {side.releases} ({side.release_source}), whose packet buffers differ: taken as {side.release}. "
            "Give the release, or the build's zephyr/.config",
        )
    elif side.release.wire == "spsc_pbuf" and (side.kconfig is None or side.kconfig.spsc_cache_line is None):
        yield Finding(
            "note",
            "cache-line-open",
            side.core,
            node.path,
            node.place,
            f"the cache line of spsc_pbuf is taken as {side.spsc_cache_line} bytes, which decides where wr_idx is: "
            "give the build's zephyr/.config to be sure",
        )


def _instance(side: Side, node: IcmsgNode) -> Iterator[Finding]:
    try:
        side.backend(node)
    except SourceError as error:
        place = SourceLocation(error.file, error.line or node.place.line)
        message = error.reason.removeprefix(f"{node.path}: ")
        yield Finding("error", "instance", side.core, node.path, place, message)


def _kconfig(side: Side, node: IcmsgNode) -> Iterator[Finding]:
    facts = side.kconfig
    if facts is None:
        return
    option = _OPTIONS.get(node.compatible, BACKEND)
    backend = facts.switch(option)
    if backend is False or (backend is None and facts.complete):
        where = facts.settings[option].place if option in facts.settings else node.place
        yield Finding(
            "error",
            "backend-off",
            side.core,
            node.path,
            where,
            f"the backend is not built ({', '.join(facts.files)}): set CONFIG_IPC_SERVICE=y and CONFIG_{option}=y",
        )
    mode = side.mode(node)
    over_icmsg = node.backend != "icbmsg" or side.generation != "rework"
    if over_icmsg and mode in MODE_SWITCHES and side.release.sessions and not facts.allows(mode):
        switch = MODE_SWITCHES[mode]
        fixed = "" if node.backend == "icmsg" else f" (as {node.compatible} always is)"
        default = fixed or ("" if node.unbound else " (the default)")
        other_way = "" if fixed else ", or use another mode"
        yield Finding(
            "error",
            "mode-forbidden",
            side.core,
            node.path,
            node.place_of("unbound"),
            f'unbound = "{mode}"{default} is not built: CONFIG_{switch} is off ({facts.settings[switch].place}). '
            f"Set CONFIG_{switch}=y{other_way}",
        )
