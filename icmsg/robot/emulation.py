"""Monitor that the keywords work on: an embedded one, Renode in this process, or that of the Renode of renode-test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from icmsg.assets import asset
from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.errors import ConfigurationError, EngineNotAvailableError
from icmsg.monitor.platform_script import platform_commands
from icmsg.robot.settings import chosen_engine, robot_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icmsg.engines.renode.monitor import RenodeMonitor
    from icmsg.monitor import EmbeddedMonitor
    from icmsg.monitor.emulation import Emulation
    from icmsg.monitor.protocol import Monitor
    from icmsg.robot.settings import LibrarySettings

SCRIPTS: Final = "renode"
DEFAULT_SCRIPT: Final = "machine"


class SuiteEmulation(Protocol):
    """Emulation that a suite works on: a Monitor and its machines."""

    def monitor(self) -> Monitor:
        """Return the Monitor; the first call makes it."""

    def embedded(self) -> Emulation | None:
        """Return all machines of the embedded engine; None on another engine."""

    def create(
        self, engine: str | None, script: str | None, platform: str | None, variables: Mapping[str, str]
    ) -> None:
        """Make a machine by a script, see `Create Machine`; there is none before."""

    def clear(self) -> None:
        """Free every machine."""

    def begin_keyword(self) -> None:
        """Make sure that nobody else moves time."""

    def end_test(self) -> None:
        """Do what has to be done behind a test, before its machine is freed."""


class LocalEmulation:
    """An engine in this process; ``engine`` is what the library was imported with.

    ``settings`` say which wall time in one step of Renode ends the process.
    """

    def __init__(self, engine: str | None, settings: LibrarySettings) -> None:
        self._engine = engine
        self._settings = settings
        self._monitor: EmbeddedMonitor | RenodeMonitor | None = None
        self.on_monitor: Callable[[EmbeddedMonitor | RenodeMonitor], None] = lambda _monitor: None
        """Called with every Monitor that is made."""

    def monitor(self) -> Monitor:
        """Return the Monitor of the chosen engine; ConfigurationError or EngineNotAvailableError if there is none."""
        if self._monitor is None:
            self._take(self._make(self._engine))
        assert self._monitor is not None
        return self._monitor

    def _take(self, monitor: EmbeddedMonitor | RenodeMonitor) -> None:
        self._monitor = monitor
        self.on_monitor(monitor)

    def embedded(self) -> Emulation | None:
        """Return all machines of the embedded engine; None on another engine."""
        emulation: Emulation | None = getattr(self.monitor(), "emulation", None)
        return emulation

    def create(
        self, engine: str | None, script: str | None, platform: str | None, variables: Mapping[str, str]
    ) -> None:
        """Make a machine by a script."""
        if engine is not None or platform is not None:
            self.clear()
            self._take(self._make(engine or self._engine, platform))
        run_script(self.monitor(), script, platform, variables)

    def clear(self) -> None:
        """Close the machine; the next Monitor is a new one."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()

    def begin_keyword(self) -> None:
        """Nobody else moves time."""

    def end_test(self) -> None:
        """Nothing else is to be done."""

    def _make(self, asked: str | None, platform: str | None = None) -> EmbeddedMonitor | RenodeMonitor:
        from icmsg.engines.choice import choose_engine  # libdoc needs no engine

        engine = chosen_engine(asked, robot_variables())
        if engine != "renode" and choose_engine("auto" if engine == "remote" else engine).name == "embedded":
            from icmsg.monitor import EmbeddedMonitor

            return EmbeddedMonitor()
        from icmsg.engines.renode.monitor import RenodeMonitor
        from icmsg.monitor.verbs import IcmsgVerbs

        try:
            monitor = RenodeMonitor(platform, stall_timeout=self._settings.stall_s)
        except EngineNotAvailableError as error:
            raise EngineNotAvailableError(
                f"{error}; or run the suite on the engine embedded, which needs nothing but pip"
            ) from error
        monitor.verbs = IcmsgVerbs(lambda: monitor.machine).execute
        return monitor


def run_script(
    monitor: Monitor, script: str | None, platform: str | None, variables: Mapping[str, str]
) -> None:
    """Set the variables and include the script.

    Raises:
        ConfigurationError: there is no such script or platform file, or the script does not use a variable.
        MonitorError: the script cannot be run.
    """
    if platform is not None and not Path(platform).is_file():
        raise ConfigurationError(f"platform: {platform}: no such file")
    if platform is not None and script is None and not variables:
        for command in platform_commands(platform):
            monitor.execute(command)
        return
    path = script_path(script or DEFAULT_SCRIPT)
    _check_variables(path, variables)
    given = dict(variables)
    if platform is not None:
        given["platform"] = platform
    for name, value in given.items():
        monitor.execute(f"${name}={_value(name, value)}")
    monitor.execute(f"include {written_path(path)}")


def _check_variables(script: Path, variables: Mapping[str, str]) -> None:
    """Refuse a variable that a shipped script does not use; what a script of the user's includes, nobody knows."""
    if script.parent != asset(SCRIPTS).resolve():
        return
    used = _used_variables(script)
    for name in variables:
        if name not in used:
            raise ConfigurationError(
                f"{name}: neither an argument of `Create Machine` (engine, script, platform, soc) nor a variable of "
                f"{script.name} ({', '.join(sorted(used))})"
            )


def _used_variables(script: Path) -> frozenset[str]:
    """Return the variables that a shipped script and those that it includes have a default for."""
    text = script.read_text(encoding="utf-8")
    used = frozenset(re.findall(r"^\$(\w+)\?=", text, re.MULTILINE))
    for name in re.findall(r"^include \$ORIGIN/(\S+\.resc)$", text, re.MULTILINE):
        used |= _used_variables(script.parent / name)
    return used


def script_path(script: str) -> Path:
    """Return the path of a script, or of a shipped one by its name."""
    path = Path(script)
    if path.suffix:
        if not path.is_file():
            raise ConfigurationError(
                f"{script}: no such script; give the path of a .resc file, or a name: {_names()}"
            )
        return path.resolve()
    if script not in shipped_scripts():
        raise ConfigurationError(
            f"there is no script {script!r}; give the path of a .resc file, or a name: {_names()}"
        )
    return asset(f"{SCRIPTS}/{script}.resc").resolve()


def shipped_scripts() -> tuple[str, ...]:
    """Return the names of the scripts that come with the package."""
    return tuple(sorted(path.stem for path in asset(SCRIPTS).glob("*.resc")))


def _names() -> str:
    return ", ".join(shipped_scripts())


def _value(name: str, value: str) -> str:
    """Return a value as the Monitor reads it: a number as it is, a file as a path, anything else as text."""
    try:
        int(value, 0)
    except ValueError:
        path = Path(value)
        if path.is_file():
            return written_path(path.resolve())
        if path.suffix in {".elf", ".repl", ".resc", ".bin", ".hex"}:
            raise ConfigurationError(f"{name}: {value}: no such file") from None
        return f'"{value}"'
    return value
