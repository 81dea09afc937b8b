"""A small emulated IPC, so that the driver's tests need no engine, and a bus that logs its accesses."""

from __future__ import annotations

from icmsg.hw.mailboxes.nrf_ipc import CHANNELS, IPC
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.model_bus import ModelBus

APP = 0x5002_A000
NET = 0x4101_2000


class IpcModel(RegisterModel):
    """One of the instances that share a ``backbone``; ``irq`` is the level of its interrupt line."""

    def __init__(self, base: int, core: str, backbone: list[IpcModel]) -> None:
        super().__init__(IPC, base=base, core=core)
        self.backbone = backbone
        backbone.append(self)

    @property
    def irq(self) -> bool:
        return bool(self._pending(0))

    @on_write("TASKS_SEND")
    def _send(self, index: int, value: int) -> None:
        if value & 1:
            for instance in self.backbone:
                instance.signal(self.peek("SEND_CNF", index))

    @on_read("INTPEND")
    def _pending(self, index: int) -> int:
        latched = sum(1 << channel for channel in range(CHANNELS) if self.peek("EVENTS_RECEIVE", channel))
        return latched & self.peek("INTEN")

    def signal(self, channels: int) -> None:
        for event in range(CHANNELS):
            if self.peek("RECEIVE_CNF", event) & channels:
                self.poke("EVENTS_RECEIVE", 1, event)


class LoggingBus(ModelBus):
    """Remembers each access as its register: ``("write", "TASKS_SEND[3]", 1)``."""

    __slots__ = ("log", "model")

    def __init__(self, model: RegisterModel) -> None:
        super().__init__(model)
        self.model = model
        self.log: list[tuple[str, str, int]] = []

    def read32(self, address: int) -> int:
        value = super().read32(address)
        self.log.append(("read", self.model.block.describe(address - self.model.base), value))
        return value

    def write32(self, address: int, value: int) -> None:
        self.log.append(("write", self.model.block.describe(address - self.model.base), value))
        super().write32(address, value)


def two_cores() -> tuple[LoggingBus, LoggingBus]:
    backbone: list[IpcModel] = []
    return LoggingBus(IpcModel(APP, "cpuapp", backbone)), LoggingBus(IpcModel(NET, "cpunet", backbone))
