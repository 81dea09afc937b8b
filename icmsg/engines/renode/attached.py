"""A machine that a script made in this process's Renode."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from icmsg.engines.lockstep import commands
from icmsg.engines.lockstep.machine import DEFAULT_LATENCY_NS
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.engines.renode.api import MachineApi


class AttachedMachine(RenodeMachine):
    """The machine ``name`` that a script made from ``platform``, with its cores as they are now.

    Cores execute one after the other from now on; the quantum stays that of the script. What the consoles printed
    before is not known. :meth:`close` leaves the machine in Renode.

    Raises:
        EngineError: the machine was not made from this platform, or another one is open.
        PlatformError: the platform file cannot be read.
    """

    def __init__(
        self,
        name: str,
        platform: str | Path | None = None,
        *,
        latency_ns: int = DEFAULT_LATENCY_NS,
        stall_timeout: float = 0.0,
    ) -> None:
        self._name = name
        super().__init__(platform, latency_ns=latency_ns, stall_timeout=stall_timeout)
        self.attach_cores()

    def _make(self, platform: Path, cpus: list[str]) -> MachineApi:
        self._renode.execute(commands.SERIAL)
        api = self._renode.machine(self._name)
        missing = [cpu for cpu in cpus if not api.has(cpu)]
        if missing:
            raise EngineError(
                f"machine {self._name!r} has no {' and no '.join(missing)}, so it was not made from {platform}; "
                "give the platform file that its script loads"
            )
        return api

    def _unmake(self) -> None:
        """Leave it in Renode."""

    def _stop_cores(self) -> None:
        """Leave them as they are, with none played from outside."""
        with suppress(EngineError):  # the Monitor may have cleared it
            for core in self.cores.values():
                if core.is_played:
                    core.tell_played(False)

    def loaded_files(self) -> list[str]:
        """Return the paths of the files that Renode has loaded."""
        return self._api.loaded_files()

    def catch_up(self) -> None:
        """Take over the time and the events of what somebody else let run."""
        self.take()
        if not self.stepper.is_active:
            self.clock.time_ns = self._api.now_ns()
