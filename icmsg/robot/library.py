"""The keywords: a machine, who plays its cores, bonding, messages, consoles."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from robot.api.deco import keyword, library

from icmsg.assets import stub, stub_names
from icmsg.config.nrf5340 import APP
from icmsg.cosim.diagnosis import describe_link
from icmsg.cosim.engines import EngineName, choose_engine, make_machine
from icmsg.cosim.played_instance import PlayedInstance
from icmsg.errors import IcmsgError, VirtualTimeoutError
from icmsg.ipc import Endpoint, EndpointConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.cosim.machine import Machine

CoreName = Literal["app", "net"]

_CONFIGS: Final = {"app": APP, "net": APP.mirrored()}


class _Side:
    """A core that Python plays: its endpoint, and the messages that nobody has expected yet."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.received: Final[deque[bytes]] = deque()
        self.errors: Final[list[IcmsgError]] = []
        played = PlayedInstance(machine, machine.core(name), _CONFIGS[name])
        self.endpoint: Final[Endpoint] = played.instance.register_endpoint(
            EndpointConfig(name="ep0", received=self.received.append, error=self.errors.append)
        )


@library(scope="TEST", auto_keywords=False)
class IcmsgLibrary:
    """Keywords for scenarios of ICMsg on an emulated dual-core SoC.

    Every test gets a machine of its own with `Create Machine`. Cores are ``app`` and ``net``. Messages are text,
    sent as UTF-8. A failure shows both regions decoded, what the firmware printed, and what it did that nothing
    models.
    """

    ROBOT_LIBRARY_SCOPE = "TEST"

    def __init__(self) -> None:
        self._machine: Machine | None = None
        self._sides: dict[str, _Side] = {}

    @keyword
    def create_machine(self, engine: EngineName = "auto") -> None:
        """Makes the SoC with both cores halted; an earlier machine of this test is closed."""
        self.close_machine()
        self._machine = make_machine(choose_engine(engine))

    @keyword
    def close_machine(self) -> None:
        """Frees the machine, if there is one; use it as test teardown."""
        if self._machine is not None:
            self._machine.close()
        self._machine = None
        self._sides = {}

    @keyword
    def run_firmware(self, core: CoreName, firmware: str) -> None:
        """Loads a firmware stub (by its name) or an ELF file (by its path) into a core and starts it."""
        target = self._running().core(core)
        target.load(stub(firmware, core) if firmware in stub_names() else firmware)
        target.start()

    @keyword
    def play_core(self, core: CoreName) -> None:
        """Lets Python play a core: opens its ICMsg instance with the endpoint ``ep0``."""
        self._sides[core] = _Side(self._running(), core)

    @keyword
    def wait_for_bound(self, core: CoreName, timeout: timedelta = timedelta(seconds=1)) -> None:
        """Runs until the endpoint of a core that Python plays is bound."""
        self._wait(lambda: self._side(core).endpoint.is_bound, timeout, f"bound on {core}")

    @keyword
    def send_message(self, core: CoreName, text: str) -> None:
        """Sends a message from a core that Python plays."""
        self._side(core).endpoint.send(text.encode())

    @keyword
    def expect_message(self, core: CoreName, text: str, timeout: timedelta = timedelta(seconds=1)) -> None:
        """Runs until a core that Python plays has received a message; fails if it is not this one."""
        side = self._side(core)
        self._wait(lambda: bool(side.received), timeout, f"a message for {core}")
        message = side.received.popleft()
        if message != text.encode():
            raise AssertionError(f"{core} received {message!r}, expected {text.encode()!r}")

    @keyword
    def expect_no_message(self, core: CoreName, duration: timedelta = timedelta(milliseconds=10)) -> None:
        """Lets time pass; fails if a core that Python plays receives anything."""
        self.let_time_pass(duration)
        if self._side(core).received:
            raise AssertionError(f"{core} received {self._side(core).received[0]!r}, expected nothing")

    @keyword
    def wait_for_console_line(
        self, core: CoreName, text: str, timeout: timedelta = timedelta(seconds=1)
    ) -> None:
        """Runs until a core has printed a line that contains ``text``."""
        console = self._running().core(core).console
        self._wait(
            lambda: any(text in line.text for line in console.lines),
            timeout,
            f"{text!r} on the console of {core}",
        )

    @keyword
    def let_time_pass(self, duration: timedelta) -> None:
        """Runs for a virtual time."""
        self._running().run_for(_ns(duration))

    def _running(self) -> Machine:
        if self._machine is None:
            raise AssertionError("there is no machine; use `Create Machine` first")
        return self._machine

    def _side(self, core: CoreName) -> _Side:
        if core not in self._sides:
            raise AssertionError(f"Python does not play core {core}; use `Play Core    {core}` first")
        return self._sides[core]

    def _wait(self, satisfied: Callable[[], bool], timeout: timedelta, what: str) -> None:
        machine = self._running()
        try:
            machine.run_until(satisfied, timeout_ns=_ns(timeout), what=what)
        except VirtualTimeoutError as error:
            lines = describe_link(machine, machine.core("app"), APP, machine.core("net"))
            raise AssertionError("\n".join([str(error), *lines])) from None


def _ns(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1e9)
