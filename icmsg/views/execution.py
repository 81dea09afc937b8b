"""Views of what firmware executes: coverage by line, a profile of call chains, a log of functions.

Coverage of firmware: which lines of which function a run has reached, as a file that ``lcov`` and ``genhtml`` read.

What counts is a basic block: code that begins where something jumps to, and ends with the next jump. A line is reached
if an instruction of it lies in a block that was entered. Nothing is counted while firmware runs: the emulator tells of
a block when it meets it for the first time.

Profile of a core's firmware: how many instructions each chain of calls took, as collapsed stacks.

That is what speedscope, ``flamegraph.pl`` and inferno read: ``main;link_send;pbuf_write 4000``. A sample is taken
where a run of instructions begins, as soon as so many more were executed. Counts are instructions, and the same in two
runs.

Log of the functions that a core's firmware enters.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.files import replace_file
from icmsg.machine.source_lines import functions, line_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.engines.embedded.processor import Processor
    from icmsg.machine.backtrace import Frame
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Machine
    from icmsg.machine.source_lines import LineSpan


Block = tuple[int, int]
"""Address and size in bytes."""


class Coverage:
    """The blocks of every image that ran on the machines of :meth:`watch`."""

    def __init__(self) -> None:
        self._images: Final[dict[str, _ImageRun]] = {}

    def watch(self, machine: Machine) -> Callable[[], None]:
        """Take note of what firmware on ``machine`` executes from now on; the function returned ends that.

        Raises:
            ConfigurationError: it is not one of the embedded engine.
        """
        if not isinstance(machine, EmbeddedMachine):
            raise ConfigurationError(
                f"coverage is for the embedded engine, this machine is of {machine.engine}: run with engine=embedded"
            )
        ends = [core.watch_firmware(self._watcher(core)) for core in machine.cores.values()]

        def stop() -> None:
            for end in ends:
                end()

        return stop

    def _watcher(self, core: MachineCore) -> Callable[[Processor], Callable[[], None]]:
        def install(firmware: Processor) -> Callable[[], None]:
            image = core.image
            if image is None:
                return lambda: None
            blocks = self.blocks_of(image)
            return firmware.watch_translations(lambda address, size: blocks.add((address, size)))

        return install

    def blocks_of(self, image: FirmwareImage) -> set[Block]:
        """Return the blocks of an image that were entered, to be added to."""
        return self._images.setdefault(str(image.path), _ImageRun(image)).blocks

    @property
    def without_lines(self) -> list[str]:
        """The files of images that ran and say nothing about lines."""
        return [path for path, run in self._images.items() if not run.spans]

    def lcov(self, test: str = "") -> str:
        """Return the tracefile of ``lcov``, its counts those of images that reached a line or function.

        Raises:
            ConfigurationError: no firmware ran, or none of it was built with debug information.
        """
        files = self._files()
        if not files:
            names = ", ".join(Path(path).name for path in self._images)
            why = (
                f"{names}: there is nothing about lines in it; build with -g"
                if names
                else "no firmware was run"
            )
            raise ConfigurationError(f"no coverage: {why}")
        return "".join(files[path].record(path, test) for path in sorted(files))

    def counts(self) -> tuple[int, int]:
        """Return how many lines have code, and how many of them were reached."""
        lines = [count for each in self._files().values() for count in each.lines.values()]
        return len(lines), sum(count > 0 for count in lines)

    def _files(self) -> dict[str, _SourceFile]:
        files: dict[str, _SourceFile] = {}
        for run in self._images.values():
            run.add_to(files)
        return files

    def save(self, path: str | Path, test: str = "") -> Path:
        """Write :meth:`lcov` into a file; ConfigurationError as there, or if it cannot be written."""
        text = self.lcov(test)
        try:
            replace_file(Path(path), text)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
        return Path(path)


class _SourceFile:
    """Lines and functions of one source file."""

    def __init__(self) -> None:
        self.lines: Counter[int] = Counter()
        self.functions: dict[str, list[int]] = {}  # line and count

    def record(self, path: str, test: str) -> str:
        named = sorted(self.functions.items(), key=lambda each: (each[1][0], each[0]))
        reached = sum(count > 0 for _, (_, count) in named)
        rows = [
            f"TN:{''.join(each if each.isalnum() else '_' for each in test)}",
            f"SF:{path}",
            *(f"FN:{line},{name}" for name, (line, _) in named),
            *(f"FNDA:{count},{name}" for name, (_, count) in named),
            f"FNF:{len(named)}",
            f"FNH:{reached}",
            *(f"DA:{line},{count}" for line, count in sorted(self.lines.items())),
            f"LF:{len(self.lines)}",
            f"LH:{sum(count > 0 for count in self.lines.values())}",
            "end_of_record",
        ]
        return "\n".join(rows) + "\n"


class _ImageRun:
    """An image that ran, and the blocks of it that were entered."""

    def __init__(self, image: FirmwareImage) -> None:
        self.image: Final = image
        self.blocks: Final[set[Block]] = set()

    @cached_property
    def spans(self) -> list[LineSpan]:
        """The code of the image with its lines; none where it does not say."""
        return [] if self.image.debug is None else line_spans(self.image.debug)

    def add_to(self, files: dict[str, _SourceFile]) -> None:
        """Add what was reached."""
        if self.image.debug is None:
            return
        entered = _EnteredCode(sorted(self.blocks))
        lines = {(span.path, span.line): False for span in self.spans}
        for span in self.spans:
            lines[span.path, span.line] |= entered.between(span.begin, span.end)
        for (path, line), reached in lines.items():
            files.setdefault(path, _SourceFile()).lines[line] += reached
        for each in functions(self.image.debug, self.spans):
            found = files.setdefault(each.path, _SourceFile()).functions.setdefault(each.name, [each.line, 0])
            found[1] += entered.between(each.start, each.start + 1)


class _EnteredCode:
    """Code that was entered; ``blocks`` are in the order of their addresses."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, size in blocks:
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], begin + size)
            else:
                self._begins.append(begin)
                self._ends.append(begin + size)

    def between(self, begin: int, end: int) -> bool:
        """Return whether any of ``begin``…``end`` - 1 was entered."""
        at = bisect_left(self._begins, end) - 1
        return at >= 0 and self._ends[at] > begin


