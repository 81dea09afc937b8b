"""Harts: their types in a platform file, how a slot knows one, and one that runs firmware.

A hart is RV32 with the extensions that its type has, machine mode and user mode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from icmsg.engines.embedded.riscv.core import RiscVCore
from icmsg.engines.embedded.riscv.csrs import SHOWN, HartCsrs
from icmsg.engines.embedded.riscv.instructions import CsrUnit
from icmsg.engines.embedded.riscv.native import NativeRiscV
from icmsg.engines.embedded.riscv.traps import SOFTWARE, TIMER, ArrayInterrupts, HartTraps, LocalInterrupts
from icmsg.errors import BusError
from icmsg.hw.model import SizedModel
from icmsg.soc.platform import EnumMember

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.embedded.memory import AddressSpace
    from icmsg.engines.embedded.slot import Slot
    from icmsg.soc.platform import Peripheral
    from icmsg.timers import Timers


_CPU_TYPE: Final = "cpuType"
_BUILT_IN: Final = "builtInIrqController"
_LEVELS: Final = "privilegeLevels"
_MODES: Final[Mapping[str, int | None]] = {"Auto": None, "Direct": 0, "Vectored": 1}
_EXECUTED: Final = "iemafdcgus"
"""Letters of cpuType; u and s say nothing, as in Renode: privilegeLevels does."""
_LONG: Final = ("zicsr", "zifencei", "zca")
_KNOWN: Final = frozenset(
    {
        *(
            "b",
            "v",
            "s",
            "smepmp",
            "sscofpmf",
            "xandes",
            "zba",
            "zbb",
            "zbc",
            "zbs",
            "zbkb",
            "zfh",
            "zvfh",
            "zve32x",
        ),
        *("zve32f", "zve64x", "zve64f", "zve64d", "zacas", "zcb", "zcmp", "zcmt"),
    }
)
"""Other extensions that Renode's harts have."""
_PART: Final = re.compile(r"_?(?:([iemafdcgubv])|([a-z][a-z0-9]*))")
_ATTRIBUTES: Final = frozenset(
    {
        *("cpuType", "timeProvider", "hartId", "PerformanceInMips", "IsHalted", "privilegedArchitecture"),
        *(
            "privilegeArchitecture",
            "privilegeLevels",
            "interruptMode",
            "allowUnalignedAccesses",
            "endianness",
        ),
        *("nmiVectorAddress", "nmiVectorLength", "pmpNumberOfAddrBits", "pmpEntryCount"),
        *("useMachineAtomicState", "minimalPmpNapotInBytes"),
    }
)


@dataclass(frozen=True, slots=True)
class HartType:
    """One kind of hart.

    ``letters`` are the extensions that misa names, ``floating`` says whether there are floating-point registers.
    ``mode`` is what the lowest bits of mtvec always are, None where firmware chooses. ``nops`` are instructions of its
    own that do nothing, ``kept`` numbers of registers of its own that store, ``zeros`` of such that read 0.
    """

    letters: str = ""
    floating: bool = False
    mode: int | None = None
    nops: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    zeros: tuple[int, ...] = ()
    ignores_read_only: bool = False
    make_controller: Callable[[], LocalInterrupts] = LocalInterrupts
    inputs: int = 32
    """Interrupt lines that a platform file may name."""


_FLUSH: Final = 0x0000_500F
"""VexRiscv's "flush the data cache"."""
_VEX_LINES: Final = 1032
"""Inputs of Renode's VexRiscv: 0 to 31, 100 and 101, and from 1000 on those of supervisor mode."""


def _vex_controller() -> LocalInterrupts:
    return ArrayInterrupts(0xBC0, 0xFC0, {100: TIMER, 101: SOFTWARE})


def _minerva_controller() -> LocalInterrupts:
    return ArrayInterrupts(0x330, 0x360, {})


