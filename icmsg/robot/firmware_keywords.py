"""Keywords about firmware: loading it, its consoles and its variables.

Keywords about firmware: loading it, what a stub shall do, and what lies in its memory.

Keywords about what the firmware prints.

Keywords about variables of firmware by their names in C.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api.deco import keyword

from icmsg.assets import stub_names
from icmsg.errors import ConfigurationError, FirmwareError
from icmsg.link.endpoints.setup import EndpointStats, EndpointStub
from icmsg.link.preconditions import StubFirmware, StubStats
from icmsg.link.workload import Workload
from icmsg.machine.boot import start_firmware
from icmsg.machine.c_types import ArrayType, CType, EnumValue, StructType, Value, bare
from icmsg.robot.context import Keywords
from icmsg.robot.played_instances import PlayedEndpoints
from icmsg.robot.settings import CoreName

if TYPE_CHECKING:
    from icmsg.machine.variables import Variable


class FirmwareKeywords(Keywords):
    """Images, and the counters of the stubs."""

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
        chooses among several. A stub that speaks ICBMsg gets its endpoints, too, and the rest is for each of them.
        """
        found = self._stub(core)
        if not self._context.core(core).is_halted:
            raise AssertionError(
                f"core {core} runs already; use `Configure Stub` between `Load Firmware` and `Start Core`"
            )
        other = self._context.links.other(core)
        if isinstance(found, EndpointStub):
            work = Workload(messages, size_min, size_max, seed, window)
            self._configure_endpoints(found, other, instance, work)
            return
        if other in self._context.played:
            found.set_instance(self._context.links.of(other, instance).mirrored())
        found.set_work(messages=messages, size_min=size_min, size_max=size_max, seed=seed, window=window)

    def _configure_endpoints(
        self, stub: EndpointStub, other: str, instance: str | None, work: Workload
    ) -> None:
        names = [name for name in stub.names if name]
        if other in self._context.played:
            played = self._context.instance(other, instance)
            if not isinstance(played, PlayedEndpoints):
                raise ConfigurationError(
                    f"the stub speaks ICBMsg, and Python plays ICMsg on {other}: use `Play Core` with backend="
                )
            stub.set_blocks(played.config.mirrored())
            names = [one.name for one in played.each]
        stub.set_endpoints(names, work)

    @keyword(tags=["firmware"])
    def get_stub_counter(self, core: CoreName, counter: str, endpoint: str | None = None) -> int:
        """Returns a counter of a firmware stub, such as ``received`` or ``errors``; 0 before it has started.

        The names are those in ``firmware_stubs/README.md``; with ``endpoint`` those of one endpoint of a stub that
        speaks ICBMsg.
        """
        stub = self._stub(core)
        stats: StubStats | EndpointStats | None = stub.stats()
        fields: tuple[str, ...] = StubStats._fields
        if endpoint is not None:
            names = stub.names if isinstance(stub, EndpointStub) else []
            if not isinstance(stub, EndpointStub) or endpoint not in names:
                known = ", ".join(filter(None, names)) or "none, it speaks ICMsg"
                raise ConfigurationError(f"no endpoint {endpoint!r} in the stub on {core}; there are {known}")
            fields = EndpointStats._fields
            stats = stub.endpoint_stats(names.index(endpoint)) if stats is not None else None
        if counter not in fields:
            raise ConfigurationError(f"no counter {counter!r}; there are {', '.join(fields)}")
        return int(getattr(stats, counter)) if stats is not None else 0

    @keyword(tags=["firmware"])
    def stub_counter_should_be(
        self, core: CoreName, counter: str, value: int, endpoint: str | None = None
    ) -> None:
        """Fails if a counter of a firmware stub has another value; see `Get Stub Counter`."""
        found = self.get_stub_counter(core, counter, endpoint)
        if found != value:
            where = f" at {endpoint}" if endpoint else ""
            raise self._context.failure(f"counter {counter}{where} of {core} is {found}, expected {value}")

    @keyword(tags=["firmware"])
    def wait_for_stub_counter(
        self,
        core: CoreName,
        counter: str,
        value: int,
        timeout: timedelta | None = None,
        endpoint: str | None = None,
    ) -> int:
        """Runs until a counter of a firmware stub is at least ``value``, and returns it; see `Get Stub Counter`."""
        self.get_stub_counter(core, counter, endpoint)
        self._context.wait(
            lambda: self.get_stub_counter(core, counter, endpoint) >= value,
            timeout,
            f"counter {counter} of {core} reaching {value}",
        )
        reached: int = self.get_stub_counter(core, counter, endpoint)
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
        kind = EndpointStub if EndpointStub.is_stub(found.image) else StubFirmware
        return kind(found.image, found.bus)


