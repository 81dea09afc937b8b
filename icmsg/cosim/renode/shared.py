"""Memory that Renode's cores and Python share without copies, and that refuses use when that is not safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import EngineError
from icmsg.hw.memory_bus import MemoryBus

if TYPE_CHECKING:
    from icmsg.cosim.renode.api import MachineApi


class SharedMemory:
    """The memory ``name`` of the platform, at bus address ``base``.

    Its bytes are those that the cores use; there is no cache in between. Renode does not see what is written here: no
    watchpoint, no access log, and code is not translated again, so no core may execute from it.

    It can be used only between the steps of the machine. While the emulation advances, and after the machine is
    cleared or loaded from a snapshot (which moves the memory), every use is an EngineError and the address is
    forgotten, because a stale one crashes the process.
    """

    def __init__(self, machine: MachineApi, name: str, base: int) -> None:
        self.name: Final = name
        self.base: Final = base
        self._why = "is not mapped"
        self._mapped: MemoryBus | None = None
        self.active: MemoryBus | None = None
        """The memory while it may be used, else None; for code that cannot afford a call."""
        self.map(machine)

    def map(self, machine: MachineApi) -> None:
        """Take the address, anew after a snapshot was loaded."""
        self.unmap("is mapped anew")
        view = machine.map_memory(self.name)
        self.size = len(view)
        self._mapped = self.active = MemoryBus(view, base=self.base)

    @property
    def bus(self) -> MemoryBus:
        """The memory as a bus; EngineError while it must not be used."""
        if self.active is None:
            raise self.refusal()
        return self.active

    def refusal(self) -> EngineError:
        """Return (not raise) why it must not be used now."""
        return EngineError(f"shared memory {self.name} {self._why}: use it between the steps of the machine")

    def hold(self) -> None:
        """It may be used: the emulation stands still."""
        self.active = self._mapped

    def let_go(self) -> None:
        """The emulation is about to advance."""
        self._why = "is in use by the cores"
        self.active = None

    def unmap(self, why: str = "is gone") -> None:
        """Forget the address; before the machine is cleared or a snapshot is loaded."""
        self._why = why
        self.active = None
        if self._mapped is not None:
            self._mapped.close()
            self._mapped = None
