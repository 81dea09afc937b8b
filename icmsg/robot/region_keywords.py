"""Keywords about what lies in the regions: looking, comparing, and writing what nobody should write.

Keywords about doorbells: rung for nothing, lost, late and doubled.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api.deco import keyword

from icmsg.errors import ConfigurationError
from icmsg.robot.settings import CoreName, Encoding, RegionName, nanoseconds, payload, shown
from icmsg.wire.inspect import RegionView, inspect_region

if TYPE_CHECKING:
    from icmsg.config.instance import Region, RegionLayout
    from icmsg.robot.context import KeywordContext


class RegionKeywords:
    """Regions are called ``tx`` and ``rx`` as the core has them that is named before."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["regions"])
    def get_region(
        self, core: CoreName, region: RegionName, instance: str | None = None
    ) -> dict[str, object]:
        """Returns a region decoded: ``rd_idx``, ``wr_idx``, ``used``, ``data_length``, ``pending``, ``problem``.

        ``pending`` is the list of packets that wait, ``problem`` says in words what is wrong with them, or is None.
        """
        view = self._view(core, region, instance)
        return {
            "rd_idx": view.rd_idx,
            "wr_idx": view.wr_idx,
            "used": view.used,
            "data_length": view.data_length,
            "pending": list(view.pending),
            "problem": view.problem,
        }

    @keyword(tags=["regions"])
    def region_should_have(
        self,
        core: CoreName,
        region: RegionName,
        *,
        rd_idx: int | None = None,
        wr_idx: int | None = None,
        used: int | None = None,
        pending: int | None = None,
        problem: str | None = None,
        instance: str | None = None,
    ) -> None:
        """Fails unless a region has these indices, bytes in use, pending packets, or this in its problem's text.

        | Region Should Have | app | tx | pending=1 | |
        | Region Should Have | net | rx | rd_idx=20 | wr_idx=20 |
        """
        view = self._view(core, region, instance)
        found = {
            "rd_idx": view.rd_idx,
            "wr_idx": view.wr_idx,
            "used": view.used,
            "pending": len(view.pending),
        }
        expected = {"rd_idx": rd_idx, "wr_idx": wr_idx, "used": used, "pending": pending}
        wrong = [
            f"{name} is {found[name]}, expected {value}"
            for name, value in expected.items()
            if value is not None and found[name] != value
        ]
        if problem is not None and problem not in (view.problem or ""):
            wrong.append(f"its problem is {view.problem or 'nothing'}, expected {problem!r}")
        if wrong:
            raise self._context.failure(f"{region}-region of {core}: {'; '.join(wrong)}")

    @keyword(tags=["regions"])
    def region_should_be_empty(self, core: CoreName, region: RegionName, instance: str | None = None) -> None:
        """Fails if packets wait in a region, or something in it is wrong."""
        view = self._view(core, region, instance)
        if view.used or view.problem:
            raise self._context.failure(f"{region}-region of {core} is not empty: {view}")

    @keyword(tags=["regions"])
    def read_region(
        self,
        core: CoreName,
        region: RegionName,
        offset: int = 0,
        size: int | None = None,
        instance: str | None = None,
    ) -> bytes:
        """Returns bytes of a region, by default all of it; ``offset`` counts from its first byte."""
        whole = self._whole(core, region, instance)
        return self._context.core(core).bus.read_block(
            whole.address + offset, whole.size - offset if size is None else size
        )

    @keyword(tags=["regions"])
    def region_bytes_should_be(
        self,
        core: CoreName,
        region: RegionName,
        offset: int,
        expected: str | bytes,
        encoding: Encoding = "hex",
        instance: str | None = None,
    ) -> None:
        """Fails unless these bytes lie at ``offset`` in a region."""
        data = payload(expected, encoding)
        found = self.read_region(core, region, offset, len(data), instance)
        if found != data:
            raise self._context.failure(
                f"at offset {offset} of {region}-region of {core} lies {found.hex(' ')}, expected {data.hex(' ')}"
            )

    @keyword(tags=["regions", "faults"])
    def write_region(
        self,
        core: CoreName,
        region: RegionName,
        offset: int,
        data: str | bytes,
        encoding: Encoding = "hex",
        instance: str | None = None,
    ) -> None:
        """Writes raw bytes into a region, past every protocol."""
        whole = self._whole(core, region, instance)
        raw = payload(data, encoding)
        if not 0 <= offset <= whole.size - len(raw):
            raise ConfigurationError(
                f"{len(raw)} bytes at offset {offset}: the region has {whole.size} bytes"
            )
        self._write(
            core, whole.address + offset, raw, f"{shown(raw)} at offset {offset} of {region}-region of {core}"
        )

    @keyword(tags=["regions", "faults"])
    def clear_regions(self, core: CoreName, instance: str | None = None) -> None:
        """Writes zeros into both regions of an instance, as after power-up."""
        for region, whole in zip(("tx", "rx"), self._context.links.regions(core, instance), strict=True):
            self._write(core, whole.address, bytes(whole.size), f"zeros all over {region}-region of {core}")

    @keyword(tags=["regions", "faults"])
    def set_region_index(
        self,
        core: CoreName,
        region: RegionName,
        index: Literal["rd_idx", "wr_idx"],
        value: int,
        instance: str | None = None,
    ) -> None:
        """Overwrites an index of a region."""
        address, layout = self._place(core, region, instance)
        offset = layout.rd_idx_offset if index == "rd_idx" else layout.wr_idx_offset
        raw = (value & 0xFFFF_FFFF).to_bytes(4, "little")
        self._write(core, address + offset, raw, f"{index} = 0x{value:X} in {region}-region of {core}")

    @keyword(tags=["regions", "faults"])
    def corrupt_length(
        self, core: CoreName, region: RegionName, length: int, instance: str | None = None
    ) -> None:
        """Overwrites the length in the header of the packet that will be read next from a region."""
        view = self._view(core, region, instance)
        if not view.used:
            raise AssertionError(
                f"no packet waits in {region}-region of {core}: send one while its reader is halted, "
                "or drop its doorbell"
            )
        address, layout = self._place(core, region, instance)
        raw = (length & 0xFFFF).to_bytes(2, "big")
        what = f"length {length} of the packet at index {view.rd_idx} in {region}-region of {core}"
        self._write(core, address + layout.data_offset + view.rd_idx, raw, what)

    @keyword(tags=["faults"])
    def write_memory(
        self, core: CoreName, address: int, data: str | bytes, encoding: Encoding = "hex"
    ) -> None:
        """Writes raw bytes into the address space of a core."""
        raw = payload(data, encoding)
        self._write(core, address, raw, f"{shown(raw)} at 0x{address:08X}")

    @keyword(tags=["regions"])
    def read_memory(self, core: CoreName, address: int, size: int) -> bytes:
        """Returns bytes of the address space of a core."""
        return self._context.core(core).bus.read_block(address, size)

    def _write(self, core: CoreName, address: int, raw: bytes, what: str) -> None:
        self._context.core(core).bus.write_block(address, raw)
        self._context.recorder.inject(self._context.machine.now_ns, core, f"wrote {what}")

    def _view(self, core: CoreName, region: RegionName, instance: str | None) -> RegionView:
        address, layout = self._place(core, region, instance)
        return inspect_region(self._context.core(core).bus, address, layout)

    def _whole(self, core: CoreName, region: RegionName, instance: str | None) -> Region:
        tx, rx = self._context.links.regions(core, instance)
        return tx if region == "tx" else rx

    def _place(self, core: CoreName, region: RegionName, instance: str | None) -> tuple[int, RegionLayout]:
        config = self._context.links.of(core, instance)
        if region == "tx":
            return config.tx_region.address, config.tx_layout
        return config.rx_region.address, config.rx_layout


