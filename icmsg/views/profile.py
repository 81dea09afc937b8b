"""Profile of a core's firmware: how many instructions each chain of calls took, as collapsed stacks.

That is what speedscope, ``flamegraph.pl`` and inferno read: ``main;link_send;pbuf_write 4000``. A sample is taken
where a run of instructions begins, as soon as so many more were executed. Counts are instructions, and the same in two
runs.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.errors import ConfigurationError
from icmsg.outputs import replace_file

if TYPE_CHECKING:
    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.machine.backtrace import Frame

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
