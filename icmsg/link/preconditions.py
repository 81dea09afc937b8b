"""Preconditions of an exchange: regions in memory, messages that fit, one side that sends first.

Every function raises ConfigurationError, naming the fix, or returns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.boards import DEFAULT, board_of
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import Region
from icmsg.config.memory_checks import misplaced
from icmsg.errors import ConfigurationError
from icmsg.link.stub_firmware import ECHO, INITIATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icmsg.config.icbmsg import IcbmsgConfig
    from icmsg.config.instance import InstanceConfig
    from icmsg.ipc.regions import HasRegions
    from icmsg.link.workload import Workload
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Core, Machine


def check_regions(machine: Machine, core: Core, config: HasRegions) -> None:
    """Refuse regions (``config`` as ``core`` has it) that ``core`` shares with no other core that has a mailbox."""
    platform = list(machine.soc.memory_map())
    others = [other.name for other in machine.soc.mailboxes() if other.name != core.name] or [core.name]
    for name, region in _regions(config):
        problems = [misplaced(region, platform, {core.name, other}) for other in others]
        if None not in problems:
            hint = ""
            if region in dict(_regions(DEFAULT.instance)).values() and board_of(machine.soc.cores) is None:
                hint = (
                    f". It is the {DEFAULT.title}'s, since no other was given: give tx-region and rx-region, or the "
                    f"devicetree of core {core.name}"
                )
            raise ConfigurationError(f"{name} {region} of core {core.name} {problems[0]}{hint}")


def check_image(core: Core, image: FirmwareImage, config: HasRegions) -> None:
    """Refuse an image that is loaded where a region is."""
    for segment in image.segments:
        loaded = Region(segment.load_address, len(segment.data))
        for name, region in _regions(config):
            if loaded.overlaps(region):
                raise ConfigurationError(
                    f"{name} {region} of core {core.name} overlaps {loaded}, where {image.path} is loaded: "
                    "move one of them"
                )


def check_workload(workload: Workload, config: InstanceConfig, core: str, other: str) -> None:
    """Refuse messages that do not fit, from ``core`` to ``other`` or back; ``core`` has the instance ``config``."""
    option = "PBUF_RX_READ_BUF_SIZE" if config.wire == "pbuf" else "IPC_SERVICE_ICMSG_CB_BUF_SIZE"
    limits = [
        (config.tx_layout.capacity, f"tx-region of {core}"),
        (config.rx_layout.capacity, f"rx-region of {core}"),
        (config.peer_rx_limit, f"CONFIG_{option} of {other}"),
        (config.rx_limit, f"CONFIG_{option} of {core}"),
    ]
    _check_size(workload, [(size, limit) for size, limit in limits if size is not None])


def check_endpoint_workload(
    workload: Workload, config: IcbmsgConfig | IcmsgMeConfig, core: str, other: str
) -> None:
    """Refuse messages that do not fit into blocks, or into a packet of icmsg_me; as :func:`check_workload`."""
    if isinstance(config, IcmsgMeConfig):
        limits = [
            (config.longest, f"CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME_SEND_BUF_SIZE of {core}"),
            (config.mirrored().longest, f"CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME_SEND_BUF_SIZE of {other}"),
        ]
    else:
        limits = [
            (config.tx_layout.longest, f"all {config.tx_blocks} blocks of the tx-region of {core} together"),
            (config.rx_layout.longest, f"all {config.rx_blocks} blocks of the rx-region of {core} together"),
        ]
    _check_size(workload, limits)


def _check_size(workload: Workload, limits: list[tuple[int, str]]) -> None:
    largest, limit = min(limits)
    if workload.size_max > largest:
        raise ConfigurationError(
            f"messages of up to {workload.size_max} bytes do not fit: {limit} takes at most {largest}; use --size "
            f"{min(workload.size_min, largest)}:{largest}, or raise that"
        )


def check_reply(workload: Workload, core: str) -> None:
    """Refuse numbers for a firmware stub on ``core``."""
    if workload.reply != "same":
        raise ConfigurationError(
            f"core {core} runs a firmware stub, which knows no numbers: leave --reply {workload.reply} away"
        )


def check_roles(initiator: str | None, programs: Mapping[str, int]) -> None:
    """Refuse stubs that do not go together: ``programs`` gives ``icmsg_stats.program`` of the cores that run one."""
    for core, program in programs.items():
        if program == ECHO and core == initiator:
            raise ConfigurationError(
                f"core {core} shall initiate, but the stub echo never sends first: let the other core initiate, "
                f"or run the stub initiator on {core}"
            )
        if program == INITIATOR and core != initiator:
            raise ConfigurationError(
                f"core {core} runs the stub initiator, which sends first and never sends back, and core {initiator} "
                f"shall initiate too: run the stub echo or Python on one of them"
            )
    if initiator is None and len(programs) > 1:
        raise ConfigurationError(
            f"nobody sends first: cores {', '.join(programs)} both send back only; run the stub initiator or "
            "Python on one of them"
        )


def _regions(config: HasRegions) -> tuple[tuple[str, Region], ...]:
    return ("tx-region", config.tx_region), ("rx-region", config.rx_region)
