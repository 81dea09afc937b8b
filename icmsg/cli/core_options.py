"""The options that carry the names of the SoC's own cores, and those of backends with several endpoints.

Which cores there are is known before the command line is parsed: by ``--soc`` and ``--platform`` in it.

The options of the backends that have several endpoints: which backend, which endpoints, how many blocks.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.assets import platform_file, stub_names
from icmsg.cli.arguments import time_ns
from icmsg.config.boards import BOARDS, DEFAULT, Board, board_of
from icmsg.errors import ConfigurationError, IcmsgError
from icmsg.link.endpoints.instances import BACKENDS, ICMSG, several_by_hand
from icmsg.timers import US

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icmsg.config.instance import InstanceConfig
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.link import Link
    from icmsg.soc.soc import Soc


_DEST: Final = "cores"


@dataclass(frozen=True)
class CoreOptions:
    """The cores for which a command line has options.

    ``names`` are those of the cores, the first two by default those of the link; ``board`` is None for an SoC that is
    none of the package's.
    """

    names: tuple[str, ...]
    board: Board | None
    platform: str | None = None
    """The platform file of the user's own."""
    mistake: str = ""
    """The fault of that file, where its cores could not be read."""
    known: Soc | None = field(default=None, repr=False, compare=False)
    """The SoC of that file, where it was read."""

    @property
    def soc(self) -> Soc:
        """The SoC; PlatformError if its file cannot be used."""
        if self.known is not None:
            return self.known
        from icmsg.soc.soc import Soc, shipped_soc  # most commands that fail do so before

        if self.platform is None:
            assert self.board is not None
            return shipped_soc(self.board.name)
        from icmsg.soc.platform import load_platform

        return Soc(load_platform(Path(self.platform)))

    @property
    def instance(self) -> InstanceConfig:
        """The instance where nothing else is given, as the first core of the link has it."""
        return (self.board or DEFAULT).instance

    @property
    def title(self) -> str:
        """The SoC in words."""
        return (
            f"the {self.board.title}"
            if self.platform is None and self.board is not None
            else self.platform or ""
        )

    @property
    def is_named(self) -> bool:
        """True where the command line says which SoC it is."""
        return self.platform is not None or self.board is not DEFAULT

    @property
    def described(self) -> str:
        """The names of the cores, in words."""
        return f"the cores of {self.title} are {', '.join(self.names)}"

    @property
    def soc_name(self) -> str:
        """The SoC as a devicetree calls it; empty where that is not known."""
        return self.board.name if self.board is not None else ""

    @property
    def first_title(self) -> str:
        """The first core of the link in words."""
        return self.core_title(self.names[0])

    def core_title(self, core: str) -> str:
        """Return a core in words, such as ``the application core`` or ``core 0``."""
        title = self.board.titles.get(core) if self.board is not None else None
        return f"core {core}" if title is None else f"the {title}"

    def link(self, given: Iterable[str] = ()) -> Link:
        """Return the link of the cores that are ``given``, and others.

        Raises:
            ConfigurationError: they are no link.
        """
        from icmsg.link.link import Link, default_link

        if self.platform is None and self.board is not None:
            return Link.of(*self.board.roles, self.board.instance)
        return default_link(self.soc, given)

    def add(self, group: Any, core: str, suffix: str = "", **settings: Any) -> None:
        """Add the option ``--CORE`` with a ``suffix``; one that a command has already keeps its meaning."""
        taken = {text for action in group._actions for text in action.option_strings}
        if (option := f"--{core}{suffix}") not in taken:
            group.add_argument(option, dest=_dest(core, suffix), **settings)

    def value(self, options: argparse.Namespace, core: str, suffix: str = "") -> Any:
        """Return what was given for a core; None if nothing was."""
        return getattr(options, _dest(core, suffix), None)

    def set(self, options: argparse.Namespace, core: str, value: object, suffix: str = "") -> None:
        """Take over a value as if it had been given."""
        setattr(options, _dest(core, suffix), value)


def _dest(core: str, suffix: str) -> str:
    return f"{core}{suffix}".replace("-", "_")


def find_cores(arguments: Sequence[str]) -> CoreOptions:
    """Return the cores of the command line ``arguments``: those of ``--platform``, else of ``--soc``, else of the
    default board. A file that cannot be used is found again by whoever uses it.
    """
    before = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    before.add_argument("--platform")
    before.add_argument("--soc")
    try:
        found, _ = before.parse_known_args(list(arguments))
    except (argparse.ArgumentError, SystemExit):
        return of_board(DEFAULT)
    if found.platform is None:
        return of_board(BOARDS.get(found.soc or DEFAULT.name, DEFAULT))
    try:
        return of_platform(found.platform)
    except (IcmsgError, OSError) as error:
        return CoreOptions(DEFAULT.roles, DEFAULT, found.platform, str(error))


def of_board(board: Board) -> CoreOptions:
    """Return the cores of a board."""
    return CoreOptions(board.roles, board)


def of_platform(path: str) -> CoreOptions:
    """Return the cores of a platform file, those of its link first; PlatformError if it cannot be used."""
    from icmsg.link.link import default_link
    from icmsg.soc.platform import load_platform
    from icmsg.soc.soc import Soc

    soc = Soc(load_platform(Path(path)))
    first: tuple[str, ...] = ()
    with suppress(ConfigurationError):  # said once somebody needs a link
        first = default_link(soc).cores
    names = (*first, *(name for name in soc.cores if name not in first))
    return CoreOptions(names or DEFAULT.roles, board_of(soc.cores), path, known=soc)


