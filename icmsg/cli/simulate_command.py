"""``icmsg simulate``: run the firmware of a build and print its console, as an emulator's ``run`` target does."""

from __future__ import annotations

import os
import re
import stat
import sys
from codecs import getincrementaldecoder
from contextlib import closing
from pathlib import Path
from select import select
from typing import TYPE_CHECKING, Any, Final

from icmsg.cli.arguments import HelpFormatter, time_ns
from icmsg.cli.core_options import (
    add_endpoint_options,
    add_machine_options,
    cores_of,
    endpoints_of,
    keep,
    machine_platform,
    stub_for,
)
from icmsg.cli.engine_options import add_engine_options, add_stall_option, chosen_engine, included
from icmsg.cli.link_options import PYTHON, add_link_options, find_image, link_of, take_builds
from icmsg.engines.choice import make_machine
from icmsg.errors import ConfigurationError, EngineError
from icmsg.link.endpoints.link import EndpointsLink
from icmsg.link.players import ExchangeSetup, Responder
from icmsg.link.preconditions import StubFirmware
from icmsg.link.verdict import fault_words
from icmsg.link.workload import Workload
from icmsg.machine.boot import describe_held, start_firmware
from icmsg.machine.image import FirmwareImage
from icmsg.machine.interruption import CtrlC
from icmsg.machine.machine import FaultLog
from icmsg.timers import MS, S, format_time

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from icmsg.cli.core_options import CoreOptions
    from icmsg.machine.machine import Core, Machine

OFF: Final = "off"
_VERDICT: Final = re.compile(r"PROJECT EXECUTION (SUCCESSFUL|FAILED)")
"""The line that ztest prints at the end (TC_END_REPORT of Zephyr's tc_util.h), and what twister waits for."""
_INPUT_BYTES: Final = 256
_STEP_NS: Final = 1 * MS
_QUIET_NS: Final = 20 * MS
"""Silence after the verdict that ends the run: a dump of coverage data may follow it."""


