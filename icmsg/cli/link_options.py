"""The options that say how the two sides are linked, and who plays them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from icmsg.assets import stub, stub_names
from icmsg.cli.arguments import parse_region, region_text
from icmsg.config.instance import InstanceConfig, Signalling, Unbound
from icmsg.config.nrf5340 import APP, CHANNELS, NRF5340, core_of_address
from icmsg.config.spelling import closest
from icmsg.cosim.image import FirmwareImage
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from icmsg.config.checks import Finding
    from icmsg.config.load import Side

PYTHON: Final = "python"
_SESSION_ALIGNMENT: Final = 8
"""Smallest dcache-alignment with a handshake word (protocol §1.1)."""
_BY_HAND: Final = ("unbound", "signalling", "tx_region", "rx_region", "dcache_alignment")
_DEVICETREE: Final = ("app_dts", "net_dts")


def add_link_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the instance: by hand, or from the user's own files."""
    parser.add_argument(
        "build",
        metavar="BUILD",
        nargs="*",
        help="folder of a west build --sysbuild, or one for each core: image, devicetree and Kconfig of both",
    )
    link = parser.add_argument_group("the ICMsg instance, as the application core has it")
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
    link.add_argument("--tx-region", metavar="ADDR:SIZE", help=f"default: {region_text(APP.tx_region)}")
    link.add_argument("--rx-region", metavar="ADDR:SIZE", help=f"default: {region_text(APP.rx_region)}")
    link.add_argument(
        "--dcache-alignment", type=int, metavar="A", help="bytes; default: 8 with sessions, else 0"
    )
    files = parser.add_argument_group(
        "the ICMsg instance, from the files of a build (instead of the options above)"
    )
    for core in ("app", "net"):
        files.add_argument(
            f"--{core}-dts", metavar="FILE", help=f"zephyr.dts, build folder or overlay of {core}"
        )
    for core in ("app", "net"):
        files.add_argument(
            f"--{core}-kconfig",
            metavar="FILE",
            action="append",
            help=f".config or prj.conf of {core}",
        )
    files.add_argument("--release", metavar="R", help="Zephyr release of both sides, such as 3.7")
    files.add_argument("--instance", metavar="NAME", help="which instance, where the devicetree has several")


def take_builds(options: argparse.Namespace) -> None:
    """Fill in what the build folders of the command line, or else the defaults, say about who plays which core.

    Raises:
        ConfigurationError: no build folders, or not those of the two cores.
    """
    if options.build:
        _check_builds(options.build)
        from icmsg.config.build_folder import build_sides  # slow to load

        for core, files in build_sides(options.build, one_will_do=True).items():
            if getattr(options, core) is None:
                if files.image is None:
                    raise ConfigurationError(
                        f"{files.dts.parent}: has no zephyr.elf and no zephyr.hex; build it, or give --{core}"
                    )
                setattr(options, core, str(files.image))
            if getattr(options, f"{core}_dts") is None:
                setattr(options, f"{core}_dts", str(files.dts.parent))
    if options.app is None:
        options.app = PYTHON
    if options.net is None:
        options.net = PYTHON if options.build else "echo"


def _check_builds(builds: list[str]) -> None:
    for given in builds:
        if Path(given).is_dir():
            continue
        if given in (PYTHON, *stub_names()):
            raise ConfigurationError(
                f"{given}: is no build folder; did you mean --net {given}, or --app {given}?"
            )
        if not Path(given).exists():
            raise ConfigurationError(
                f"{given}: no such folder; give build folders, or an image with --app or --net"
            )
        core = _core_of_image(FirmwareImage.load(given))
        raise ConfigurationError(
            f"{given}: is an image and no build folder; did you mean --{core} {given}"
            + (" --net python?" if core == "app" else "?")
        )


def _core_of_image(image: FirmwareImage) -> str:
    return core_of_address(min(segment.load_address for segment in image.segments)) or "net"


def link_configs(options: argparse.Namespace, who: dict[str, str]) -> dict[str, InstanceConfig]:
    """Return the instance as each core has it.

    Raises:
        ConfigurationError: options that exclude each other, a file that cannot be used, or sides that never bind.
    """
    from_files = any(getattr(options, name) for name in _DEVICETREE)
    configs = _from_files(options) if from_files else _by_hand(options, who)
    modes = {config.unbound for config in configs.values()}
    if modes == {"enable", "disable"}:
        raise ConfigurationError(
            'one side has unbound = "enable" and the other magic bonding ("disable"): they never bind; '
            'give both the same, or one of them "detect"'
        )
    return configs