class ConsoleKeywords(Keywords):
    """The consoles of the cores."""

    @keyword(tags=["console"])
    def wait_for_console_line(self, core: CoreName, text: str, timeout: timedelta | None = None) -> str:
        """Runs until a core has printed a line that contains ``text``, and returns the line."""
        console = self._context.core(core).console

        def found() -> str | None:
            return next((line.text for line in console.lines if text in line.text), None)

        self._context.wait(lambda: found() is not None, timeout, f"{text!r} on the console of {core}")
        return found() or ""

    @keyword(tags=["console"])
    def console_should_contain(self, core: CoreName, text: str) -> None:
        """Fails if a core has not printed ``text`` so far."""
        if text not in self._context.core(core).console.text:
            raise self._context.failure(f"{text!r} is not on the console of {core}")

    @keyword(tags=["console"])
    def console_should_not_contain(self, core: CoreName, text: str) -> None:
        """Fails if a core has printed ``text``."""
        if text in self._context.core(core).console.text:
            raise self._context.failure(f"{text!r} is on the console of {core}")

    @keyword(tags=["console"])
    def get_console(self, core: CoreName) -> str:
        """Returns everything that a core has printed."""
        return self._context.core(core).console.text

    @keyword(tags=["console"])
    def write_line_to_console(self, core: CoreName, text: str = "", through: str | None = None) -> None:
        """Writes a line, ended by CR, to the firmware of a core; it comes while time passes.

        ``through`` is ``uart`` or ``rtt``; by default the UART, or SEGGER RTT where the image has it and no UART
        listens.
        """
        self._context.core(core).console.write_line(text, through=through)

    @keyword(tags=["console"])
    def write_to_console(self, core: CoreName, text: str, through: str | None = None) -> None:
        """Writes text, without the end of a line, to the firmware of a core as `Write Line To Console` does."""
        self._context.core(core).console.write(text, through=through)


class VariableKeywords(Keywords):
    """Variables of the image that a core runs; it needs debug information."""

    @keyword(tags=["firmware"])
    def read_variable(self, core: CoreName, name: str) -> object:
        """Returns a variable of a core's firmware: ``stats.received``, ``buf[3]``, ``p->x``, ``*p``, ``file.c::name``.

        A number, a truth value; the name of an enumerator; a string for an array of characters, up to the first NUL;
        bytes for an array of bytes; a list, or a dictionary of the members.
        """
        variable = self._context.core(core).variable(name)
        return _plain(variable.type, variable.value)

    @keyword(tags=["firmware"])
    def write_variable(self, core: CoreName, name: str, value: object) -> None:
        """Puts a value into a variable: a number, the name of an enumerator, ``true``, a text for characters.

        Fails if the value is of another type or out of range, or the variable is constant.
        """
        self._context.core(core).variable(name).write(value)

    @keyword(tags=["firmware"])
    def variable_should_be(self, core: CoreName, name: str, value: object) -> None:
        """Fails if a variable has another value.

        | Variable Should Be | net | stats.received | 5 |
        | Variable Should Be | net | link.state | STATE_BOUND |
        """
        variable = self._context.core(core).variable(name)
        if not _is(variable, value):
            raise self._context.failure(f"{name} of {core} is {variable}, expected {value}")

    @keyword(tags=["firmware"])
    def wait_for_variable(
        self, core: CoreName, name: str, value: object, timeout: timedelta | None = None
    ) -> None:
        """Runs until a variable has this value; a pointer on the way to it may still be NULL."""
        found = self._context.core(core)
        found.variable(re.split(r"\.|->|\[", name.lstrip("* "), maxsplit=1)[0] if "::" not in name else name)
        last = ""

        def satisfied() -> bool:
            nonlocal last
            try:
                variable = found.variable(name)
                last = f"it is {variable}"
                return _is(variable, value)
            except FirmwareError as error:
                last = str(error)
                return False

        try:
            self._context.wait(satisfied, timeout, f"{name} of {core} becoming {value}")
        except AssertionError as error:
            first, *others = str(error).splitlines()
            raise AssertionError("\n".join([f"{first}; {last}", *others])) from None


def _plain(type_: CType, value: Value) -> object:
    """Return a value as Robot has values."""
    kind = bare(type_)
    if isinstance(kind, ArrayType):
        if kind.is_text:
            return bytes(value).split(b"\0")[0].decode("utf-8", "backslashreplace")
        return value if kind.is_bytes else [_plain(kind.element, each) for each in value]
    if isinstance(kind, StructType):
        members = {name: kind.member(name) for name in kind.names()}
        return {name: _plain(found.type, value[name]) for name, found in members.items() if found is not None}
    return value.name if isinstance(value, EnumValue) else value


def _is(variable: Variable, value: object) -> bool:
    """Return whether a variable has a value, which may be a text that says it; FirmwareError if it says none."""
    plain = _plain(variable.type, variable.value)
    if value in (plain, str(plain), str(variable)):
        return True
    kind = bare(variable.type)
    if isinstance(kind, StructType) or (isinstance(kind, ArrayType) and not kind.is_text):
        return False
    return bool(kind.decode(kind.encode(value, variable.path)) == variable.value)
