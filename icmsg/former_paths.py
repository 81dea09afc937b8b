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
_ARMV8M: Final = (
    "code_pages core exception_flow exceptions faults instructions mpu_query native nvic scs_registers "
    "special_registers system_control"
)
_RENAMED: Final[dict[str, str]] = {
    "icmsg.config.place": "icmsg.config.findings",
    "icmsg.config.spelling": "icmsg.errors",
    "icmsg.cosim.embedded.core_memory": "icmsg.engines.embedded.emulator.watched_core",
    "icmsg.cosim.embedded.exposed": "icmsg.hw.exposed",
    "icmsg.cosim.embedded.line": "icmsg.hw.line",
    "icmsg.cosim.embedded.models.nrf_ipc": "icmsg.hw.mailboxes.nrf_ipc",
    "icmsg.cosim.embedded.models.signal_faults": "icmsg.hw.mailboxes.signals",
    "icmsg.cosim.image_places": "icmsg.machine.boot",
    "icmsg.cosim.remote.abilities": "icmsg.engines.remote.transport",
    "icmsg.cosim.remote.gates": "icmsg.engines.remote.advance",
    "icmsg.cosim.remote.levels": "icmsg.engines.remote.bus",
    "icmsg.cosim.remote.link": "icmsg.engines.remote.transport",
    "icmsg.cosim.sides": "icmsg.link.players",
    "icmsg.cosim.stepped.owner": "icmsg.engines.lockstep.stepper",
    "icmsg.engines.embedded.vpr": "icmsg.engines.embedded.riscv",
    "icmsg.engines.embedded.vpr.architecture": "icmsg.engines.embedded.riscv.vpr",
    "icmsg.engines.embedded.vpr.causes": "icmsg.engines.embedded.riscv.vpr",
    "icmsg.engines.embedded.vpr.clic": "icmsg.engines.embedded.riscv.vpr_registers",
    "icmsg.engines.embedded.vpr.clic_registers": "icmsg.engines.embedded.riscv.vpr_registers",
    "icmsg.engines.embedded.vpr.code_pages": "icmsg.engines.embedded.riscv.native",
    "icmsg.engines.embedded.vpr.core": "icmsg.engines.embedded.riscv.vpr",
    "icmsg.engines.embedded.vpr.csr_instructions": "icmsg.engines.embedded.riscv.instructions",
    "icmsg.engines.embedded.vpr.csrs": "icmsg.engines.embedded.riscv.vpr_registers",
    "icmsg.engines.embedded.vpr.instructions": "icmsg.engines.embedded.riscv.instructions",
    "icmsg.engines.embedded.vpr.native": "icmsg.engines.embedded.riscv.native",
    "icmsg.engines.embedded.vpr.polling": "icmsg.engines.embedded.riscv.instructions",
    "icmsg.engines.embedded.vpr.trap_flow": "icmsg.engines.embedded.riscv.vpr",
    "icmsg.hw.dwt": "icmsg.engines.embedded.models.timers",
    "icmsg.hw.nrf_ipc": "icmsg.hw.mailboxes.nrf_ipc",
    "icmsg.ipc.link": "icmsg.ipc.instance",
    "icmsg.link.link_observer": "icmsg.link.diagnosis.observations",
    "icmsg.machine.simtime": "icmsg.timers",
    "icmsg.machine.thumb_frames": "icmsg.machine.frames",
    "icmsg.monitor.commands.elsewhere": "icmsg.monitor.elsewhere",
    "icmsg.monitor.commands.files": "icmsg.monitor.machine_commands",
    "icmsg.monitor.commands.information": "icmsg.monitor.session_commands",
    "icmsg.monitor.commands.logging": "icmsg.monitor.session_commands",
    "icmsg.monitor.commands.machines": "icmsg.monitor.machine_commands",
    "icmsg.monitor.commands.running": "icmsg.monitor.session_commands",
    "icmsg.monitor.commands.variables": "icmsg.monitor.session_commands",
    "icmsg.monitor.executed_code": "icmsg.monitor.objects.cpu_tracing",
    "icmsg.monitor.remaking": "icmsg.monitor.objects.devices",
    "icmsg.monitor.verbs.sides": "icmsg.monitor.verbs.played_cores",
    "icmsg.robot.hosts": "icmsg.robot.emulation",
    "icmsg.robot.played_side": "icmsg.robot.played_instances",
    "icmsg.robot.scene": "icmsg.robot.context",
}
"""Modules that have another name today, wherever they are."""
_MERGED: Final = {
    "icmsg.cli.arguments": "completion",
    "icmsg.cli.bench_command": "measure",
    "icmsg.cli.check_command": "check_backends",
    "icmsg.cli.core_options": "endpoint_options",
    "icmsg.cli.engine_options": "coverage_option gdb_option",
    "icmsg.cli.monitor_command": "monitor_idle monitor_input",
    "icmsg.cli.render": "bench_table output",
    "icmsg.cli.trace_command": "trace_options",
    "icmsg.config.backends": "endpoint_checks icbmsg_checks icmsg_me_checks load_backends",
    "icmsg.config.built_for": "by_hand core_names release soc",
    "icmsg.config.checks": "load_sides",
    "icmsg.config.devicetree.properties": "nodes reg",
    "icmsg.config.devicetree.read": "mbox",
    "icmsg.config.devicetree.source": "edits scanner",
    "icmsg.config.findings": "source_location",
    "icmsg.config.icbmsg": "icbmsg_layout",
    "icmsg.config.instance": "layout",
    "icmsg.config.mailboxes": "mailbox_checks",
    "icmsg.config.pairing": "matching",
    "icmsg.engines.embedded.armv8m.instructions": "polling single_instruction",
    "icmsg.engines.embedded.armv8m.native": "cortex_m special_registers translator_state",
    "icmsg.engines.embedded.armv8m.nvic": "scs_registers",
    "icmsg.engines.embedded.armv8m.traps": "mpu_query",
    "icmsg.engines.embedded.clocks": "alarm low_clock rates",
    "icmsg.engines.embedded.core_control": "core_console played",
    "icmsg.engines.embedded.emulator.watched_core": "breakpoints core_memory",
    "icmsg.engines.embedded.firmware_watch": "core_stops",
    "icmsg.engines.embedded.memory": "shared_page",
    "icmsg.engines.embedded.models.board_devices": "dummy_sensor nrf_gpio pin_devices",
    "icmsg.engines.embedded.models.console_uarte": "uarte_receiver",
    "icmsg.engines.embedded.models.interrupt_controllers": "plic renesas_icu",
    "icmsg.engines.embedded.models.nrf_clock": "nrf54l_clock",
    "icmsg.engines.embedded.models.nrf_events": "event_model nrf_ppi",
    "icmsg.engines.embedded.models.nrf_system": "core_holder nrf_reset nrf_rng nrf_temp nrf_vpr nrf_wdt",
    "icmsg.engines.embedded.models.nrf_timers": "nrf_rtc nrf_timer",
    "icmsg.engines.embedded.models.stand_in": "array_memory tagged",
    "icmsg.engines.embedded.models.timers": "clint dwt litex_timer",
    "icmsg.engines.embedded.models.uart": "nrf54l_uarte nrf_uarte",
    "icmsg.engines.embedded.riscv.csrs": "counters",
    "icmsg.engines.embedded.riscv.hart": "architecture hart_types",
    "icmsg.engines.embedded.riscv.traps": "hart_traps local_interrupts",
    "icmsg.engines.embedded.scheduler": "hang_guard",
    "icmsg.engines.embedded.wiring": "model_lines",
    "icmsg.engines.lockstep.bus": "played",
    "icmsg.engines.lockstep.core_types": "console_ways",
    "icmsg.engines.lockstep.monitor_text": "commands log paths registers",
    "icmsg.engines.lockstep.records": "stops troubles",
    "icmsg.engines.lockstep.stepper": "clock core_machine",
    "icmsg.engines.remote.advance": "reports",
    "icmsg.engines.remote.bus": "irq_lines memory",
    "icmsg.engines.remote.connection": "terminal",
    "icmsg.engines.remote.machine": "core",
    "icmsg.engines.remote.monitor": "telnet telnet_machine",
    "icmsg.engines.remote.transport": "batched_monitor capabilities",
    "icmsg.engines.renode.adapter": "adapter_machine api",
    "icmsg.engines.renode.bus": "shared",
    "icmsg.engines.renode.download": "script_files",
    "icmsg.engines.renode.install": "releases unpack",
    "icmsg.engines.renode.locate": "home layouts",
    "icmsg.engines.renode.machine": "machine_core records",
    "icmsg.engines.renode.monitor": "attached",
    "icmsg.engines.renode.process": "watchdog",
    "icmsg.files": "inputs limits outputs",
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
    "icmsg.hw.uart_layout": "nrf_uarte uart_blocks",
    "icmsg.ipc.backend": "happened interrupt regions state",
    "icmsg.ipc.bonding": "magic session",
    "icmsg.ipc.clock": "send_queue work",
    "icmsg.ipc.icbmsg.control": "binding",
    "icmsg.ipc.icbmsg.endpoint": "buffers waiting",
    "icmsg.ipc.icbmsg.packets": "queues symptoms table",
    "icmsg.ipc.instance": "context endpoint",
    "icmsg.ipc.recognise": "make",
    "icmsg.link.diagnosis.diagnosis": "core_rules",
    "icmsg.link.diagnosis.findings": "bond_words memory_rules",
    "icmsg.link.endpoints.diagnosis": "findings other_layouts",
    "icmsg.link.endpoints.instances": "by_hand from_files",
    "icmsg.link.endpoints.link": "lane watch",
    "icmsg.link.endpoints.peer": "returns",
    "icmsg.link.endpoints.setup": "stale_memory stub",
    "icmsg.link.link": "followed_link",
    "icmsg.link.played_instance": "inbox peer",
    "icmsg.link.players": "setup",
    "icmsg.link.preconditions": "stale_memory stub_firmware",
    "icmsg.link.verdict": "exchange_result progress",
    "icmsg.link.watch": "region_watch",
    "icmsg.link.workload": "echo_pairs",
    "icmsg.machine.backtrace": "riscv_backtrace",
    "icmsg.machine.base_machine": "base_core firmware_stops",
    "icmsg.machine.boot": "force_off image_addresses image_memory linked_memory protection",
    "icmsg.machine.c_types": "c_composites",
    "icmsg.machine.console": "asciinema console_file",
    "icmsg.machine.events": "region_news",
    "icmsg.machine.image_formats": "hex_file riscv_image uimage",
    "icmsg.machine.machine": "fault_causes",
    "icmsg.machine.source_lines": "debug_entries line_spans line_table",
    "icmsg.machine.variables": "variable_path",
    "icmsg.monitor.arguments": "results",
    "icmsg.monitor.command": "members protocol",
    "icmsg.monitor.embedded": "commands completion",
    "icmsg.monitor.interpreter": "device_calls",
    "icmsg.monitor.journal": "snapshot",
    "icmsg.monitor.log": "shown_consoles",
    "icmsg.monitor.objects.bus_contents": "bus_ranges loader",
    "icmsg.monitor.objects.cpu": "cpu_registers foreign_cpu vpr",
    "icmsg.monitor.objects.cpu_execution": "cpu_code",
    "icmsg.monitor.objects.cpu_tracing": "cpu_modes",
    "icmsg.monitor.objects.emulation": "environment",
    "icmsg.monitor.objects.hooks": "access_log bus_hooks cpu_hooks",
    "icmsg.monitor.objects.machine": "additions",
    "icmsg.monitor.objects.mailbox": "records",
    "icmsg.monitor.objects.registers": "interrupts memory outputs",
    "icmsg.monitor.objects.sysbus": "memory_log",
    "icmsg.monitor.objects.uart": "uart_hub",
    "icmsg.monitor.python_objects": "python_source",
    "icmsg.monitor.search_path": "platform_script",
    "icmsg.monitor.tokens": "expansion refusal script typed_text variables",
    "icmsg.monitor.verbs.dispatch": "injection trace variables",
    "icmsg.monitor.verbs.status": "several_status words",
    "icmsg.monitor.verbs.syntax": "arguments catalogue line",
    "icmsg.monitor.verbs.watch": "several_watch",
    "icmsg.pytest_plugin.hooks": "artefacts availability coverage options",
    "icmsg.robot.context": "interruption lifecycle links renode_suites",
    "icmsg.robot.emulation": "renode_test",
    "icmsg.robot.execution_keywords": "machine_keywords time_keywords watchpoint_keywords",
    "icmsg.robot.firmware_keywords": "console_keywords variable_keywords",
    "icmsg.robot.message_keywords": "doorbell_keywords exchange_keywords",
    "icmsg.robot.played_instances": "played_endpoints sending_back",
    "icmsg.robot.region_keywords": "watching_keywords",
    "icmsg.robot.renode_keywords": "renode_cpu_keywords",
    "icmsg.robot.renode_led_keywords": "led_tester",
    "icmsg.robot.renode_log_keywords": "log_tester",
    "icmsg.robot.report": "recorder trace_keywords",
    "icmsg.robot.settings": "instance_arguments values",
    "icmsg.robot.terminal_tester": "uart_ports",
    "icmsg.robot.testers": "renode_failures states",
    "icmsg.soc.platform.checks": "order",
    "icmsg.soc.platform.description": "nodes registration values",
    "icmsg.soc.platform.load": "merge usings",
    "icmsg.soc.platform.parser": "reader tables value_reader",
    "icmsg.soc.platform.source": "layout wording",
    "icmsg.soc.wiring": "bus_setup core_power mailbox_ports",
    "icmsg.views.execution": "coverage function_log profile",
    "icmsg.views.moments": "apart",
    "icmsg.views.recording": "formats",
    "icmsg.views.report.diagram": "rows",
    "icmsg.views.report.figures": "collected fill_level",
    "icmsg.views.text": "text_writer",
    "icmsg.views.vcd": "time_order",
    "icmsg.views.writer": "sink subject",
    "icmsg.wire.announcements": "control_packets slot_queue",
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
    **{f"icmsg.cosim.embedded.{name}": f"icmsg.engines.embedded.armv8m.{name}" for name in _ARMV8M.split()},
    **_RENAMED,
    **{
        f"{home.rpartition('.')[0]}.{name}": home for home, names in _MERGED.items() for name in names.split()
    },
}
_FORMER_PACKAGES: Final = _PACKAGES.keys() | {path.rpartition(".")[0] for path in _MOVED}
"""Paths below which there were modules, some of which lead to a module today; that gets an empty ``__path__``."""


def today(path: str) -> str | None:
    """Return where the module is today that release 0.1 had at ``path``; None if it did not move."""
    home = _MOVED.get(path)
    package = path
    while home is None and (package := package.rpartition(".")[0]):
        if package in _PACKAGES:
            home = _PACKAGES[package] + path[len(package) :]
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
        return _spec(fullname, _Alias(home), package=fullname in _FORMER_PACKAGES)


def install() -> None:
    """Let Python's import system find former paths: before others, which would load a package's modules twice."""
    if not any(isinstance(finder, FormerPaths) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerPaths())
