"""``sysbus LogPeripheralAccess``: a line in the log for every access to a peripheral's registers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.hw.access_observer import AccessObserver
from icmsg.hw.exposed import BOOL, PERIPHERAL, VOID, exposed
from icmsg.hw.model import RegisterModel
from icmsg.monitor.log import LogLevel

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.hw.registers import AccessKind
    from icmsg.monitor.log import MachineLog


class AccessLog:
    """Accesses of firmware, Python and the Monitor, in Renode's words; registers have the manual's names."""

    def __init__(self, machine: EmbeddedMachine, log: MachineLog) -> None:
        self._machine: Final = machine
        self._log: Final = log
        self._models: Final = {
            name: model for name, model in machine.models.items() if isinstance(model, RegisterModel)
        }
        self._observers: dict[str, AccessObserver] = {}

    @property
    def is_attached(self) -> bool:
        """True while there is a log of accesses."""
        return bool(self._observers)

    @exposed(VOID, bus_peripheral=PERIPHERAL, enable=BOOL)
    def log_peripheral_access(self, bus_peripheral: str, enable: bool = True) -> None:
        """Begin or end with one peripheral."""
        name = bus_peripheral.rsplit(".", 1)[-1]
        if name not in self._models:
            raise MonitorError(
                f"the embedded engine logs accesses to {', '.join(self._models)}; not to {name}"
            )
        self._log_accesses(name, enable)

    @exposed(VOID, enable=BOOL)
    def log_all_peripherals_access(self, enable: bool = True) -> None:
        """Begin or end with all peripherals that have registers."""
        for name in self._models:
            self._log_accesses(name, enable)

    def _log_accesses(self, name: str, enable: bool) -> None:
        observer = self._observers.pop(name, None)
        if observer is not None:
            observer.stop()
        if enable:
            self._observers[name] = AccessObserver(self._models[name], partial(self._tell, name))

    def _tell(self, name: str, kind: AccessKind, offset: int, value: int) -> None:
        register = self._models[name].block.describe(offset)
        text = (
            f"ReadUInt32 from 0x{offset:X} ({register}), returned 0x{value:X}"
            if kind == "read"
            else f"WriteUInt32 to 0x{offset:X} ({register}), value 0x{value:X}"
        )
        who = self._machine.accessing()
        where = "" if who is None else f"[cpu{who[0]}: 0x{who[1]:X}] "
        self._log.write(LogLevel.INFO, where + text, name)
