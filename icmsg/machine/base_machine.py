"""A machine of any engine, as far as it does not matter how time passes: cores by name, one run at a time, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from icmsg.errors import ConfigurationError, EngineError, VirtualTimeoutError
from icmsg.ipc.clock import check_delay
from icmsg.machine.machine import FaultLog
from icmsg.machine.simtime import format_time
from icmsg.soc.soc import find_core

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from icmsg.machine.base_core import BaseCore
    from icmsg.machine.events import EventStream
    from icmsg.machine.machine import CoreFaultRecord
    from icmsg.soc.platform import PlatformDescription
    from icmsg.soc.soc import Soc

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
