"""Renode as the engine needs it, as protocols; ``adapter.py`` has it through pyrenode3.

Names of peripherals are those of the platform file, without ``sysbus``. Times are nanoseconds of virtual time unless
a name says otherwise. Every method raises EngineError with Renode's own words when Renode refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from icmsg.engines.lockstep.stops import StopCommands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from icmsg.engines.lockstep.stepper import Lockstep


class PeripheralRegisters(Protocol):
    """A peripheral by byte offset, without a core and without a bus: the cheapest access there is."""

    @property
    def read32(self) -> Callable[[int], int]:
        """``read32(offset)``."""

    @property
    def write32(self) -> Callable[[int, int], None]:
        """``write32(offset, value)``."""


class Records(Protocol):
    """A block of memory into which the C# side writes what happened; see ``records.py`` for its layout."""

    @property
    def memory(self) -> memoryview:
        """The block, shared, not copied."""

    def dispose(self) -> None:
        """Free the block."""


class StopsApi(StopCommands, Protocol):
    """A FirmwareStops, and what it writes down."""

    @property
    def records(self) -> Records:
        """Stops and accesses."""


class MachineApi(Protocol):
    """The machine that was made last."""

    def now_ns(self) -> int:
        """The virtual time; not while a lockstep advances."""

    def quantum_ns(self) -> int:
        """The distance of the synchronization points."""

    def has(self, name: str) -> bool:
        """Return whether there is such a peripheral."""

    def loaded_files(self) -> list[str]:
        """Return the paths of the files that were loaded, the last one last."""

    def registers(self, name: str) -> PeripheralRegisters:
        """Return a peripheral's registers."""

    def line(self, name: str, output: str) -> object:
        """Return a GPIO output of a peripheral."""

    def is_set(self, line: object) -> bool:
        """Return the level of a line."""

    def segment_bytes(self, name: str) -> int:
        """Return how large the segments are in which a memory is kept; the last one may be smaller."""

    def segment(self, name: str, index: int) -> memoryview:
        """Return a segment's bytes, shared; valid until the machine is cleared or loaded again."""

    def contents(self, name: str) -> Iterator[tuple[int, bytes | memoryview]]:
        """Yield number and bytes of each segment that has other bytes than after a reset; to be used at once."""

    def reader(self, width: int, core: str) -> Callable[[int], int]:
        """Return ``read(address)`` of 8, 16 or 32 bits as ``core`` sees the bus."""

    def writer(self, width: int, core: str) -> Callable[[int, int], None]:
        """Return ``write(address, value)`` as ``core`` sees the bus."""

    def read_block(self, core: str, address: int, size: int) -> bytes:
        """Read bytes as ``core`` sees the bus."""

    def write_block(self, core: str, address: int, data: bytes) -> None:
        """Write bytes as ``core`` sees the bus."""

    def instructions(self, core: str) -> int:
        """Return how many instructions a core has executed."""

    def lockstep(self, lines: Sequence[object], journal: Records) -> Lockstep:
        """Make the lockstep; one quantum passes. Doorbells in ``journal`` end an advance."""

    def doorbells(self, capacity: int, mailboxes: Sequence[str]) -> Records:
        """Write down doorbells and interrupt lines of these mailboxes."""

    def timeline(self, capacity: int) -> Records:
        """Write down what the cores spend their time with."""

    def stops(self, capacity: int) -> StopsApi:
        """Stop firmware and write down what it touches, as it is told."""

    def consoles(self, capacity: int, uarts: Sequence[str]) -> Records:
        """Write down what these UARTs send."""


class RenodeApi(Protocol):
    """The Renode of this process."""

    @property
    def version(self) -> str:
        """Renode's version in its own words."""

    @property
    def failure(self) -> type[Exception]:
        """The base of what .NET raises."""

    @property
    def selected(self) -> str | None:
        """The machine that the Monitor has selected, by name."""

    @property
    def is_started(self) -> bool:
        """True while the emulation runs by itself."""

    def monitor(self, command: str) -> tuple[str, str]:
        """Run one Monitor command and return what it prints, and what it prints as an error."""

    def execute(self, command: str) -> str:
        """Run one Monitor command and return what it prints; an error is raised."""

    def include(self, files: Sequence[Path]) -> None:
        """Compile C# files together, each once in a process: classes cannot be replaced."""

    def log_to(self, path: Path) -> None:
        """Write warnings and errors that Renode logs into a file."""

    def show_log_in(self, path: Path) -> None:
        """Write everything from level INFO on into a file, and keep it for `lastLog`."""

    def log_consoles(self) -> None:
        """Let analyzers of UARTs in the current emulation write into Renode's log."""

    def flush_log(self) -> None:
        """Return when everything logged so far is in the file."""

    def machine(self, name: str) -> MachineApi:
        """Return the machine of that name."""

    def clear(self) -> None:
        """Remove every machine; whatever was got from one dangles."""
