"""Instances of any backend, given by hand or by the files of a build: one set of rules for every front end.

A backend with several endpoints, given by hand: one set of rules for options, verbs, keywords and fixtures.

>>> from icmsg.config.boards import NRF5340
>>> several_by_hand("icbmsg", NRF5340, {"tx_blocks": 8}).tx_blocks
8
>>> several_by_hand("icbmsg", NRF5340, {}, release="3.7").generation
'3.6'

One instance of any backend from the files of a build: one set of rules for options, verbs, keywords and fixtures.

The files say it all: whatever is given beside them must be something of which they say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from dataclasses import fields as fields_of
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.boards import DEFAULT
from icmsg.config.built_for import Release, region_of
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import InstanceConfig
from icmsg.config.kconfig import ICBMSG_NUM_EP, ME_NUM_EP
from icmsg.errors import ConfigurationError, closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icmsg.config.boards import Board
    from icmsg.config.devicetree import BackendName
    from icmsg.config.icbmsg import Generation
    from icmsg.config.load import AnyConfig, BackendPair, File, Side
    from icmsg.config.load import Files as Paths
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


_UNTOLD: Final = ("rx_limit", "peer_rx_limit", "refused", "defects", "rings_back")
"""Fields of which neither a devicetree nor Kconfig says anything."""
_OF_KCONFIG: Final = ("slots", "num_ep", "deinit")
_NODES: Final[dict[str, BackendName]] = {
    "icmsg": "icmsg",
    "icbmsg": "icbmsg",
    "icbmsg-rework": "icbmsg",
    "icmsg-me": "icmsg_me",
}
"""The backend of a devicetree node, by the name that options have for it."""


def generation_of(backend: str | None) -> Generation | None:
    """Return the generation that the name of a backend tells; None where the release does."""
    return "rework" if backend == "icbmsg-rework" else None


def pair_from_files(
    first: Side | None,
    second: Side | None,
    *,
    instance: str | None = None,
    backend: str | None = None,
    endpoints: int = 0,
    given: Iterable[str] = (),
    called: Callable[[str], str] = str,
) -> BackendPair:
    """Return one instance as both sides have it; a side without files is the mirror of the other.

    ``backend`` is what it has to be, ``endpoints`` how many are wanted (0: nobody said), ``given`` are the fields
    that somebody gave beside the files, and ``called`` is what a field's name is where they were given.

    Raises:
        ConfigurationError: there is no such instance, or several and none is named; it can never bond; or what is
            given contradicts the files. The text names file and line.
    """
    from icmsg.config.load import (  # who gives an instance by hand reads no devicetree
        BackendPair,
        load_backends,
    )

    sides = [side for side in (first, second) if side is not None]
    given = list(given)
    check_given(given, called)
    _check_kconfig(sides, given, called)
    wanted = None if backend is None else _NODES[check_backend(backend)]
    pair = load_backends(first, second, instance, wanted)
    one = pair.first
    name = backend_of(one)
    where = f"{one.name} of {sides[0].devicetree.file} is {name}"
    if backend not in (None, name):
        raise ConfigurationError(
            f"{called('backend')} {backend}, but {where}: leave {called('backend')} away, or name another instance"
        )
    if isinstance(one, InstanceConfig):
        if endpoints:
            raise ConfigurationError(
                f"{called('endpoints')} is for backends with several endpoints, and {where}: leave it away"
            )
        return pair
    option = ICBMSG_NUM_EP if isinstance(one, IcbmsgConfig) else ME_NUM_EP
    both = []
    for side, config in zip((first, second), pair, strict=True):
        assert not isinstance(config, InstanceConfig)
        both.append(changed(config, {}, endpoints))
        if side is not None and side.kconfig is not None and endpoints > config.num_ep:
            raise ConfigurationError(
                f"{endpoints} endpoints, but {side.core} has room for {config.num_ep} "
                f"({', '.join(side.kconfig.files)}): name fewer, or set CONFIG_{option}={endpoints} there"
            )
    return BackendPair(*both)


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one side, and what is asked for beside them.

    ``of`` is the core whose they are, None for the one that has the instance. ``instance`` is its name, None = the
    only one; ``endpoints`` are the names that are wanted, none where nobody said.
    """

    dts: File
    kconfig: Paths = None
    release: str | None = None
    of: str | None = None
    instance: str | None = None
    backend: str | None = None
    endpoints: Sequence[str] = ()


def config_from_files(
    core: str,
    other: str,
    files: Files,
    given: Mapping[str, Any] = MappingProxyType({}),
    name: str | None = None,
) -> AnyConfig:
    """Return the instance that ``files`` tell, as ``core`` has it, with the fields that are ``given``.

    ``other`` is the core at the other end of its link; ``name`` is what the instance is called, None for its own name.

    Raises:
        ConfigurationError: as :func:`pair_from_files`; or the files are of a third core.
    """
    from icmsg.config.load import load_side

    of = files.of or core
    if of not in (core, other):
        raise ConfigurationError(f"dts_of={of}: use {core} or {other}, the two cores of the link")
    check_given(given)
    own, theirs = pair_from_files(
        load_side(files.dts, files.kconfig, files.release, of, generation_of(files.backend)),
        None,
        instance=files.instance,
        backend=files.backend,
        endpoints=len(files.endpoints),
        given=given,
    )
    config = own if of == core else theirs
    fields = dict(given) if name is None else {**given, "name": name}
    if isinstance(config, InstanceConfig):
        _refuse_foreign(config, fields)
        return replace(config, **fields)
    return changed(config, fields, len(files.endpoints))


def _refuse_foreign(config: InstanceConfig, given: Mapping[str, Any]) -> None:
    for name in set(given) - {field.name for field in fields_of(config)}:
        raise ConfigurationError(f"{name} is for backends with several endpoints, and {config.name} is icmsg")


def check_given(given: Iterable[str], called: Callable[[str], str] = str) -> None:
    """Refuse fields that a devicetree says, before it is read; ConfigurationError, which calls them as ``called``."""
    for name in given:
        if name not in (*_UNTOLD, *_OF_KCONFIG):
            raise ConfigurationError(
                f"{called(name)} and a devicetree exclude each other: the devicetree says it already"
            )


def _check_kconfig(sides: list[Side], given: Iterable[str], called: Callable[[str], str]) -> None:
    """Refuse fields that Kconfig says."""
    if any(side.kconfig is not None for side in sides):
        for name in given:
            if name in _OF_KCONFIG:
                raise ConfigurationError(
                    f"{called(name)} and a .config exclude each other: the .config says it already"
                )
