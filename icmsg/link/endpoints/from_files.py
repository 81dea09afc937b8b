"""One instance of any backend from the files of a build: one set of rules for options, verbs, keywords and fixtures.

The files say it all: whatever is given beside them must be something of which they say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import InstanceConfig
from icmsg.config.kconfig import ICBMSG_NUM_EP, ME_NUM_EP
from icmsg.config.load import BackendPair, load_backends, load_side
from icmsg.errors import ConfigurationError
from icmsg.link.endpoints.by_hand import backend_of, changed, check_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icmsg.config.devicetree import BackendName
    from icmsg.config.icbmsg_layout import Generation
    from icmsg.config.load import AnyConfig, File, Side
    from icmsg.config.load import Files as Paths

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
