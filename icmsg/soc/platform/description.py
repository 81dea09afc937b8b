"""A platform as its description says it: what there is, where it is registered and how it is wired.

Nothing is known here about the models behind the types; an engine maps the types to its models and uses
:meth:`Peripheral.error` to say what it does not model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icmsg.errors import PlatformError
    from icmsg.soc.platform.values import Connection, Place, Value


@dataclass(frozen=True, slots=True)
class Registration:
    """Place of a peripheral in its parent, most often the bus ``sysbus``.

    ``address`` is a byte address on the bus, or the number of the place in another parent (a pin, a chip
    select). It is None for a parent that needs none, as the bus for a core. ``size`` in bytes is what the
    description says; None leaves it to the model. With ``cpu`` (or ``cluster``, or ``condition``) only that
    core sees it, and ``region`` names the part of the peripheral that answers. ``offset`` is the peripheral's
    offset at ``address``. ``point`` is the value as written where it is none of Renode's bus registrations.
    """

    parent: str
    address: int | None = None
    size: int | None = None
    cpu: str | None = None
    region: str | None = None
    offset: int = 0
    cluster: str | None = None
    condition: str | None = None
    point: Value | None = None
    place: Place = field(compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Peripheral:
    """Peripheral, all its entries merged.

    ``type`` is without Renode's default namespace ``Antmicro.Renode.Peripherals.``, ``alias`` the name that
    it has in the Monitor if that is another one, and ``local`` says that only its own file may refer to it.
    ``preinit``, ``init`` and ``reset`` are Monitor commands. A peripheral without registrations exists, but
    no bus reaches it.
    """

    name: str
    type: str
    attributes: Mapping[str, Value]
    registrations: tuple[Registration, ...]
    connections: tuple[Connection, ...]
    preinit: tuple[str, ...]
    init: tuple[str, ...]
    reset: tuple[str, ...]
    alias: str | None
    local: bool
    place: Place = field(compare=False)
    attribute_places: Mapping[str, Place] = field(compare=False, repr=False)

    @property
    def file(self) -> str:
        """The file of the entry that gives the type."""
        return self.place.file

    @property
    def line(self) -> int:
        """The line of the entry that gives the type, from 1."""
        return self.place.line

    def error(self, message: str, attribute: str | None = None) -> PlatformError:
        """Return (not raise) an error that points at this entry, or at one of its attributes."""
        return self.attribute_places.get(attribute or "", self.place).error(message)


@dataclass(frozen=True, slots=True)
class PlatformDescription:
    """All peripherals of a platform, in the order in which they are declared.

    ``updates`` are entries for what exists before the platform is loaded: ``sysbus``, ``machine``, and what
    an earlier description has registered. They have no constructor's arguments.
    """

    file: str = field(compare=False)
    peripherals: tuple[Peripheral, ...]
    updates: tuple[Peripheral, ...]
    creation_order: tuple[str, ...] = field(compare=False, repr=False)
    """The names of the peripherals, each behind those that its constructor's arguments refer to."""
    _by_name: dict[str, Peripheral] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {peripheral.name: peripheral for peripheral in self.peripherals})

    def __getitem__(self, name: str) -> Peripheral:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Peripheral]:
        return iter(self.peripherals)

    def __len__(self) -> int:
        return len(self.peripherals)
