"""What C# writes down when firmware holds a core in reset, lets it go or resets it, seen on the embedded engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icmsg.engines.lockstep.records import CORE_HELD, CORE_RELEASED, CORE_RESTARTED
from icmsg.machine.events import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine

_KINDS = {
    ("hold", EventKind.CORE_RESET): CORE_HELD,
    ("release_reset", EventKind.CORE_STARTED): CORE_RELEASED,
    ("reset", EventKind.CORE_RESET): CORE_RESTARTED,
}


class PowerTap:
    """Calls ``wrote(time_ns, kind)`` for what the SoC does to the core that it can hold in reset."""

    def __init__(self, machine: EmbeddedMachine, wrote: Callable[[int, int], None]) -> None:
        self._wrote = wrote
        self._cause = ""
        found = machine.soc.force_off
        self._slot: Any = machine.core(found.held)._slot if found is not None else None
        if self._slot is not None:
            self._power, self._slot.power = self._slot.power, self
            self._index = machine.core(self._slot.name).index
            self._remove = machine.events.add_sink(self._on_event)

    def dispose(self) -> None:
        """Look no longer."""
        if self._slot is not None:
            self._remove()
            self._slot.power, self._slot = self._power, None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._power, name)

    def hold(self) -> None:
        self._do("hold")

    def release_reset(self, entry: int | None = None) -> None:
        self._do("release_reset", entry)

    def reset(self) -> None:
        self._do("reset")

    def _do(self, what: str, *arguments: int | None) -> None:
        self._cause = what
        try:
            getattr(self._power, what)(*arguments)
        finally:
            self._cause = ""

    def _on_event(self, event: Event) -> None:
        kind = _KINDS.get((self._cause, event.kind))
        if kind is not None and event.core == self._index:
            self._wrote(event.time_ns, kind)
