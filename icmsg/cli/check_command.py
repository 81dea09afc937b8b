"""``icmsg check``: will the two sides bond, judged from devicetree and Kconfig alone.

Facts that ``icmsg check`` shows of ICBMsg and icmsg_me beside what every instance has.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from icmsg.assets import platform_file
from icmsg.cli.core_options import CoreOptions, cores_of, keep, of_board
from icmsg.config.boards import BOARDS, DEFAULT
from icmsg.config.devicetree import NAMES
from icmsg.config.icbmsg import Generation, IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    from icmsg.config.checks import Finding, MemoryRange
    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.icbmsg import BlockLayout
    from icmsg.config.load import Side
    from icmsg.config.pairing import Aside


def of_several_endpoints(side: Side, node: IcmsgNode) -> dict[str, Any]:
    """Return what a backend with several endpoints adds to the JSON of an instance; nothing for ICMsg."""
    config = _config(side, node)
    if isinstance(config, IcmsgMeConfig):
        return {"role": config.role, "num_ep": config.num_ep}
    if node.backend != "icbmsg":
        return {}
    found: dict[str, Any] = {
        "generation": side.generation,
        "generations": list(side.generations),
        "tx_blocks": node.tx_blocks,
        "rx_blocks": node.rx_blocks,
    }
    if isinstance(config, IcbmsgConfig):
        found |= {
            "tx_layout": _layout_json(config.tx_layout),
            "rx_layout": _layout_json(config.rx_layout),
            "num_ep": config.num_ep,
        }
        found |= {"slots": config.slots} if side.generation == "rework" else {"role": _role(config)}
    return found


def blocks_table(instances: Iterable[tuple[Side, IcmsgNode]]) -> Table | None:
    """Return a table of the blocks of all instances of ICBMsg whose layout can be told; None without any."""
    from rich.table import Table  # only a person looks at tables
    from rich.text import Text

    table = Table(title="Blocks", title_justify="left", title_style="bold")
    for name in ("core", "instance", "generation", "blocks", "role", "NUM_EP"):
        table.add_column(name, no_wrap=name != "instance", overflow="fold", min_width=len(name))
    for side, node in instances:
        config = _config(side, node)
        if isinstance(config, IcbmsgConfig):
            row = (
                side.core, node.name, side.generation,
                f"tx {_blocks(config.tx_layout)}\nrx {_blocks(config.rx_layout)}",
                "-" if side.generation == "rework" else _role(config), str(config.num_ep),
            )  # fmt: skip
            table.add_row(*(Text(cell) for cell in row))
    return table if table.row_count else None


def _config(side: Side, node: IcmsgNode) -> object:
    if node.backend == "icmsg":
        return None
    try:
        return side.backend(node)
    except ConfigurationError:  # a finding, which says more
        return None


def _role(config: IcbmsgConfig) -> str:
    return "initiator" if config.is_initiator else "follower"


def _blocks(layout: BlockLayout) -> str:
    return f"{layout.block_count} of {layout.block_size} at {layout.begin + layout.blocks_offset:#x}"


def _layout_json(layout: BlockLayout) -> dict[str, int]:
    return {
        "blocks_offset": layout.begin + layout.blocks_offset,
        "block_size": layout.block_size,
        "block_count": layout.block_count,
        "longest": layout.longest,
    }


_NO_PLATFORM: Final = "none"
_SUFFIXES: Final = ("-kconfig", "-release", "-generation")
"""Ends of the options for one core."""
_STYLE: Final = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def add_parser(commands: Any, cores: CoreOptions | None = None) -> None:
    """Add ``check`` to the sub-commands; it has options for the first two of ``cores``, by default the board's."""
    cores = cores or of_board(DEFAULT)
    if cores.platform == _NO_PLATFORM:
        cores = CoreOptions(cores.names, cores.board)
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
    for core in _option_names(cores):
        cores.add(
            parser, core, "-kconfig",
            metavar="FILE",
            action="append",
            default=[],
            help=f".config or prj.conf of {core}; may be given several times, and later ones win",
        )  # fmt: skip
    parser.add_argument("--release", metavar="R", help="Zephyr release of both, such as 3.7")
    for core in _option_names(cores):
        cores.add(parser, core, "-release", metavar="R", help=f"Zephyr release of {core}")
    parser.add_argument(
        "--generation",
        choices=get_args(Generation),
        help="generation of ICBMsg of both, where the release does not tell it: Zephyr 3.6 to 4.0, 4.1 to 4.4, after",
    )
    for core in _option_names(cores):
        cores.add(
            parser, core, "-generation", choices=get_args(Generation), help=f"generation of ICBMsg of {core}"
        )  # fmt: skip
    parser.add_argument(
        "--instance", metavar="NAME", help="the only instance to judge: its label, name or path"
    )
    parser.add_argument("--soc", choices=BOARDS, help="the SoC, where the files do not tell it")
    parser.add_argument(
        "--platform",
        metavar="REPL",
        help=f"Renode platform file with the memory of the SoC, or '{_NO_PLATFORM}'; default: that of the SoC which "
        f"the files tell ({', '.join(BOARDS)}), none for another",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Check the files, print the verdict; 0 for "will bond", else 1."""
    from icmsg.config.checks import check, will_bond  # every command loads this module, only this one parses
    from icmsg.config.pairing import pair_up

    sides = _load(options)
    first, second = sides[0], sides[1] if len(sides) > 1 else None
    platform, reason = _platform(options, sides)
    memory, ends = (None, ()) if platform is None else _load_memory(platform, sides)
    findings = check(first, second, memory, ends, options.instance)
    report = _Report(
        sides, findings, will_bond(findings), platform, reason,
        pair_up(first, second).aside if second is not None else [],
        [side.core for side in sides if ends and side.core not in ends],
    )  # fmt: skip
    if options.json:
        sys.stdout.write(json.dumps(_as_json(report), indent=2) + "\n")
    else:
        sys.stdout.write(_as_tables(report))
    return 0 if report.ok else 1


class _Report(NamedTuple):
    """Everything that is printed; ``strange`` are the cores that the platform does not have."""

    sides: list[Side]
    findings: list[Finding]
    ok: bool
    platform: str | None
    reason: str
    aside: list[Aside]
    strange: list[str]


def _roles(cores: CoreOptions) -> tuple[str, str]:
    """Return the names of both sides: those of the platform's link, else of the default board's."""
    return (cores.names[0], cores.names[1]) if len(cores.names) > 1 else DEFAULT.roles


def _option_names(cores: CoreOptions) -> list[str]:
    """Return the cores that have options: both sides, and the second sides of other SoCs, which the files may be of."""
    others = [role for board in BOARDS.values() for role in board.roles] if cores.platform is None else []
    return list(dict.fromkeys([*_roles(cores), *others]))


def _load(options: argparse.Namespace) -> list[Side]:
    from icmsg.config.checks import SideSettings, load_sides
    from icmsg.machine.boot import linked_memory

    cores, used = cores_of(options), set(_roles(cores_of(options)))

    def settings(place: int, core: str) -> SideSettings:
        """Return what was given for a core, else for the side in that place."""
        names = core, _roles(cores)[place]
        used.add(core)
        kconfig, release, generation = (
            next((found for name in names if (found := cores.value(options, name, suffix))), None)
            for suffix in _SUFFIXES
        )
        return SideSettings(kconfig, release or options.release, generation or options.generation)

    own_platform = options.platform not in (None, _NO_PLATFORM)
    given = [path for path in (options.first, options.second) if path is not None]
    sides = load_sides(given, settings, cores.names if own_platform else (), options.soc)
    for name in _option_names(cores):
        for suffix in _SUFFIXES:
            if name not in used and cores.value(options, name, suffix):
                found = " and ".join(side.core for side in sides)
                raise ConfigurationError(
                    f"--{name}{suffix}: no file here is of core {name}; they are of {found}"
                )
    return [
        replace(side, linked=linked_memory(side.image)) if side.image is not None else side for side in sides
    ]


def _platform(options: argparse.Namespace, sides: list[Side]) -> tuple[str | None, str]:
    """Return the path of the platform file to check against, None to leave the memory out; and why.

    Raises:
        ConfigurationError: the files are of another SoC than --soc.
    """
    known = {soc: side for side in sides if (soc := side.soc) is not None}
    if options.soc is not None and (
        strange := [soc for soc in known if soc != options.soc and soc in BOARDS]
    ):
        raise ConfigurationError(
            f"--soc {options.soc}: {known[strange[0]].devicetree.file} is of the {BOARDS[strange[0]].title}; "
            f"give --soc {strange[0]}, or the files of one SoC"
        )
    if options.platform is not None:
        return (
            (None, "as asked for") if options.platform == _NO_PLATFORM else (options.platform, "as asked for")
        )
    if others := [soc for soc in known if soc not in BOARDS]:
        titles = ", ".join(board.title for board in BOARDS.values())
        return None, f"the SoC is another than the {titles}: {others[0]}"
    if len(known) > 1:
        return None, f"the files are of two SoCs, {' and '.join(BOARDS[soc].title for soc in known)}"
    if known:
        board = BOARDS[next(iter(known))]
        return str(platform_file(board.name)), f"the SoC is the {board.title}"
    return None, "the SoC is not known, since an overlay alone does not tell it"


def _load_memory(path: str, sides: list[Side]) -> tuple[list[MemoryRange], tuple[str, ...]]:
    """Return the memory of a platform, and the cores of it that share the regions; none to mean all cores."""
    from icmsg.soc.platform import load_platform  # slow to load
    from icmsg.soc.soc import Soc

    soc = Soc(load_platform(path))
    ends = tuple(side.core for side in sides if side.core in soc.cores)
    if len(sides) < 2:
        with suppress(
            ConfigurationError
        ):  # a mailbox that is not known here; memory can be checked all the same
            ends = soc.link(ends)
    return list(soc.memory_map()), ends


def _as_json(report: _Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "platform": report.platform,
        "platform_reason": report.reason,
        "sides": [
            {
                "core": side.core,
                "soc": side.soc,
                "file": side.devicetree.file,
                "kconfig": list(side.kconfig.files) if side.kconfig else [],
                "releases": str(side.releases),
                "release": str(side.release),
                "wire": side.release.wire,
                "signalling": side.release.signalling,
                "rx_limit": side.rx_limit,
                "instances": [_instance_json(side, node) for node in side.devicetree.instances],
            }
            for side in report.sides
        ],
        "left_aside": [
            {
                "core": aside.core,
                "instance": aside.node.name,
                "node": aside.node.path,
                "leads_to": aside.leads_to,
                "reason": aside.reason,
            }
            for aside in report.aside
        ],
        "findings": [finding.as_json() for finding in report.findings],
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
        "backend": node.backend,
        **of_several_endpoints(side, node),
    }


def _as_tables(report: _Report) -> str:
    from rich.console import Console  # only a person looks at tables
    from rich.table import Table
    from rich.text import Text

    instances = Table(title="Instances", title_justify="left", title_style="bold")
    for name in ("core", "instance", "regions", "channels", "unbound", "align", "Zephyr"):
        wide = name in ("instance", "Zephyr")
        instances.add_column(name, no_wrap=not wide, overflow="fold", min_width=len(name))
    for side, node in _shown(report):
        instances.add_row(*(Text(cell) for cell in _row(side, node)))
    result = Table(title="Findings", title_justify="left", title_style="bold", show_lines=True)
    result.add_column("severity", no_wrap=True)
    result.add_column("where and what", overflow="fold")
    for finding in report.findings:
        what = Text.assemble((f"{finding.place} {finding.node}\n", "dim"), finding.message)
        result.add_row(Text(finding.severity, _STYLE[finding.severity]), what)
    console = Console()
    with console.capture() as capture:  # so that a closed pipe is the business of the command
        console.print(instances)
        if (blocks := blocks_table(_shown(report))) is not None:
            console.print(blocks)
        if report.findings:
            console.print(result)
        for line in _remarks(report):
            console.print(Text(line), soft_wrap=True)
        good = (
            "WILL BOND" if len(report.sides) > 1 else "NO MISTAKE IN THIS SIDE"
        )  # whom it bonds with nobody said
        console.print(Text(good, "bold green") if report.ok else Text("WILL NOT BOND", "bold red"))
    return capture.get()


def _shown(report: _Report) -> Iterator[tuple[Side, IcmsgNode]]:
    """Yield every instance that is judged, with its side."""
    left = [aside.node for aside in report.aside]
    for side in report.sides:
        for node in side.devicetree.instances:
            if not any(node is each for each in left):
                yield side, node


def _remarks(report: _Report) -> Iterator[str]:
    """Yield what was not judged, and why."""
    if report.aside:
        yield f"left aside, since they lead to other cores: {', '.join(map(str, report.aside))}"
    if report.platform is None:
        yield f"memory was not checked against a platform ({report.reason}): give --platform"
    for core in report.strange:
        yield f"the platform file has no core {core}, and memory was checked without it: {report.platform}"


def _row(side: Side, node: IcmsgNode) -> tuple[str, ...]:
    tx, rx = node.tx_region.region, node.rx_region.region
    return (
        side.core,
        node.name if node.backend == "icmsg" else f"{node.name}\n{NAMES[node.compatible]}",
        f"tx 0x{tx.address:08X} {tx.size:#x}\nrx 0x{rx.address:08X} {rx.size:#x}",
        f"tx {node.tx_channel.number}\nrx {node.rx_channel.number}",
        side.mode(node) if node.backend == "icmsg" else "-",
        str(node.dcache_alignment or 0),
        str(side.release) if node.backend == "icbmsg" else f"{side.release}\n{side.release.wire}",
    )
