"""A machine behind the port of a Monitor, which hangs up when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.remote.telnet import TelnetMonitor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class TelnetMachine(RemoteMachine):
    """The machine that is selected in the Monitor at ``host`` and ``port``; the rest as for RemoteMachine.

    ``waits`` are the times of the TelnetMonitor.

    Raises:
        EngineError: no Monitor answers there, or it has no such machine selected.
    """

    def __init__(
        self,
        host: str,
        port: int,
        platform: str | Path | None = None,
        *,
        waits: Mapping[str, float] | None = None,
        **given: Any,
    ) -> None:
        self._monitor = TelnetMonitor(host, port, **(waits or {}))
        try:
            super().__init__(self._monitor, platform, **given)
        except BaseException:
            self._monitor.close()
            raise

    def _close(self) -> None:
        super()._close()
        self._monitor.close()