EVERY: Final = 997
"""Instructions between two samples: a prime, so that no loop keeps pace with it."""
_UNKNOWN: Final = "(unknown)"


class Profile:
    """Samples of ``core``, of whatever firmware it runs, about every ``every`` instructions, until :meth:`stop`.

    A core that sleeps executes nothing, and has no samples. ConfigurationError if ``every`` is less than 1.
    """

    def __init__(self, core: MachineCore, every: int = EVERY) -> None:
        if every < 1:
            raise ConfigurationError(f"a sample every {every} instructions: use 1 or more")
        self.core: Final = core
        self.every: Final = every
        self.stacks: Final[Counter[tuple[str, ...]]] = Counter()
        """Instructions by the names of functions, the outermost first."""
        self._last = core.executed
        self._before: tuple[str, ...] = (_UNKNOWN,)
        self._end = core.watch_firmware(lambda firmware: firmware.watch_blocks(self._on_block))

    def _on_block(self, address: int) -> None:
        executed = self.core.executed
        if executed < self._last:
            self._last = executed  # it was started anew
        if executed - self._last >= self.every:
            self._take(executed, address)

    def _take(self, executed: int, address: int | None) -> None:
        self._before = stack_of(self.core.backtrace(address))
        self.stacks[self._before] += executed - self._last
        self._last = executed

    def stop(self) -> None:
        """Take no more samples; what was executed since the last one belongs to where the core stands."""
        self._end()
        if self.core.executed > self._last:
            self._take(self.core.executed, None)

    def text(self) -> str:
        """Return a line for each chain: names joined by ``;``, then the number of instructions."""
        rows = (f"{';'.join(stack)} {count}\n" for stack, count in self.stacks.items() if count)
        return "".join(sorted(rows))

    def save(self, path: str | Path) -> Path:
        """Write :meth:`text` into a file; ConfigurationError if it cannot be written."""
        try:
            replace_file(Path(path), self.text())
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
        return Path(path)


def stack_of(frames: tuple[Frame, ...]) -> tuple[str, ...]:
    """Return the names of a call chain, the outermost first; an exception is a name of its own.

    It begins with the last caller that is certain.
    """
    names: list[str] = []
    for frame in frames:
        if frame.perhaps:
            break
        if frame.interrupted_by:
            names.append(f"({frame.interrupted_by})")
        names.append(frame.place.split(" (")[0].removesuffix(" inlined").split("+0x")[0].replace(";", ":"))
    return tuple(reversed(names)) or (_UNKNOWN,)


class FunctionLog:
    """Tells ``told(name, address)`` where firmware of ``core`` enters a function or comes back to one.

    ``name`` has an offset where it comes back. ``changes_only``: not where it enters again the one that it is in.
    ``prefixes``: only functions whose names begin with one of these, if there are any.
    """

    def __init__(
        self,
        core: MachineCore,
        told: Callable[[str, int], None],
        *,
        prefixes: Sequence[str] = (),
        changes_only: bool = False,
    ) -> None:
        self._core: Final = core
        self._told: Final = told
        self._prefixes: Final = tuple(prefixes)
        self._changes_only: Final = changes_only
        self._image: FirmwareImage | None = None
        self._starts: dict[int, int] = {}
        self._in = -1
        self._entered = -1
        self.stop: Final = core.watch_firmware(lambda firmware: firmware.watch_blocks(self._on_block))
        """Ends it."""

    def _on_block(self, address: int) -> None:
        if self._core.image is not self._image:
            self._image, self._starts = self._core.image, {}
        start = self._starts.get(address)
        if start is None:
            found = self._image.function_at(address) if self._image is not None else None
            start = self._starts[address] = address if found is None else found.start
        if start == self._in and (self._changes_only or address != start):
            return
        # A slice that ends before a function's first instruction begins there again.
        executed = self._core.executed
        if start == self._in and executed == self._entered:
            return
        self._in, self._entered = start, executed
        name = self._image.name_of(address) if self._image is not None else f"0x{address:08X}"
        if not self._prefixes or name.startswith(self._prefixes):
            self._told(name, address)
