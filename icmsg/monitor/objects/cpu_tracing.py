"""Members of a core in the Monitor that show what its firmware executes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError, MonitorError
from icmsg.hw.exposed import BOOL, INT32, INT64, STRING, VOID, Kind, exposed
from icmsg.outputs import create_file
from icmsg.views.function_log import FunctionLog
from icmsg.views.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine_core import MachineCore

_PROFILER: Final = Kind("ProfilerType", members=("CollapsedStack", "Perfetto"))


class CpuTracing:
    """View of what one core executes; ``log`` takes a line."""

    def __init__(self, core: MachineCore, log: Callable[[str], None]) -> None:
        self._core: Final = core
        self._log: Final = log
        self._functions: FunctionLog | None = None
        self._profile: tuple[Profile, str] | None = None

    @property
    def is_attached(self) -> bool:
        """True while there is a log of functions or a profile."""
        return bool(self._functions or self._profile)

    @exposed(VOID, value=BOOL, remove_duplicates=BOOL)
    def log_function_names(self, value: bool, remove_duplicates: bool = False) -> None:
        """Write a line into the log for each function that firmware enters, or comes back to."""
        self._log_functions(value, "", remove_duplicates)

    @exposed(
        VOID, name="LogFunctionNames", value=BOOL, space_separated_prefixes=STRING, remove_duplicates=BOOL
    )
    def log_function_names_with_prefixes(
        self, value: bool, space_separated_prefixes: str, remove_duplicates: bool = False
    ) -> None:
        """Do so for functions whose names begin with one of the prefixes."""
        self._log_functions(value, space_separated_prefixes or "", remove_duplicates)

    def _log_functions(self, value: bool, prefixes: str, changes_only: bool) -> None:
        if self._functions is not None:
            self._functions.stop()
            self._functions = None
        if value:
            self._functions = FunctionLog(
                self._core, self._entered, prefixes=prefixes.split(), changes_only=changes_only
            )

    def _entered(self, name: str, address: int) -> None:
        entry = "" if "+0x" in name or name.startswith("0x") else " (entry)"
        self._log(f"Entering function {name}{entry} at 0x{address:X}")

    @exposed(
        VOID,
        filename=STRING,
        flush_instantly=BOOL,
        file_size_limit=INT64,
        maximum_nested_contexts=INT32,
    )
    def enable_profiler_collapsed_stack(
        self,
        filename: str,
        flush_instantly: bool = False,
        file_size_limit: int | None = None,
        maximum_nested_contexts: int | None = None,
    ) -> None:
        """Count the instructions of each chain of calls from now on; the file is written at the end."""
        if flush_instantly or file_size_limit is not None or maximum_nested_contexts is not None:
            raise MonitorError(
                "the embedded engine writes the file as a whole, by DisableProfiler, FlushProfiler or at the end of "
                "the machine: leave the other parameters out"
            )
        if self._profile is not None:
            raise MonitorError("the profiler is enabled on this core already: DisableProfiler first")
        try:
            file, moved = create_file(Path(filename))
        except OSError as error:
            raise ConfigurationError(f"{filename} cannot be written: {error.strerror}") from None
        file.close()
        if moved is not None:
            self._log(f"Old file {filename} moved to {moved}")
        self._profile = Profile(self._core), filename
        self._save()  # where it cannot be written, that is said now

    @exposed(VOID, type=_PROFILER, filename=STRING, flush_instantly=BOOL)
    def enable_profiler(self, type: str, filename: str, flush_instantly: bool = False) -> None:  # noqa: A002
        """Do the same as EnableProfilerCollapsedStack."""
        if type != "CollapsedStack":
            raise MonitorError(
                "the embedded engine writes collapsed stacks: EnableProfiler CollapsedStack @FILE"
            )
        self.enable_profiler_collapsed_stack(filename, flush_instantly)

    @exposed(VOID)
    def disable_profiler(self) -> None:
        """Count no longer, and write the file."""
        profile, _ = self._enabled()
        profile.stop()
        self._save()
        self._profile = None

    @exposed(VOID)
    def flush_profiler(self) -> None:
        """Write the file with what was counted so far."""
        self._enabled()
        self._save()

    def _enabled(self) -> tuple[Profile, str]:
        if self._profile is None:
            raise MonitorError("The profiler is not enabled on this core")
        return self._profile

    def _save(self) -> None:
        profile, filename = self._enabled()
        try:
            profile.save(filename)
        except ConfigurationError:
            profile.stop()
            self._profile = None
            raise

    def close(self) -> None:
        """Write what was counted; the machine ends."""
        if self._profile is not None:
            self.disable_profiler()
