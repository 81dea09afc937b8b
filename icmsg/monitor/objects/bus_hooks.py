"""Hooks of ``sysbus`` in the Monitor: scripts that run at accesses, and may change what is read or written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError
from icmsg.hw.access_observer import AccessFilter, Change, WholeAccessFilter
from icmsg.hw.exposed import PERIPHERAL, RANGE, STRING, UINT64, VOID, Kind, exposed
from icmsg.hw.model import RegisterModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine import EmbeddedMachine
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.model_types import Model
    from icmsg.monitor.python_scripts import HookScript

_WORD: Final = 0xFFFF_FFFF
_Filter = AccessFilter | WholeAccessFilter
_WIDTH: Final = Kind(
    "SysbusAccessWidth", members=("Byte", "Word", "DoubleWord", "QuadWord"), numbers=(1, 2, 4, 8)
)
_ACCESS: Final = Kind("Access", members=("Read", "Write", "ReadAndWrite"), numbers=(1, 2, 3))
_BYTES: Final = dict(zip(_WIDTH.members, _WIDTH.numbers, strict=True))
_MODELS: Final = "the embedded engine has hooks at {}; not at {}"


class BusHooks:
    """Hooks of accesses; ``script(text, itself, *others)`` makes the script of one."""

    def __init__(self, machine: EmbeddedMachine, script: Callable[..., HookScript]) -> None:
        self._machine: Final = machine
        self._script = script
        self._watches: Final[dict[int, list[Callable[[], None]]]] = {}
        self._reads: Final[dict[str, _Filter]] = {}
        self._writes: Final[dict[str, _Filter]] = {}

    @property
    def is_attached(self) -> bool:
        """True while there is a hook."""
        return bool(self._watches or self._reads or self._writes)

    @exposed(VOID, address=UINT64, width=_WIDTH, access=_ACCESS, python_script=STRING)
    def add_watchpoint_hook(self, address: int, width: str, access: str, python_script: str) -> None:
        """Run a script at each access of this width that firmware makes at an address, before it is made.

        The script has ``self`` (the bus), ``cpu``, ``address``, ``width`` and ``value``, which is 0 for a read.
        """
        script = self._script(python_script, "sysbus")
        for core in self._machine.cores.values():
            for loads in (False, True):
                if access in ("ReadAndWrite", "Read" if loads else "Write"):
                    self._watch(core, address, _BYTES[width], script, loads=loads)

    def _watch(self, core: MachineCore, address: int, width: int, script: HookScript, *, loads: bool) -> None:
        cpu = script.names["machine"][f"sysbus.{self._machine.soc.cores[core.name].cpu}"]

        def told(where: int, value: int, _pc: Callable[[], int]) -> None:
            script.run(cpu=cpu, address=where, width=width, value=value & ((1 << 8 * width) - 1))

        end = core.watch_firmware(
            lambda firmware: firmware.watch_stores(address, address + 1, told, loads=loads, width=width)
        )
        self._watches.setdefault(address, []).append(end)

    @exposed(VOID, address=UINT64)
    def remove_all_watchpoint_hooks(self, address: int) -> None:
        """Run no script at accesses to an address any more."""
        for end in self._watches.pop(address, ()):
            end()

    @exposed(VOID, peripheral=PERIPHERAL, python_script=STRING, subrange=RANGE)
    def set_hook_after_peripheral_read(
        self, peripheral: str, python_script: str, subrange: tuple[int, int] | None = None
    ) -> None:
        """Run a script behind each read of a peripheral's registers; what it leaves in ``value`` is what is read."""
        name, model, change = self._filtered(self._reads, peripheral, python_script, subrange)
        self._reads[name] = (
            AccessFilter(model, read=lambda offset, value: change(offset, value) & _WORD)
            if isinstance(model, RegisterModel)
            else WholeAccessFilter(model, read=change)
        )

    @exposed(VOID, peripheral=PERIPHERAL)
    def clear_hook_after_peripheral_read(self, peripheral: str) -> None:
        """Run no script behind its reads any more."""
        _stop(self._reads, self._model(peripheral)[0])

    @exposed(VOID, peripheral=PERIPHERAL, python_script=STRING, subrange=RANGE)
    def set_hook_before_peripheral_write(
        self, peripheral: str, python_script: str, subrange: tuple[int, int] | None = None
    ) -> None:
        """Run a script before each write to a peripheral's registers; what it leaves in ``value`` is written."""
        name, model, change = self._filtered(self._writes, peripheral, python_script, subrange)
        self._writes[name] = (
            AccessFilter(model, write=lambda offset, value: change(offset, value) & _WORD)
            if isinstance(model, RegisterModel)
            else WholeAccessFilter(model, write=change)
        )

    def _filtered(
        self,
        kept: dict[str, _Filter],
        peripheral: str,
        python_script: str,
        subrange: tuple[int, int] | None,
    ) -> tuple[str, Model, Change]:
        """Return name and model of a peripheral, and what a script makes of its values; end the filter in ``kept``."""
        name, model = self._model(peripheral)
        change = partial(_changed, self._script(python_script, peripheral), subrange)
        _stop(kept, name)
        return name, model, change

    def _model(self, peripheral: str) -> tuple[str, Model]:
        name = peripheral.rsplit(".", 1)[-1]
        model = self._machine.models.get(name)
        if model is None:
            raise MonitorError(_MODELS.format(", ".join(self._machine.models) or "no peripheral", name))
        if not isinstance(model, RegisterModel) and any(
            core.firmware for core in self._machine.cores.values()
        ):
            raise MonitorError(
                f"the embedded engine fixes what answers at {name} when a core starts: set hooks there before time "
                "passes"
            )
        return name, model


def _stop(kept: dict[str, _Filter], name: str) -> None:
    if name in kept:
        kept.pop(name).stop()


def _changed(script: HookScript, subrange: tuple[int, int] | None, offset: int, value: int) -> int:
    if subrange is not None and not subrange[0] <= offset < subrange[0] + subrange[1]:
        return value
    script.run(value=value, offset=offset)
    return int(script.names["value"])
