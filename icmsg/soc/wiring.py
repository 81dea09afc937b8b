"""Wiring of a platform: who reaches which ranges on the bus, which mailboxes hear each other, who holds whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.hw.mailboxes import find_kind
from icmsg.hw.nrf54_peripherals import GRTC, VPR
from icmsg.hw.nrf_peripherals import RESET
from icmsg.soc.platform import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icmsg.hw.mailboxes import MailboxKind
    from icmsg.soc.platform import Peripheral, PlatformDescription, Registration

_BUS: Final = "sysbus"
_TAG: Final = re.compile(
    r'Tag\s+<\s*(?P<start>\w+)(?P<comma>\s*,\s*|\s+)(?P<end>\w+)\s*>\s+"(?P<name>[^"]*)"(?:\s+(?P<value>\w+))?.*'
)


class Tag(NamedTuple):
    """Addresses ``start`` up to, but not including, ``end`` that are called ``name`` and read as ``value``.

    Of those that are ``silent`` nobody is warned. One that ``overrides`` answers instead of the peripheral that is
    there, not instead of memory.
    """

    start: int
    end: int
    name: str
    value: int
    silent: bool = False
    overrides: bool = False

    def has(self, address: int) -> bool:
        """Tell whether an address is one of these."""
        return self.start <= address < self.end


def tags(description: PlatformDescription) -> list[Tag]:
    """Return the ranges that are named, in the order of the file.

    ``Tag <0x50021000, 0x50021FFF> "PWM0"`` in the ``init`` section of ``sysbus``, a command of Renode's, says that
    something is there which nothing models: accesses are logged, a read gives the tag's value. Every other command is
    Renode's alone.
    """
    found: list[Tag] = []
    for item in description.updates:
        for command in item.init if item.name == _BUS else ():
            tag = _tag(command)
            if tag is not None:
                found.append(tag)
    return found


@lru_cache(maxsize=1024)  # every machine reads those of its platform, several times
def _tag(command: str) -> Tag | None:
    hit = _TAG.fullmatch(command.strip())
    if hit is None or not _is_number(hit["start"], hit["end"]):
        return None
    start, second = int(hit["start"], 0), int(hit["end"], 0)
    # behind a comma stands the last address, without one the size
    end = second + 1 if "," in hit["comma"] else start + second
    return Tag(start, end, hit["name"], int(hit["value"], 0) if _is_number(hit["value"]) else 0)


def on_bus(item: Peripheral) -> list[Registration]:
    """Return where cores see something on the bus; it may have places in other peripherals, too."""
    return [
        place
        for place in item.registrations
        if place.parent == _BUS and place.address is not None and place.cluster is None
    ]


def reaches(item: Peripheral, place: Registration, cpu: str) -> bool:
    """Return whether the core ``cpu`` reaches a peripheral by one of its registrations.

    One without ``cpu:`` is for all cores, unless another one at the same address says for which cores it is: then it
    is there for those who read the bus for no core, as Renode's models of DMA do.
    """
    if place.cpu is not None:
        return place.cpu == cpu
    return not any(other.cpu is not None and other.address == place.address for other in item.registrations)


def _is_number(*texts: str | None) -> bool:
    try:
        return all(text is not None and int(text, 0) >= 0 for text in texts)
    except ValueError:
        return False


CONTROLLERS: Final = ("nvic", "clic")
"""The attributes of cores that name their interrupt controller."""
HARTS: Final = ("CPU.IbexRiscV32", "CPU.Minerva", "CPU.RiscV32", "CPU.VexRiscv")
"""Types of cores that are their own interrupt controller: lines go to the core itself."""


@dataclass(frozen=True, slots=True)
class MailboxPort:
    """One core's mailbox: ``base`` byte address on its bus, ``interrupts`` external interrupt numbers by output.

    ``kind`` says what it is, ``name`` what the platform file calls it. ``tx_base`` is the byte address, on the bus of
    the same core, of the mailbox in which the core rings: its own, or its peer's.
    """

    base: int
    interrupts: Mapping[int, int]
    kind: MailboxKind
    name: str
    tx_base: int

    @property
    def interrupt(self) -> int:
        """The external interrupt of its first output."""
        return next(iter(self.interrupts.values()))


def controller_of(cpu: Peripheral) -> str | None:
    """Return the name of a core's interrupt controller, None if the platform file gives it none."""
    if cpu.type in HARTS:
        return cpu.name
    values = (cpu.attributes.get(name) for name in CONTROLLERS)
    return next((value.name for value in values if isinstance(value, Reference)), None)


