"""The options that say how the two sides are linked, and who plays them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from icmsg.assets import stub_names
from icmsg.cli.arguments import region_text
from icmsg.cli.core_options import (
    check_one_endpoint,
    cores_of,
    endpoints_of,
    has_several,
    several_of,
    stub_for,
)
from icmsg.config.boards import DEFAULT
from icmsg.config.built_for import region_of, with_given
from icmsg.config.instance import InstanceConfig, Signalling, Unbound
from icmsg.errors import ConfigurationError, closest
from icmsg.link.endpoints.instances import backend_of, check_given, generation_of, pair_from_files
from icmsg.link.endpoints.link import AnyLink, EndpointsLink
from icmsg.link.link import Link
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from icmsg.cli.core_options import CoreOptions
    from icmsg.config.checks import Finding
    from icmsg.config.load import AnyConfig, BackendPair, Side
    from icmsg.soc.soc import Soc

PYTHON: Final = "python"
_BY_HAND: Final = (
    "unbound", "signalling", "tx_region", "rx_region", "dcache_alignment", "tx_blocks", "rx_blocks",
)  # fmt: skip


def add_link_options(parser: argparse.ArgumentParser, cores: CoreOptions) -> None:
    """Add the options of the instance: by hand, or from the user's own files."""
    default = cores.instance
    parser.add_argument(
        "build",
        metavar="BUILD",
        nargs="*",
        help="folder of a west build --sysbuild, or one for each core: image, devicetree and Kconfig of both",
    )
    link = parser.add_argument_group(f"the ICMsg instance, as {cores.first_title} has it")
    link.add_argument(
        "--unbound",
        choices=get_args(Unbound),
        help="devicetree property of both sides; disable unless a stub has another",
    )
    link.add_argument(
        "--signalling",
        choices=get_args(Signalling),
        help="while bonding in magic mode: as Zephyr ≤ 4.0 (repeat) or ≥ 4.1 (ring-back, the default)",
    )
    link.add_argument("--tx-region", metavar="ADDR:SIZE", help=f"default: {region_text(default.tx_region)}")
    link.add_argument("--rx-region", metavar="ADDR:SIZE", help=f"default: {region_text(default.rx_region)}")
    link.add_argument(
        "--dcache-alignment", type=int, metavar="A", help="bytes; default: 8 with sessions, else 0"
    )
    files = parser.add_argument_group(
        "the ICMsg instance, from the files of a build (instead of the options above)"
    )
    for core in cores.names:
        cores.add(files, core, "-dts", metavar="FILE", help=f"zephyr.dts, build folder or overlay of {core}")
    for core in cores.names:
        cores.add(
            files, core, "-kconfig", metavar="FILE", action="append", help=f".config or prj.conf of {core}"
        )
    files.add_argument("--release", metavar="R", help="Zephyr release of both sides, such as 3.7")
    files.add_argument("--instance", metavar="NAME", help="which instance, where the devicetree has several")


def take_builds(options: argparse.Namespace) -> dict[str, str]:
    """Return who plays which core of the link, as the command line, its build folders, or else the defaults say.

    What the build folders have beside an image is taken over into ``options``.

    Raises:
        ConfigurationError: no build folders, or not those of the two cores; cores that are no link.
    """
    cores = cores_of(options)
    given = {core: who for core in cores.names if (who := cores.value(options, core)) is not None}
    link = cores.link(given)
    if options.build:
        _check_builds(options.build, link, cores)
        from icmsg.config.build_folder import build_sides  # slow to load

        roles = (cores.board or DEFAULT).roles
        for role, files in build_sides(options.build, roles=roles, one_will_do=True).items():
            core = link.cores[roles.index(role)]
            if core not in given:
                if files.image is None:
                    raise ConfigurationError(
                        f"{files.dts.parent}: has no zephyr.elf and no zephyr.hex; build it, or give --{core}"
                    )
                given[core] = str(files.image)
            if cores.value(options, core, "-dts") is None:
                cores.set(options, core, str(files.dts.parent), "-dts")
    given.setdefault(link.first, PYTHON)
    if link.second not in given:
        given[link.second] = PYTHON if options.build or _is_several(options, link, cores) else "echo"
    for core in link.cores:
        cores.set(options, core, given[core])
    return {core: given[core] for core in link.cores}


