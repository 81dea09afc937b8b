"""Context of one suite's keywords: a Monitor, its machine, and who plays the cores; and the life of its tests."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from robot.api import SuiteVisitor

from icmsg.errors import (
    ConfigurationError,
    EngineError,
    EngineNotAvailableError,
    FirmwareError,
    IcmsgError,
    MonitorError,
    VirtualTimeoutError,
)
from icmsg.robot.played_instances import LinkConfigs, PlayedEndpoint, PlayedEndpoints, PlayedInstances
from icmsg.robot.report import EventRecorder, StateReport, write_trace
from icmsg.robot.settings import nanoseconds
from icmsg.timers import format_time
from icmsg.views.recent import RecentTrace, try_recent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta
    from types import FrameType, TracebackType

    from icmsg.config.instance import InstanceConfig
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.machine import Core, Machine
    from icmsg.monitor.command import Monitor
    from icmsg.robot.emulation import SuiteEmulation
    from icmsg.robot.played_instances import Played
    from icmsg.robot.settings import LibrarySettings
    from icmsg.views.execution import Coverage

_MISTAKES: Final = (ConfigurationError, MonitorError, FirmwareError, EngineNotAvailableError)
"""Errors that say all there is to say."""


class KeywordContext:
    """The state behind the keywords; ``emulation`` gives the Monitor of the engine on which the suite runs."""

    def __init__(self, settings: LibrarySettings, emulation: SuiteEmulation) -> None:
        self.settings: Final = settings
        self.emulation: Final = emulation
        self.recorder: Final = EventRecorder()
        self.played: Final[dict[str, PlayedInstances]] = {}
        self.links: Final = LinkConfigs(self)
        self.trace_saved = False
        """True if the trace of this test lies in a file."""
        self.recent: RecentTrace | None = None
        """Ring of what happened on the links that the test uses, where the suite asks for traces of it."""
        self.recent_files: Final[list[Path]] = []
        """The files that were saved of it last."""
        self.coverage: Coverage | None = None
        """Record of what firmware executes, where the suite wants one."""
        self._heard: Machine | None = None

    # The machine

    @property
    def monitor(self) -> Monitor:
        """The Monitor; it is made at first use."""
        return self.emulation.monitor()

    @property
    def machine(self) -> Machine:
        """The machine that a script or a keyword made.

        Raises:
            AssertionError: there is none.
        """
        machine = self.monitor.machine
        if machine is None:
            raise AssertionError(
                "there is no machine; use `Create Machine` first, or `Execute Command` with include and a script"
            )
        if machine is not self._heard:
            self._forget()
            self._heard = machine
            self.recorder.listen(machine)
            if self.coverage is not None:
                self.coverage.watch(machine)
            self.recent = try_recent(machine) if self.settings.follows_on(machine.engine) else None
        return machine

    def machines(self) -> dict[str, Machine | None]:
        """Return all machines of the emulation by name; None for one that has nothing yet."""
        emulation = self.emulation.embedded()
        if emulation is not None:
            return {name: machine.soc for name, machine in emulation.machines.items()}
        machine = self.monitor.machine
        return {} if machine is None else {self.monitor.prompt.strip("()"): machine}

    def core_name(self, name: str) -> str:
        """Return the name of a core that was given in any way; ConfigurationError, naming those there are."""
        soc = self.machine.soc
        known = {word.lower(): core.name for core in soc.cores.values() for word in (core.cpu, core.name)}
        return known.get(name.strip().lower()) or soc.core(name).name

    def core(self, name: str) -> Core:
        """Return a core of the machine."""
        return self.machine.core(name)

    def mailbox(self, core: str) -> str:
        """Return what the platform file calls the mailbox of a core; EngineError if it has none."""
        return self.core(core).mailbox_port.name

    def execute(self, command: str) -> str:
        """Run a Monitor command and return what it prints."""
        return self.monitor.execute(command)

    def inject(self, core: str, command: str) -> None:
        """Cause a fault by a Monitor command, and remember it for a report."""
        now = self.machine.now_ns
        self.execute(command)
        self.recorder.inject(now, core, command)
        if self.recent is not None:
            self.recent.note(now, core, f"INJECTED {command}")

    def clear(self) -> None:
        """Free the machine; a new one can be made."""
        self._forget()
        self.emulation.clear()

    def _forget(self) -> None:
        self.recorder.stop()
        if self.recent is not None:
            self.recent.stop()
        self.played.clear()
        self._heard = None

    # Who plays the cores

    def instances_on(self, core: str) -> PlayedInstances:
        """Return the instances of a core that Python plays; AssertionError if it does not."""
        self.machine  # noqa: B018 - a new machine has none
        if core not in self.played:
            raise AssertionError(f"Python does not play core {core}; use `Play Core    {core}` first")
        return self.played[core]

    def instance(self, core: str, instance: str | None) -> PlayedEndpoint | PlayedEndpoints:
        """Return an instance by name, or the only one for None; AssertionError, naming those there are."""
        instances = self.instances_on(core).instances
        if instance is None and len(instances) == 1:
            return next(iter(instances.values()))
        if instance is None or instance not in instances:
            what = f"there is no instance {instance} on {core}" if instance else f"which instance of {core}?"
            raise AssertionError(f"{what}; use instance= with one of {', '.join(instances)}")
        return instances[instance]

    def endpoints(self, core: str, instance: str | None, endpoint: str | None) -> list[Played]:
        """Return an endpoint by name, or for None all those of an instance; AssertionError, naming those there are."""
        found = self.instance(core, instance)
        each: list[Played] = [*found.each] if isinstance(found, PlayedEndpoints) else [found]
        names = [one.endpoint.name for one in each]
        if endpoint is None:
            return each
        if endpoint not in names:
            known = ", ".join(names) or "none"
            raise AssertionError(
                f"there is no endpoint {endpoint} on {core}; use endpoint= with one of {known}"
            )
        return [each[names.index(endpoint)]]

    def endpoint(self, core: str, instance: str | None, endpoint: str | None = None) -> Played:
        """Return an endpoint by name, or the only one for None; AssertionError, naming those there are."""
        found = self.endpoints(core, instance, endpoint)
        if len(found) != 1:
            names = ", ".join(one.endpoint.name for one in found) or "none, it has no endpoints"
            raise AssertionError(f"which endpoint of {core}? use endpoint= with one of {names}")
        return found[0]

    def playable(self, core: str) -> PlayedInstances:
        """Return the instances of a core that Python plays from now on; EngineError if firmware runs there."""
        machine = self.machine
        if core not in self.played:
            self.played[core] = PlayedInstances(machine, machine.core(core), self.recorder)
        return self.played[core]

    def follow(
        self, core: str, config: InstanceConfig | SeveralConfig, endpoints: Sequence[str] = ()
    ) -> None:
        """Let the traces of the suite follow an instance that Python plays next."""
        self.machine  # noqa: B018 - a new machine has traces of its own
        if self.recent is not None:
            self.recent.follow(core, self.links.other(core), config, endpoints)

    # Time

    def timeout_ns(self, timeout: timedelta | None) -> int:
        """Return a time to wait, by default that of the library."""
        return self.settings.timeout_ns if timeout is None else nanoseconds(timeout)

    def wait(
        self,
        satisfied: Callable[[], bool],
        timeout: timedelta | None,
        what: str,
        about: Played | None = None,
    ) -> None:
        """Run until ``satisfied()``; AssertionError with a report after the time, about ``about`` first."""
        self.machine  # noqa: B018 - without one there is nothing to wait for
        timeout_ns = self.timeout_ns(timeout)
        if not self.run_until(satisfied, timeout_ns):
            text = f"{what} did not happen within {format_time(timeout_ns)} of virtual time"
            raise self.failure(text, about)

    def let_pass(self, duration: timedelta | None) -> None:
        """Run for a time, by default the one in which nothing is expected to happen."""
        self.machine  # noqa: B018 - without one no time passes
        self.run_until(interrupted, self.settings.quiet_ns if duration is None else nanoseconds(duration))

    def run_until(self, satisfied: Callable[[], bool], ns: int) -> bool:
        """Let at most ``ns`` pass on all machines; return whether ``satisfied()`` was.

        It is asked after every slice, of several machines after every quantum.
        """
        emulation = self.emulation.embedded()
        if emulation is not None and (len(emulation.machines) > 1 or emulation.terminals):
            return emulation.run_until(lambda: interrupted() or satisfied(), ns)
        machine = self.monitor.machine
        if machine is None:
            return interrupted() or satisfied()
        try:
            machine.run_until(lambda: interrupted() or satisfied(), timeout_ns=ns)
        except VirtualTimeoutError:
            return False
        return True

    def failure(self, text: str, about: Played | None = None) -> AssertionError:
        """Return the failure of a test: ``text``, then everything that explains it."""
        return AssertionError("\n".join([text, *StateReport(self).lines(about)]))

    def explained(self, error: IcmsgError) -> AssertionError:
        """Return the failure for an error of this package; a mistake of the user's needs no report."""
        if isinstance(error, _MISTAKES) or self._heard is None:
            return AssertionError(str(error))
        try:
            return self.failure(str(error))
        except EngineError:  # the machine is closed, or too broken to be read
            return AssertionError(str(error))


