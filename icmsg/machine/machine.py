"""Machine with cores on one virtual clock, as every engine offers it, and why firmware faults, in the same words.

The protocols say what scenarios may rely on; ``tests/contract`` runs the same tests over every engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from icmsg.errors import EngineError
from icmsg.hw.mailbox import channels_in
from icmsg.machine.backtrace import chain_line
from icmsg.machine.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from icmsg.hw.bus import Bus
    from icmsg.ipc.clock import Clock
    from icmsg.machine.backtrace import Frame
    from icmsg.machine.base_machine import AccessKind, BaseCore, MemoryAccess
    from icmsg.machine.console import Console
    from icmsg.machine.events import Event, EventStream
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.variables import Variable
    from icmsg.soc.platform import PlatformDescription
    from icmsg.soc.soc import Soc
    from icmsg.soc.wiring import MailboxPort


@dataclass(frozen=True, slots=True)
class AccessWarning:
    """Firmware did something that nothing models; ``place`` is the PC as ``function+0x12 (file.c:34)``.

    ``chain`` is how the core came there, as :meth:`Core.backtrace` at that moment; empty where nobody could look.
    PC, place and chain are those of the first time, ``count`` says how often it was.
    """

    core: str
    what: str
    address: int
    pc: int
    place: str
    chain: tuple[Frame, ...] = ()
    count: int = 1

    def __str__(self) -> str:
        where = chain_line(self.chain) if len(self.chain) > 1 else self.place
        return f"core {self.core}: {self.what} at 0x{self.address:08X} (PC 0x{self.pc:08X}, {where})"


@dataclass(frozen=True, slots=True)
class CoreFaultRecord:
    """A fault exception that ``core`` took ``count`` times at ``pc``; ``place`` is the PC as ``function+offset``.

    ``exception`` is 3 = HardFault, 4 = MemManage, 5 = BusFault, 6 = UsageFault; ``address`` what was accessed, None
    where that is not known.
    """

    core: str
    exception: int
    address: int | None
    pc: int
    place: str
    count: int


@dataclass(frozen=True, slots=True)
class Hang:
    """A core that hangs, in words; a storm is one of interrupts, everything else a loop that changes nothing."""

    core: str
    text: str
    is_storm: bool


class _Located(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    def locate(self, address: int) -> str: ...


class _Logged(Protocol):
    @property
    def cores(self) -> Mapping[str, _Located]: ...
    @property
    def events(self) -> EventStream: ...


class FaultLog:
    """The faults of a machine's cores, from its event stream: every engine that tells of a fault is in it."""

    def __init__(self, machine: _Logged) -> None:
        self._machine = machine
        self._counts: dict[tuple[int, int, int], int] = {}
        machine.events.add_sink(self._on_fault, (EventKind.FAULT,))

    def _on_fault(self, event: Event) -> None:
        key = event.core, event.a, event.b
        self._counts[key] = self._counts.get(key, 0) + 1

    @property
    def repeated(self) -> int:
        """The number of times that the most frequent fault came."""
        return max(self._counts.values(), default=0)

    def records(self) -> list[CoreFaultRecord]:
        """Return every fault so far, one entry for each core, exception and place."""
        cores = {core.index: core for core in self._machine.cores.values()}
        return [
            CoreFaultRecord(cores[index].name, exception, None, pc, cores[index].locate(pc), count)
            for (index, exception, pc), count in self._counts.items()
        ]


