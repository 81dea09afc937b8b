"""Reset and RAM that one core keeps from another: how such firmware is started, and what is said while it is held.

On the nRF5340 a reset of the application core holds the network core, until firmware clears
RESET.NETWORK.FORCEOFF (Product Specification, "RESET"); Zephyr does that before ``main``.

RAM that the nRF5340's application core keeps from its network core, which the engines let it reach all the same.

The network core's accesses come from outside the application core's domain. SPU.EXTDOMAIN[0].PERM says whether they
count as secure ones, SPU.RAMREGION[n].PERM whether 8 KiB of RAM are secure, and DCNF.EXTRAM[0].PROTECT closes 64 KiB
of RAM whatever they are (Product Specification, "SPU" and "DCNF").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.config.boards import board_of
from icmsg.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icmsg.config.instance import Region
    from icmsg.ipc.backend import HasRegions
    from icmsg.machine.machine import Core, Machine
    from icmsg.soc.mailbox_ports import ForceOff


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
    _set_counter(holder, force_off, names)
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


def _set_counter(holder: Core, force_off: ForceOff, names: list[str]) -> None:
    """Leave the counter of both as firmware of ``holder`` finds it, which starts it, or as it would have left it.

    Firmware of the core that is held asks whether it is on before it takes a time from it (nrfx_grtc.c,
    is_syscounter_running), and that of the holder refuses to start one that is on.
    """
    starts = holder.name in names
    if force_off.counter is not None and (starts or not _runs_firmware(holder)):
        holder.bus.write32(force_off.counter, 0 if starts else _SYSCOUNTEREN)


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


_SYSCOUNTEREN: Final = 1 << 1
"""MODE of GRTC (nRF54L15 Datasheet, "GRTC")."""
_RAM: Final = 0x2000_0000
_EXTRAM_PROTECT: Final = 0x5000_0460
_EXTDOMAIN_PERM: Final = 0x5000_3440
_RAMREGION_PERM: Final = 0x5000_3700
_UNTOUCHED: Final = 0x2
"""EXTDOMAIN[0].PERM after a reset. The accesses are non-secure then, too, but a debugger may have seen to that."""
_SECURE: Final = 1 << 4
_RAM_SIZE: Final = 0x8_0000
_REGION: Final = 0x2000
_BLOCK: Final = 0x1_0000


def describe_protection(machine: Machine, config: HasRegions) -> list[str]:
    """Return why, as firmware of the application core has set the SoC up, the network core reaches no region there."""
    force_off = machine.soc.force_off
    if force_off is None:
        return []
    holder, held = machine.core(force_off.holder), machine.core(force_off.held)
    if holder.image is None or held.image is None:
        return []
    try:
        protect, perm = holder.bus.read32(_EXTRAM_PROTECT), holder.bus.read32(_EXTDOMAIN_PERM)
        permissions = [holder.bus.read32(_RAMREGION_PERM + 4 * at) for at in range(_RAM_SIZE // _REGION)]
    except BusError:
        return []  # another SoC, or a platform without them
    regions = (config.tx_region, config.rx_region)
    lines: list[str] = []
    if any(protect >> block & 1 for block in _units(regions, _BLOCK)):
        lines.append(f"DCNF.EXTRAM[0].PROTECT (0x{_EXTRAM_PROTECT:08X}) is 0x{protect:X}")
    if perm != _UNTOUCHED and not perm & _SECURE:
        for at in _units(regions, _REGION):
            if not permissions[at] or permissions[at] & _SECURE:  # 0 is untouched: secure on the SoC
                lines.append(
                    f"SPU.EXTDOMAIN[0].PERM (0x{_EXTDOMAIN_PERM:08X}) is 0x{perm:X}, so its accesses are non-secure, "
                    f"and this RAM is secure (SPU.RAMREGION[{at}].PERM)"
                )
                break
    return [
        f"on the SoC core {held.name} does not reach 0x{min(region.address for region in regions):08X}…: {line}"
        for line in lines
    ]


def _units(regions: Iterable[Region], size: int) -> Iterator[int]:
    for region in regions:
        yield from range((region.address - _RAM) // size, (region.end - 1 - _RAM) // size + 1)
