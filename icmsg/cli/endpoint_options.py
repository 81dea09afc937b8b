"""The options of the backends that have several endpoints: which backend, which endpoints, how many blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.assets import stub_names
from icmsg.cli.core_options import cores_of
from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.by_hand import BACKENDS, ICMSG, several_by_hand

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from icmsg.link.endpoints import SeveralConfig

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


def check_speakers(backend: str, who: dict[str, str]) -> None:
    """Refuse the firmware stubs among ``who``, which speak ICMsg."""
    for core, name in who.items():
        if name in stub_names():
            raise ConfigurationError(
                f"--{core} {name}: this firmware stub speaks ICMsg; with --backend {backend} give python, or "
                "the path of your image"
            )


def several_of(options: argparse.Namespace, who: dict[str, str]) -> SeveralConfig:
    """Return the instance that is given by hand, as the first core of ``who`` has it.

    Raises:
        ConfigurationError: options that do not go with the backend, or cannot work.
    """
    cores = cores_of(options)
    check_speakers(options.backend, who)
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