def add_parser(commands: Any, cores: CoreOptions) -> None:
    """Add ``simulate`` to the sub-commands; it has options for ``cores``."""
    parser = commands.add_parser(
        "simulate",
        help="run the firmware of a build, print its console",
        description="Runs the firmware of a build, prints the console of the core under test on standard output as it "
        "comes, and the other consoles on standard error. What comes through a pipe is typed into that console. Ends "
        "where a ztest image ends (PROJECT EXECUTION …), at --timeout-s, with Ctrl-C or SIGTERM. It is what `west "
        "build -t run` and twister start.",
        formatter_class=HelpFormatter,
    )
    keep(parser, cores)
    add_engine_options(parser)
    add_stall_option(parser, "in which Renode has to answer")
    for core in cores.names:
        cores.add(
            parser,
            core,
            metavar="WHO",
            help=f"what {cores.core_title(core)} does: {PYTHON} (sends every message back), {OFF}, a firmware stub, or "
            f"an ELF file; default: the image of the build, else {PYTHON} where the build has ICMsg, else {OFF}",
        )
    parser.add_argument(
        "--console",
        choices=cores.names,
        help="the core whose console is standard output; default: that of the application's image",
    )
    parser.add_argument(
        "--test",
        action="store_true",
        help="exit with 0 only if the image said PROJECT EXECUTION SUCCESSFUL, else with 1",
    )
    parser.add_argument(
        "--timeout-s", dest="timeout_ns", type=time_ns(S), metavar="S", help="virtual time that ends the run"
    )
    add_link_options(parser, cores)
    add_endpoint_options(parser)
    add_machine_options(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the firmware until it ends, or somebody ends it; return the exit code."""
    with CtrlC(terminate=True) as ctrl_c:
        who = _who(options)
        under_test = _under_test(options, who)
        machine = make_machine(
            chosen_engine(options),
            machine_platform(options.platform, options.soc),
            quantum_ns=options.quantum_ns,
            latency_ns=options.latency_ns,
            stall_s=options.stall_ns / S,
            include=included(options),
        )
        with closing(machine):
            start = _set_up(machine, options, who)
            run = _Run(machine, machine.core(under_test), options.timeout_ns)
            ctrl_c.check()
            start()
            run.until_the_end(ctrl_c)
            if not options.test:
                return 0
            sys.stderr.writelines(f"icmsg: {line}\n" for line in run.shortcomings())
            return 0 if run.passed else 1


def _who(options: argparse.Namespace) -> dict[str, str]:
    """Return what every core of the link does: an image, a stub, ``python`` or ``off``."""
    cores = cores_of(options)
    given = {core for core in cores.names if cores.value(options, core) is not None}
    who = take_builds(options)
    if options.build and PYTHON in who.values() and not _have_icmsg(options.build):
        for core in [core for core, name in who.items() if name == PYTHON and core not in given]:
            who[core] = OFF
            sys.stderr.write(f"core {core} is off: the build has no image for it, and no ICMsg\n")
    if all(name in (PYTHON, OFF) for name in who.values()):
        first = next(iter(who))
        raise ConfigurationError(
            f"there is no firmware to run: give the folder of a build, or --{first} IMAGE"
        )
    return who


def _have_icmsg(builds: list[str]) -> bool:
    from icmsg.config.build_folder import images_in  # slow to load

    return any(image.has_icmsg for build in builds for image in images_in(Path(build)))


def _under_test(options: argparse.Namespace, who: dict[str, str]) -> str:
    """Return the core whose console is standard output."""
    if options.console is not None:
        if who.get(options.console, OFF) in (PYTHON, OFF):
            raise ConfigurationError(
                f"--console {options.console}: no firmware runs there, so it prints nothing"
            )
        return str(options.console)
    from icmsg.config.build_folder import images_in  # slow to load

    default = {image.core for build in options.build for image in images_in(Path(build)) if image.default}
    firmware = [core for core, name in who.items() if name not in (PYTHON, OFF)]
    return next((core for core in firmware if core in default), firmware[0])


def _set_up(machine: Machine, options: argparse.Namespace, who: dict[str, str]) -> Callable[[], None]:
    """Load all firmware and open Python's side; return what lets the firmware run."""
    soc, release = cores_of(options).soc, options.release_network
    running = {core: name for core, name in who.items() if name != OFF}
    if len(running) > 1 and any(_needs_instance(name) for name in running.values()):
        return _set_up_link(machine, options, who)
    images = {core: find_image(name, core, "disable", soc) for core, name in running.items()}
    for core, image in images.items():
        assert image is not None
        machine.core(core).load(image)
    return lambda: start_firmware(machine, images, release=release)


def _needs_instance(name: str) -> bool:
    """Tell whether what plays a core has to be told its instance: Python, and the stubs."""
    return name == PYTHON or not Path(name).is_file() or StubFirmware.is_stub(FirmwareImage.load(name))


def _set_up_link(machine: Machine, options: argparse.Namespace, who: dict[str, str]) -> Callable[[], None]:
    soc, release = cores_of(options).soc, options.release_network
    link = link_of(options, who)
    if isinstance(link, EndpointsLink):
        from icmsg.link.endpoints.setup import EndpointSetup  # most runs do without

        stubs = {core: stub_for(name, options.backend, f"--{core}") for core, name in who.items()}
        programs = {core: find_image(name, core, "disable", soc) for core, name in stubs.items()}
        names = endpoints_of(options)
        several = EndpointSetup(
            machine, programs, link.configs, Workload(), names, release=release, stale_memory=None
        )
        for played in several.played.values():
            for name in names:
                Responder(played, machine.clock, name)
        return several.start
    programs = {core: find_image(name, core, link.configs[core].unbound, soc) for core, name in who.items()}
    firmware = next(core for core, image in programs.items() if image is not None)
    setup = ExchangeSetup(machine, programs, link.configs, Workload(), firmware)
    return lambda: setup.start(release=release)


def _piped_input() -> int | None:
    """Return standard input if it is a pipe; a terminal is left to the shell, as it may be that of twister."""
    try:
        number = sys.stdin.fileno()
        return number if os.name == "posix" and stat.S_ISFIFO(os.fstat(number).st_mode) else None
    except (AttributeError, OSError, ValueError):  # closed, or an object of a test or a notebook
        return None


class _Run:
    """Virtual time that passes until ``core`` has printed its verdict, or ``timeout_ns`` have passed."""

    def __init__(self, machine: Machine, core: Core, timeout_ns: int | None) -> None:
        self._machine = machine
        self._core = core
        self._timeout_ns = timeout_ns
        self._faults = FaultLog(machine)
        self._verdict: str | None = None
        self._shown = dict.fromkeys(machine.cores, 0)
        self._typed_on = _piped_input()
        self._decoder = getincrementaldecoder("utf-8")("backslashreplace")
        self._raw = not sys.stdout.isatty()
        if self._raw:  # who reads from a pipe may wait for a prompt without a line end
            core.console.add_sink(self._pass_on)

    def _pass_on(self, data: bytes, _time_ns: int) -> None:
        sys.stdout.write(self._decoder.decode(data))

    @property
    def passed(self) -> bool:
        """True if the tests of the image passed."""
        return self._verdict == "SUCCESSFUL"

    def until_the_end(self, ctrl_c: CtrlC) -> None:
        """Let time pass; Ctrl-C and SIGTERM raise as :meth:`CtrlC.check`."""
        ends_ns = None if self._timeout_ns is None else self._machine.now_ns + self._timeout_ns
        while not self._has_ended():
            ctrl_c.check()
            step_ns = _STEP_NS if ends_ns is None else min(_STEP_NS, ends_ns - self._machine.now_ns)
            if step_ns <= 0:
                return
            self._pass_input()
            self._machine.run_for(step_ns)
            self._show()

    def _pass_input(self) -> None:
        """Type into the console what has come through a pipe: so the harnesses of twister talk to a shell."""
        if self._typed_on is None or not select([self._typed_on], [], [], 0)[0]:
            return
        data = os.read(self._typed_on, _INPUT_BYTES)
        if not data:
            self._typed_on = None  # whoever wrote has closed the pipe
            return
        try:
            self._core.console.write(data)
        except EngineError as error:
            self._typed_on = None
            sys.stderr.write(f"icmsg: input is not passed on: {error}\n")

    def _show(self) -> None:
        """Print what has come: of the core under test on standard output, of the others on standard error."""
        for name, core in self._machine.cores.items():
            new = core.console.lines[self._shown[name] :]
            self._shown[name] += len(new)
            if core is not self._core:
                sys.stderr.writelines(f"{name}│ {line.text}\n" for line in new)
                continue
            for line in new:
                if (found := _VERDICT.search(line.text)) is not None:
                    self._verdict = found[1]
            if not self._raw:
                sys.stdout.writelines(f"{line.text}\n" for line in new)
        sys.stdout.flush()

    def _has_ended(self) -> bool:
        lines = self._core.console.lines
        return self._verdict is not None and self._machine.now_ns - lines[-1].time_ns >= _QUIET_NS

    def shortcomings(self) -> Iterator[str]:
        """Yield why the tests did not pass."""
        if self._verdict is not None:
            if not self.passed:
                yield "the image says PROJECT EXECUTION FAILED"
            return
        yield (
            f"core {self._core.name} did not say PROJECT EXECUTION … within "
            f"{format_time(self._timeout_ns or 0)} of virtual time: give a longer --timeout-s, or an image with ztest"
        )
        yield from fault_words(self._machine, self._faults.records())
        yield from describe_held(self._machine)
