"""Both sides of a VEVIF, as on the nRF54L15 unless said otherwise: sites, models, buses and interrupts."""

from __future__ import annotations

from typing import Final

from mailbox_sites import PartsBus, Rises, Site

from icmsg.hw.bus import MemoryBus
from icmsg.hw.mailboxes.nrf_vevif import NrfVevif, NrfVevifModel
from icmsg.hw.mailboxes.nrf_vevif_csr import CLICINT, VEVIF_CSR, NrfVevifCsr, NrfVevifCsrModel
from icmsg.hw.model_bus import ModelBus

VPR: Final = 0x5004_C000
CSRS: Final = 0xF001_0000
TASKS: Final = 0x007F_0000
EVENTS: Final = 0x0010_0000
EVERY: Final = 0xFFFF_FFFF
IRQ: Final = 76


class Sides:
    """The two cores; with ``runs`` each executes something, so that what is delivered waits for its time."""

    def __init__(self, *, tasks: int = TASKS, events: int = EVENTS, runs: bool = False) -> None:
        self.app, self.flpr = Site("app", runs=runs), Site("flpr", runs=runs)
        self.csrs = NrfVevifCsrModel(self.flpr, base=CSRS, tasks=tasks, events=events)
        self.vpr = NrfVevifModel(self.app, self.csrs, base=VPR)
        self.clic = MemoryBus(bytearray(0x1000), base=CLICINT)
        self.app_bus = PartsBus({(VPR, VPR + 0x800): ModelBus(self.vpr)})
        self.flpr_bus = PartsBus(
            {(CSRS, CSRS + 0x1_0000): ModelBus(self.csrs), (CLICINT, CLICINT + 0x1000): self.clic}
        )
        self.app_rises = Rises((IRQ, self.vpr.irq))
        self.flpr_rises = Rises(*self.csrs.outputs.items())

    def drivers(self, tx: int = EVERY, rx: int = EVERY) -> tuple[NrfVevif, NrfVevifCsr]:
        """Return the mailbox of the application core, which sends on ``tx``, and that of the VPR."""
        return (
            NrfVevif(self.app_bus, VPR, tx_channels=tx, rx_channels=rx),
            NrfVevifCsr(self.flpr_bus, CSRS, tx_channels=rx, rx_channels=tx),
        )

    # One instruction of either core

    def task(self, channel: int) -> None:
        self.vpr.write32(4 * channel, 1)

    def event(self, channel: int) -> int:
        return self.vpr.read32(0x100 + 4 * channel)

    def clear_event(self, channel: int) -> None:
        self.vpr.write32(0x100 + 4 * channel, 0)

    def intenset(self, mask: int) -> None:
        self.vpr.write32(0x304, mask)

    def csrr(self, name: str) -> int:
        return self.csrs.read32(VEVIF_CSR.offset(name))

    def csrw(self, name: str, value: int) -> None:
        self.csrs.write32(VEVIF_CSR.offset(name), value)

    def csr_set(self, name: str, mask: int) -> None:
        self.csrs.write32(VEVIF_CSR.offset(f"{name}SET"), mask)

    def csr_clear(self, name: str, mask: int) -> None:
        self.csrs.write32(VEVIF_CSR.offset(f"{name}CLR"), mask)
