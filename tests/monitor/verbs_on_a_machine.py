"""The verbs over a machine of the embedded engine, typed as a person would."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from icmsg.assets import stub
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.machine.boot import start_firmware
from icmsg.monitor.verbs import IcmsgVerbs

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine

APP, NET = 0x2007_0000, 0x2007_8000


class Session:
    """A machine, the verbs, and the lines that ``icmsg watch`` has written."""

    def __init__(self) -> None:
        self.machine: Machine | None = EmbeddedMachine()
        self.lines: list[str] = []
        self.verbs = IcmsgVerbs(lambda: self.machine, self.lines.append)

    @property
    def running(self) -> Machine:
        assert self.machine is not None
        return self.machine

    def type(self, line: str) -> str:
        return self.verbs.execute(shlex.split(line))

    def boot(self, core: str, firmware: str) -> None:
        target = self.running.core(core)
        target.load(stub(firmware, core))
        start_firmware(self.running, [core])

    def close(self) -> None:
        if self.machine is not None:
            self.machine.close()
