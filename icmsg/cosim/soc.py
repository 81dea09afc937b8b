"""What a platform description says about a SoC that drivers must know; the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.cosim.platform import Peripheral, PlatformDescription

CoreT = TypeVar("CoreT")

NRF_IPC: Final = "Miscellaneous.NRF_IPC"


@dataclass(frozen=True, slots=True)
class MailboxPort:
    """One core's mailbox peripheral: ``base`` byte address on its bus, ``interrupt`` external interrupt number."""

    base: int
    interrupt: int


def short_name(name: str) -> str:
    """Return a core's name as commands use it: ``app`` for ``cpuapp``."""
    return name[3:] if name.startswith("cpu") and len(name) > 3 else name


def find_core(cores: Mapping[str, CoreT], name: str) -> CoreT:
    """Return a core by its name (``"app"``, or ``"cpuapp"`` as in the platform file).

    Raises:
        ConfigurationError: there is no such core; the text lists those there are.
    """
    found = cores.get(name) or cores.get(name.removeprefix("cpu"))
    if found is None:
        raise ConfigurationError(f"no core {name!r}; the platform has {', '.join(cores)}")
    return found


def mailbox_ports(description: PlatformDescription) -> dict[str, MailboxPort]:
    """Return the mailbox of every core that has one, by the core's short name.

    Raises:
        PlatformError: a mailbox without address, core or interrupt.
    """
    ports: dict[str, MailboxPort] = {}
    for item in description:
        if item.type == NRF_IPC:
            name, port = _port(item)
            ports[name] = port
    return ports


def _port(item: Peripheral) -> tuple[str, MailboxPort]:
    place = next(
        (place for place in item.registrations if place.cpu is not None and place.address is not None), None
    )
    if place is None or place.cpu is None or place.address is None or not item.connections:
        raise item.error(f"{item.name} needs an address for a core (cpu: …) and a connection IRQ -> an NVIC")
    return short_name(place.cpu), MailboxPort(place.address, item.connections[0].irq)