def _check_builds(builds: list[str], link: Link, cores: CoreOptions) -> None:
    for given in builds:
        if Path(given).is_dir():
            continue
        if given in (PYTHON, *stub_names()):
            raise ConfigurationError(
                f"{given}: is no build folder; did you mean --{link.second} {given}, or --{link.first} {given}?"
            )
        if not Path(given).exists():
            raise ConfigurationError(
                f"{given}: no such folder; give build folders, or an image with --{link.first} or --{link.second}"
            )
        core = _core_of_image(FirmwareImage.load(given), cores.soc) or link.second
        raise ConfigurationError(
            f"{given}: is an image and no build folder; did you mean --{core} {given}"
            + (f" --{link.second} python?" if core == link.first else "?")
        )


def _core_of_image(image: FirmwareImage, soc: Soc) -> str | None:
    return soc.owner_of_code(min(segment.load_address for segment in image.segments))


def _is_several(options: argparse.Namespace, link: Link, cores: CoreOptions) -> bool:
    """Tell whether the instance has several endpoints, as options or devicetrees say."""
    if has_several(options) or not _has_files(options, link.cores):
        return has_several(options)
    return not isinstance(_pair(options, cores, link.cores)[1].first, InstanceConfig)


def link_of(options: argparse.Namespace, who: dict[str, str]) -> AnyLink:
    """Return the two cores with the instance as each has it; its backend is ``options.backend`` from now on.

    Raises:
        ConfigurationError: options that exclude each other, a file that cannot be used, or sides that never bind.
    """
    cores = cores_of(options)
    first, second = who
    if _has_files(options, who):
        one, other = _from_files(options, cores, who)
    elif has_several(options):
        one = several_of(options, who)
        other = one.mirrored()
    else:
        check_one_endpoint(options)
        one, other = _by_hand(options, cores, who)
    options.backend = backend_of(one)
    if not isinstance(one, InstanceConfig):
        assert not isinstance(other, InstanceConfig)
        for core, name in who.items():
            stub_for(name, options.backend, f"--{core}")
        return EndpointsLink.of(first, second, one, other, endpoints_of(options))
    assert isinstance(other, InstanceConfig)
    if {one.unbound, other.unbound} == {"enable", "disable"}:
        raise ConfigurationError(
            'one side has unbound = "enable" and the other magic bonding ("disable"): they never bind; '
            'give both the same, or one of them "detect"'
        )
    return Link.of(first, second, one, other)


def _has_files(options: argparse.Namespace, who: Iterable[str]) -> bool:
    return any(cores_of(options).value(options, core, "-dts") for core in who)


def _pair(
    options: argparse.Namespace, cores: CoreOptions, who: Iterable[str]
) -> tuple[list[Side | None], BackendPair]:
    """Return the sides that have files, and the instance that the options choose in them."""
    from icmsg.config.load import load_side  # parsing devicetrees is slow to load

    given = [name for name in _BY_HAND if getattr(options, name) is not None]
    check_given(given, _called)
    generation = generation_of(options.backend)
    sides = [
        load_side(dts, cores.value(options, core, "-kconfig") or None, options.release, core, generation)
        if (dts := cores.value(options, core, "-dts"))
        else None
        for core in who
    ]
    pair = pair_from_files(
        *sides,
        instance=options.instance,
        backend=options.backend,
        endpoints=len(endpoints_of(options)) if options.endpoints is not None else 0,
        given=given,
        called=_called,
    )
    return sides, pair


