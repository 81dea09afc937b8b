"""A core that another core holds in reset: how firmware is started on such a SoC, and what is said while it is held.

On the nRF5340 a reset of the application core holds the network core, until firmware clears
RESET.NETWORK.FORCEOFF (Product Specification, "RESET"); Zephyr does that before ``main``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.boards import board_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.machine.machine import Core, Machine


def start_firmware(machine: Machine, cores: Iterable[str], *, release: bool = False) -> None:
    """Start the images that were loaded into ``cores``, as the SoC does after power-up.

    A core that another one holds in reset waits until firmware there lets it go. Where Python plays the holder, or
    nobody does, or with ``release``, it is let go at once.

    Raises:
        EngineError: one has no image, or Python plays it.
        CoreFault: an image's reset vector is no address of Thumb code.
    """
    names = list(cores)
    force_off = machine.soc.force_off
    if force_off is None:
        for name in names:
            machine.core(name).start()
        return
    holder, held = machine.core(force_off.holder), machine.core(force_off.held)
    for name in sorted(names, key=lambda name: name == held.name):
        if name != held.name:
            machine.core(name).start()
    waits = _runs_firmware(holder) and not release
    image = held.image
    if not waits and force_off.start is not None and image is not None and held.name in names:
        holder.bus.write32(force_off.start, image.vector_table)
    if held.name in names or (holder.name in names and _runs_firmware(held)):
        if waits:
            held.halt()
            held.wait_for_release()
        elif held.name in names:
            held.start()
    if not waits:
        holder.bus.write32(force_off.register, 1 - force_off.holds)


def describe_held(machine: Machine) -> list[str]:
    """Return a line about a core with an image that is still held in reset, or nothing."""
    force_off = machine.soc.force_off
    if force_off is None:
        return []
    held, holder = machine.core(force_off.held), machine.core(force_off.holder)
    if (
        held.image is None
        or not held.is_halted
        or not force_off.is_held(holder.bus.read32(force_off.register))
    ):
        return []
    board = board_of(machine.cores)
    what = board.titles[held.name] if board is not None and held.name in board.titles else f"core {held.name}"
    return [
        f"on the SoC the {what} is held in reset until "
        f"{force_off.name} is {'cleared' if force_off.holds else 'set'}: {holder.name} never wrote "
        f"{1 - force_off.holds} to 0x{force_off.register:08X}; "
        "for images that leave it to a debugger: --release-network"
    ]


def _runs_firmware(core: Core) -> bool:
    return core.image is not None and not core.is_halted and not core.is_played