class Keywords:
    """Part of the library: the keywords of one subject."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context


_NAMES: Final = ("SIGINT", "SIGTERM", "SIGALRM")
_pending: Final[dict[int, Callable[[int, FrameType | None], Any]]] = {}


def interrupted() -> bool:
    """Return False, or raise what Robot raises at a signal that has come; for a condition that is asked often."""
    while _pending:
        number, handler = _pending.popitem()
        handler(number, None)
    return False


class Interruptions:
    """A context in which signals that Python handles are noted, if this is the thread that gets them.

    Robot raises Ctrl-C and the timeout of a test out of the handler of a signal, wherever Python happens to be. In a
    peripheral's model, which native code has called, they would be lost and the test would go on. So they are noted,
    and handled between two slices of a core and at the end of the keyword. Signals belong to the process, and so does
    what is noted here.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)  # Windows has no SIGALRM
                handler = signal.getsignal(number) if number is not None else None
                if number is not None and callable(handler) and not isinstance(handler, signal.Handlers):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        if kind is None:
            interrupted()

    def _note(self, number: int, frame: FrameType | None) -> None:
        handler = self._handlers[number]
        if number in _pending:
            handler(number, frame)  # somebody is in earnest
        else:
            _pending[number] = handler


SETUP: Final = "Reset Emulation"
TEARDOWN: Final = "Close Machine"
_OF_RENODE: Final = "Test Teardown"


