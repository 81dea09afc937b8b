"""Configurations of ICBMsg and icmsg_me from a node and the Kconfig of its side.

What a devicetree says of ``unbound`` has no effect on either: their control channel always bonds by the magic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.devicetree import ME_INITIATOR
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.kconfig import (
    ICBMSG_DEINIT,
    ICBMSG_NUM_EP,
    ME_NAME_LEN,
    ME_NUM_EP,
    ME_SEND_BUF,
    REPEAT,
    SLOTS,
)
from icmsg.errors import ConfigurationError, DevicetreeError, KconfigError

if TYPE_CHECKING:
    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.findings import SourceLocation
    from icmsg.config.load import Side

DEFAULT_NUM_EP = 4
DEFAULT_SLOTS = 16
_ME_NUM_EP, _ME_SEND_BUF, _ME_NAME_LEN = 2, 255, 32


def icbmsg_config(side: Side, node: IcmsgNode) -> IcbmsgConfig:
    """Return the configuration of an ICBMsg node.

    Raises:
        DevicetreeError: it can never bind; with file and line.
    """
    assert node.tx_blocks is not None
    assert node.rx_blocks is not None
    facts = side.kconfig
    try:
        return IcbmsgConfig(
            tx_region=node.tx_region.region,
            rx_region=node.rx_region.region,
            tx_blocks=node.tx_blocks,
            rx_blocks=node.rx_blocks,
            tx_channel=node.tx_channel.number,
            rx_channel=node.rx_channel.number,
            dcache_alignment=node.dcache_alignment or 0,
            generation=side.generation,
            num_ep=_number(side, ICBMSG_NUM_EP, DEFAULT_NUM_EP),
            slots=_number(side, SLOTS, DEFAULT_SLOTS),
            deinit=facts is None or facts.switch(ICBMSG_DEINIT) is True,
            signalling=None if side.generation == "rework" else side.release.signalling,
            bond_notify_repeat_to_ms=_number(side, REPEAT, 1),
            name=node.name,
        )
    except ConfigurationError as error:
        raise blamed(node, str(error)).error(DevicetreeError, f"{node.path}: {error}") from None


def icmsg_me_config(side: Side, node: IcmsgNode) -> IcmsgMeConfig:
    """Return the configuration of a node of icmsg_me.

    Raises:
        DevicetreeError: it can never bond; with file and line.
        KconfigError: the same, and the reason is in Kconfig.
    """
    control = side.config(node)
    try:
        return IcmsgMeConfig(
            control,
            "initiator" if node.compatible == ME_INITIATOR else "follower",
            num_ep=_number(side, ME_NUM_EP, _ME_NUM_EP),
            send_buf_size=_number(side, ME_SEND_BUF, _ME_SEND_BUF),
            ep_name_len=_number(side, ME_NAME_LEN, _ME_NAME_LEN),
        )
    except ConfigurationError as error:
        option = ME_SEND_BUF if "send_buf_size" in str(error) else ME_NAME_LEN
        assert side.kconfig is not None  # the defaults are good
        raise side.kconfig.settings[option].place.error(KconfigError, f"CONFIG_{option}: {error}") from None


def _number(side: Side, option: str, default: int) -> int:
    known = side.kconfig.number(option) if side.kconfig is not None else None
    return default if known is None else known


def blamed(node: IcmsgNode, text: str) -> SourceLocation:
    """Return the place of what a configuration complains about in ``text``."""
    if "dcache" in text:
        return node.place_of("dcache-alignment" if node.dcache_alignment is not None else "unbound")
    if "unbound" in text:
        return node.place_of("unbound")
    if " blocks: " in text:
        return node.place_of("rx-blocks" if text.startswith("rx-region") else "tx-blocks")
    if "rx-region" in text:
        return node.rx_region.place
    return node.tx_region.place if "tx-region" in text else node.place_of("mboxes")