class Core(Protocol):
    """Core: halted as after power-up, running firmware, or played by Python."""

    @property
    def name(self) -> str:
        """The short name, such as ``app`` of ``cpuapp``."""

    @property
    def index(self) -> int:
        """The core's number in events."""

    @property
    def bus(self) -> Bus:
        """This core's address space."""

    @property
    def console(self) -> Console:
        """The console that the core prints on."""

    @property
    def mailbox_port(self) -> MailboxPort:
        """The port of this core's mailbox; EngineError if it has none."""

    @property
    def image(self) -> FirmwareImage | None:
        """The loaded image."""

    @property
    def is_halted(self) -> bool:
        """True while it executes nothing."""

    @property
    def is_played(self) -> bool:
        """True while Python plays the core."""

    @property
    def registers(self) -> dict[str, int]:
        """The core registers by name (``PC``, ``LR``, …); empty where no firmware was started."""

    def load(self, firmware: str | Path | FirmwareImage) -> FirmwareImage:
        """Load an image; FirmwareError if it does not fit this core."""

    def start(self) -> None:
        """Reset the core and let it run its image, as a debugger does: at once, whoever holds the core in reset."""

    def wait_for_release(self) -> None:
        """Reset the core, and let its image begin when the core that holds this one in reset lets it go."""

    def halt(self) -> None:
        """Stop executing."""

    def resume(self) -> None:
        """Go on where :meth:`halt` stopped."""

    def reset(self) -> None:
        """Reset this core and the peripherals that belong to it alone."""

    def release(self) -> None:
        """Stop playing the core, or executing on it; it is halted then."""

    def on_interrupt(self, interrupt: int, handler: Callable[[], None]) -> None:
        """Play this core by Python: call ``handler`` at an external interrupt."""

    def emit(self, kind: EventKind, a: int = 0, b: int = 0) -> None:
        """Put an event of this core into the machine's stream."""

    def locate(self, address: int) -> str:
        """Return ``function+0x12 (file.c:34)`` for a code address; less where the image does not tell."""

    def variable(self, name: str) -> Variable:
        """Return a variable of the image, or a part of one, to be read and written; FirmwareError if there is none."""

    def address_of(self, place: int | str) -> int:
        """Return the address of an instruction, or of a function of the image; FirmwareError if there is none."""

    def on_reach(self, place: int | str, handler: Callable[[], None]) -> Callable[[], None]:
        """Call ``handler()`` each time firmware comes to a place, directly before it; the result ends that."""

    def run_to(self, place: int | str, *, timeout_ns: int, times: int = 1) -> None:
        """Run until firmware has come to a place so often, and stand there; VirtualTimeoutError if it does not."""

    def watch_memory(
        self,
        begin: int,
        end: int,
        told: Callable[[MemoryAccess], None],
        *,
        kinds: Collection[AccessKind] = ...,
    ) -> Callable[[], None]:
        """Call ``told`` for each access to ``begin`` up to ``end``; the result ends that."""

    def backtrace(self) -> tuple[Frame, ...]:
        """Return where the core stands, innermost first, and who called that; empty where no firmware runs."""


@runtime_checkable
class WatchesStores(Protocol):
    """A core that can tell of its firmware's stores; not every engine has them."""

    def watch_stores(
        self, begin: int, end: int, told: Callable[[int, int, Callable[[], int]], None]
    ) -> Callable[[], None]:
        """Call ``told(address, value, pc)`` at each store, ``pc`` a function; the result ends that."""


@runtime_checkable
class Holder(Protocol):
    """A machine that holds an emulation which somebody else could let run."""

    @property
    def is_held(self) -> bool:
        """True while it holds it: nobody else may let time pass."""

    def let_go(self) -> None:
        """Let the emulation go and pause it; the next run holds it again."""


