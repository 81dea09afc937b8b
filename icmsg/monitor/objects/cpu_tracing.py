"""Members of a core in the Monitor that show what its firmware executes, and those of Renode that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError, MonitorError
from icmsg.hw.exposed import ANY, BOOL, INT32, INT64, STRING, UINT64, VOID, exposed
from icmsg.views.function_log import FunctionLog
from icmsg.views.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.engines.embedded.machine_core import MachineCore

_NO_HOOKS: Final = (
    "the embedded engine runs no Python of Monitor commands: Renode's is Python 2.7, with objects of .NET. "
)
NO_PLACE_HOOKS: Final = (
    f"{_NO_HOOKS}Use the keywords Break At and Wait Until Function, core.on_reach(place, function) in Python, "
    "or machine StartGdbServer"
)
NO_ACCESS_HOOKS: Final = (
    f"{_NO_HOOKS}Use the keywords Watch Region and Wait For Access, icmsg.link.region_watch in Python, "
    "or a watchpoint of GDB (machine StartGdbServer)"
)


class CpuTracing:
    """View of what one core executes; ``log`` takes a line."""

    def __init__(self, core: MachineCore, log: Callable[[str], None]) -> None:
        self._core: Final = core
        self._log: Final = log
        self._functions: FunctionLog | None = None
        self._profile: tuple[Profile, str] | None = None

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
        self._profile = Profile(self._core), filename
        self._save()  # where it cannot be written, that is said now

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

    @exposed(VOID, address=UINT64, python_script=STRING)
    def add_hook(self, address: int, python_script: str) -> None:  # noqa: ARG002 - Renode's parameters
        """Refuse a script at an address."""
        raise MonitorError(NO_PLACE_HOOKS)

    @exposed(VOID, name="AddHook", symbol=STRING, python_script=STRING)
    def add_hook_at_symbol(self, symbol: str, python_script: str) -> None:  # noqa: ARG002
        """Refuse a script at a function."""
        raise MonitorError(NO_PLACE_HOOKS)

    @exposed(VOID, python_script=STRING)
    def add_hook_at_interrupt_begin(self, python_script: str) -> None:  # noqa: ARG002
        """Refuse a script at the beginning of interrupts."""
        raise MonitorError(NO_PLACE_HOOKS)

    @exposed(VOID, python_script=STRING)
    def add_hook_at_interrupt_end(self, python_script: str) -> None:  # noqa: ARG002
        """Refuse a script at the end of interrupts."""
        raise MonitorError(NO_PLACE_HOOKS)


class AccessHooks:
    """Members of ``sysbus`` that are refused."""

    @exposed(VOID, address=UINT64, width=ANY, access=ANY, python_script=STRING)
    def add_watchpoint_hook(self, address: int, width: object, access: object, python_script: str) -> None:  # noqa: ARG002
        """Refuse a script at accesses to an address."""
        raise MonitorError(NO_ACCESS_HOOKS)
