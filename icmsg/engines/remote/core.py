"""A core of a machine that somebody else has used before."""

from __future__ import annotations

from icmsg.engines.lockstep.core_types import runs_here
from icmsg.engines.lockstep.observed_core import ObservedCore


class RemoteCore(ObservedCore):
    """A core as :class:`icmsg.engines.lockstep.core.SteppedCore`, which can forget who used it."""

    @property
    def can_be_made_anew(self) -> bool:
        """True for a core of a type that is reset here."""
        return runs_here(self._place)

    def power_down(self) -> None:
        """Halt and reset the core as :meth:`reset`, and forget what it has executed."""
        self.halt()
        self._vector_table = self.image = None
        self.reset()
        self.troubles.clear()
        self._started = self._waits = False
