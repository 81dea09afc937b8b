"""Nordic's watchdog, random numbers, thermometer, and the blocks by which one core holds another one in reset."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import Alarm
from icmsg.engines.embedded.models.nrf_events import EventModel
from icmsg.hw.exposed import BOOL, UINT32, VOID, exposed
from icmsg.hw.model import RegisterModel, on_read, on_write
from icmsg.hw.nrf54_peripherals import VPR
from icmsg.hw.nrf_peripherals import LFCLK_HZ, RELOAD, RESET, RNG, SHORTEST, TEMP, WDT

if TYPE_CHECKING:
    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.registers import RegisterBlock

_POSTPONED_CYCLES: Final = 2
"""Cycles that a reset waits for the handler of the TIMEOUT interrupt."""
_STOPEN: Final = 1 << 6


class NrfWdtModel(EventModel):
    """WDT, owned by the core of ``slot``: resets the core that no longer reloads it, with the peripherals of that core.

    It counts virtual time, also while the core sleeps; nothing runs while the core is halted, so it does not bite then.
    """

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(WDT, slot, base=base)
        self._timeout = self.event_bit("TIMEOUT")
        self._alarm = Alarm(slot, self._expire)
        self._reset = Alarm(slot, self._bite)
        self._stop_allowed = False
        self._config = {name: self.peek(name) for name in ("CRV", "RREN", "CONFIG")}

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._alarm.reset()
        self._reset.reset()
        self._stop_allowed = False
        self._config = {name: self.peek(name) for name in self._config}
        self._slot.lfclk.force(False)

    @property
    def _running(self) -> bool:
        return bool(self.peek("RUNSTATUS"))

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1 and not self._running:
            self.poke("RUNSTATUS", 1)
            self._slot.lfclk.force(True)
            self._reload()

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1 and self._running and self._stop_allowed and self.peek("CONFIG") & _STOPEN:
            self.poke("RUNSTATUS", 0)
            self._slot.lfclk.force(False)
            self._alarm.cancel()
            self.generate(self.event_bit("STOPPED"))

    @on_write("TSEN")
    def _enable_stop(self, _index: int, value: int) -> None:
        self._stop_allowed = value == RELOAD

    @on_write("CRV")
    def _set_reload_value(self, _index: int, value: int) -> None:
        self._configure("CRV", max(value, SHORTEST))

    @on_write("RREN")
    def _set_requests(self, _index: int, value: int) -> None:
        self._configure("RREN", value & 0xFF)
        if not self._running:
            self.poke("REQSTATUS", value & 0xFF)

    @on_write("CONFIG")
    def _set_config(self, _index: int, value: int) -> None:
        self._configure("CONFIG", value)

    def _configure(self, name: str, value: int) -> None:
        """Take a configuration register over, or put it back: it cannot be changed while the watchdog runs."""
        if not self._running:
            self._config[name] = value
        self.poke(name, self._config[name])

    @on_write("RR")
    def _request(self, index: int, value: int) -> None:
        if value == RELOAD and self._running:
            left = self.peek("REQSTATUS") & ~(1 << index)
            self.poke("REQSTATUS", left)
            if not left and self.peek("RREN"):
                self._reload()

    def _reload(self) -> None:
        self.poke("REQSTATUS", self.peek("RREN"))
        self._alarm.set(self._after(self.peek("CRV") + 1))

    def _after(self, cycles: int) -> int:
        slot = self._slot
        return slot.now() - (-cycles * slot.ticks_per_second // LFCLK_HZ)

    def _expire(self) -> None:
        self.generate(self._timeout)
        if self.words[self._inten] & self._timeout:
            self._reset.set(self._after(_POSTPONED_CYCLES))
        else:
            self._bite()

    def _bite(self) -> None:
        self._slot.restart()


SEED: Final = 1
"""The seed of every machine, so that two runs get the same numbers."""
_BYTE_US: Final = 30
_CORRECTED_BYTE_US: Final = 120


class NrfRngModel(EventModel):
    """RNG, owned by the core of ``slot``: a byte every so often, from a generator whose seed everybody knows.

    A reset stops it; its numbers go on.
    """

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(RNG, slot, base=base)
        self._seed = SEED
        self._numbers = Random(SEED)
        self._ready = self.event_bit("VALRDY")
        self._alarm = Alarm(slot, self._happen)

    @property
    @exposed(UINT32)
    def seed(self) -> int:
        """The number that the random ones follow from; to set it begins them anew."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed = seed
        self._numbers = Random(seed)

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._alarm.reset()

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1:
            self._begin(self._slot.now())

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self._alarm.cancel()

    def _begin(self, since: int) -> None:
        microseconds = _CORRECTED_BYTE_US if self.peek("CONFIG") & 1 else _BYTE_US
        self._due = since + microseconds * self._slot.ticks_per_second // 1_000_000
        self._alarm.set(self._due)

    def _happen(self) -> None:
        self.poke("VALUE", self._numbers.getrandbits(8))
        if not self.peek("SHORTS") & 1:
            self._begin(self._due)
        self.generate(self._ready)


_QUARTERS_OF_A_DEGREE: Final = 4 * 25
_MEASUREMENT_US: Final = 36