class Machine(Protocol):
    """An emulated SoC on one virtual clock; times are nanoseconds."""

    @property
    def engine(self) -> str:
        """``embedded`` or ``renode``."""

    @property
    def description(self) -> PlatformDescription:
        """The platform file."""

    @property
    def soc(self) -> Soc:
        """The SoC that the platform file says."""

    @property
    def cores(self) -> Mapping[str, Core]:
        """The cores by name."""

    @property
    def clock(self) -> Clock:
        """Virtual time for the state machines of Python-played cores."""

    @property
    def events(self) -> EventStream:
        """The events of this machine."""

    @property
    def warnings(self) -> list[AccessWarning]:
        """Warnings about what the firmware did that nothing models."""

    @property
    def faults(self) -> list[CoreFaultRecord]:
        """The fault exceptions that the cores took, as far as the engine tells of them."""

    def hangs(self, within_ns: int) -> list[Hang]:
        """Return how firmware hangs, where it is proved that nothing changes ``within_ns`` from now.

        To be called after every few slices of a wait, since it compares what it sees.
        """

    @property
    def announcement(self) -> str:
        """Sentence to be said of this machine before it runs, in one line; mostly nothing."""

    @property
    def now_ns(self) -> int:
        """The virtual time."""

    def core(self, name: str) -> Core:
        """Return a core by name; ConfigurationError if there is none."""

    def run_for(self, ns: int) -> None:
        """Let virtual time pass."""

    def run_until(
        self, satisfied: Callable[[], bool], *, timeout_ns: int, what: str = "the condition"
    ) -> None:
        """Run until ``satisfied()``; VirtualTimeoutError after ``timeout_ns``."""

    def trace_sha256(self) -> str:
        """Return a hash over every event so far and what else the engine knows: see docs/timing-model.md."""

    def close(self) -> None:
        """Free everything."""


CAUSES: Final = {
    1: "an instruction that this core does not have",
    3: "execution where there is no code",
    7: "a BKPT instruction without a debugger",
    17: "a coprocessor that is not enabled, or that this core does not have",
    18: "a branch to an address without the Thumb bit",
}
"""Causes by the numbers of QEMU's Arm target, from which both engines have theirs."""
TRAPS: Final = {
    0x100: "instruction address misaligned",
    0x101: "instruction access fault",
    0x102: "illegal instruction",
    0x103: "breakpoint",
    0x104: "load address misaligned",
    0x105: "load access fault",
    0x106: "store address misaligned",
    0x107: "store access fault",
    0x10B: "environment call",
    0x118: "misaligned stacking",
    0x119: "bus fault on stacking",
    0x11A: "interrupt vector fault",
    0x11B: "misaligned unstacking",
    0x11C: "bus fault on unstacking",
    0x11F: "fault on exception stacking",
}
"""Exceptions of a VPR core by the numbers of FAULT events, 0x100 + mcause (MDK: VPRCSR_MCAUSE)."""
FIRST_TRAP: Final = 0x100
STORM_TIMES: Final = 20_000
"""A handler that was entered so often without any other code between is a storm: StormAfter of ExceptionWatch.cs."""
NO_HANDLER: Final = "where no fault handler can run"


def fault_name(number: int) -> str:
    """Return the exception of a FAULT event in words, of a core of either architecture."""
    if number < FIRST_TRAP:
        return f"fault exception {number}"
    return f"exception {number - FIRST_TRAP} ({TRAPS.get(number, 'reserved')})"


def lock_up_words(core: BaseCore, text: str, pc: int) -> str:
    """Return that a core is locked up, because of ``text``."""
    return f"core {core.name} is locked up at PC 0x{pc:08X}: {text}, {NO_HANDLER} ({core.locate(pc)})"


def storm_of(core: BaseCore, name: str, interrupt: int | None, handler: int, times: int) -> Hang:
    """Return that the handler at byte address ``handler`` was entered ``times`` times in a row.

    ``name`` is what a person calls the exception, ``interrupt`` its number as an external one (None: it is none).
    """
    return Hang(
        core.name,
        f"interrupt storm: core {core.name} took {name} more than {times} times in a row in "
        f"{core.locate(handler).partition('+')[0]}: its handler returns without clearing what causes it"
        f"{_latched(core, interrupt)}",
        is_storm=True,
    )


def _latched(core: BaseCore, interrupt: int | None) -> str:
    """Return which events of the core's mailbox are set, if it is that which interrupts."""
    try:
        port = core.mailbox_port
    except EngineError:
        return ""
    if interrupt not in port.interrupts.values():
        return ""
    state = port.kind.read_state(core.bus, port.base)
    still = channels_in(state.latched & state.enabled)
    return "".join(f", {state.words.event.format(n)} is still set" for n in still)
