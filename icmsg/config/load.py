"""Loader of :class:`~icmsg.config.InstanceConfig` from the files of a build.

:func:`load_instances` gives the instances of one side, :func:`load_pair` one instance as both sides see it, and
:func:`load_side` everything that :mod:`icmsg.config.checks` looks at. The first two are for ICMsg;
:func:`load_backends` gives one instance of any backend.

What the devicetree does not say follows from the release (protocol §3.7): the packet buffer, how the sides ring
while bonding and how long a message may be. The release is given, or follows from the options in Kconfig, or from
the properties in the devicetree. What is still open is taken to be the newest release.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from icmsg.config.backends import blamed, icbmsg_config, icmsg_me_config
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.build_folder import build_files
from icmsg.config.built_for import (
    GENERATIONS,
    ICBMSG_SINCE,
    ICMSG_ME_SINCE,
    PBUF,
    SESSIONS,
    SPSC_CACHE_LINE,
    Release,
    Releases,
    soc_of,
)
from icmsg.config.devicetree import NAMES, load_devicetree
from icmsg.config.icbmsg import Generation
from icmsg.config.instance import MAGIC_LENGTH, InstanceConfig, one_of
from icmsg.config.kconfig import REPEAT, RX_SIZE, KconfigFacts, load_kconfig
from icmsg.config.pairing import choose, pair_up
from icmsg.errors import ConfigurationError, DevicetreeError, KconfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from icmsg.config.build_folder import BuildFiles
    from icmsg.config.devicetree import BackendName, Devicetree, IcmsgNode
    from icmsg.config.findings import SourceLocation
    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.config.icmsg_me import IcmsgMeConfig
    from icmsg.config.instance import Unbound
    from icmsg.config.memory_checks import LinkedMemory

    AnyConfig = InstanceConfig | IcbmsgConfig | IcmsgMeConfig
    """Configuration of one side of one instance, whatever its backend."""
    File = str | os.PathLike[str]
    Files = File | Sequence[File] | None

_NO_DEVICETREE = "no devicetree is given: give the file of one side"
BACKENDS_SINCE: Final[Mapping[str, Release]] = MappingProxyType(
    {"icbmsg": ICBMSG_SINCE, "icmsg_me": ICMSG_ME_SINCE}
)
"""The first releases with a backend."""


@dataclass(frozen=True, slots=True)
class Side:
    """One core's files. ``release`` is the one that is taken, out of ``releases`` that are possible."""

    core: str
    devicetree: Devicetree
    kconfig: KconfigFacts | None
    releases: Releases
    release_source: str
    """The source of the releases, in words."""
    image: Path | None = None
    """The image beside the devicetree in a build's folder."""
    linked: LinkedMemory | None = None
    """The memory that the image uses; None where nobody has looked."""
    meant_soc: str | None = None
    """The board that is meant where the files tell none."""
    given_generation: Generation | None = None
    """The generation of ICBMsg that is given, where the release does not tell."""

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The generations of ICBMsg that this build may have, the oldest first."""
        return (self.given_generation,) if self.given_generation else self.releases.generations

    @property
    def generation(self) -> Generation:
        """The one of them that is taken."""
        return self.given_generation or self.release.generation or "3.6"

    @property
    def release(self) -> Release:
        """The newest of the possible releases."""
        return self.releases.newest

    @property
    def soc(self) -> str | None:
        """The SoC as far as the files tell, see :func:`~icmsg.config.built_for.soc_of`, else the one that is meant."""
        told = soc_of(self.devicetree, self.kconfig)
        return told if told in BOARDS or self.meant_soc is None else self.meant_soc

    def mode(self, node: IcmsgNode) -> Unbound | str:
        """Return how ``node`` bonds: its ``unbound``, or "disable", as ICBMsg and icmsg_me always do."""
        return (node.unbound or "disable") if node.backend == "icmsg" else "disable"

    @property
    def spsc_cache_line(self) -> int:
        """Bytes of the cache layout of spsc_pbuf."""
        known = self.kconfig.spsc_cache_line if self.kconfig else None
        return SPSC_CACHE_LINE if known is None else known

    @property
    def rx_limit(self) -> int | None:
        """Longest payload in bytes that this side takes."""
        known = self.kconfig.rx_limit if self.kconfig else None
        return self.release.rx_limit if known is None else known

    def backend(self, node: IcmsgNode) -> AnyConfig:
        """Return the configuration of ``node``, whatever its backend. Raises as :meth:`config` does."""
        if node.backend == "icbmsg":
            self._check_properties(node)
            if self.generation != "rework":
                self._check_magic_fits()
            return icbmsg_config(self, node)
        return icmsg_me_config(self, node) if node.backend == "icmsg_me" else self.config(node)

    def config(self, node: IcmsgNode) -> InstanceConfig:
        """Return the configuration of the ICMsg instance that ``node`` is, or that icmsg_me has below it.

        Raises:
            DevicetreeError: it can never bond; with file and line.
            KconfigError: the same, and the reason is in Kconfig.
        """
        self._check_properties(node)
        release, mode = self.release, self.mode(node)
        if mode != "enable":
            self._check_magic_fits()
        repeat = self.kconfig.number(REPEAT) if self.kconfig else None
        alignment = node.dcache_alignment or 0
        try:
            return InstanceConfig(
                tx_region=node.tx_region.region,
                rx_region=node.rx_region.region,
                tx_channel=node.tx_channel.number,
                rx_channel=node.rx_channel.number,
                dcache_alignment=alignment if release.wire == "pbuf" else self.spsc_cache_line,
                unbound=mode,  # type: ignore[arg-type]  # InstanceConfig refuses any other text
                wire=release.wire,
                signalling=release.signalling,
                bond_notify_repeat_to_ms=repeat or 1,
                rx_limit=self.rx_limit,
                name=node.name,
            )
        except ConfigurationError as error:
            raise blamed(node, str(error)).error(DevicetreeError, f"{node.path}: {error}") from None

    def _check_properties(self, node: IcmsgNode) -> None:
        since = BACKENDS_SINCE.get(node.backend)
        if since is not None and self.release < since:
            raise node.place_of("compatible").error(
                DevicetreeError,
                f"{node.path}: {node.compatible} exists since Zephyr {since}, and this is Zephyr {self.releases} "
                f"({self.release_source}): use zephyr,ipc-icmsg on both sides, or build with {since} or newer",
            )
        for name, there, since in (
            ("unbound", node.unbound is not None, SESSIONS),
            ("dcache-alignment", node.dcache_alignment is not None, PBUF),
        ):
            if there and self.release < since:
                raise node.place_of(name).error(
                    DevicetreeError,
                    f"{node.path}: the property {name} exists since Zephyr {since}, and this is Zephyr "
                    f"{self.releases} ({self.release_source}): take it away, or build with {since} or newer",
                )

    def _check_magic_fits(self) -> None:
        limit = self.rx_limit
        if limit is None or limit >= MAGIC_LENGTH:
            return
        assert self.kconfig is not None  # a release's own limit is longer
        raise self.kconfig.settings[RX_SIZE].place.error(
            KconfigError,
            f"CONFIG_{RX_SIZE}={limit} cannot hold the {MAGIC_LENGTH} bytes of the magic: "
            f"use {MAGIC_LENGTH} or more",
        )


@dataclass(frozen=True, slots=True)
class NamedInstance:
    """Instance of a file. ``name`` is its label (else its node's name), and unique in the file."""

    name: str
    path: str
    core: str
    config: InstanceConfig
    place: SourceLocation


class BackendPair(NamedTuple):
    """Instance of any backend as its two sides have it."""

    first: AnyConfig
    second: AnyConfig


class InstancePair(NamedTuple):
    """Instance as its two sides have it; they differ where the files are wrong."""

    first: InstanceConfig
    second: InstanceConfig

    @property
    def app(self) -> InstanceConfig:
        """The former name of ``first``."""
        return self.first

    @property
    def net(self) -> InstanceConfig:
        """The former name of ``second``."""
        return self.second


def load_instances(
    dts: File, kconfig: Files = None, release: Release | str | None = None, core: str = DEFAULT.roles[0]
) -> list[NamedInstance]:
    """Return the enabled instances of ICMsg in the devicetree file ``dts``, in the order of the file.

    ``dts`` may also be the folder of a build, with its ``.config``. ``kconfig`` is a ``.config`` or ``prj.conf``, or
    several; ``release`` is for files that do not tell it. Raises :class:`ConfigurationError` with file and line.
    """
    side = load_side(dts, kconfig, release, core)
    return [
        NamedInstance(node.name, node.path, core, side.config(node), node.place)
        for node in icmsg_only(side.devicetree.instances, side)
    ]


def load_backends(
    first: Side | None,
    second: Side | None = None,
    instance: str | None = None,
    backend: BackendName | None = None,
) -> BackendPair:
    """Return one instance of any backend as both sides have it; arguments and errors are those of :func:`load_pair`.

    Of several, one of ``backend`` is chosen. Raises also where the two sides have different backends.
    """
    side = first or second
    if side is None:
        raise ConfigurationError(_NO_DEVICETREE)
    if first is None or second is None:
        nodes = [(node,) for node in side.devicetree.instances]
        config = side.backend(choose(nodes, instance, side, (), backend)[0])
        both = config, config.mirrored()
        return BackendPair(*(both if side is first else both[::-1]))
    pairing = pair_up(first, second)
    ours, theirs = choose(pairing.pairs, instance, first, pairing.aside, backend)
    if ours.backend != theirs.backend:
        raise theirs.place_of("compatible").error(
            DevicetreeError,
            f"{theirs.path} is {NAMES[theirs.compatible]} and {ours.path} of {first.core} ({ours.place}) is "
            f"{NAMES[ours.compatible]}: use the same backend on both sides",
        )
    if ours.backend == "icmsg":
        return BackendPair(*_limited(first, ours, theirs, second))
    return BackendPair(first.backend(ours), second.backend(theirs))


def icmsg_only(nodes: Sequence[IcmsgNode], side: Side) -> list[IcmsgNode]:
    """Return those of ``nodes`` that are ICMsg; DevicetreeError where all of them are of other backends."""
    found = [node for node in nodes if node.backend == "icmsg"]
    if nodes and not found:
        raise (
            nodes[0]
            .place_of("compatible")
            .error(
                DevicetreeError,
                f"{nodes[0].path} of {side.core} is {NAMES[nodes[0].compatible]}, and here only ICMsg can be used: "
                "give files with an instance of ICMsg; icmsg check and load_backends() take this one",
            )
        )
    return found


def load_pair(first: Side | None, second: Side | None = None, instance: str | None = None) -> InstancePair:
    """Return one instance as both sides have it; a side without files is the mirror of the other.

    ``instance`` is the name, a label or the path on either side; None will do where there is only one.

    Raises:
        ConfigurationError: there is no such instance, there are several, or it has no counterpart.
    """
    side = first or second
    if side is None:
        raise ConfigurationError(_NO_DEVICETREE)
    if first is None or second is None:
        nodes = icmsg_only(side.devicetree.instances, side)
        config = side.config(choose([(node,) for node in nodes], instance, side)[0])
        return (
            InstancePair(config, config.mirrored())
            if side is first
            else InstancePair(config.mirrored(), config)
        )
    pairing = pair_up(first, second)
    icmsg_only([ours for ours, _ in pairing.pairs], first)
    icmsg_only([theirs for _, theirs in pairing.pairs], second)
    pairs = [pair for pair in pairing.pairs if {node.backend for node in pair} == {"icmsg"}]
    ours, theirs = choose(pairs, instance, first, pairing.aside)
    return _limited(first, ours, theirs, second)


def _limited(first: Side, ours: IcmsgNode, theirs: IcmsgNode, second: Side) -> InstancePair:
    one, other = first.config(ours), second.config(theirs)
    return InstancePair(
        replace(one, peer_rx_limit=other.rx_limit), replace(other, peer_rx_limit=one.rx_limit)
    )


def load_side(
    dts: File,
    kconfig: Files = None,
    release: Release | str | None = None,
    core: str = DEFAULT.roles[0],
    generation: Generation | None = None,
) -> Side:
    """Return what the files of ``core`` say; the arguments are those of :func:`load_instances`.

    ``generation`` is that of ICBMsg, where the release does not tell it.

    Raises:
        ConfigurationError: with file and line; a file cannot be used, or ``release`` contradicts Kconfig.
    """
    files = build_files(dts, core)
    return side_of(files, load_devicetree(files.dts), kconfig, release, core, generation=generation)


def side_of(
    files: BuildFiles,
    devicetree: Devicetree,
    kconfig: Files,
    release: Release | str | None,
    core: str,
    soc: str | None = None,
    generation: Generation | None = None,
) -> Side:
    """Return the same for files that were found and read; ``soc`` is what is meant where they do not tell."""
    paths: Sequence[File] = [kconfig] if isinstance(kconfig, (str, os.PathLike)) else kconfig or ()
    if not paths and files.kconfig is not None:
        paths = [files.kconfig]
    facts = load_kconfig(*paths) if paths else None
    known, source = Releases(), "nothing tells the release"
    if facts is not None and facts.releases != known:
        known, source = facts.releases, f"from {', '.join(facts.files)}"
    if files.releases is not None and (built := known & files.releases):
        known, source = built, f"from {files.release_source}"
    if release is not None:
        known, source = _given(release, facts), "as given"
    known, source = _narrowed(known, source, devicetree)
    if generation is not None:
        known, source = _of_generation(generation, known, source)
    return Side(
        core, devicetree, facts, known, source, files.image, meant_soc=soc, given_generation=generation
    )


def _of_generation(generation: Generation, known: Releases, source: str) -> tuple[Releases, str]:
    one_of("generation", generation, get_args(Generation))
    if narrowed := known & GENERATIONS[generation]:
        return narrowed, source if narrowed == known else f"by the generation of ICBMsg; {source}"
    raise ConfigurationError(
        f"generation {generation} of ICBMsg is given, but Zephyr {known} ({source}) has "
        f"{' or '.join(known.generations) or 'none'}: give the generation that was built, or none"
    )


def _given(release: Release | str, facts: KconfigFacts | None) -> Releases:
    given = Release.parse(release) if isinstance(release, str) else release
    releases = Releases(given, given)
    if facts is not None and not releases & facts.releases:
        because = facts.against(releases) or f"what {', '.join(facts.files)} lacks"
        raise ConfigurationError(
            f"release {given} is given, but {because} means Zephyr {facts.releases}: "
            "give the release that was built, or none"
        )
    return releases


def _narrowed(known: Releases, source: str, devicetree: Devicetree) -> tuple[Releases, str]:
    """Return ``known`` without the releases that lack a property, unless that leaves none (a finding, later)."""
    since = [SESSIONS for node in devicetree.instances if node.unbound is not None]
    since += [PBUF for node in devicetree.instances if node.dcache_alignment is not None]
    since += [BACKENDS_SINCE[node.backend] for node in devicetree.instances if node.backend in BACKENDS_SINCE]
    narrowed = known & Releases(max(since, default=known.first))
    if not narrowed or narrowed == known:
        return known, source
    return narrowed, f"{source}; from the properties in {devicetree.file}" if known != Releases() else (
        f"from the properties in {devicetree.file}"
    )
