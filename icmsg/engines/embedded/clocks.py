"""Clocks of the cores: their rates and those of their timers, the 32.768 kHz clock, and alarms on them.

The cores of a platform: how fast they and their timers run.

The 32.768 kHz clock of one core: whether it runs, and who counts it.

A moment that moves: what a timer peripheral waits for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.engines.embedded.armv8m.native import CORES, NOT_EXECUTED, CortexM
from icmsg.engines.embedded.riscv.hart import attributes_of, why_not
from icmsg.errors import PlatformError
from icmsg.soc.platform import Reference
from icmsg.soc.soc import CORTEX_M, VPR
from icmsg.soc.wiring import HARTS
from icmsg.timers import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.soc.platform import Peripheral, PlatformDescription
    from icmsg.soc.soc import Soc
    from icmsg.timers import Action, ScheduledTimer


NVIC: Final = "IRQControllers.NVIC"
CLIC: Final = "IRQControllers.NRF_CLIC"
CONTROLLERS: Final = {CORTEX_M: NVIC, VPR: CLIC}
"""Types of cores that are executed, and that of their interrupt controllers."""
CPUS: Final = (*CONTROLLERS, *HARTS)
"""Types of cores that are executed; those of :data:`HARTS` are their own interrupt controllers."""
_ATTRIBUTES: Final = {
    CORTEX_M: {
        *("cpuType", "nvic", "cpuId", "id", "fpuInterruptNumber", "PerformanceInMips", "IsHalted"),
        *("numberOfMPURegions", "numberOfSAURegions", "numberOfIDAURegions", "enableTrustZone"),
    },
    VPR: {"clic", "hartId", "wfiNeedsMie", "PerformanceInMips"},
}

_HERTZ_PER_MIPS: Final = 1_000_000
_DEFAULT_MIPS: Final = 100  # Renode's
_DEFAULT_SYSTICK_HZ: Final = 50 * 0x800000  # that of Renode's NVIC
_DEFAULT_PRIORITY_MASK: Final = 0xFF  # likewise
_MOST_MPU_REGIONS: Final = 16
_MOST_TICKS_PER_SECOND: Final = 10**16
"""Limit: with more, the 64 bits of an event's time would not last for half an hour."""
FASTEST: Final = 2
"""Factor by which a core's clock can be faster than after a reset (HFCLKCTRL of the nRF5340)."""


