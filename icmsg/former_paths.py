"""Import paths of release 0.1: the modules of ``icmsg.cosim`` and ``icmsg.trace`` under the names of that time.

An import of a former path gives the module itself, without a warning, which test suites would make an error of. Release
0.3 drops these paths.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader  # loading it takes longer than all of this package's own start
    from types import ModuleType

_PACKAGES: Final = {
    "icmsg.cosim.embedded": "icmsg.engines.embedded",
    "icmsg.cosim.endpoints": "icmsg.link.endpoints",
    "icmsg.cosim.platform": "icmsg.soc.platform",
    "icmsg.cosim.remote": "icmsg.engines.remote",
    "icmsg.cosim.renode": "icmsg.engines.renode",
    "icmsg.cosim.stepped": "icmsg.engines.lockstep",
    "icmsg.trace": "icmsg.views",
}
_MODULES: Final = {
    "icmsg.link": (
        "exchange exchange_result followed_link followed_region link link_observer peer played_instance "
        "players preconditions progress stale_memory stub_firmware verdict watch workload"
    ),
    "icmsg.link.diagnosis": "bond_words core_rules diagnosis doorbell_rules findings memory_rules observations",
    "icmsg.machine": (
        "backtrace base_core base_machine console events fault_causes force_off hex_file image "
        "interruption linked_memory machine memory_console protection region_news riscv_backtrace "
        "riscv_image simtime source_lines thumb_frames"
    ),
    "icmsg.soc": "bus_setup core_power mailbox_ports soc",
}
"""Modules of ``icmsg.cosim`` by the package that has them today."""
_RENAMED: Final[dict[str, str]] = {
    "icmsg.cosim.remote.gates": "icmsg.engines.remote.advance",
    "icmsg.cosim.remote.levels": "icmsg.engines.remote.irq_lines",
    "icmsg.cosim.remote.abilities": "icmsg.engines.remote.capabilities",
    "icmsg.cosim.stepped.owner": "icmsg.engines.lockstep.core_machine",
    "icmsg.robot.hosts": "icmsg.robot.emulation",
    "icmsg.robot.scene": "icmsg.robot.context",
    "icmsg.cosim.image_places": "icmsg.machine.image_addresses",
    "icmsg.cosim.sides": "icmsg.link.setup",
    "icmsg.monitor.verbs.sides": "icmsg.monitor.verbs.played_cores",
    "icmsg.robot.played_side": "icmsg.robot.played_instances",
    "icmsg.config.place": "icmsg.config.findings",
    "icmsg.cosim.remote.link": "icmsg.engines.remote.batched_monitor",
    "icmsg.ipc.link": "icmsg.ipc.context",
}
"""Modules that have another name today, wherever they are."""
_MERGED: Final = {
    "icmsg.config.endpoint_checks": "icmsg_me_checks",
    "icmsg.config.findings": "source_location",
    "icmsg.config.soc": "core_names",
    "icmsg.engines.lockstep.monitor_text": "log paths",
    "icmsg.hw.nrf54_peripherals": "nrf54l_clock nrf54l_uarte nrf_grtc nrf_vpr",
    "icmsg.ipc.clock": "work",
    "icmsg.machine.console_file": "asciinema",
    "icmsg.machine.line_table": "line_spans",
    "icmsg.machine.variables": "variable_path",
    "icmsg.hw.nrf_peripherals": (
        "nrf_clock nrf_gpio nrf_reset nrf_rng nrf_rtc nrf_tasks_events nrf_temp nrf_timer nrf_wdt"
    ),
}
"""Modules of the same package that are part of another one today; they keep their names there."""
_MOVED: Final = {
    **_PACKAGES,
    "icmsg.cosim.engines": "icmsg.engines.choice",
    **{f"icmsg.cosim.{name}": f"{home}.{name}" for home, names in _MODULES.items() for name in names.split()},
    **_RENAMED,
    **{
        f"{home.rpartition('.')[0]}.{name}": home for home, names in _MERGED.items() for name in names.split()
    },
}


def today(path: str) -> str | None:
    """Return where the module is today that release 0.1 had at ``path``; None if it did not move."""
    if path in _MOVED:
        return _MOVED[path]
    package, _, rest = path.rpartition(".")
    home = today(package) if rest and package in _PACKAGES else None
    return f"{home}.{rest}" if home else None


class _Alias:
    """Gives the module of ``path`` under another name, untouched."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._spec: ModuleSpec | None = None

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._path)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system put that of the former path here


class _Empty:
    """Makes ``icmsg.cosim``, which holds nothing any more."""

    def create_module(self, _spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = (
            "Former home of ``icmsg.soc``, ``icmsg.machine``, ``icmsg.engines`` and ``icmsg.link``."
        )


def _spec(name: str, loader: _Alias | _Empty, *, package: bool) -> ModuleSpec:
    return ModuleSpec(name, cast("Loader", loader), is_package=package)


class FormerPaths:
    """Finds modules under their former paths."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that has moved; None for every other."""
        if not fullname.startswith("icmsg."):
            return None
        if fullname == "icmsg.cosim":
            return _spec(fullname, _Empty(), package=True)
        home = today(fullname)
        if home is None:
            return None
        return _spec(fullname, _Alias(home), package=fullname in _PACKAGES)


def install() -> None:
    """Let Python's import system find former paths: before others, which would load a package's modules twice."""
    if not any(isinstance(finder, FormerPaths) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerPaths())
