"""Register by which one core of an SoC holds another one in reset, and lets it go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.hw.nrf54_peripherals import VPR
from icmsg.hw.nrf_peripherals import RESET
from icmsg.soc.platform import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.soc.platform import PlatformDescription

_RESET: Final = "Miscellaneous.NRF_RESET"
_VPR_CONTROL: Final = "Miscellaneous.NRF_VPR"


@dataclass(frozen=True, slots=True)
class ForceOff:
    """Core ``held`` is in reset while bit 0 of ``register``, an address of core ``holder``, is ``holds``.

    ``peripheral`` is what the platform file calls the block, ``name`` what the SoC's manual calls the register.
    ``start`` is the address of the register that says where the core then begins, None where its image does. A reset
    of the holder holds the other (nRF5340 PS, "RESET", NETWORK.FORCEOFF; nRF54L15 PS, "VPR", CPURUN).
    """

    holder: str
    held: str
    register: int
    peripheral: str
    name: str = "RESET.NETWORK.FORCEOFF"
    holds: int = 1
    start: int | None = None

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
            )
    return None