class NrfTempModel(EventModel):
    """TEMP, owned by the core of ``slot``: a measurement takes a little, and it is always 25 degrees Celsius."""

    def __init__(self, slot: Slot, *, base: int) -> None:
        super().__init__(TEMP, slot, base=base)
        self._ready = self.event_bit("DATARDY")
        self._alarm = Alarm(slot, self._measured)

    def reset(self) -> None:
        """Stop, and reset the registers."""
        super().reset()
        self._alarm.reset()

    @on_write("TASKS_START")
    def _start(self, _index: int, value: int) -> None:
        if value & 1:
            self._alarm.set(self._slot.now() + _MEASUREMENT_US * self._slot.ticks_per_second // 1_000_000)

    @on_write("TASKS_STOP")
    def _stop(self, _index: int, value: int) -> None:
        if value & 1:
            self._alarm.cancel()

    def _measured(self) -> None:
        self.poke("TEMP", _QUARTERS_OF_A_DEGREE)
        self.generate(self._ready)


class CoreHolder(RegisterModel):
    """A block of the core in ``slot``, by which that core holds the one in ``held`` in reset, and lets it go.

    After a reset it holds. Firmware that resets its own core, the one in ``slot``, puts the other into reset again;
    after power-up whoever starts that one decides (:mod:`icmsg.machine.boot`).
    """

    irq: Final = None

    def __init__(self, block: RegisterBlock, slot: Slot, *, base: int, held: Slot) -> None:
        super().__init__(block, base=base, core=slot.name)
        self.held: Final = held
        self._holds = True

    def reset(self) -> None:
        """Reset the registers; the other core stays as it is."""
        super().reset()
        self._holds = True

    def set_holding(self, holds: bool, entry: int | None = None) -> None:
        """Hold the other core in reset, or let it go, to begin at byte address ``entry`` if one is given."""
        before, self._holds = self._holds, holds
        if holds:
            self.held.hold()
        elif before:
            self.held.release_reset(entry)

    @property
    def holds(self) -> bool:
        """True while the other core is held in reset."""
        return self.held.power is not None and self.held.power.is_held

    @property
    def played(self) -> bool:
        """True while somebody behind the Monitor plays the other core: nothing is started there."""
        return self.held.power is not None and self.held.power.is_played_elsewhere

    @played.setter
    def played(self, played: bool) -> None:
        if self.held.power is not None:
            self.held.power.is_played_elsewhere = played


class NrfResetModel(CoreHolder):
    """RESET of the core in ``slot``, which holds and releases the core in ``network``; FORCEOFF is 1 after a reset."""

    def __init__(self, slot: Slot, *, base: int, network: Slot) -> None:
        super().__init__(RESET, slot, base=base, held=network)

    @on_write("NETWORK_FORCEOFF")
    def _force_off(self, _index: int, value: int) -> None:
        self.poke("NETWORK_FORCEOFF", value & 1)
        self.set_holding(bool(value & 1))

    # What the Monitor knows beside the registers, as renode/NRF_RESET.cs has it

    @exposed(VOID)
    def hold_network(self) -> None:
        """Hold the network core in reset, as firmware does with FORCEOFF = 1."""
        self.held.hold()

    @exposed(VOID)
    def release_network(self) -> None:
        """Let the network core start."""
        self.held.release_reset()

    @exposed(VOID)
    def restart_network(self) -> None:
        """Reset the network core with what belongs to it alone, as its watchdog does."""
        self.held.restart()

    @property
    @exposed(BOOL)
    def is_network_held(self) -> bool:
        """True while the network core is held in reset."""
        return self.holds

    @property
    @exposed(BOOL)
    def is_network_played(self) -> bool:
        """True while somebody behind the Monitor plays the network core: FORCEOFF does not start it."""
        return self.played

    @is_network_played.setter
    def is_network_played(self, played: bool) -> None:
        self.played = played

    @property
    @exposed(BOOL)
    def is_network_halted(self) -> bool:
        """True while the network core executes nothing."""
        return self.held.power is None or self.held.power.is_halted

    @property
    @exposed(UINT32)
    def network_vector_table(self) -> int:
        """The vector table from which the network core takes its stack pointer and its first instruction."""
        return self.held.control.vector_table if self.held.control is not None else 0

    @network_vector_table.setter
    def network_vector_table(self, address: int) -> None:
        if self.held.control is not None:
            self.held.control.vector_table = address


_WAITING: Final = 0
_RUNNING: Final = 1
_SLEEPING: Final = 2
_ERROR: Final = 14


class NrfVprModel(CoreHolder):
    """CPURUN and INITPC of the VPR core in ``vpr``, as the core in ``slot`` has them to start and stop it."""

    def __init__(self, slot: Slot, *, base: int, vpr: Slot) -> None:
        super().__init__(VPR, slot, base=base, held=vpr)

    @on_write("CPURUN")
    def _run(self, _index: int, value: int) -> None:
        self.poke("CPURUN", value & 1)
        self.set_holding(not value & 1, self.peek("INITPC"))

    @on_read("VPRSTATUS")
    def _status(self, _index: int) -> int:
        power, core = self.held.power, self.held.firmware
        if power is None or power.is_halted:
            return _WAITING
        if core is None or not core.asleep:
            return _RUNNING
        return _SLEEPING if core.lock_up is None else _ERROR

    # What the Monitor knows beside the registers, as renode/NRF_VPR.cs has it

    @property
    @exposed(BOOL)
    def is_held(self) -> bool:
        """True while the VPR core is held in reset."""
        return self.holds

    @property
    @exposed(BOOL)
    def is_played(self) -> bool:
        """True while somebody behind the Monitor plays the VPR core: CPURUN does not start it."""
        return self.played

    @is_played.setter
    def is_played(self, played: bool) -> None:
        self.played = played
