"""A backend with several endpoints, given by hand: one set of rules for options, verbs, keywords and fixtures.

>>> from icmsg.config.boards import NRF5340
>>> several_by_hand("icbmsg", NRF5340, {"tx_blocks": 8}).tx_blocks
8
>>> several_by_hand("icbmsg", NRF5340, {}, release="3.7").generation
'3.6'
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.boards import DEFAULT
from icmsg.config.by_hand import region_of
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import InstanceConfig
from icmsg.config.release import Release
from icmsg.config.spelling import closest
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.boards import Board
    from icmsg.config.icbmsg_layout import Generation
    from icmsg.config.load import AnyConfig
    from icmsg.link.endpoints import SeveralConfig

ICMSG: Final = "icmsg"
BACKENDS: Final = (ICMSG, "icbmsg", "icbmsg-rework", "icmsg-me")
_REGIONS: Final = ("tx_region", "rx_region")
_BLOCKS: Final = Release(3, 6)
_FEWER_BYTES: Final = Release(4, 1)


def check_backend(name: str) -> str:
    """Return the name of a backend; ConfigurationError for one that is none."""
    if name not in BACKENDS:
        raise ConfigurationError(
            f"no backend {name!r}{closest(name, BACKENDS)}; there are {', '.join(BACKENDS)}"
        )
    return name


def backend_of(config: AnyConfig) -> str:
    """Return the name that options have for the backend of ``config``."""
    if isinstance(config, InstanceConfig):
        return "icmsg"
    if isinstance(config, IcbmsgConfig):
        return "icbmsg-rework" if config.generation == "rework" else "icbmsg"
    return "icmsg-me"


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
    board = board or DEFAULT
    if check_backend(backend) == ICMSG:
        raise ConfigurationError("icmsg has one endpoint: leave endpoints away, or choose another backend")
    if backend == "icmsg-me":
        control = board.instance
        if release is not None:
            control = replace(control, signalling=Release.parse(release).signalling)
        return changed(IcmsgMeConfig(control, role="initiator"), given, endpoints)
    generation: Generation = "rework" if backend == "icbmsg-rework" else "4.1"
    if release is not None:
        generation = _generation(release, backend)
    return changed(replace(board.icbmsg, generation=generation), given, endpoints)


def changed(config: SeveralConfig, given: Mapping[str, Any], endpoints: int = 1) -> SeveralConfig:
    """Return ``config`` with the fields that are ``given``, and room for so many ``endpoints``.

    Raises:
        ConfigurationError: that cannot work, or is a field of another backend.
    """
    changes: dict[str, Any] = {
        name: region_of(name, value) if name in _REGIONS and isinstance(value, str) else value
        for name, value in given.items()
    }
    changes.setdefault("num_ep", max(config.num_ep, endpoints))
    own = {field.name for field in fields(config)}
    if isinstance(config, IcbmsgConfig):
        _refuse(set(changes) - own, "ICBMsg")
        return replace(config, **changes)
    controls = {name: changes.pop(name) for name in list(changes) if name not in own}
    _refuse(set(controls) - {field.name for field in fields(config.control)}, "icmsg_me")
    return replace(config, control=replace(config.control, **controls), **changes)


def _refuse(names: set[str], backend: str) -> None:
    for name in sorted(names):
        raise ConfigurationError(f"{name} has no meaning for {backend}: leave it away")


def _generation(release: str, backend: str) -> Generation:
    parsed = Release.parse(release)
    if backend == "icbmsg-rework":
        raise ConfigurationError(f"release {release} and icbmsg-rework exclude each other: leave one away")
    if parsed < _BLOCKS:
        raise ConfigurationError(f"release {release} has no ICBMsg, which came with Zephyr {_BLOCKS}")
    return "3.6" if parsed < _FEWER_BYTES else "4.1"
