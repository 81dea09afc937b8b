"""The boards that come with the package: their platform file, the roles of their cores, their default instance.

A platform file of the user's own needs no entry here: its roles are the names of its cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.instance import InstanceConfig, Region
from icmsg.errors import ConfigurationError, closest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Board:
    """SoC as Zephyr's boards use it.

    ``name`` is also that of ``platforms/NAME.repl``. ``roles`` are the names of the two cores of the link, the one
    that has ``instance`` as it stands first; ``titles`` says in words what each is,
    ``mailboxes`` gives the byte address for which the firmware stubs of each are built. ``qualifiers`` are the parts of
    Zephyr's board names and devicetree labels that tell whose files they are. ``mailbox`` is the ``compatible`` of
    the mailbox, ``labels`` are what an overlay may call it, ``ram`` is where the regions of an overlay can lie.
    ``starts`` tells whether firmware on the first core lets the second one run, and so is up before it. ``services``
    are beginnings of the names of functions by which firmware asks cores for something whose firmware is not public.
    ``blocks`` are the numbers of tx and rx blocks of ICBMsg, ``block_alignment`` its dcache-alignment where that is
    another one than ICMsg's.
    """

    name: str
    title: str
    roles: tuple[str, str]
    mailboxes: Mapping[str, int]
    titles: Mapping[str, str]
    qualifiers: Mapping[str, tuple[str, ...]]
    instance: InstanceConfig
    mailbox: str
    labels: tuple[str, ...]
    ram: range
    starts: bool
    services: tuple[str, ...] = ()
    blocks: tuple[int, int] = (16, 18)
    block_alignment: int = 0

    @property
    def icbmsg(self) -> IcbmsgConfig:
        """The instance of ICBMsg in the same place, as the first core has it."""
        own, (tx_blocks, rx_blocks) = self.instance, self.blocks
        return IcbmsgConfig(
            tx_region=own.tx_region,
            rx_region=own.rx_region,
            tx_blocks=tx_blocks,
            rx_blocks=rx_blocks,
            tx_channel=own.tx_channel,
            rx_channel=own.rx_channel,
            dcache_alignment=self.block_alignment or own.dcache_alignment,
            name=own.name,
        )


NRF5340: Final = Board(
    name="nrf5340",
    title="nRF5340",
    roles=("app", "net"),
    mailboxes={"app": 0x5002_A000, "net": 0x4101_2000},
    titles={"app": "application core", "net": "network core"},
    qualifiers={"app": ("cpuapp",), "net": ("cpunet",)},
    instance=InstanceConfig(
        tx_region=Region(0x2007_0000, 0x800),
        rx_region=Region(0x2007_8000, 0x800),
        tx_channel=0,
        rx_channel=1,
        name="ipc0",
    ),
    mailbox="nordic,mbox-nrf-ipc",
    labels=("mbox", "ipc"),
    ram=range(0x2000_0000, 0x2008_0000),
    starts=True,
)
"""Source of the instance: the devicetree overlays of the upstream ICMsg sample (protocol §5). The stubs in
``firmware_stubs`` use the same."""

NRF54L15: Final = Board(
    name="nrf54l15",
    title="nRF54L15",
    roles=("app", "flpr"),
    mailboxes={"app": 0x5004_C000, "flpr": 0xF001_0000},
    titles={"app": "application core", "flpr": "fast lightweight peripheral processor"},
    qualifiers={"app": ("cpuapp",), "flpr": ("cpuflpr",)},
    instance=InstanceConfig(
        tx_region=Region(0x2002_0000, 0x800),
        rx_region=Region(0x2001_8000, 0x800),
        tx_channel=21,
        rx_channel=20,
        name="ipc0",
    ),
    mailbox="nordic,nrf-vevif-task-tx",
    labels=("cpuflpr_vevif_rx", "cpuflpr_vevif_tx", "cpuapp_vevif_rx", "cpuapp_vevif_tx"),
    ram=range(0x2000_0000, 0x2004_0000),
    starts=True,
    block_alignment=32,
)
"""Source of the instance: the overlays of the upstream ICMsg sample for nrf54l15dk. The second mailbox is where the
VPR's own registers (CSRs) are on its bus (``platforms/nrf54l15.repl``)."""

NRF54H20: Final = Board(
    name="nrf54h20",
    title="nRF54H20",
    roles=("app", "rad"),
    mailboxes={"app": 0x5F09_A000, "rad": 0x5F09_B000},
    titles={"app": "application core", "rad": "radio core"},
    qualifiers={"app": ("cpuapp",), "rad": ("cpurad",)},
    instance=InstanceConfig(
        tx_region=Region(0x2F0B_F000, 0x800),
        rx_region=Region(0x2F0B_F800, 0x800),
        tx_channel=12,
        rx_channel=18,
        dcache_alignment=32,
        name="ipc0",
    ),
    mailbox="nordic,nrf-bellboard-tx",
    labels=("cpuapp_bellboard", "cpurad_bellboard"),
    ram=range(0x2F00_0000, 0x2FD0_0000),
    starts=False,
    services=("nrfs_", "ssf_client_", "ironside_"),
)
"""Source of the instance: the memory map and the IPC configuration of Zephyr's nrf54h20dk (cpuapp with cpurad)."""

BOARDS: Final = {board.name: board for board in (NRF5340, NRF54L15, NRF54H20)}
ZEPHYR_CORES: Final = ("app", "cell", "flpr", "net", "ppr", "rad", "sec", "sys")
"""The cores of Nordic's SoCs as Zephyr's board names and labels call them, behind ``cpu``."""
DEFAULT: Final = NRF5340
"""The one that is meant where nobody names another."""


def find_board(name: str) -> Board:
    """Return the board of that name.

    Raises:
        ConfigurationError: there is none; the text lists those there are.
    """
    if name not in BOARDS:
        raise ConfigurationError(
            f"no SoC {name!r}{closest(name, BOARDS)}; there are {', '.join(BOARDS)}, and --platform FILE.repl takes "
            "a Renode platform file of any other"
        )
    return BOARDS[name]


def board_of(roles: Mapping[str, object]) -> Board | None:
    """Return the board whose two roles are among the core names ``roles``, or None."""
    return next((board for board in BOARDS.values() if all(role in roles for role in board.roles)), None)
