"""A core of any engine, as far as it does not matter who executes there: names, image, places, who may use it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError, FirmwareError, IcmsgError
from icmsg.machine.backtrace import unwind
from icmsg.machine.image import FirmwareImage
from icmsg.machine.image_addresses import check_addresses
from icmsg.machine.riscv_backtrace import unwind_riscv

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.hw.bus import Bus
    from icmsg.machine.backtrace import Frame
    from icmsg.machine.console import Console
    from icmsg.machine.variables import Variable
    from icmsg.soc.mailbox_ports import MailboxPort
    from icmsg.soc.soc import Soc, SocCore

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
