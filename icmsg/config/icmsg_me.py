"""Side of an instance of icmsg_me: several endpoints over one ICMsg instance (Zephyr 3.3 until it was removed).

>>> from icmsg.config import IcmsgMeConfig, InstanceConfig, Region
>>> app = IcmsgMeConfig(InstanceConfig(Region(0x2007_0000, 0x800), Region(0x2007_8000, 0x800)), role="initiator")
>>> app.mirrored().role
'follower'
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from icmsg.config.instance import in_range, one_of
from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from icmsg.config.instance import InstanceConfig, Region

Role = Literal["initiator", "follower"]
"""The end of the devicetree compatible: ``zephyr,ipc-icmsg-me-initiator`` or ``-follower``."""

_MOST_ENDPOINTS = 254
_HEADER = 1


@dataclass(frozen=True, slots=True)
class IcmsgMeConfig:
    """Configuration of one side, from the devicetree node and Kconfig (``CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME_…``).

    Raises :class:`ConfigurationError` for what can never bind; the text names the fix.
    """

    control: InstanceConfig
    """The ICMsg instance that carries everything."""
    role: Role
    num_ep: int = 2
    """NUM_EP."""
    send_buf_size: int = 255
    """SEND_BUF_SIZE: one byte more than the longest packet, the endpoint's number included."""
    ep_name_len: int = 32
    """EP_NAME_LEN; the follower keeps one character less."""

    def __post_init__(self) -> None:
        one_of("role", self.role, get_args(Role))
        in_range("num_ep", self.num_ep, 1, _MOST_ENDPOINTS)
        in_range("send_buf_size", self.send_buf_size, _HEADER + 1, 0xFFFF)
        in_range("ep_name_len", self.ep_name_len, 2, 0xFF)
        if self.control.unbound != "disable":
            raise ConfigurationError(
                f'unbound = "{self.control.unbound}" has no meaning for icmsg_me, which knows no sessions: set '
                f'unbound="disable"'
            )

    @property
    def name(self) -> str:
        """The instance's name in messages."""
        return self.control.name

    @property
    def tx_region(self) -> Region:
        """The region that this side writes."""
        return self.control.tx_region

    @property
    def rx_region(self) -> Region:
        """The region that this side reads."""
        return self.control.rx_region

    @property
    def tx_channel(self) -> int:
        """The mailbox channel that this side rings."""
        return self.control.tx_channel

    @property
    def rx_channel(self) -> int:
        """The mailbox channel that the peer rings."""
        return self.control.rx_channel

    @property
    def longest(self) -> int:
        """The longest message in bytes that Zephyr sends."""
        return min(self.send_buf_size - 1, self.control.tx_layout.capacity) - _HEADER

    def mirrored(self) -> IcmsgMeConfig:
        """Return the configuration of the other side."""
        other: Role = "follower" if self.role == "initiator" else "initiator"
        return replace(self, control=self.control.mirrored(), role=other)
