"""Context of one suite's keywords: a Monitor, its machine, and who plays the cores.

Link of the two cores, for keywords that name a region or an instance of a core which Python may not play.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from icmsg.config.boards import board_of
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.errors import (
    ConfigurationError,
    EngineError,
    EngineNotAvailableError,
    FirmwareError,
    IcmsgError,
    MonitorError,
    VirtualTimeoutError,
)
from icmsg.link.endpoints.instances import changed, several_by_hand
from icmsg.link.endpoints.setup import EndpointStub
from icmsg.link.link import default_link
from icmsg.link.stub_firmware import StubFirmware
from icmsg.robot.lifecycle import interrupted
from icmsg.robot.played_instances import PlayedEndpoint, PlayedEndpoints, PlayedInstances
from icmsg.robot.report import EventRecorder, StateReport
from icmsg.robot.settings import nanoseconds
from icmsg.timers import format_time
from icmsg.views.recent import RecentTrace, try_recent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from icmsg.config.instance import InstanceConfig, Region
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.link import Link
    from icmsg.machine.machine import Core, Machine
    from icmsg.monitor.command import Monitor
    from icmsg.robot.emulation import SuiteEmulation
    from icmsg.robot.played_instances import Played
    from icmsg.robot.settings import LibrarySettings
    from icmsg.views.execution import Coverage


class LinkConfigs:
    """The configurations of the links; those of cores that Python does not play follow from the other core."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    def link(self, *cores: str) -> Link:
        """Return the SoC's default link, or one of these cores; the instance is that of the board."""
        return default_link(self._context.machine.soc, cores)

    def other(self, core: str) -> str:
        """Return the core at the other end of the link of ``core``."""
        return self.link(core).other(core)

    def of(self, core: str, instance: str | None = None) -> InstanceConfig:
        """Return an instance as ``core`` has it.

        It is what Python plays there, the mirror of what Python plays on the other core, what a stub has in its
        parameters, or the instance of Zephyr's boards. Of ICBMsg and icmsg_me it is the ICMsg instance inside.
        """
        other = self.other(core)
        if self._plays(core, instance):
            return _packets_of(self._context.instance(core, instance).config)
        if self._plays(other, instance):
            return _packets_of(self._context.instance(other, instance).config.mirrored())
        return _packets_of(self._of_stub(core) or self.link(core).configs[core])

    def regions(self, core: str, instance: str | None) -> tuple[Region, Region]:
        """Return the whole tx-region and rx-region of an instance, as ``core`` has them."""
        config = self.whole(core, instance)
        return config.tx_region, config.rx_region

    def tx_channel(self, core: str, instance: str | None) -> int:
        """Return the mbox channel that an instance of ``core`` rings."""
        return self.whole(core, instance).tx_channel

    def endpoints(self, instance: str | None) -> list[str]:
        """Return the names of the endpoints of an instance: those that Python plays, or those of a stub."""
        names: dict[str, None] = {}
        for core in self.link(*self._context.played).cores:
            if self._plays(core, instance):
                names.update(
                    (each.endpoint.name, None) for each in self._context.endpoints(core, instance, None)
                )
            found = self._context.core(core)
            if found.image is not None and EndpointStub.is_stub(found.image):
                names.update((name, None) for name in EndpointStub(found.image, found.bus).names if name)
        return list(names)

    def whole(self, core: str, instance: str | None) -> InstanceConfig | SeveralConfig:
        """Return an instance as ``core`` has it, as :meth:`of`, but of ICBMsg and icmsg_me all of it."""
        other = self.other(core)
        if self._plays(core, instance):
            return self._context.instance(core, instance).config
        if self._plays(other, instance):
            return self._context.instance(other, instance).config.mirrored()
        return self._of_stub(core) or self.link(core).configs[core]

    def several_for_new(
        self,
        core: str,
        instance: str,
        backend: str | None,
        endpoints: Sequence[str],
        given: Mapping[str, Any],
        release: str | None,
    ) -> SeveralConfig:
        """Return a new instance with several endpoints: what is ``given``, over the mirror of the other core's."""
        opened = self._of_other(core, instance)
        if isinstance(opened, PlayedEndpoints) and backend is None and release is None:
            base = opened.config.mirrored()
        else:
            board = board_of(self._context.machine.soc.cores)
            base = several_by_hand(backend or "icbmsg", board, {"name": instance}, release=release)
            if core != self.link(core).first:
                base = base.mirrored()
        return changed(base, given, len(endpoints))

    def is_several(self, core: str, instance: str) -> bool:
        """Tell whether the instance of that name on the other core has several endpoints."""
        return isinstance(self._of_other(core, instance), PlayedEndpoints)

    def _of_other(self, core: str, instance: str) -> PlayedEndpoint | PlayedEndpoints | None:
        played = self._context.played.get(self.other(core))
        return played.instances.get(instance) if played is not None else None

    def for_new(self, core: str, instance: str) -> InstanceConfig:
        """Return what an instance of that name on ``core`` starts from: the mirror of the other core's."""
        opened = self._of_other(core, instance)
        if isinstance(opened, PlayedEndpoint):
            return opened.config.mirrored()
        return replace(self.link(core).configs[core], name=instance)

    def _plays(self, core: str, instance: str | None) -> bool:
        played = self._context.played.get(core)
        return played is not None and (instance in played.instances if instance else bool(played.instances))

    def _of_stub(self, core: str) -> InstanceConfig | IcbmsgConfig | None:
        found = self._context.core(core)
        if found.image is None or not StubFirmware.is_stub(found.image):
            return None
        if EndpointStub.is_stub(found.image):
            return EndpointStub(found.image, found.bus).blocks()
        return StubFirmware(found.image, found.bus).instance()


def _packets_of(config: InstanceConfig | SeveralConfig) -> InstanceConfig:
    """Return the ICMsg instance of any backend; ConfigurationError for the rework, which has none."""
    if isinstance(config, IcbmsgConfig) and config.generation == "rework":
        raise ConfigurationError(
            f"{config.name}: the regions of the rework hold queues and blocks, no packets: use `Read Region`"
        )
    return config.control if isinstance(config, IcbmsgConfig | IcmsgMeConfig) else config


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