class DoorbellKeywords:
    """Faults of the mailbox with which a core rings; they stay over a reset until `Clear Faults`."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

    @keyword(tags=["faults"])
    def ring_doorbell(
        self, core: CoreName, channel: int | None = None, count: int = 1, instance: str | None = None
    ) -> None:
        """Rings as ``core`` would, ``count`` times at once, though nothing was sent.

        The mbox channel is that on which its instance rings, unless ``channel`` says another.
        """
        if channel is None:
            channel = self._context.links.tx_channel(core, instance)
        for _ in range(count):
            self._fault(core, f"Signal 0x{1 << channel:X}")

    @keyword(tags=["faults"])
    def drop_doorbells(self, core: CoreName, count: int = 1) -> None:
        """Loses the next doorbells that ``core`` rings."""
        self._fault(core, f"DropNext {count}")

    @keyword(tags=["faults"])
    def block_doorbells(
        self, core: CoreName, channel: int | None = None, instance: str | None = None
    ) -> None:
        """Loses every doorbell that ``core`` rings on one mbox channel, until `Clear Faults`.

        It is the channel on which its instance rings, unless ``channel`` says another.
        """
        if channel is None:
            channel = self._context.links.tx_channel(core, instance)
        self._fault(core, f"DropMask 0x{1 << channel:X}")

    @keyword(tags=["faults"])
    def delay_doorbells(self, core: CoreName, delay: timedelta) -> None:
        """Lets every doorbell that ``core`` rings arrive later, until `Clear Faults`."""
        self._context.inject(
            core, f"{self._context.mailbox(core)} SignalDelayMicroseconds {nanoseconds(delay) // 1000}"
        )

    @keyword(tags=["faults"])
    def duplicate_doorbells(self, core: CoreName, count: int = 1, delay: timedelta | None = None) -> None:
        """Lets the next doorbells that ``core`` rings arrive twice, the second time after ``delay``."""
        if delay is not None:
            self._context.inject(
                core, f"{self._context.mailbox(core)} DuplicateDelayMicroseconds {nanoseconds(delay) // 1000}"
            )
        self._fault(core, f"DuplicateNext {count}")

    @keyword(tags=["faults"])
    def clear_faults(self, core: CoreName) -> None:
        """Ends the faults of the doorbells that ``core`` rings."""
        self._fault(core, "ClearFaults")

    def _fault(self, core: str, what: str) -> None:
        """Cause a fault of the signals that ``core`` sends."""
        self._context.inject(core, f"{self._context.mailbox(core)} {what}")