_WITHOUT_CORES_HZ: Final = 1_000_000_000
"""Ticks per second of a platform in which nothing executes."""


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
        PlatformError: the platform has no core that is modelled, one that is not, or one without a controller; or
            its clocks have no common tick.
    """
    description = soc.description
    cores = [item for item in description if item.type in CPUS]
    if not cores and soc.cores:
        raise PlatformError(
            f"no {' or '.join(CPUS)} in this platform; the embedded engine needs at least one, the renode engine runs "
            "all: --engine renode",
            file=description.file,
        )
    if not cores:
        return Rates(_WITHOUT_CORES_HZ, {}, {})
    instruction_hz: dict[str, int] = {}
    systick_hz: dict[str, int] = {}
    for core in cores:
        if reason := why_not_executed(core):
            raise core.error(
                f"{core.name} is not executed: {reason}; the renode engine runs it: --engine renode"
            )
        check_attributes(core, _ATTRIBUTES.get(core.type) or attributes_of(core))
        if core.type == CORTEX_M:
            cortex_m_of(description, core)
        name = soc.by_cpu[core.name].name
        instruction_hz[name] = systick_hz[name] = mips_of(core) * _HERTZ_PER_MIPS
        if core.type not in HARTS and (nvic := _controller_of(description, core)).type == NVIC:
            systick_hz[name] = _positive(nvic, "systickFrequency", _DEFAULT_SYSTICK_HZ)
    fast = [soc.by_cpu[core.name].name for core in cores if core.name in _clocked(description)]
    rates = [hz for table in (instruction_hz, systick_hz) for hz in table.values()]
    rates += [FASTEST * table[name] for table in (instruction_hz, systick_hz) for name in fast]
    ticks_per_second = math.lcm(*rates)
    if ticks_per_second > _MOST_TICKS_PER_SECOND:
        nvic = cores[0] if cores[0].type in HARTS else _controller_of(description, cores[0])
        raise nvic.error(
            f"the clocks of this platform have no tick that is long enough in common: round the systickFrequency of "
            f"{nvic.name}, or the PerformanceInMips of {cores[0].name}",
            "systickFrequency",
        )
    return Rates(ticks_per_second, instruction_hz, systick_hz)


def why_not_executed(core: Peripheral) -> str:
    """Return why a core is not executed here; empty if it is."""
    if core.type in HARTS:
        return why_not(core)
    if core.type == CORTEX_M and core.attributes.get("cpuType") in NOT_EXECUTED:
        return f"its cpuType {core.attributes['cpuType']!r} has instructions that the embedded engine does not have"
    return "" if core.type in CPUS else f"it is a {core.type}"


def _clocked(description: PlatformDescription) -> set[str]:
    """Return the cores, by name in the file, whose clock something in the platform changes."""
    values = [item.attributes.get("clocked") for item in description]
    return {value.name for value in values if isinstance(value, Reference)}


def mips_of(core: Peripheral) -> int:
    """Return how many million instructions a core executes per second, as its attribute or its commands say.

    Raises:
        PlatformError: the core has a command that is neither this nor ``IsHalted``, or a number that is none.
    """
    mips = _positive(core, "PerformanceInMips", _DEFAULT_MIPS)
    for kind in ("preinit", "init", "reset"):
        for command in getattr(core, kind):
            name, *arguments = command.split()
            if name == "PerformanceInMips" and len(arguments) == 1 and arguments[0].isdecimal():
                mips = int(arguments[0]) or mips
            elif name != "IsHalted" or arguments != ["true"]:
                raise core.error(
                    f"the {kind} command {command!r} is not modelled by the embedded engine; "
                    "the renode engine runs it"
                )
    return mips


def begins_halted(core: Peripheral) -> bool:
    """Return whether a core executes nothing until somebody lets it, also after a reset."""
    commands = (command.split() for command in (*core.init, *core.reset))
    return core.attributes.get("IsHalted") is True or ["IsHalted", "true"] in commands


def cortex_m_of(description: PlatformDescription, core: Peripheral) -> CortexM:
    """Return what the Cortex-M ``core`` is.

    A Cortex-M33 has FPU and DSP extension where its FPU has an interrupt (fpuInterruptNumber); where no core of the
    platform says so, all have both.

    Raises:
        PlatformError: it is none that is modelled.
    """
    cpu = CORES.get(str(core.attributes.get("cpuType")))
    if cpu is None:
        raise core.error(
            f"cpuType {core.attributes.get('cpuType')!r} is not modelled by the embedded engine; it runs "
            f"{', '.join(CORES)}, the renode engine runs all: --engine renode",
            "cpuType",
        )
    told = [
        item.name for item in description if item.type == CORTEX_M and "fpuInterruptNumber" in item.attributes
    ]
    if cpu is CORES["cortex-m33"] and told and core.name not in told:
        cpu = replace(cpu, fpu=0, has_dsp=False)
    if "numberOfMPURegions" in core.attributes:
        regions = core.attributes["numberOfMPURegions"]
        if not isinstance(regions, int) or not 0 <= regions <= _MOST_MPU_REGIONS:
            raise core.error(f"numberOfMPURegions must be 0…{_MOST_MPU_REGIONS}", "numberOfMPURegions")
        cpu = replace(cpu, mpu_regions=regions)
    return cpu


def priority_mask_of(description: PlatformDescription, core: Peripheral) -> int:
    """Return the bits that a priority has in the NVIC of a Cortex-M: Renode's default is all eight.

    Raises:
        PlatformError: the file says something that is no byte.
    """
    nvic = _controller_of(description, core)
    mask = nvic.attributes.get("priorityMask", _DEFAULT_PRIORITY_MASK)
    if not isinstance(mask, int) or not 0 <= mask <= _DEFAULT_PRIORITY_MASK:
        raise nvic.error(
            "priorityMask must be 0…0xFF: the bits of a byte that a priority has", "priorityMask"
        )
    return mask


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


class LowFrequencyClock:
    """Runs unless something that starts and stops it takes it over (:meth:`take_over`)."""

    def __init__(self) -> None:
        self.running = True
        self.before_change: Final[list[Callable[[], None]]] = []
        """Called before it starts or stops: what was counted up to now."""
        self.after_change: Final[list[Callable[[], None]]] = []
        """Called when it has started or stopped."""
        self._asked = True
        self._forced = False

    def take_over(self) -> None:
        """Stop it until it is asked for."""
        self.ask(False)

    def ask(self, run: bool) -> None:
        """Let it run or stop, as CLOCK is told to."""
        self._asked = run
        self._change()

    def force(self, run: bool) -> None:
        """Let it run whatever CLOCK is told to, or no longer, as a watchdog does."""
        self._forced = run
        self._change()

    def _change(self) -> None:
        running = self._asked or self._forced
        if running != self.running:
            for tell in self.before_change:
                tell()
            self.running = running
            for tell in self.after_change:
                tell()


class Timed(Protocol):
    """A place where time passes: the slot of a core."""

    def now(self) -> int:
        """Return the current tick."""

    def at(self, time: int, action: Action) -> ScheduledTimer:
        """Run ``action`` at tick ``time``."""


class Alarm:
    """Runs ``action`` at the tick that was :meth:`set` last.

    A kernel moves its timeout with every wait, mostly to later. So an entry that comes too early stays in the
    timers and only looks again when its time has come; one that is cancelled and replaced every time would leave
    thousands of dead ones behind, each of which still ends a slice or wakes a sleeping core.
    """

    __slots__ = ("_action", "_due", "_entries", "_where")

    def __init__(self, where: Timed, action: Action) -> None:
        self._where: Final = where
        self._action: Final = action
        self._due = NEVER
        self._entries: list[ScheduledTimer] = []  # the latest first, so the next one to run is the last

    def set(self, time: int) -> None:
        """Run the action at tick ``time``, and at no other."""
        self._due = time
        entries = self._entries
        while entries and entries[-1].action is None:
            entries.pop()  # the timers were cleared
        if not entries or time < entries[-1].time:
            entries.append(self._where.at(time, self._look))

    def cancel(self) -> None:
        """Do not run the action."""
        self._due = NEVER

    def reset(self) -> None:
        """Cancel, and leave nothing in the timers that still looks."""
        self._due = NEVER
        for entry in self._entries:
            entry.cancel()
        self._entries.clear()

    def _look(self) -> None:
        reached = self._entries.pop().time
        if self._due <= reached:
            self._due = NEVER
            self._action()
        elif self._due != NEVER:
            self.set(self._due)