_VEX: Final = HartType(nops=(_FLUSH,), kept=(0xCC0,), ignores_read_only=True, inputs=_VEX_LINES)
_TYPES: Final[Mapping[str, tuple[str, HartType]]] = {
    "CPU.IbexRiscV32": ("rv32imc_zicsr_zifencei", HartType(mode=1, zeros=(0x7C0,))),
    "CPU.Minerva": ("rv32i", HartType(ignores_read_only=True, make_controller=_minerva_controller)),
    "CPU.RiscV32": ("", HartType()),
    "CPU.VexRiscv": ("rv32im_zicsr_zifencei", replace(_VEX, make_controller=_vex_controller)),
}
"""Types of harts: the cpuType of one that says nothing, and what else is its own."""


def attributes_of(core: Peripheral) -> set[str]:
    """Return the names of the attributes that a hart may have."""
    return {*_ATTRIBUTES, *([_BUILT_IN] if core.type == "CPU.VexRiscv" else [])}


def check_cpu_type(core: Peripheral) -> None:
    """Refuse a cpuType that no hart can have; the words are Renode's.

    Raises:
        PlatformError: at the attribute.
    """
    text = _cpu_type(core)
    parts = _parts(text)
    letters = {letter for letter in _parts(text) if len(letter) == 1} | ({"i"} if "g" in parts else set())
    unknown = [part for part in parts if part not in (*_EXECUTED, *_LONG, *_KNOWN)]
    if not text.startswith("rv32"):
        problem = "it should start with rv32"
    elif {"i", "e"} <= letters:
        problem = "ISA string cannot contain both I and E base instruction sets at the same time"
    elif "e" in letters and not letters <= set("emacus"):
        problem = "RV32E can only have M, A and C standard extensions"
    elif unknown:
        problem = f"Undefined instructions set extension: '{unknown[0].upper()}'"
    else:
        return
    raise core.error(f"cpuType {text!r} of {core.name} names no instruction set: {problem}", _CPU_TYPE)


def why_not(core: Peripheral) -> str:
    """Return why a hart is not executed; empty if it is."""
    text = _cpu_type(core)
    foreign = [part for part in _parts(text) if part not in (*_EXECUTED, *_LONG)]
    if foreign:
        names = ", ".join(part.capitalize() for part in foreign)
        return f"its cpuType {text!r} has {names}, instructions that the embedded engine does not have"
    if not {"i", "e", "g"} & set(_parts(text)):
        return f"its cpuType {text!r} names no base, which is i, e or g"
    if _member(core, "endianness") not in ("", "LittleEndian"):
        return "it is big-endian"
    if _mode_name(core) not in _MODES:
        return f"its interruptMode is none of {', '.join(_MODES)}"
    return ""


def hart_type(core: Peripheral) -> HartType:
    """Return what a hart of a platform file is, which must be one that is executed (:func:`why_not`)."""
    _, kind = _TYPES[core.type]
    parts = _parts(_cpu_type(core))
    found = {"c" if part == "zca" else part for part in parts if part not in "us"}
    if "g" in found:
        found = found - {"g"} | set("imafd")
    letters = {part for part in found if len(part) == 1}
    if _member(core, _LEVELS) != "Machine":
        letters.add("u")
    if core.attributes.get(_BUILT_IN) is False:
        kind = _VEX
    return replace(
        kind,
        letters="".join(sorted(letters)),
        floating=bool(letters & {"f", "d"}),
        mode=_MODES[_mode_name(core)] if kind.mode is None else kind.mode,
    )


def _cpu_type(core: Peripheral) -> str:
    default, _ = _TYPES[core.type]
    return str(core.attributes.get(_CPU_TYPE, default)).lower()


def _parts(cpu_type: str) -> list[str]:
    return ["".join(part) for part in _PART.findall(cpu_type.removeprefix("rv32"))]


def _mode_name(core: Peripheral) -> str:
    return _member(core, "interruptMode") or "Auto"


def _member(core: Peripheral, name: str) -> str:
    """Return which member of an enumeration an attribute says, empty where there is none."""
    value = core.attributes.get(name)
    return value.member if isinstance(value, EnumMember) else "" if value is None else str(value)


RESET_VECTOR: Final = 0x1000
"""Address at which a hart begins that was told nothing else, as in Renode."""


