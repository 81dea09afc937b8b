"""A machine and its cores of any engine, as far as it does not matter how time passes and who executes.

Stops at a place of firmware, and accesses that it makes, are the same on every engine, too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from icmsg.config.instance import WORD
from icmsg.errors import ConfigurationError, EngineError, FirmwareError, IcmsgError, VirtualTimeoutError
from icmsg.ipc.clock import check_delay
from icmsg.machine.backtrace import unwind, unwind_riscv
from icmsg.machine.boot import check_addresses
from icmsg.machine.image import FirmwareImage
from icmsg.machine.machine import FaultLog
from icmsg.soc.soc import find_core
from icmsg.timers import format_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from icmsg.hw.bus import Bus
    from icmsg.machine.backtrace import Frame
    from icmsg.machine.console import Console
    from icmsg.machine.events import EventStream
    from icmsg.machine.machine import CoreFaultRecord
    from icmsg.machine.variables import Variable
    from icmsg.soc.platform import PlatformDescription
    from icmsg.soc.soc import Soc, SocCore
    from icmsg.soc.wiring import MailboxPort

PATIENCE: Final = 1000
"""Handler calls in a row that leave an interrupt line high before it counts as a mistake."""


def never_falls(core: str, interrupt: int) -> EngineError:
    """Return the error of a handler that does not acknowledge what raised its interrupt."""
    return EngineError(
        f"interrupt {interrupt} of core {core} was handled {PATIENCE} times and is still high; "
        "the handler must acknowledge what raised it (Mailbox.acknowledge)"
    )


class BaseCore:
    """A core of ``soc`` that is halted (as after power-up), runs firmware, or is played by Python.

    ``place`` is what the platform file says about it, ``bus`` its address space.
    """

    def __init__(self, soc: Soc, place: SocCore, bus: Bus, console: Console) -> None:
        self._soc: Final = soc
        self._place: Final = place
        self._halted = True
        self.name: Final = place.name
        self.index: Final = place.index
        self.bus: Final = bus
        self.console: Final = console
        self.image: FirmwareImage | None = None

    @property
    def mailbox_port(self) -> MailboxPort:
        """The port of this core's mailbox; EngineError if the platform gives it none."""
        if self._place.port is None:
            raise EngineError(f"core {self.name} has no mailbox in this platform")
        return self._place.port

    @property
    def is_halted(self) -> bool:
        """True while the core executes nothing (a core played by Python is not halted)."""
        return self._halted

    @property
    def is_played(self) -> bool:
        """True while Python plays the core."""
        raise NotImplementedError

    @property
    def registers(self) -> dict[str, int]:
        """The core registers by name; empty where no firmware was started."""
        raise NotImplementedError

    def check_image(self, image: FirmwareImage) -> None:
        """Refuse an image that does not fit.

        Raises:
            FirmwareError: a part of it lies outside this core's memory.
        """
        check_addresses(image, self.name, self._soc)

    def address_of(self, place: int | str) -> int:
        """Return the address of an instruction: ``place``, or where the function of that name begins.

        Raises:
            FirmwareError: the image has no such name, or there is no image.
        """
        if isinstance(place, str):
            if self.image is None:
                raise FirmwareError(
                    f"core {self.name} has no image in which {place} could be; load() one first"
                )
            place = self.image.symbol(place)
        return place & ~1

    def locate(self, address: int) -> str:
        """Return ``function+0x12 (file.c:34)`` of the image for a code address."""
        return self.image.locate(address) if self.image is not None else f"0x{address:08X}"

    def variable(self, name: str) -> Variable:
        """Return a variable of the image: ``stats.received``, ``buf[3]``, ``p->x``, ``*p``, ``file.c::counter``.

        Raises:
            FirmwareError: there is no image, or no such variable or member; the text suggests one.
        """
        if self.image is None:
            raise FirmwareError(f"core {self.name} has no image whose variables are known; load() one first")
        from icmsg.machine.variables import find_variable  # most runs do without

        return find_variable(self.image, self.bus, name)

    def backtrace(self, pc: int | None = None) -> tuple[Frame, ...]:
        """Return the call chain, innermost first, from ``pc`` if that is given; empty where no firmware was started."""
        registers = self._frame_registers()
        if registers and pc is not None:
            registers["PC"] = pc
        if "MEPC" in registers:
            return tuple(unwind_riscv(registers, self.image, self._read_memory))
        return unwind(registers, self.image, self._read_memory)

    def __repr__(self) -> str:
        if self.is_played:
            return f"<core {self.name}: played by Python>"
        image = self.image
        what = f" {image.path.name}" if image is not None else ""
        place = ""
        with suppress(IcmsgError):  # a machine that is closed, a Renode that is gone
            pc = self.registers.get("PC") if image is not None else None
            place = f" at 0x{pc:08X} ({self.locate(pc)})" if pc is not None else ""
        return f"<core {self.name}: {'halted' if self.is_halted else 'runs'}{what}{place}>"

    # For who derives from it

    def _frame_registers(self) -> dict[str, int]:
        """Return the registers that a call chain begins with."""
        return self.registers

    def _image_to_load(self, firmware: str | Path | FirmwareImage) -> FirmwareImage:
        """Return an image that can be loaded now.

        Raises:
            FirmwareError: the file is not usable, or a part of it lies outside this core's memory.
            EngineError: the core runs, or is played by Python.
        """
        if not self._halted:
            raise EngineError(f"core {self.name} is in use; halt it before you load firmware")
        image = firmware if isinstance(firmware, FirmwareImage) else FirmwareImage.load(firmware)
        self.check_image(image)
        return image

    def _check_startable(self, *, has_image: bool) -> None:
        """Refuse to start: EngineError if no image is loaded, or Python plays the core."""
        if self.is_played:
            raise EngineError(f"core {self.name} is played by Python; release() it first")
        if not has_image:
            raise EngineError(f"core {self.name} has no firmware; load() an image first")

    def _check_playable(self) -> None:
        """Refuse to let Python play a core that runs firmware: EngineError."""
        if not self._halted:
            raise EngineError(f"core {self.name} runs firmware; halt it before Python plays it")

    def _cannot_wait(self) -> EngineError:
        """Return the error for a core that could not wait in reset."""
        return EngineError(
            f"core {self.name} has no firmware that could wait in reset; load() an image first"
        )

    def _read_memory(self, address: int, size: int) -> bytes | None:
        place = self._place.at(address)
        if place is None or not place.is_memory or address + size > place.end:
            return None
        return self.bus.read_block(address, size)