def add_soc(parser: Any) -> None:
    """Add ``--soc``, which :func:`find_cores` has looked for."""
    parser.add_argument(
        "--soc", choices=BOARDS, default=DEFAULT.name, help="the SoC and its default instance"
    )


def add_machine_options(parser: argparse.ArgumentParser) -> Any:
    """Add the options that say which machine firmware runs on; return their group."""
    machine = parser.add_argument_group("the machine")
    add_soc(machine)
    machine.add_argument(
        "--platform",
        metavar="REPL",
        default=None,
        help="a Renode platform file instead; options are then named after its cores",
    )
    machine.add_argument(
        "--quantum-us",
        dest="quantum_ns",
        type=time_ns(US),
        metavar="US",
        default=None,
        help="how far one core may get ahead of the other",
    )
    machine.add_argument(
        "--latency-us",
        dest="latency_ns",
        type=time_ns(US, zero=True),
        metavar="US",
        default=None,
        help="from an interrupt to its Python handler",
    )
    machine.add_argument(
        "--release-network",
        action="store_true",
        help="let the core that is held in reset run at once, for images that leave its release to a debugger",
    )
    return machine


def machine_platform(platform: str | None, soc: str) -> str | Path | None:
    """Return the file of ``--platform`` or ``--soc`` that a machine is made of; None for the engines' own default."""
    return platform_file(soc) if platform is None and soc != DEFAULT.name else platform


def cores_of(options: argparse.Namespace) -> CoreOptions:
    """Return the cores of a command line that was parsed."""
    found = getattr(options, _DEST)
    assert isinstance(found, CoreOptions)
    return found


def keep(parser: argparse.ArgumentParser, cores: CoreOptions) -> None:
    """Let :func:`cores_of` find ``cores`` once ``parser`` has parsed."""
    parser.set_defaults(**{_DEST: cores})


ENDPOINT: Final = "ep0"
"""The endpoint where none is named."""
_OF_ICMSG: Final = ("unbound", "instance")
"""Options that say nothing of an instance with several endpoints that is given by hand."""


def add_endpoint_options(parser: Any) -> None:
    """Add the options to a parser or one of its groups."""
    group = parser.add_argument_group("several endpoints")
    group.add_argument(
        "--backend",
        choices=BACKENDS,
        help="which backend both sides have; default: that of the devicetree, else icmsg",
    )
    group.add_argument(
        "--endpoints",
        metavar="NAME,…",
        help=f"the names of the endpoints, each of which exchanges all messages; default: {ENDPOINT}",
    )
    group.add_argument(
        "--tx-blocks", type=int, metavar="N", help="ICBMsg: blocks of the tx-region; default: 16"
    )
    group.add_argument(
        "--rx-blocks", type=int, metavar="N", help="ICBMsg: blocks of the rx-region; default: 18"
    )


def has_several(options: argparse.Namespace) -> bool:
    """Tell whether the options ask for another backend than ICMsg."""
    return getattr(options, "backend", None) not in (None, ICMSG)


def check_one_endpoint(options: argparse.Namespace) -> None:
    """Refuse options of several endpoints where the backend is ICMsg."""
    for name in ("endpoints", "tx_blocks", "rx_blocks"):
        if getattr(options, name, None) is not None:
            raise ConfigurationError(
                f"--{name.replace('_', '-')} is for backends with several endpoints: add --backend icbmsg"
            )


def endpoints_of(options: argparse.Namespace) -> list[str]:
    """Return the names of the endpoints."""
    names: str = ENDPOINT if options.endpoints is None else options.endpoints
    return [name.strip() for name in names.split(",")]


def stub_for(who: str, backend: str, option: str) -> str:
    """Return the name of the stub that speaks ``backend``, where ``who`` is a stub's name; else ``who``.

    ``option`` calls it in an error. Raises ConfigurationError where there is none.
    """
    names = stub_names()
    if who not in names or who.endswith(f"-{backend}"):
        return who
    found = f"{who}-{backend}"
    if found in names:
        return found
    able = ", ".join(name for name in names if name.endswith(f"-{backend}"))
    raise ConfigurationError(
        f"{option} {who}: this firmware stub does not speak {backend}; give python, the path of your image"
        f"{', or ' if able else ''}{able}"
    )


def several_of(options: argparse.Namespace, who: dict[str, str]) -> SeveralConfig:
    """Return the instance that is given by hand, as the first core of ``who`` has it.

    Raises:
        ConfigurationError: options that do not go with the backend, or cannot work.
    """
    cores = cores_of(options)
    for core in who:
        if cores.value(options, core, "-kconfig"):
            raise ConfigurationError(f"--{core}-kconfig goes with --{core}-dts: give the devicetree, too")
    for name in _OF_ICMSG:
        if getattr(options, name, None) is not None:
            raise ConfigurationError(
                f"--{name.replace('_', '-')} has no effect on {options.backend}: leave it away"
            )
    fields = ("tx_region", "rx_region", "dcache_alignment", "signalling", "tx_blocks", "rx_blocks")
    given = {name: value for name in fields if (value := getattr(options, name)) is not None}
    return several_by_hand(
        options.backend,
        cores.board,
        given,
        release=options.release,
        endpoints=len(endpoints_of(options)),
    )
