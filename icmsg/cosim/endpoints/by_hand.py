"""A backend with several endpoints, given by hand: one set of rules for options, verbs, keywords and fixtures.

>>> from icmsg.config.boards import NRF5340
>>> several_by_hand("icbmsg", NRF5340, {"tx_blocks": 8}).tx_blocks
8
>>> several_by_hand("icbmsg", NRF5340, {}, release="3.7").generation
'3.6'
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.boards import DEFAULT
from icmsg.config.by_hand import region_of
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.release import Release
from icmsg.config.spelling import closest
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.boards import Board
    from icmsg.config.icbmsg_layout import Generation
    from icmsg.cosim.endpoints import SeveralConfig

ICMSG: Final = "icmsg"
BACKENDS: Final = (ICMSG, "icbmsg", "icbmsg-rework", "icmsg-me")
_OF_ICBMSG: Final = ("tx_blocks", "rx_blocks", "slots")
_BLOCKS: Final = Release(3, 6)
_FEWER_BYTES: Final = Release(4, 1)


def check_backend(name: str) -> str:
    """Return the name of a backend; ConfigurationError for one that is none."""
    if name not in BACKENDS:
        raise ConfigurationError(
            f"no backend {name!r}{closest(name, BACKENDS)}; there are {', '.join(BACKENDS)}"
        )
    return name


def several_by_hand(
    backend: str,
    board: Board | None,
    given: Mapping[str, Any],
    *,
    release: str | None = None,
    endpoints: int = 1,
) -> SeveralConfig:
    """Return the instance of ``backend`` as the first core of ``board`` has it (None: the default board).

    ``given`` are fields by name, regions also as ADDR:SIZE. There is room for so many ``endpoints`` at least.

    Raises:
        ConfigurationError: that cannot work, or is no backend with several endpoints.
    """
    changes = dict(given)
    for name in ("tx_region", "rx_region"):
        if isinstance(text := changes.get(name), str):
            changes[name] = region_of(name, text)
    board = board or DEFAULT
    if check_backend(backend) == "icmsg-me":
        return _icmsg_me(board, changes, release, endpoints)
    if backend == ICMSG:
        raise ConfigurationError("icmsg has one endpoint: leave endpoints away, or choose another backend")
    if "role" in changes:
        raise ConfigurationError(f"role is for icmsg-me: {backend} finds out who initiates by itself")
    generation: Generation = "rework" if backend == "icbmsg-rework" else "4.1"
    if release is not None:
        generation = _generation(release, backend)
    base = replace(board.icbmsg, generation=generation)
    changes.setdefault("num_ep", max(base.num_ep, endpoints))
    return replace(base, **changes)


def _generation(release: str, backend: str) -> Generation:
    parsed = Release.parse(release)
    if backend == "icbmsg-rework":
        raise ConfigurationError(f"release {release} and icbmsg-rework exclude each other: leave one away")
    if parsed < _BLOCKS:
        raise ConfigurationError(f"release {release} has no ICBMsg, which came with Zephyr {_BLOCKS}")
    return "3.6" if parsed < _FEWER_BYTES else "4.1"


def _icmsg_me(board: Board, changes: dict[str, Any], release: str | None, endpoints: int) -> IcmsgMeConfig:
    for name in _OF_ICBMSG:
        if name in changes:
            raise ConfigurationError(f"{name} is for icbmsg: icmsg-me has no blocks")
    own = {name: changes.pop(name) for name in ("role", "num_ep") if name in changes}
    if release is not None:
        changes.setdefault("signalling", Release.parse(release).signalling)
    config = IcmsgMeConfig(replace(board.instance, **changes), role=own.get("role", "initiator"))
    return replace(config, num_ep=own.get("num_ep", max(config.num_ep, endpoints)))
