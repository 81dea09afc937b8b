"""Models of peripherals as whoever wires them sees them: their interrupt lines, and the inputs that some have."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from icmsg.engines.embedded.models.uart import UartModel
from icmsg.hw.mailboxes import ManySided, SeveralLines
from icmsg.hw.model import IoModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.hw.line import Line


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