CoreT = TypeVar("CoreT", bound="BaseCore")
MachineT = TypeVar("MachineT", bound="BaseMachine[Any]")


class BaseMachine(Generic[CoreT]):
    """The half of :class:`icmsg.machine.machine.Machine` that every engine has in common.

    Who derives from it fills ``cores`` and says how time passes (:meth:`_advance`).
    """

    def __init__(self, soc: Soc, events: EventStream) -> None:
        self.soc: Final = soc
        self.description: Final[PlatformDescription] = soc.description
        self.events: Final = events
        self.cores: Final[dict[str, CoreT]] = {}
        self.announcement = ""
        """Sentence to be said of this machine before it runs, in one line; mostly nothing."""
        self._runs = False
        self._closed = False
        self._faults: Final = FaultLog(self)

    # Time

    def run_for(self, ns: int) -> None:
        """Let ``ns`` nanoseconds of virtual time pass; raises as :meth:`run_until`."""
        self._run(ns, None)

    def run_until(
        self, satisfied: Callable[[], bool], *, timeout_ns: int, what: str = "the condition"
    ) -> None:
        """Run until ``satisfied()``, which is asked after every action of Python and every slice or step.

        Raises:
            VirtualTimeoutError: ``timeout_ns`` of virtual time passed before; the text names ``what``.
            EngineError: the machine is closed, or runs already; or Renode stopped.
            CoreFault: a core was reset whose image cannot start.
            ConfigurationError: the time is not a whole number of nanoseconds, or negative.
        """
        if not self._run(timeout_ns, satisfied):
            raise VirtualTimeoutError(
                f"{what} did not happen within {format_time(timeout_ns)} of virtual time"
            )

    def _run(self, ns: int, satisfied: Callable[[], bool] | None) -> bool:
        """Let time pass, at most ``ns``; return whether ``satisfied()`` was."""
        if not isinstance(ns, int) or ns < 0:
            raise ConfigurationError(f"a time to wait must be a whole number of nanoseconds ≥ 0, not {ns!r}")
        check_delay(ns)
        return self._alone(lambda: self._advance(ns, satisfied))

    def _alone(self, advance: Callable[[], bool]) -> bool:
        """Do what lets time pass, and nothing else that does meanwhile."""
        self.check_open()
        if self._runs:
            raise EngineError("the machine runs already; a handler must return instead of running it further")
        self._runs = True
        try:
            return advance()
        finally:
            self._runs = False

    def _advance(self, ns: int, satisfied: Callable[[], bool] | None) -> bool:
        raise NotImplementedError

    # Cores

    def core(self, name: str) -> CoreT:
        """Return a core by its short name, or as the platform file calls it.

        Raises:
            ConfigurationError: there is no such core; the text lists those there are.
        """
        return find_core(self.cores, name)

    @property
    def faults(self) -> list[CoreFaultRecord]:
        """The fault exceptions of which the engine tells: one entry for each core, exception and place."""
        return self._faults.records()

    # The end

    @property
    def is_closed(self) -> bool:
        """True after :meth:`close`."""
        return self._closed

    def check_open(self) -> None:
        """Raise EngineError if the machine is closed."""
        if self._closed:
            raise EngineError("this machine is closed; make a new one")

    def close(self) -> None:
        """Free everything. May be called twice."""
        raise NotImplementedError

    def __enter__(self: MachineT) -> MachineT:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