def _called(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _from_files(options: argparse.Namespace, cores: CoreOptions, who: dict[str, str]) -> BackendPair:
    from icmsg.config.checks import check  # parsing devicetrees is slow to load

    (first, second), pair = _pair(options, cores, who)
    if first is not None and second is not None:
        python_waits = list(who.values())[1] == PYTHON
        found = check(first, second, instance=pair.first.name)
        findings = [each for each in found if _is_in_the_way(each, python_waits=python_waits)]
        if findings:
            more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
            raise ConfigurationError(f"the two sides will not bond: {findings[0]}{more}; see icmsg check")
    for side, config in zip((first, second), pair, strict=True):
        if side is not None:
            _check_channels(side, config, cores)
    return pair


def _is_in_the_way(finding: Finding, *, python_waits: bool) -> bool:
    """Tell whether an exchange cannot work; Python is up before any firmware is."""
    return finding.severity == "error" and not (python_waits and finding.code == "disable-opens-first")


def _check_channels(side: Side, config: AnyConfig, cores: CoreOptions) -> None:
    """Refuse channels that the emulated mailbox does not have, in the words of the devicetree."""
    port = cores.soc.core(side.core).port
    channels = port.kind.channels if port is not None else 0
    for node in side.devicetree.instances:
        for channel in (node.tx_channel, node.rx_channel):
            if node.name == config.name and channel.number >= channels:
                other = (
                    "an SoC that is not known"
                    if side.soc in (None, cores.soc_name)
                    else f"another SoC ({side.soc})"
                )
                raise ConfigurationError(
                    f"{channel.place}: {channel} of {side.core}: what runs here is {cores.title}, whose mailbox has "
                    f"the channels 0 to {channels - 1}; these files are of {other}"
                )


def _by_hand(
    options: argparse.Namespace, cores: CoreOptions, who: dict[str, str]
) -> tuple[InstanceConfig, InstanceConfig]:
    first, second = who
    alone = [f"{core}-kconfig" for core in who if cores.value(options, core, "-kconfig")]
    alone += [name for name in ("release", "instance") if getattr(options, name)]
    if alone:
        raise ConfigurationError(f"--{alone[0]} goes with --{first}-dts or --{second}-dts")
    of_stubs = {core: _mode_of_stub(name) for core, name in who.items()}
    asked: Unbound | None = options.unbound
    common: Unbound = asked or of_stubs[first] or of_stubs[second] or "disable"
    modes: dict[str, Unbound] = {core: mode or common for core, mode in of_stubs.items()}
    given = {
        "tx_region": options.tx_region and region_of("--tx-region", options.tx_region),
        "rx_region": options.rx_region and region_of("--rx-region", options.rx_region),
        "dcache_alignment": options.dcache_alignment,
        "unbound": modes[first],
        "signalling": options.signalling,
    }
    config = with_given(
        cores.instance,
        {name: value for name, value in given.items() if value is not None},
        sessions=set(modes.values()) != {"disable"},
    )
    return config, replace(config.mirrored(), unbound=modes[second])


def _mode_of_stub(name: str) -> Unbound | None:
    """Return the mode that a stub's name says: "enable" for ``echo-enable``, None for ``echo``."""
    for mode in get_args(Unbound):
        if name in stub_names() and name.endswith(f"-{mode}"):
            return mode  # type: ignore[no-any-return]  # what get_args returns is an Unbound
    return None


def find_image(who: str, core: str, unbound: Unbound, soc: Soc) -> FirmwareImage | None:
    """Return the image of a stub's name or an ELF's path for ``core`` of ``soc``, None for Python.

    A stub that comes in several modes is taken in the mode ``unbound``.

    Raises:
        FirmwareError: the ELF file cannot be used.
        ConfigurationError: neither a stub nor a file has that name, or there is no such stub in that mode.
    """
    names = stub_names()
    if who == PYTHON:
        return None
    if who in names:
        in_mode = f"{who}-{unbound}"
        if in_mode not in names and unbound == "enable" and _mode_of_stub(who) != "enable":
            raise ConfigurationError(
                f"--{core} {who}: this stub has magic bonding only and never binds with sessions; "
                "use --unbound detect or disable"
            )
        return FirmwareImage.load(soc.core(core).stub(in_mode if in_mode in names else who))
    if Path(who).suffix == "" and "/" not in who and not Path(who).exists():
        raise ConfigurationError(
            f"--{core} {who}: neither {PYTHON}, nor a firmware stub ({', '.join(names)}), nor a file"
            f"{closest(who, (PYTHON, *names))}"
        )
    return FirmwareImage.load(who).part_of(core, soc.owner_of_code)