class Lifecycle:
    """A listener of Robot for the tests of suites that import the library.

    As renode-test does, a test without setup gets `Reset Emulation`, so that no machine of another test is left. One
    without teardown gets `Close Machine`, and so does one with renode-test's own, which `Close Machine` then runs.
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    def start_test(self, test: Any, result: Any) -> None:  # noqa: ARG002 - Robot's signature
        """Begin a new trace; give the test its setup and teardown."""
        self._context.recorder.clear()
        self._context.trace_saved = False
        if not test.setup:
            test.setup.config(name=SETUP)
        if not test.teardown or test.teardown.name == _OF_RENODE:
            test.teardown.config(name=TEARDOWN)

    def end_test(self, test: Any, result: Any) -> None:  # noqa: ARG002 - Robot's signature
        """Save the trace of a failed test whose own teardown has not done it, and name the file in its message."""
        if result.failed and len(self._context.recorder) and not self._context.trace_saved:
            try:
                result.message += f"\n(trace: {write_trace(self._context)})"
            except ConfigurationError as error:
                result.message += f"\n({error})"


RESOURCE: Final = Path(__file__).with_name("renode-keywords.resource")
VARIABLE: Final = "RENODEKEYWORDS"


class RenodeSuites(SuiteVisitor):  # type: ignore[misc]  # robot has no types for it
    """Visitor that gives each suite ``${RENODEKEYWORDS}``, its import, and a Suite Setup and Suite Teardown.

    That is what renode-test gives to every suite, for Robot without it: ``python -m icmsg.robot SUITE…`` does so, and
    Robot or pabot with ``--prerunmodifier icmsg.robot.RenodeSuites``.
    """

    def start_suite(self, suite: Any) -> None:
        """Change one suite; what it has itself stays."""
        if not suite.tests:
            return
        path, variable = RESOURCE.as_posix(), f"${{{VARIABLE}}}"
        resource = suite.resource
        if not any(each.name == variable for each in resource.variables):
            resource.variables.create(variable, [path])
        if not {"icmsg.robot.IcmsgLibrary", variable} & {each.name for each in resource.imports}:
            resource.imports.create(type="Resource", name=path)
        if not suite.setup:
            suite.setup.config(name="Setup")
        if not suite.teardown:
            suite.teardown.config(name="Teardown")
