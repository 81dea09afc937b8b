"""Devicetree files, read for their instances of ICMsg, ICBMsg and icmsg_me.

:func:`load_devicetree` takes a build's ``zephyr/zephyr.dts``, a hand-written tree or an overlay alone;
:func:`parse_devicetree` takes a text. Both give a :class:`Devicetree`::

    >>> from icmsg.config.devicetree import parse_devicetree
    >>> tree = parse_devicetree('''
    ... / {
    ...     tx: memory@20070000 { reg = <0x20070000 DT_SIZE_K(2)>; };
    ...     rx: memory@20078000 { reg = <0x20078000 DT_SIZE_K(2)>; };
    ...     ipc0: ipc0 {
    ...         compatible = "zephyr,ipc-icmsg";
    ...         tx-region = <&tx>;
    ...         rx-region = <&rx>;
    ...         mboxes = <&mbox 0>, <&mbox 1>;
    ...         mbox-names = "tx", "rx";
    ...     };
    ... };
    ... ''', "app.overlay")
    >>> node = tree.instances[0]
    >>> print(node.name, node.tx_region, node.rx_channel, node.place)
    ipc0 /memory@20070000 0x20070000…0x200707FF <&mbox 1> app.overlay:5
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icmsg.config.devicetree.properties import (
    BACKENDS,
    ICBMSG,
    ICMSG,
    ME_FOLLOWER,
    ME_INITIATOR,
    NAMES,
    BackendName,
    Channel,
    Devicetree,
    IcmsgNode,
    MailboxNode,
    MemoryNode,
    OtherBackend,
)
from icmsg.config.devicetree.read import read_devicetree
from icmsg.config.devicetree.source import prepare_source, read_source
from icmsg.config.devicetree.tree import parse_tree

if TYPE_CHECKING:
    import os

Mailbox = MailboxNode
"""Name of :class:`MailboxNode` in release 0.1; release 0.3 drops it."""

__all__ = [
    "BACKENDS",
    "ICBMSG",
    "ICMSG",
    "ME_FOLLOWER",
    "ME_INITIATOR",
    "NAMES",
    "BackendName",
    "Channel",
    "Devicetree",
    "IcmsgNode",
    "Mailbox",
    "MailboxNode",
    "MemoryNode",
    "OtherBackend",
    "load_devicetree",
    "parse_devicetree",
]


def load_devicetree(path: str | os.PathLike[str]) -> Devicetree:
    """Return what the file ``path`` says about ICMsg and its relatives.

    Raises:
        DevicetreeError: with file and line; the file cannot be read, parsed or understood.
    """
    return read_devicetree(parse_tree(read_source(path)))


def parse_devicetree(text: str, file: str = "<string>") -> Devicetree:
    """Return what ``text`` says about ICMsg; ``file`` is its name in messages.

    Raises:
        DevicetreeError: as for :func:`load_devicetree`.
    """
    return read_devicetree(parse_tree(prepare_source(text, file)))
