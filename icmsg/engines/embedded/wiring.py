"""Interrupt lines and timers of a platform, as its description wires them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.clocks import CONTROLLERS, CPUS
from icmsg.engines.embedded.model_lines import LineInputs, line_of
from icmsg.engines.embedded.models.clint import ClintModel
from icmsg.engines.embedded.models.pin_devices import PIN_DEVICES
from icmsg.engines.embedded.models.python_peripheral import SCRIPTED
from icmsg.engines.embedded.riscv.architecture import RiscV32
from icmsg.soc.platform import Reference

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from icmsg.engines.embedded.model_lines import Model
    from icmsg.engines.embedded.slot import Slot
    from icmsg.soc.platform import Peripheral
    from icmsg.soc.platform.values import Connection
    from icmsg.soc.soc import Soc


class Wiring:
    """Wires of ``soc``; ``slots`` are by core, ``controllers`` by the name of what the lines of a core go to.

    ``models`` are by name, as ``stand_ins`` are, which nothing models.
    """

    def __init__(
        self,
        soc: Soc,
        slots: Mapping[str, Slot],
        controllers: Mapping[str, Slot],
        models: Mapping[str, Model],
        stand_ins: Container[str],
    ) -> None:
        self._soc: Final = soc
        self._slots: Final = slots
        self._controllers: Final = controllers
        self._models: Final = models
        self._stand_ins: Final = stand_ins
        self._on_pins: Final = {item.name for item in soc.description if item.type in PIN_DEVICES}

    def connect(self, item: Peripheral) -> None:
        """Wire the outputs of a peripheral.

        Raises:
            PlatformError: at a wire that is not modelled, or to an input that is not there.
        """
        others = (*CPUS, *CONTROLLERS.values(), *PIN_DEVICES, SCRIPTED)
        if item.type in others or item.name in self._stand_ins:
            return  # a controller's wire to its core is what `nvic:` or `clic:` of the core says as well
        for wire in item.connections:
            if wire.destination in self._stand_ins or wire.destination in self._on_pins:  # see place_on_pins
                continue
            model = self._models.get(item.name)
            if model is None and not item.registrations:
                continue
            slot, inputs = self._controllers.get(wire.destination), self._models.get(wire.destination)
            line = (
                None if model is None else line_of(model, wire.source if wire.index is None else wire.index)
            )
            if line is not None and isinstance(inputs, LineInputs):
                _check(item, wire, inputs.inputs)
                line.connect(inputs.set_input, wire.irq)
                continue
            if slot is None or line is None:
                raise wire.place.error(
                    f"this connection of {item.name} is not modelled by the embedded engine; it models IRQ -> an NVIC, "
                    "a PLIC or a RISC-V core, and what numbered outputs its models have; the renode engine runs all"
                )
            _check(item, wire, range(slot.architecture.interrupts))
            line.connect(slot.set_line, wire.irq)
            if line.edge:
                slot.latch_edges(wire.irq)

    def provide_time(self, core: Peripheral) -> None:
        """Let a hart read the time of the timer that its platform file names.

        Raises:
            PlatformError: that is none which the engine models.
        """
        provider = core.attributes.get("timeProvider")
        architecture = self._slots[self._soc.by_cpu[core.name].name].architecture
        if isinstance(provider, Reference) and isinstance(architecture, RiscV32):
            timer = self._models.get(provider.name)
            if provider.name in self._stand_ins:
                return  # it is announced that nothing models the timer: such a hart has no time
            if not isinstance(timer, ClintModel):
                raise core.error(
                    f"timeProvider of {core.name} must name an IRQControllers.CoreLevelInterruptor for the embedded "
                    "engine; the renode engine takes any",
                    "timeProvider",
                )
            architecture.time = timer.mtime


def _check(item: Peripheral, wire: Connection, inputs: range) -> None:
    if wire.irq not in inputs:
        raise wire.place.error(
            f"{item.name} is wired to interrupt {wire.irq} of {wire.destination}, which has {len(inputs)}: use "
            f"{inputs[0]} to {inputs[-1]}"
        )
