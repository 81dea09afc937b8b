"""Ways in which somebody types a command that changes a core, for the Monitor of every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typed_paths import typed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icmsg.engines.lockstep.machine import SteppedMachine
    from icmsg.engines.remote.monitor import RemoteMonitor
    from icmsg.engines.renode.monitor import RenodeMonitor
    from icmsg.machine.events import EventKind

    AnyMonitor = RemoteMonitor | RenodeMonitor
    AnyMachine = SteppedMachine  # type: ignore[type-arg]
    Way = Callable[[AnyMonitor, str, Path], None]


def by_itself(monitor: AnyMonitor, command: str, _folder: Path) -> None:
    monitor.execute(command)


def by_a_macro(monitor: AnyMonitor, command: str, _folder: Path) -> None:
    monitor.execute(f'macro work\n"""\n{command}\n"""\nrunMacro $work')


def by_a_variable(monitor: AnyMonitor, command: str, _folder: Path) -> None:
    words, _, value = command.rpartition(" ")
    monitor.execute(f"$wanted={value}")
    monitor.execute(f"{words} $wanted")


def by_an_alias(monitor: AnyMonitor, command: str, _folder: Path) -> None:
    monitor.execute(f'alias work "{command}"')
    monitor.execute("work")


def by_a_script(monitor: AnyMonitor, command: str, folder: Path) -> None:
    script = folder / "work.resc"
    script.write_text(f"{command}\n")
    monitor.execute(f"include {typed(script)}")


def by_python(monitor: AnyMonitor, command: str, _folder: Path) -> None:
    cpu, member, value = command.split()
    monitor.execute(f"python \"self.Machine['sysbus.{cpu}'].{member} = {value.capitalize()}\"")


WAYS = pytest.mark.parametrize(
    "way", [by_itself, by_a_macro, by_a_variable, by_an_alias, by_a_script], ids=lambda way: way.__name__
)


def machine_of(monitor: AnyMonitor) -> AnyMachine:
    """Return the selected machine, which is attached to."""
    machine = monitor.machine
    assert machine is not None
    return machine


def halts(monitor: AnyMonitor, way: Way, folder: Path, wanted: tuple[EventKind, ...]) -> list[EventKind]:
    """Let core net run by Python, halt and resume it the given ``way``; return the events of ``wanted`` kinds."""
    machine = machine_of(monitor)
    machine.run_for(1_000)  # from here on the lockstep holds the emulation
    story: list[EventKind] = []
    machine.events.add_sink(lambda event: story.append(event.kind), wanted)
    for halted in (True, False):
        way(monitor, f"cpunet IsHalted {str(halted).lower()}", folder)
        net = machine_of(monitor).core("net")
        assert net.is_halted == halted
        assert net.registers["PC"] != 0
    machine_of(monitor).run_for(1_000)
    return story


def starts_and_is_looked_at(monitor: AnyMonitor) -> list[str]:
    """Start core net anew, type commands before it is let go, and return what it printed from then on."""
    machine = machine_of(monitor)
    net = machine.core("net")
    machine.run_for(1_000_000)
    before = len(net.console.lines)
    net.halt()
    net.start()
    for command in ("cpunet IsHalted", "cpuapp PC", "cpunet PC"):
        monitor.execute(command)
        assert not net.is_halted
    machine.run_for(1_000_000)
    assert not net.is_halted
    return [line.text for line in net.console.lines[before:]]
