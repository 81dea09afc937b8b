"""Interrupt lines and timers of a platform, as its description wires them, and models as they are wired."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from icmsg.engines.embedded.clocks import CONTROLLERS, CPUS
from icmsg.engines.embedded.models.board_devices import PIN_DEVICES
from icmsg.engines.embedded.models.python_peripheral import SCRIPTED
from icmsg.engines.embedded.models.timers import ClintModel
from icmsg.engines.embedded.models.uart import UartModel
from icmsg.engines.embedded.riscv.hart import RiscV32
from icmsg.hw.mailboxes import ManySided, SeveralLines
from icmsg.hw.model import IoModel
from icmsg.soc.platform import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from icmsg.engines.embedded.slot import Slot
    from icmsg.hw.line import Line
    from icmsg.soc.platform import Peripheral
    from icmsg.soc.platform.description import Connection
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


class OneOrNone(IoModel, Protocol):
    """A peripheral with one interrupt line, or with none."""

    @property
    def irq(self) -> Line | None:
        """The interrupt line."""


Model = OneOrNone | SeveralLines


class Warner(Protocol):
    """Model that says where firmware uses what is off: ``warn(read or write, offset, reason)``."""

    warn: Callable[[str, int, str], None]


@runtime_checkable
class LineInputs(Protocol):
    """Model to which lines of others are wired."""

    @property
    def inputs(self) -> range:
        """The numbers of its inputs."""

    def set_input(self, number: int, level: bool) -> None:
        """Drive an input."""


def line_of(model: Model, output: str | int | None) -> Line | None:
    """Return an interrupt line by its name or number, or, for None, the only one; None if there is no such one."""
    if isinstance(model, UartModel) and output is not None:
        return model.named.get(output)
    if hasattr(model, "outputs") is isinstance(output, int) and output in (None, "IRQ", *lines_of(model)):
        return lines_of(model).get(output if isinstance(output, int) else 0)
    return None


def lines_of(model: Model) -> Mapping[int, Line]:
    """Return the interrupt lines of a model by output; that of one with a single line is output 0."""
    outputs: Mapping[int, Line] | None = getattr(model, "outputs", None)
    if outputs is not None:
        return outputs
    line: Line | None = getattr(model, "irq", None)
    return {} if line is None else {0: line}


@cache  # a check against a protocol takes as long as making a model
def has_sides(kind: type[Model]) -> bool:
    """Return whether models of a class have to know which core accesses them."""
    return issubclass(kind, ManySided)
