"""Log of the functions that a core's firmware enters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.engines.embedded.machine_core import MachineCore
    from icmsg.machine.image import FirmwareImage


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
