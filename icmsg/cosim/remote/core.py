"""A core of a machine that somebody else has used before."""

from __future__ import annotations

from icmsg.cosim.stepped.core import SteppedCore


class RemoteCore(SteppedCore):
    """A core as :class:`icmsg.cosim.stepped.core.SteppedCore`, which can forget who used it."""

    @property
    def is_cortex_m(self) -> bool:
        """Whether the core is a Cortex-M, which can be made anew."""
        return self._place.is_cortex_m

    def power_down(self) -> None:
        """Halt and reset the core as :meth:`reset`, and forget what it has executed."""
        self.halt()
        self._vector_table = self.image = None
        self.reset()
        self.troubles.clear()
        self._started = self._waits = False
