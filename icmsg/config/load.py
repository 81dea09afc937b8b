"""Loader of :class:`~icmsg.config.InstanceConfig` from the files of a build.

:func:`load_instances` gives the instances of one side, :func:`load_pair` one instance as both sides see it, and
:func:`load_side` everything that :mod:`icmsg.config.checks` looks at.

What the devicetree does not say follows from the release (protocol §3.7): the packet buffer, how the sides ring
while bonding and how long a message may be. The release is given, or follows from the options in Kconfig, or from
the properties in the devicetree. What is still open is taken to be the newest release.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.build_folder import build_files
from icmsg.config.devicetree import load_devicetree
from icmsg.config.instance import MAGIC_LENGTH, InstanceConfig
from icmsg.config.kconfig import REPEAT, RX_SIZE, KconfigFacts, load_kconfig
from icmsg.config.pairing import choose, pair_up
from icmsg.config.release import PBUF, SESSIONS, SPSC_CACHE_LINE, Release, Releases
from icmsg.config.soc import soc_of
from icmsg.errors import ConfigurationError, DevicetreeError, KconfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from icmsg.config.build_folder import BuildFiles
    from icmsg.config.devicetree import Devicetree, IcmsgNode
    from icmsg.config.instance import Unbound
    from icmsg.config.memory_checks import LinkedMemory
    from icmsg.config.place import Place

    File = str | os.PathLike[str]
    Files = File | Sequence[File] | None


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

    @property
    def release(self) -> Release:
        """The newest of the possible releases."""
        return self.releases.newest

    @property
    def soc(self) -> str | None:
        """The SoC as far as the files tell, see :func:`~icmsg.config.soc.soc_of`, else the one that is meant."""
        told = soc_of(self.devicetree, self.kconfig)
        return told if told in BOARDS or self.meant_soc is None else self.meant_soc

    def mode(self, node: IcmsgNode) -> Unbound | str:
        """Return how ``node`` bonds: its ``unbound``, or "disable"."""
        return node.unbound or "disable"

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

    def config(self, node: IcmsgNode) -> InstanceConfig:
        """Return the configuration of ``node``.

        Raises:
            DevicetreeError: it can never bond; with file and line.
            KconfigError: the same, and the reason is in Kconfig.
        """
        self._check_properties(node)
        release, mode = self.release, self.mode(node)
        if self.rx_limit is not None and self.rx_limit < MAGIC_LENGTH and mode != "enable":
            raise self._too_short_for_the_magic()
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
            raise _blamed(node, str(error)).error(DevicetreeError, f"{node.path}: {error}") from None

    def _check_properties(self, node: IcmsgNode) -> None:
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

    def _too_short_for_the_magic(self) -> KconfigError:
        assert self.kconfig is not None  # a release's own limit is longer
        return self.kconfig.settings[RX_SIZE].place.error(
            KconfigError,
            f"CONFIG_{RX_SIZE}={self.rx_limit} cannot hold the {MAGIC_LENGTH} bytes of the magic: "
            f"use {MAGIC_LENGTH} or more",
        )


def _blamed(node: IcmsgNode, text: str) -> Place:
    """Return the place of what an InstanceConfig complains about in ``text``."""
    if "dcache" in text:
        return node.place_of("dcache-alignment" if node.dcache_alignment is not None else "unbound")
    if "unbound" in text:
        return node.place_of("unbound")
    if "rx-region" in text:
        return node.rx_region.place
    return node.tx_region.place if "tx-region" in text else node.place_of("mboxes")


@dataclass(frozen=True, slots=True)
class NamedInstance:
    """One instance of a file. ``name`` is its label (else its node's name), and unique in the file."""

    name: str
    path: str
    core: str
    config: InstanceConfig
    place: Place


class InstancePair(NamedTuple):
    """One instance as its two sides have it; they differ where the files are wrong."""

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
    """Return the enabled ICMsg instances in the devicetree file ``dts``, in the order of the file.

    ``dts`` may also be the folder of a build, whose ``.config`` is then taken too. ``kconfig`` is a ``.config``, a
    ``prj.conf`` or several of them; ``release`` the Zephyr release if they do not tell; ``core`` whose files these
    are. Raises :class:`ConfigurationError` with file and line.
    """
    side = load_side(dts, kconfig, release, core)
    return [
        NamedInstance(node.name, node.path, core, side.config(node), node.place)
        for node in side.devicetree.instances
    ]


def load_pair(first: Side | None, second: Side | None = None, instance: str | None = None) -> InstancePair:
    """Return one instance as both sides have it; a side without files is the mirror of the other.

    ``instance`` is the name, a label or the path on either side; None will do where there is only one.

    Raises:
        ConfigurationError: there is no such instance, there are several, or it has no counterpart.
    """
    side = first or second
    if side is None:
        raise ConfigurationError("no devicetree is given: give the file of one side")
    if first is None or second is None:
        config = side.config(choose([(node,) for node in side.devicetree.instances], instance, side)[0])
        return (
            InstancePair(config, config.mirrored())
            if side is first
            else InstancePair(config.mirrored(), config)
        )
    pairing = pair_up(first, second)
    ours, theirs = choose(pairing.pairs, instance, first, pairing.aside)
    one, other = first.config(ours), second.config(theirs)
    return InstancePair(
        replace(one, peer_rx_limit=other.rx_limit), replace(other, peer_rx_limit=one.rx_limit)
    )


def load_side(
    dts: File, kconfig: Files = None, release: Release | str | None = None, core: str = DEFAULT.roles[0]
) -> Side:
    """Return what the files of ``core`` say; the arguments are those of :func:`load_instances`.

    Raises:
        ConfigurationError: with file and line; a file cannot be used, or ``release`` contradicts Kconfig.
    """
    files = build_files(dts, core)
    return side_of(files, load_devicetree(files.dts), kconfig, release, core)


def side_of(
    files: BuildFiles,
    devicetree: Devicetree,
    kconfig: Files,
    release: Release | str | None,
    core: str,
    soc: str | None = None,
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
    return Side(core, devicetree, facts, known, source, files.image, meant_soc=soc)


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
    narrowed = known & Releases(max(since, default=known.first))
    if not narrowed or narrowed == known:
        return known, source
    return narrowed, f"{source}; from the properties in {devicetree.file}" if known != Releases() else (
        f"from the properties in {devicetree.file}"
    )
