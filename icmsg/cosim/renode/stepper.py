"""Runs a machine step by step: Python's work at a synchronization point, then one wait in the lockstep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.cosim.simtime import MS, US

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.cosim.renode.api import Gate, MachineApi, Records
    from icmsg.cosim.renode.machine_core import RenodeCore
    from icmsg.cosim.renode.shared import SharedMemory
    from icmsg.cosim.stepped.agenda import Agenda

_SLICE_NS: Final = 100 * US
"""The longest step while somebody waits for a condition that no doorbell may announce."""
_LONGEST_NS: Final = 10 * MS


class Stepper:
    """Owns the lockstep, which exists from the first step on, and not around loads.

    ``step_done`` is called after each step, with the emulation held.
    """

    def __init__(
        self,
        api: MachineApi,
        agenda: Agenda,
        shared: SharedMemory | None,
        journal: Records,
        step_done: Callable[[], None],
    ) -> None:
        self._api = api
        self._agenda = agenda
        self._shared = shared
        self._journal = journal
        self._step_done = step_done
        self._gate: Gate | None = None
        self._followed: list[object] = []
        self._rose = True
        self._reached = 0, 0  # a synchronization point, and the time in front of it that was asked for

    @property
    def is_active(self) -> bool:
        """Whether the lockstep exists: nobody else may let time pass."""
        return self._gate is not None

    def run(self, ns: int, satisfied: Callable[[], bool] | None, played: Sequence[RenodeCore]) -> bool:
        """Run for ``ns``, or until ``satisfied()``; return whether it was satisfied."""
        agenda = self._agenda
        point, exact = self._reached
        until = (exact if point == agenda.time_ns else agenda.time_ns) + ns
        slice_ns = _LONGEST_NS if satisfied is None else _SLICE_NS
        while True:
            if self._rose:
                self._look(played)
            while agenda.run_one():
                if satisfied is not None and satisfied():
                    return True
                if self._rose:
                    self._look(played)
            if satisfied is not None and satisfied():
                return True
            if agenda.time_ns >= until:
                self._reached = agenda.time_ns, until
                return False
            due = agenda.next_ns()
            goal = until if due is None or due > until else due
            self._step(min(goal, agenda.time_ns + slice_ns))

    def line_rose(self, core: RenodeCore, number: int, time_ns: int) -> None:
        """A mailbox raised an interrupt of ``core``."""
        self._rose = True
        core.line_rose(number, time_ns)

    def follow(self, line: object) -> None:
        """End a step when ``line`` rises."""
        self._followed.append(line)
        self._rose = True
        if self._gate is not None:
            self._gate.follow(line)

    def ignore(self, line: object) -> None:
        """Let steps go on when ``line`` rises."""
        self._followed.remove(line)
        if self._gate is not None:
            self._gate.ignore(line)

    def dispose(self) -> None:
        """Let the emulation go: up to 10 ms of virtual time pass in which nobody looks at the lines."""
        gate, self._gate = self._gate, None
        if gate is None:
            return
        self._let_go()
        try:
            gate.dispose()
            self._agenda.time_ns = self._api.now_ns()
        finally:
            self._hold()
        self._rose = True
        self._step_done()

    def _look(self, played: Sequence[RenodeCore]) -> None:
        self._rose = False
        for core in played:
            core.look()

    def _step(self, goal_ns: int) -> None:
        self._let_go()
        try:
            if self._gate is None:
                self._gate = self._api.gate(self._followed, self._journal)
                self._rose = True
            elif self._gate.advance(-(-(goal_ns - self._agenda.time_ns) // US)):
                self._rose = True
            self._agenda.time_ns = self._gate.now_ns()
        finally:
            self._hold()
        self._step_done()

    def _let_go(self) -> None:
        if self._shared is not None:
            self._shared.let_go()

    def _hold(self) -> None:
        if self._shared is not None:
            self._shared.hold()