def find_ports(
    description: PlatformDescription, cpus: Iterable[Peripheral]
) -> Iterator[tuple[str, MailboxPort]]:
    """Yield the first mailbox of every core that has one, by the core's name in the file.

    It belongs to the core whose interrupt controller its lines go to; where that is not known, to the one that reaches
    it.
    """
    wired = {controller_of(cpu): cpu.name for cpu in cpus}
    seen: set[str] = set()
    for item in description:
        kind = find_kind(item.type)
        if kind is None:
            continue
        reaching = [place.cpu for place in item.registrations if place.cpu is not None]
        owners = [wired[wire.destination] for wire in item.connections if wire.destination in wired]
        cpu = next(iter(owners + reaching), None)
        base = _address_for(item, cpu)
        if cpu is None or base is None or not item.connections:
            raise item.error(
                f"{item.name} needs an address for a core (cpu: …) and a connection IRQ -> an NVIC"
            )
        if cpu not in seen:
            seen.add(cpu)
            interrupts = {wire.index or 0: wire.irq for wire in item.connections}
            peer = _peer(description, item, kind) if kind.rings_peer else item
            tx_base = _address_for(peer, cpu) if peer is not None else None
            yield cpu, MailboxPort(base, interrupts, kind, item.name, base if tx_base is None else tx_base)


def _address_for(item: Peripheral, cpu: str | None) -> int | None:
    """Return the first address at which a core reaches a peripheral."""
    own = (place.address for place in item.registrations if place.cpu == cpu)
    everybodys = (place.address for place in item.registrations if place.cpu is None)
    return next((address for address in (*own, *everybodys) if address is not None), None)


def _peer(description: PlatformDescription, mailbox: Peripheral, kind: MailboxKind) -> Peripheral | None:
    """Return the mailbox that names this one, or that this one names."""
    for item in description:
        for name in kind.peers:
            value = item.attributes.get(name)
            if isinstance(value, Reference) and item.type == kind.type:
                if item is mailbox:
                    return description[value.name]
                if value.name == mailbox.name:
                    return item
    return None


def check_joined(
    description: PlatformDescription, first: MailboxPort | None, second: MailboxPort | None
) -> None:
    """Refuse two mailboxes that never hear each other, since neither names the other, nor both a third one.

    Raises:
        PlatformError: at the second one.
    """
    if first is None or second is None or not first.kind.peers:
        return
    if second.name not in _heard_by(description, first.name):
        raise description[second.name].error(
            f"mailboxes {first.name} and {second.name} are not joined: give {second.name} the line "
            f"`{first.kind.peers[0]}: {first.name}`"
        )


def _heard_by(description: PlatformDescription, mailbox: str) -> set[str]:
    """Return the names of a mailbox and of all that hear it."""
    pairs = [
        {item.name, value.name}
        for item in description
        if (kind := find_kind(item.type)) is not None
        for peer in kind.peers
        if isinstance(value := item.attributes.get(peer), Reference)
    ]
    found = {mailbox}
    while more := [pair for pair in pairs if pair & found and not pair <= found]:
        found.update(*more)
    return found


_RESET: Final = "Miscellaneous.NRF_RESET"
_VPR_CONTROL: Final = "Miscellaneous.NRF_VPR"
_GRTC: Final = "Timers.NRF_GRTC"


@dataclass(frozen=True, slots=True)
class ForceOff:
    """Core ``held`` is in reset while bit 0 of ``register``, an address of core ``holder``, is ``holds``.

    ``peripheral`` is what the platform file calls the block, ``name`` what the SoC's manual calls the register.
    ``start`` is the address of the register that says where the core then begins, None where its image does;
    ``counter`` that of the MODE of the counter by which both tell the time, and which the holder starts, None where
    each has its own. A reset of the holder holds the other (nRF5340 PS, "RESET", NETWORK.FORCEOFF; nRF54L15 PS, "VPR",
    CPURUN).
    """

    holder: str
    held: str
    register: int
    peripheral: str
    name: str = "RESET.NETWORK.FORCEOFF"
    holds: int = 1
    start: int | None = None
    counter: int | None = None

    def is_held(self, value: int) -> bool:
        """Return whether a value of the register holds the core."""
        return value & 1 == self.holds


def find_force_off(description: PlatformDescription, names: Mapping[str, str]) -> ForceOff | None:
    """Return what holds a core of the platform; ``names`` are those of its cores by what the file calls them."""
    for item in description:
        other = item.attributes.get({_RESET: "network", _VPR_CONTROL: "vpr"}.get(item.type, ""))
        held = names.get(other.name) if isinstance(other, Reference) else None
        for place in item.registrations:
            holder = names.get(place.cpu or "")
            if holder is None or held is None or place.address is None:
                continue
            base = place.address - place.offset
            if item.type == _RESET:
                register = base + RESET.offset("NETWORK_FORCEOFF")
                return ForceOff(holder, held, register, item.name)
            return ForceOff(
                holder,
                held,
                base + VPR.offset("CPURUN"),
                item.name,
                "VPR.CPURUN",
                holds=0,
                start=base + VPR.offset("INITPC"),
                counter=_counter_mode(description),
            )
    return None


def _counter_mode(description: PlatformDescription) -> int | None:
    addresses = (
        place.address for item in description if item.type == _GRTC for place in item.registrations[:1]
    )
    found = next(addresses, None)
    return None if found is None else found + GRTC.offset("MODE")
