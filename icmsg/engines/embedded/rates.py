"""The cores of a platform: how fast they and their timers run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.errors import PlatformError
from icmsg.soc.platform import Reference
from icmsg.soc.soc import CORTEX_M, VPR

if TYPE_CHECKING:
    from icmsg.soc.platform import Peripheral, PlatformDescription
    from icmsg.soc.soc import Soc

NVIC: Final = "IRQControllers.NVIC"
CLIC: Final = "IRQControllers.NRF_CLIC"
CONTROLLERS: Final = {CORTEX_M: NVIC, VPR: CLIC}
"""Types of cores that are executed, and that of their interrupt controllers."""
CPUS: Final = tuple(CONTROLLERS)
_ATTRIBUTES: Final = {
    CORTEX_M: {"cpuType", "nvic", "cpuId", "id", "fpuInterruptNumber", "PerformanceInMips"},
    VPR: {"clic", "hartId", "wfiNeedsMie", "PerformanceInMips"},
}

_HERTZ_PER_MIPS: Final = 1_000_000
_DEFAULT_MIPS: Final = 100  # Renode's
FASTEST: Final = 2
"""Factor by which a core's clock can be faster than after a reset (HFCLKCTRL of the nRF5340)."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Clock rates of the platform: ticks per second, instructions and SysTick cycles per second and core.

    A core without a SysTick has the rate of its instructions there.

    Those of a core are its rates after a reset. Where something changes the core's clock (``clocked``), it can be
    :data:`FASTEST` times as fast.
    """

    ticks_per_second: int
    instruction_hz: dict[str, int]
    systick_hz: dict[str, int]


def read_rates(soc: Soc) -> Rates:
    """Find a tick of which every core's instruction and every SysTick cycle is a whole multiple.

    Raises:
        PlatformError: the platform has no core, a Cortex-M other than the Cortex-M33, or one without a controller.
    """
    description = soc.description
    cores = [item for item in description if item.type in CPUS]
    if not cores:
        raise PlatformError(
            f"no {' or '.join(CPUS)} in this platform; the embedded engine needs at least one",
            file=description.file,
        )
    instruction_hz: dict[str, int] = {}
    systick_hz: dict[str, int] = {}
    for core in cores:
        check_attributes(core, _ATTRIBUTES[core.type])
        if core.type == CORTEX_M and core.attributes.get("cpuType") != "cortex-m33":
            raise core.error(
                f"cpuType {core.attributes.get('cpuType')!r} is not modelled by the embedded engine; it runs "
                '"cortex-m33", the renode engine runs all',
                "cpuType",
            )
        for kind in ("init", "reset"):
            for command in getattr(core, kind):
                if command.split() != ["IsHalted", "true"]:
                    raise core.error(
                        f"the {kind} command {command!r} is not modelled by the embedded engine; "
                        "the renode engine runs it"
                    )
        name = soc.by_cpu[core.name].name
        instruction_hz[name] = _positive(core, "PerformanceInMips", _DEFAULT_MIPS) * _HERTZ_PER_MIPS
        nvic = _controller_of(description, core)
        if nvic.type != NVIC:
            systick_hz[name] = instruction_hz[name]
            continue
        if "systickFrequency" not in nvic.attributes:
            raise nvic.error(f"{nvic.name} needs a systickFrequency, the clock of {core.name} in Hz")
        systick_hz[name] = _positive(nvic, "systickFrequency", 0)
    fast = [soc.by_cpu[core.name].name for core in cores if core.name in _clocked(description)]
    rates = [hz for table in (instruction_hz, systick_hz) for hz in table.values()]
    rates += [FASTEST * table[name] for table in (instruction_hz, systick_hz) for name in fast]
    return Rates(math.lcm(*rates), instruction_hz, systick_hz)


def _clocked(description: PlatformDescription) -> set[str]:
    """Return the cores, by name in the file, whose clock something in the platform changes."""
    values = [item.attributes.get("clocked") for item in description]
    return {value.name for value in values if isinstance(value, Reference)}


def has_fpu(description: PlatformDescription, core: Peripheral) -> bool:
    """Return whether a core has an FPU and the DSP extension.

    It has where its FPU has an interrupt (fpuInterruptNumber); where no core of the platform says so, all have both.
    """
    told = [
        item.name for item in description if item.type == CORTEX_M and "fpuInterruptNumber" in item.attributes
    ]
    return not told or core.name in told


def hart_of(core: Peripheral) -> int:
    """Return the number that a RISC-V core reads in its mhartid."""
    value = core.attributes.get("hartId", 0)
    if not isinstance(value, int) or value < 0:
        raise core.error(f"hartId of {core.name} must be a whole number", "hartId")
    return value


def wfi_needs_mie(core: Peripheral) -> bool:
    """Return whether a VPR that sleeps with mstatus.MIE = 0 is never woken."""
    value = core.attributes.get("wfiNeedsMie", False)
    if not isinstance(value, bool):
        raise core.error(f"wfiNeedsMie of {core.name} must be true or false", "wfiNeedsMie")
    return value


def check_attributes(item: Peripheral, known: set[str]) -> None:
    """Refuse an attribute that is not among ``known``.

    Raises:
        PlatformError: at the attribute.
    """
    for name in item.attributes:
        if name not in known:
            raise item.error(
                f"attribute {name} of {item.type} is not modelled by the embedded engine (it knows "
                f"{', '.join(sorted(known)) or 'none'}); the renode engine runs it",
                name,
            )


def _controller_of(description: PlatformDescription, core: Peripheral) -> Peripheral:
    attribute, wanted = ("nvic", NVIC) if core.type == CORTEX_M else ("clic", CLIC)
    reference = core.attributes.get(attribute)
    if not isinstance(reference, Reference) or description[reference.name].type != wanted:
        raise core.error(f"{core.name} needs {attribute}: the name of an {wanted}", attribute)
    return description[reference.name]


def _positive(item: Peripheral, attribute: str, default: int) -> int:
    value = item.attributes.get(attribute, default)
    if not isinstance(value, int) or value <= 0:
        raise item.error(f"{attribute} of {item.name} must be a whole number > 0", attribute)
    return value
