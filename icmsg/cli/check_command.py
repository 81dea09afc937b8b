"""``icmsg check``: will the two sides bond, judged from devicetree and Kconfig alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.assets import platform_file
from icmsg.cli.core_options import CoreOptions, cores_of, keep, of_board
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from icmsg.config.checks import Finding, MemoryRange
    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.load import Side

_NO_PLATFORM: Final = "none"
_STYLE: Final = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def add_parser(commands: Any, cores: CoreOptions | None = None) -> None:
    """Add ``check`` to the sub-commands; it has options for the first two of ``cores``, by default the board's."""
    cores = cores or of_board(DEFAULT)
    parser = commands.add_parser(
        "check",
        help="will the two sides bond, judged from devicetree and Kconfig",
        description="Reads the devicetrees of both sides (or of one) and says whether they will bond. "
        "Exit code: 0 they will, 1 they will not, 2 a file cannot be used.",
    )
    file = "a build's zephyr/zephyr.dts, a build's folder (which has the .config too), a devicetree or an overlay"
    keep(parser, cores)
    first, second = _roles(cores)
    whole = f"of {cores.core_title(first)}: {file}; or the folder of a west build --sysbuild, which has both"
    parser.add_argument("first", metavar=first.upper(), help=whole)
    parser.add_argument(
        "second", metavar=second.upper(), nargs="?", help=f"of {cores.core_title(second)}, in the same way"
    )
    for core in (first, second):
        cores.add(
            parser, core, "-kconfig",
            metavar="FILE",
            action="append",
            default=[],
            help=f".config or prj.conf of {core}; may be given several times, and later ones win",
        )  # fmt: skip
    parser.add_argument("--release", metavar="R", help="Zephyr release of both, such as 3.7")
    for core in (first, second):
        cores.add(parser, core, "-release", metavar="R", help=f"Zephyr release of {core}")
    parser.add_argument(
        "--platform",
        metavar="REPL",
        help=f"Renode platform file with the memory of the SoC, or '{_NO_PLATFORM}'; "
        f"default: {DEFAULT.name}, unless the files are of another SoC, or of one that is not known",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Check the files, print the verdict; 0 for "will bond", else 1."""
    from icmsg.config.checks import check, will_bond  # every command loads this module, only this one parses
    from icmsg.config.load import load_side

    cores = cores_of(options)
    given = _both(options.first, options.second)
    first, second = (
        None
        if role not in given
        else load_side(
            given[role],
            cores.value(options, core, "-kconfig"),
            cores.value(options, core, "-release") or options.release,
            core,
        )
        for role, core in zip(DEFAULT.roles, _roles(cores), strict=True)
    )
    assert first is not None
    sides = [side for side in (first, second) if side is not None]
    platform, reason = _platform(options.platform, sides)
    findings = check(first, second, *((None, ()) if platform is None else _load_memory(platform)))
    ok = will_bond(findings)
    if options.json:
        sys.stdout.write(json.dumps(_as_json(ok, platform, reason, sides, findings), indent=2) + "\n")
    else:
        sys.stdout.write(_as_tables(ok, platform, reason, sides, findings))
    return 0 if ok else 1


def _roles(cores: CoreOptions) -> tuple[str, str]:
    """Return the names of both sides: those of the platform's link, else of the default board's."""
    return (cores.names[0], cores.names[1]) if len(cores.names) > 1 else DEFAULT.roles


def _both(first: str, second: str | None) -> dict[str, str]:
    """Return by role what each side is read from; build folders tell themselves which core they are for."""
    from icmsg.config.build_folder import build_sides, images_in, is_build

    if second is None:
        return dict.fromkeys(build_sides([first]), first) if is_build(first) else {DEFAULT.roles[0]: first}
    given = first, second
    if all(Path(path).is_dir() for path in given):
        cores = [images[0].core for path in given if len(images := images_in(Path(path))) == 1]
        if cores == list(reversed(DEFAULT.roles)):
            given = second, first
    return dict(zip(DEFAULT.roles, given, strict=True))


def _platform(option: str | None, sides: list[Side]) -> tuple[str | None, str]:
    """Return the path of the platform file to check against, None to leave the memory out; and why."""
    if option is not None:
        return (None, "as asked for") if option == _NO_PLATFORM else (option, "as asked for")
    known = [soc for side in sides if (soc := side.soc) is not None]
    others = [soc for soc in known if soc not in BOARDS]
    if others:
        return None, f"the SoC is another than the {DEFAULT.title}: {others[0]}"
    if known:
        board = BOARDS[known[0]]
        return str(platform_file(board.name)), f"the SoC is the {board.title}"
    return None, "the SoC is not known, since an overlay alone does not tell it"


def _load_memory(path: str) -> tuple[list[MemoryRange], tuple[str, ...]]:
    """Return the memory of a platform, and the cores of its link; all cores where it has none."""
    from icmsg.cosim.platform import load_platform  # slow to load
    from icmsg.cosim.soc import Soc

    soc = Soc(load_platform(path))
    try:
        ends: tuple[str, ...] = soc.link()
    except ConfigurationError:  # a mailbox that is not known here; memory can be checked all the same
        ends = ()
    return list(soc.memory_map()), ends


def _as_json(
    ok: bool, platform: str | None, reason: str, sides: list[Side], findings: list[Finding]
) -> dict[str, Any]:
    return {
        "ok": ok,
        "platform": platform,
        "platform_reason": reason,
        "sides": [
            {
                "core": side.core,
                "file": side.devicetree.file,
                "kconfig": list(side.kconfig.files) if side.kconfig else [],
                "releases": str(side.releases),
                "release": str(side.release),
                "wire": side.release.wire,
                "signalling": side.release.signalling,
                "rx_limit": side.rx_limit,
                "instances": [_instance_json(side, node) for node in side.devicetree.instances],
            }
            for side in sides
        ],
        "findings": [finding.as_json() for finding in findings],
    }


def _instance_json(side: Side, node: IcmsgNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "node": node.path,
        "line": node.place.line,
        "tx_region": {"address": node.tx_region.region.address, "size": node.tx_region.region.size},
        "rx_region": {"address": node.rx_region.region.address, "size": node.rx_region.region.size},
        "tx_channel": node.tx_channel.number,
        "rx_channel": node.rx_channel.number,
        "dcache_alignment": node.dcache_alignment or 0,
        "unbound": side.mode(node),
    }


def _as_tables(
    ok: bool, platform: str | None, reason: str, sides: list[Side], findings: list[Finding]
) -> str:
    from rich.console import Console  # only a person looks at tables
    from rich.table import Table
    from rich.text import Text

    instances = Table(title="Instances", title_justify="left", title_style="bold")
    for name in ("core", "instance", "regions", "channels", "unbound", "align", "Zephyr"):
        instances.add_column(name, no_wrap=name != "Zephyr")
    for side in sides:
        for node in side.devicetree.instances:
            instances.add_row(*(Text(cell) for cell in _row(side, node)))
    result = Table(title="Findings", title_justify="left", title_style="bold", show_lines=True)
    result.add_column("severity", no_wrap=True)
    result.add_column("where and what", overflow="fold")
    for finding in findings:
        what = Text.assemble((f"{finding.place} {finding.node}\n", "dim"), finding.message)
        result.add_row(Text(finding.severity, _STYLE[finding.severity]), what)
    console = Console()
    with console.capture() as capture:  # so that a closed pipe is the business of the command
        console.print(instances)
        if findings:
            console.print(result)
        if platform is None:
            unchecked = f"memory was not checked against a platform ({reason}): give --platform"
            console.print(Text(unchecked), soft_wrap=True)
        good = "WILL BOND" if len(sides) > 1 else "NO MISTAKE IN THIS SIDE"  # whom it bonds with nobody said
        console.print(Text(good, "bold green") if ok else Text("WILL NOT BOND", "bold red"))
    return capture.get()


def _row(side: Side, node: IcmsgNode) -> tuple[str, ...]:
    tx, rx = node.tx_region.region, node.rx_region.region
    return (
        side.core,
        node.name,
        f"tx 0x{tx.address:08X} {tx.size:#x}\nrx 0x{rx.address:08X} {rx.size:#x}",
        f"tx {node.tx_channel.number}\nrx {node.rx_channel.number}",
        side.mode(node),
        str(node.dcache_alignment or 0),
        f"{side.release}\n{side.release.wire}",
    )
