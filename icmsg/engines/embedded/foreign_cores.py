"""Cores of a platform that the embedded engine does not execute, with what belongs to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import shipped_name
from icmsg.config.boards import DEFAULT
from icmsg.engines.embedded.clocks import CONTROLLERS, CPUS, why_not_executed
from icmsg.engines.embedded.riscv.hart import check_cpu_type
from icmsg.errors import ConfigurationError
from icmsg.soc.platform import Reference, load_platform
from icmsg.soc.platform.parser import NAMESPACE
from icmsg.soc.soc import Soc, shipped_soc, short_name
from icmsg.soc.wiring import HARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.soc.platform import Peripheral, PlatformDescription, Registration
from icmsg.engines.embedded.model_types import _CORES, find_model

_RISCV32: Final = (
    "RiscV32 CV32E40P IbexRiscV32 Minerva OpenTitan_BigNumberAcceleratorCore PicoRV32 Ri5cy VeeR_EL2 VexRiscv"
)
_ARM: Final = "ARMv7A ARMv7R CortexM"
_TRANSLATED: Final = f"{_ARM} ARMv8A ARMv8R {_RISCV32} RiscV64 PowerPc PowerPc64 Sparc X86 X86_64 Xtensa"
_KVM: Final = "X86KVM X86_64KVM"
_ABSTRACT: Final = {
    "CPU.Arm": _ARM,
    "CPU.BaseARMv8": "ARMv8A ARMv8R",
    "CPU.BaseRiscV": f"{_RISCV32} RiscV64",
    "CPU.BaseX86": "X86 X86_64",
    "CPU.TranslationCPU": _TRANSLATED,
    "CPU.KVMCPU": _KVM,
    "CPU.X86KVMBase": _KVM,
    "CPU.BaseCPU": f"{_TRANSLATED} {_KVM} CoSimulatedCPU EmptyCPU ExternalCPU MSP430X SystemCCPU",
}
"""Renode's types of cores that only stand for others, and those others (release 1.16.1)."""


def read(
    platform: str | Path | PlatformDescription | None, *, coreless: bool
) -> tuple[Soc, Mapping[str, Peripheral]]:
    """Return the SoC, and the cores that are left out of it, by their names in the platform file."""
    if platform is None:
        return shipped_soc(DEFAULT.name), {}
    if isinstance(platform, str | Path):
        if (name := shipped_name(platform)) is not None:
            return shipped_soc(name), {}
        platform = load_platform(Path(platform))
    kept, foreign = split(platform, alone=coreless)
    return Soc(kept), foreign


def split(
    description: PlatformDescription, *, alone: bool = False
) -> tuple[PlatformDescription, dict[str, Peripheral]]:
    """Return the platform without cores of types that are not executed here, and those cores by their names.

    What only they reach, or what has interrupts for them alone, goes with them. A platform that has no other core is
    returned as it is, or, where it may be ``alone``, without its cores and what only some of them reach.

    Raises:
        PlatformError: something that stays refers to what is left out, or a core's type is abstract.
    """
    cores = [item for item in description if item.type.startswith(_CORES)]
    for item in cores:
        if item.type in _ABSTRACT:
            concrete = ", ".join(f"{NAMESPACE}{_CORES}{name}" for name in _ABSTRACT[item.type].split())
            raise item.error(
                f"{NAMESPACE}{item.type} is an abstract type. Try constructing one of the following concrete "
                f"types: {concrete}"
            )
        if item.type in HARTS:
            check_cpu_type(item)
    foreign = {item.name: item for item in cores if why_not_executed(item)}
    if not foreign or (len(foreign) == len(cores) and not alone):
        return description, {}
    alone &= len(foreign) == len(cores)
    gone = dict(foreign)
    while more := {
        item.name: item
        for item in description
        if item.name not in gone and _belongs(item, gone, wires=not alone)
    }:
        gone |= more
    if not alone:  # without cores, what is modelled for one only keeps what is written
        _check_references(description, gone, foreign)
    kept = tuple(_without(item, gone) for item in description if item.name not in gone)
    order = tuple(name for name in description.creation_order if name not in gone)
    return replace(description, peripherals=kept, creation_order=order), foreign


def check(foreign: Mapping[str, Peripheral], name: str) -> None:
    """Raise ConfigurationError if ``name`` is that of a core that was left out."""
    item = next((item for item in foreign.values() if name in (item.name, short_name(item.name))), None)
    if item is not None:
        raise ConfigurationError(refusal(item))


def refusal(core: Peripheral) -> str:
    """Return what is said to who wants to use a core that was left out."""
    because = f" here, since {why_not_executed(core)}" if core.type in CPUS else ""
    return (
        f"core {short_name(core.name)} is a {core.type}, which the embedded engine does not execute{because}; "
        "the renode engine runs it: --engine renode"
    )


def announced(foreign: Mapping[str, Peripheral]) -> str:
    """Return one line about a platform of which no core is executed; empty where there are none."""
    if not foreign:
        return ""
    kinds = ", ".join(dict.fromkeys(core.type for core in foreign.values()))
    return (
        f"the embedded engine does not execute {', '.join(foreign)} ({kinds}), so no core of this machine runs; the "
        "renode engine runs them: --engine renode"
    )


def _belongs(item: Peripheral, gone: Mapping[str, Peripheral], *, wires: bool) -> bool:
    """Return whether only what is gone sees an item, or, with ``wires`` or for a controller, has its interrupts."""
    places = [_is_seen_by(place, gone) for place in item.registrations if place.parent == "sysbus"]
    wires |= item.type in CONTROLLERS.values()
    lines = [wire.destination in gone for wire in item.connections] if wires else []
    return (bool(places) and all(places)) or (bool(lines) and all(lines))


def _is_seen_by(place: Registration, gone: Mapping[str, Peripheral]) -> bool:
    """Return whether only what is left out sees something there: a core, a cluster of them."""
    return place.cpu in gone or place.cluster in gone


def _check_references(
    description: PlatformDescription, gone: Mapping[str, Peripheral], foreign: Mapping[str, Peripheral]
) -> None:
    for item in description:
        for name, value in item.attributes.items():
            modelled = item.name not in gone and find_model(item.type) is not None
            if modelled and isinstance(value, Reference) and value.name in gone:
                owner = next(iter(foreign.values()))
                raise item.error(f"{item.name} refers to {value.name}, and {refusal(owner)}", name)


def _without(item: Peripheral, gone: Mapping[str, Peripheral]) -> Peripheral:
    return replace(
        item,
        registrations=tuple(place for place in item.registrations if not _is_seen_by(place, gone)),
        connections=tuple(wire for wire in item.connections if wire.destination not in gone),
    )