AccessKind = Literal["store", "load"]
STORES: Final[tuple[AccessKind, ...]] = ("store",)


class StoodStill(Exception):  # noqa: N818 - no error
    """Time stands at a stop; the next run goes on there."""


class RunsToStops:
    """Runs that end at a stop, and whether time shall stand at the one that is told."""

    def __init__(self) -> None:
        self._leaves = False

    def run_to(
        self,
        on_reach: Callable[[Callable[[], None]], Callable[[], None]],
        times: int,
        run: Callable[[], None],
    ) -> None:
        """Let time pass by ``run()``, until the handler that ``on_reach`` puts was called for the ``times``-th time."""
        left = times

        def count() -> None:
            nonlocal left
            left -= 1
            self._leaves |= left == 0

        end = on_reach(count)
        try:
            run()
        except StoodStill:
            return
        finally:
            self._leaves = False
            end()

    def told(self) -> None:
        """Raise StoodStill behind what was told of a stop, if time shall stand there."""
        if self._leaves:
            raise StoodStill


def never() -> bool:
    """Return False: what is waited for ends a run in another way."""
    return False


@dataclass(frozen=True, slots=True)
class MemoryAccess:
    """Access to memory at ``time_ns`` of virtual time; ``address`` is its first byte.

    ``value`` has at most 32 bits. ``pc`` is the address of the instruction, None for Python's.
    """

    time_ns: int
    kind: AccessKind
    address: int
    value: int
    pc: int | None


def store_of_python(bus: Bus, time_ns: int, address: int, size: int) -> MemoryAccess:
    """Return the access that a block of ``size`` bytes is which Python has written to ``address``: its first word."""
    value = int.from_bytes(bus.read_block(address, min(size, WORD)), "little")
    return MemoryAccess(time_ns, "store", address, value, None)
