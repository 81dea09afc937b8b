"""Former import paths: modules under names that they had, as release 0.1 had ``icmsg.cosim`` and ``icmsg.trace``.

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
    "icmsg.config.place": "icmsg.config.findings",
    "icmsg.config.spelling": "icmsg.errors",
    "icmsg.cosim.image_places": "icmsg.machine.image_memory",
    "icmsg.cosim.remote.abilities": "icmsg.engines.remote.transport",
    "icmsg.cosim.remote.gates": "icmsg.engines.remote.advance",
    "icmsg.cosim.remote.levels": "icmsg.engines.remote.bus",
    "icmsg.cosim.remote.link": "icmsg.engines.remote.transport",
    "icmsg.cosim.sides": "icmsg.link.players",
    "icmsg.cosim.stepped.owner": "icmsg.engines.lockstep.stepper",
    "icmsg.engines.embedded.vpr.code_pages": "icmsg.engines.embedded.riscv.native",
    "icmsg.engines.embedded.vpr.csr_instructions": "icmsg.engines.embedded.riscv.instructions",
    "icmsg.engines.embedded.vpr.instructions": "icmsg.engines.embedded.riscv.instructions",
    "icmsg.engines.embedded.vpr.native": "icmsg.engines.embedded.riscv.native",
    "icmsg.engines.embedded.vpr.polling": "icmsg.engines.embedded.riscv.instructions",
    "icmsg.hw.dwt": "icmsg.engines.embedded.models.dwt",
    "icmsg.ipc.link": "icmsg.ipc.context",
    "icmsg.machine.simtime": "icmsg.timers",
    "icmsg.monitor.verbs.sides": "icmsg.monitor.verbs.played_cores",
    "icmsg.robot.hosts": "icmsg.robot.emulation",
    "icmsg.robot.played_side": "icmsg.robot.played_instances",
    "icmsg.robot.scene": "icmsg.robot.context",
}
"""Modules that have another name today, wherever they are."""
_MERGED: Final = {
    "icmsg.cli.bench_command": "measure",
    "icmsg.cli.check_command": "check_backends",
    "icmsg.cli.core_options": "endpoint_options",
    "icmsg.cli.engine_options": "coverage_option gdb_option",
    "icmsg.cli.monitor_input": "monitor_idle",
    "icmsg.cli.render": "bench_table output",
    "icmsg.cli.trace_command": "trace_options",
    "icmsg.config.built_for": "core_names release soc",
    "icmsg.config.checks": "load_sides",
    "icmsg.config.devicetree.properties": "mbox reg",
    "icmsg.config.devicetree.source": "edits scanner",
    "icmsg.config.findings": "source_location",
    "icmsg.config.icbmsg": "icbmsg_layout",
    "icmsg.config.icbmsg_checks": "endpoint_checks icmsg_me_checks",
    "icmsg.config.instance": "layout",
    "icmsg.config.mailboxes": "mailbox_checks",
    "icmsg.config.pairing": "matching",
    "icmsg.engines.embedded.armv8m.instructions": "polling single_instruction",
    "icmsg.engines.embedded.armv8m.native": "special_registers translator_state",
    "icmsg.engines.embedded.armv8m.nvic": "scs_registers",
    "icmsg.engines.embedded.armv8m.traps": "mpu_query",
    "icmsg.engines.embedded.clocks": "alarm low_clock rates",
    "icmsg.engines.embedded.core_control": "core_console",
    "icmsg.engines.embedded.emulator.watched_core": "breakpoints core_memory",
    "icmsg.engines.embedded.firmware_watch": "core_stops",
    "icmsg.engines.embedded.memory": "shared_page",
    "icmsg.engines.embedded.models.console_uarte": "uarte_receiver",
    "icmsg.engines.embedded.models.core_holder": "nrf_reset nrf_vpr",
    "icmsg.engines.embedded.models.nrf_clock": "nrf54l_clock",
    "icmsg.engines.embedded.models.nrf_system": "nrf_rng nrf_temp nrf_wdt",
    "icmsg.engines.embedded.models.nrf_timers": "nrf_rtc nrf_timer",
    "icmsg.engines.embedded.models.nrf_uarte": "nrf54l_uarte",
    "icmsg.engines.embedded.models.pin_devices": "nrf_gpio",
    "icmsg.engines.embedded.models.stand_in": "array_memory tagged",
    "icmsg.engines.embedded.scheduler": "hang_guard",
    "icmsg.engines.embedded.vpr.clic": "clic_registers",
    "icmsg.engines.embedded.vpr.trap_flow": "causes",
    "icmsg.engines.lockstep.core_types": "console_ways",
    "icmsg.engines.lockstep.monitor_text": "commands log paths registers",
    "icmsg.engines.lockstep.records": "troubles",
    "icmsg.engines.lockstep.stepper": "clock core_machine",
    "icmsg.engines.remote.advance": "reports",
    "icmsg.engines.remote.bus": "irq_lines memory",
    "icmsg.engines.remote.connection": "terminal",
    "icmsg.engines.remote.machine": "core",
    "icmsg.engines.remote.monitor": "telnet telnet_machine",
    "icmsg.engines.remote.transport": "batched_monitor capabilities",
    "icmsg.engines.renode.bus": "shared",
    "icmsg.engines.renode.download": "script_files",
    "icmsg.engines.renode.install": "releases unpack",
    "icmsg.engines.renode.locate": "home layouts",
    "icmsg.engines.renode.machine": "machine_core records",
    "icmsg.engines.renode.monitor": "attached",
    "icmsg.engines.renode.process": "watchdog",
    "icmsg.gdb.server": "debugger",
    "icmsg.gdb.session": "packets",
    "icmsg.gdb.target": "registers",
    "icmsg.hw.bus": "memory_bus window",
    "icmsg.hw.line": "interrupt_states",
    "icmsg.hw.mailbox": "memory_mailbox",
    "icmsg.hw.mailboxes.signals": "event_driver signal_faults wires",
    "icmsg.hw.model_bus": "access_observer",
    "icmsg.hw.nrf54_peripherals": "nrf54l_clock nrf54l_uarte nrf_grtc nrf_vpr",
    "icmsg.hw.nrf_peripherals": (
        "nrf_clock nrf_gpio nrf_reset nrf_rng nrf_rtc nrf_tasks_events nrf_temp nrf_timer nrf_wdt"
    ),
    "icmsg.hw.registers": "block_view",
    "icmsg.hw.uart_layout": "nrf_uarte",
    "icmsg.ipc.backend": "interrupt regions",
    "icmsg.ipc.bonding": "magic session",
    "icmsg.ipc.clock": "work",
    "icmsg.ipc.context": "endpoint",
    "icmsg.ipc.icbmsg.buffers": "waiting",
    "icmsg.ipc.icbmsg.packets": "queues symptoms",
    "icmsg.ipc.recognise": "make",
    "icmsg.ipc.state": "happened",
    "icmsg.link.diagnosis.diagnosis": "core_rules",
    "icmsg.link.diagnosis.findings": "bond_words",
    "icmsg.link.endpoints.diagnosis": "findings other_layouts",
    "icmsg.link.endpoints.instances": "by_hand from_files",
    "icmsg.link.endpoints.link": "lane",
    "icmsg.link.endpoints.peer": "returns",
    "icmsg.link.endpoints.setup": "stale_memory stub",
    "icmsg.link.link": "link_observer",
    "icmsg.link.peer": "inbox",
    "icmsg.link.players": "setup",
    "icmsg.link.preconditions": "stale_memory",
    "icmsg.link.verdict": "exchange_result",
    "icmsg.link.watch": "region_watch",
    "icmsg.link.workload": "echo_pairs",
    "icmsg.machine.base_machine": "base_core",
    "icmsg.machine.console": "asciinema console_file",
    "icmsg.machine.events": "region_news",
    "icmsg.machine.force_off": "protection",
    "icmsg.machine.image_formats": "hex_file riscv_image uimage",
    "icmsg.machine.image_memory": "image_addresses linked_memory",
    "icmsg.machine.line_table": "debug_entries line_spans",
    "icmsg.machine.machine": "fault_causes",
    "icmsg.machine.variables": "variable_path",
    "icmsg.monitor.arguments": "results",
    "icmsg.monitor.command": "members protocol",
    "icmsg.monitor.interpreter": "device_calls",
    "icmsg.monitor.log": "shown_consoles",
    "icmsg.monitor.objects.cpu": "foreign_cpu vpr",
    "icmsg.monitor.objects.cpu_execution": "cpu_code",
    "icmsg.monitor.objects.cpu_tracing": "cpu_modes",
    "icmsg.monitor.objects.hooks": "access_log bus_hooks cpu_hooks",
    "icmsg.monitor.objects.interrupts": "outputs",
    "icmsg.monitor.objects.mailbox": "records",
    "icmsg.monitor.objects.registers": "memory",
    "icmsg.monitor.objects.uart": "uart_hub",
    "icmsg.monitor.search_path": "platform_script",
    "icmsg.monitor.tokens": "expansion refusal script typed_text variables",
    "icmsg.monitor.verbs.arguments": "line",
    "icmsg.monitor.verbs.dispatch": "injection trace variables",
    "icmsg.monitor.verbs.status": "several_status words",
    "icmsg.monitor.verbs.watch": "several_watch",
    "icmsg.pytest_plugin.artefacts": "coverage",
    "icmsg.pytest_plugin.options": "availability",
    "icmsg.robot.context": "links",
    "icmsg.robot.emulation": "renode_test",
    "icmsg.robot.execution_keywords": "watchpoint_keywords",
    "icmsg.robot.firmware_keywords": "console_keywords variable_keywords",
    "icmsg.robot.lifecycle": "interruption renode_suites",
    "icmsg.robot.machine_keywords": "time_keywords",
    "icmsg.robot.message_keywords": "exchange_keywords",
    "icmsg.robot.played_instances": "played_endpoints sending_back",
    "icmsg.robot.region_keywords": "doorbell_keywords",
    "icmsg.robot.renode_keywords": "renode_cpu_keywords",
    "icmsg.robot.renode_led_keywords": "led_tester",
    "icmsg.robot.renode_log_keywords": "log_tester",
    "icmsg.robot.report": "recorder",
    "icmsg.robot.settings": "instance_arguments values",
    "icmsg.robot.terminal_tester": "uart_ports",
    "icmsg.robot.testers": "renode_failures states",
    "icmsg.robot.watching_keywords": "trace_keywords",
    "icmsg.soc.mailbox_ports": "core_power",
    "icmsg.soc.platform.checks": "order",
    "icmsg.soc.platform.description": "registration",
    "icmsg.soc.platform.load": "merge usings",
    "icmsg.soc.platform.parser": "tables wording",
    "icmsg.soc.platform.reader": "value_reader",
    "icmsg.soc.platform.values": "nodes",
    "icmsg.views.execution": "coverage function_log profile",
    "icmsg.views.recording": "formats",
    "icmsg.views.report.diagram": "rows",
    "icmsg.views.report.figures": "collected fill_level",
    "icmsg.views.text": "text_writer",
    "icmsg.views.vcd": "time_order",
    "icmsg.views.writer": "sink",
    "icmsg.wire.block_area": "block_pool",
    "icmsg.wire.inspect": "follower",
    "icmsg.wire.packet_buffer": "first_packet handshake",
    "icmsg.wire.pbuf": "pbuf_reader pbuf_writer",
    "icmsg.wire.spsc": "spsc_reader spsc_writer",
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
    package, _, rest = path.rpartition(".")
    home = _MOVED.get(path) or (f"{_PACKAGES[package]}.{rest}" if package in _PACKAGES else None)
    return None if home is None else today(home) or home


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