def _from_files(options: argparse.Namespace) -> dict[str, InstanceConfig]:
    from icmsg.config.checks import check  # parsing devicetrees is slow to load
    from icmsg.config.load import load_pair, load_side

    given = [f"--{name.replace('_', '-')}" for name in _BY_HAND if getattr(options, name) is not None]
    if given:
        raise ConfigurationError(
            f"{given[0]} and a devicetree exclude each other: the devicetree says it already"
        )
    sides = {
        core: load_side(dts, getattr(options, f"{core}_kconfig") or None, options.release, core)
        for core in ("app", "net")
        if (dts := getattr(options, f"{core}_dts"))
    }
    app, net = sides.get("app"), sides.get("net")
    if app is not None and net is not None and not options.instance:
        findings = [finding for finding in check(app, net) if _is_in_the_way(finding, options)]
        if findings:
            more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
            raise ConfigurationError(f"the two sides will not bond: {findings[0]}{more}; see icmsg check")
    pair = load_pair(app, net, options.instance)
    for side in sides.values():
        _check_channels(side, pair.app if side is app else pair.net)
    return {"app": pair.app, "net": pair.net}


def _is_in_the_way(finding: Finding, options: argparse.Namespace) -> bool:
    """Tell whether an exchange cannot work; Python is up before any firmware is."""
    python_waits = finding.code == "disable-opens-first" and options.net == PYTHON
    return finding.severity == "error" and not python_waits


def _check_channels(side: Side, config: InstanceConfig) -> None:
    """Refuse channels that the emulated mailbox does not have, in the words of the devicetree."""
    for node in side.devicetree.instances:
        for channel in (node.tx_channel, node.rx_channel):
            if node.name == config.name and channel.number >= CHANNELS:
                raise ConfigurationError(
                    f"{channel.place}: {channel} of {side.core}: what runs here is the nRF5340, whose mailbox has the "
                    f"channels 0 to {CHANNELS - 1}; these files are of {_other_soc(side)}"
                )


def _other_soc(side: Side) -> str:
    return "an SoC that is not known" if side.soc in (None, NRF5340) else f"another SoC ({side.soc})"


def _by_hand(options: argparse.Namespace, who: dict[str, str]) -> dict[str, InstanceConfig]:
    for name in ("app_kconfig", "net_kconfig", "release", "instance"):
        if getattr(options, name):
            raise ConfigurationError(f"--{name.replace('_', '-')} goes with --app-dts or --net-dts")
    of_stubs = {core: _mode_of_stub(name) for core, name in who.items()}
    asked: Unbound | None = options.unbound
    common: Unbound = asked or of_stubs["app"] or of_stubs["net"] or "disable"
    modes: dict[str, Unbound] = {core: mode or common for core, mode in of_stubs.items()}
    alignment = options.dcache_alignment
    if alignment is None:
        alignment = 0 if set(modes.values()) == {"disable"} else _SESSION_ALIGNMENT
    app = replace(
        APP,
        tx_region=parse_region("--tx-region", options.tx_region or region_text(APP.tx_region)),
        rx_region=parse_region("--rx-region", options.rx_region or region_text(APP.rx_region)),
        dcache_alignment=alignment,
        unbound=modes["app"],
        signalling=options.signalling or "ring-back",
    )
    return {"app": app, "net": replace(app.mirrored(), unbound=modes["net"])}


def _mode_of_stub(name: str) -> Unbound | None:
    """Return the mode that a stub's name says: "enable" for ``echo-enable``, None for ``echo``."""
    for mode in get_args(Unbound):
        if name in stub_names() and name.endswith(f"-{mode}"):
            return mode  # type: ignore[no-any-return]  # what get_args returns is an Unbound
    return None


def find_image(who: str, core: str, unbound: Unbound) -> FirmwareImage | None:
    """Return the image of a stub's name or an ELF's path, None for Python.

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
        return FirmwareImage.load(stub(in_mode if in_mode in names else who, core))
    if Path(who).suffix == "" and "/" not in who and not Path(who).exists():
        raise ConfigurationError(
            f"--{core} {who}: neither {PYTHON}, nor a firmware stub ({', '.join(names)}), nor a file"
            f"{closest(who, (PYTHON, *names))}"
        )
    return FirmwareImage.load(who).part_of(core, core_of_address)