class HartStart(SizedModel):
    """The address at which a hart begins, ``vector_table``; it has no registers on the bus."""

    def __init__(self) -> None:
        self.vector_table = RESET_VECTOR

    def set_speed(self, times: int) -> None:
        """Do nothing: the core has no timer."""

    def reset(self) -> None:
        """Do nothing: it stays where it was set."""

    def _read(self, offset: int, size: int) -> int:
        raise BusError("a hart has no registers on the bus", address=offset, width=8 * size)

    def _write(self, offset: int, size: int, value: int) -> None:
        del value
        self._read(offset, size)


class RiscV32:
    """A hart of the type ``kind``; ``hart`` is its mhartid."""

    def __init__(self, kind: HartType, *, hart: int) -> None:
        self._kind: Final = kind
        self._hart: Final = hart
        self.interrupts: Final = kind.inputs
        self.time: Callable[[], int] | None = None
        """Value of the register time: that of the timer that the platform file names."""

    def make_controller(self) -> LocalInterrupts:
        """Return the controller in the hart."""
        return self._kind.make_controller()

    def make_registers(
        self,
        slot: Slot,  # noqa: ARG002 - it has none on the bus
        space: AddressSpace,  # noqa: ARG002
        *,
        timer_hz: int,  # noqa: ARG002 - nor a timer
        restart: Callable[[], None],  # noqa: ARG002 - nor can it reset itself
    ) -> HartStart:
        """Return where the hart begins."""
        return HartStart()

    def make_processor(
        self,
        slot: Slot,
        *,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> Hart:
        """Return a hart that runs firmware."""
        assert isinstance(slot.nvic, LocalInterrupts)
        registers = slot.control
        assert isinstance(registers, HartStart)
        return Hart(
            self._kind,
            name=slot.name,
            space=slot.space,
            interrupts=slot.nvic,
            entry=lambda: registers.vector_table,
            hart=self._hart,
            time=lambda: 0 if self.time is None else self.time(),
            ticks_per_instruction=slot.ticks_per_instruction,
            timers=slot.timers,
            warn=warn,
            fault=fault,
            events=events,
        )


class Hart(RiscVCore):
    """A hart of the type ``kind``; ``entry()`` is where it begins after a reset.

    ``time()`` is what its register time reads. ``warn(what, address, pc)`` is told about accesses that nothing models,
    ``fault(exception, pc)`` about fault exceptions; ``events()`` is how many events there were. As in Renode, a load
    from where nothing is reads 0, and a store there goes nowhere.
    """

    __slots__ = ("_csr_unit", "_csrs", "_flow", "nops")

    _csrs: HartCsrs
    shown: ClassVar = SHOWN

    def __init__(
        self,
        kind: HartType,
        *,
        name: str,
        space: AddressSpace,
        interrupts: LocalInterrupts,
        entry: Callable[[], int],
        hart: int,
        time: Callable[[], int],
        ticks_per_instruction: int,
        timers: Timers,
        warn: Callable[[str, int, int], None],
        fault: Callable[[int, int], None],
        events: Callable[[], int],
    ) -> None:
        super().__init__(
            native := NativeRiscV(floating=kind.floating),
            name=name,
            space=space,
            nvic=interrupts,
            entry=entry,
            registers=16 if "e" in kind.letters else 32,
            timers=timers,
            ticks_per_instruction=ticks_per_instruction,
            warn=warn,
        )
        self.nops = kind.nops
        self._csrs = HartCsrs(
            native,
            interrupts,
            hart=hart,
            kind=kind,
            executed=self.executed,
            time=time,
            unmasked=self.look,
            warn=lambda what: warn(f"write of {what}", self._at, self._at),
        )
        self._csr_unit = CsrUnit(native, space, self._csrs, window=None, raise_later=self._raise_later)
        self._flow = HartTraps(
            native, interrupts, self._csrs, warn=warn, tell=fault, events=events, executed=self.executed
        )

    def _reset_csrs(self) -> None:
        self._csrs.reset()

    def _on_bad_load(self, address: int) -> bool:
        self._warn_of("read of 0 where the platform file has nothing", address, self.pc())
        return True

    def _on_lost_store(self, address: int) -> None:
        self._warn_of("write to where the platform file has nothing", address, self.pc())
