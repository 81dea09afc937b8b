"""Keywords about firmware: loading it, what a stub shall do, and what lies in its memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api.deco import keyword

from icmsg.assets import stub_names
from icmsg.errors import ConfigurationError
from icmsg.link.stub_firmware import StubFirmware, StubStats
from icmsg.machine.force_off import start_firmware
from icmsg.robot.values import CoreName

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext


class FirmwareKeywords:
    """Images, and the counters of the stubs."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["firmware"])
    def run_firmware(self, core: CoreName, firmware: str, release: bool = False) -> None:
        """Loads a firmware stub (by its name) or an ELF file (by its path) into a core and starts it.

        ``release`` is that of `Start Core`.
        """
        self.load_firmware(core, firmware)
        self.start_core(core, release)

    @keyword(tags=["firmware"])
    def load_firmware(self, core: CoreName, firmware: str) -> None:
        """Loads a firmware stub or an ELF file into a halted core; `Start Core` lets it run."""
        machine = self._context.machine
        image = machine.soc.core(core).stub(firmware) if firmware in stub_names() else firmware
        machine.core(core).load(image)

    @keyword(tags=["firmware"])
    def start_core(self, core: CoreName, release: bool = False) -> None:
        """Resets a core and lets it run the image that was loaded.

        Where firmware runs on the application core, the network core waits in reset until that lets it go
        (RESET.NETWORK.FORCEOFF); ``release=True`` lets it go at once.
        """
        start_firmware(self._context.machine, [core], release=release)

    @keyword(tags=["firmware"])
    def configure_stub(
        self,
        core: CoreName,
        messages: int = 1000,
        size_min: int = 1,
        size_max: int = 100,
        seed: int = 1,
        window: int = 1,
        instance: str | None = None,
    ) -> None:
        """Tells a firmware stub, between `Load Firmware` and `Start Core`, what to send and over which regions.

        The stub gets the mirror of the instance that Python plays on the other core, if it plays one; ``instance``
        chooses among several.
        """
        found = self._stub(core)
        if not self._context.core(core).is_halted:
            raise AssertionError(
                f"core {core} runs already; use `Configure Stub` between `Load Firmware` and `Start Core`"
            )
        other = self._context.links.other(core)
        if other in self._context.played:
            found.set_instance(self._context.links.of(other, instance).mirrored())
        found.set_work(messages=messages, size_min=size_min, size_max=size_max, seed=seed, window=window)

    @keyword(tags=["firmware"])
    def get_stub_counter(self, core: CoreName, counter: str) -> int:
        """Returns a counter of a firmware stub, such as ``received`` or ``errors``; 0 before it has started.

        The names are those in ``firmware_stubs/README.md``.
        """
        stats = self._stub(core).stats()
        if counter not in StubStats._fields:
            raise ConfigurationError(f"no counter {counter!r}; there are {', '.join(StubStats._fields)}")
        return int(getattr(stats, counter)) if stats is not None else 0

    @keyword(tags=["firmware"])
    def stub_counter_should_be(self, core: CoreName, counter: str, value: int) -> None:
        """Fails if a counter of a firmware stub has another value."""
        found = self.get_stub_counter(core, counter)
        if found != value:
            raise self._context.failure(f"counter {counter} of {core} is {found}, expected {value}")

    @keyword(tags=["firmware"])
    def wait_for_stub_counter(
        self, core: CoreName, counter: str, value: int, timeout: timedelta | None = None
    ) -> int:
        """Runs until a counter of a firmware stub is at least ``value``, and returns it."""
        self.get_stub_counter(core, counter)
        self._context.wait(
            lambda: self.get_stub_counter(core, counter) >= value,
            timeout,
            f"counter {counter} of {core} reaching {value}",
        )
        reached: int = self.get_stub_counter(core, counter)
        return reached

    @keyword(tags=["firmware"])
    def get_firmware_word(
        self, core: CoreName, symbol: str, offset: int = 0, width: Literal[8, 16, 32] = 32
    ) -> int:
        """Returns what lies in memory at ``offset`` bytes behind a symbol of the ELF file; ``width`` is in bits."""
        address = self._address(core, symbol) + offset
        return int.from_bytes(self._context.core(core).bus.read_block(address, width // 8), "little")

    @keyword(tags=["firmware"])
    def firmware_word_should_be(
        self,
        core: CoreName,
        symbol: str,
        value: int,
        offset: int = 0,
        width: Literal[8, 16, 32] = 32,
    ) -> None:
        """Fails if another value lies at a symbol of the ELF file."""
        found = self.get_firmware_word(core, symbol, offset, width)
        if found != value:
            where = f"{symbol}+{offset}" if offset else symbol
            raise self._context.failure(
                f"{where} of {core} is {found} (0x{found:X}), expected {value} (0x{value:X})"
            )

    @keyword(tags=["firmware"])
    def wait_for_firmware_word(
        self,
        core: CoreName,
        symbol: str,
        value: int,
        offset: int = 0,
        width: Literal[8, 16, 32] = 32,
        timeout: timedelta | None = None,
    ) -> None:
        """Runs until this value lies at a symbol of the ELF file."""
        self._context.wait(
            lambda: self.get_firmware_word(core, symbol, offset, width) == value,
            timeout,
            f"{symbol} of {core} becoming {value}",
        )

    def _address(self, core: CoreName, symbol: str) -> int:
        image = self._context.core(core).image
        if image is not None:
            return image.symbol(symbol)
        printed = self._context.execute(
            f'sysbus GetSymbolAddress "{symbol}" context={self._context.machine.soc.core(core).cpu}'
        )
        return int(printed.strip(), 0)

    def _stub(self, core: CoreName) -> StubFirmware:
        found = self._context.core(core)
        if found.image is None:
            raise AssertionError(f"nothing was loaded into core {core}; use `Load Firmware` first")
        if not StubFirmware.is_stub(found.image):
            raise AssertionError(
                f"{found.image.path} on core {core} is not one of the firmware stubs; "
                "use `Get Firmware Word` with a symbol of yours"
            )
        return StubFirmware(found.image, found.bus)
