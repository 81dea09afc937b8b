"""Platforms that are the nRF5340 in everything but names, order and number of cores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from icmsg.assets import platform_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CROSSED = {
    **{f"{what}app": f"{what}0" for what in ("cpu", "nvic", "clock", "reset", "dwt")},
    **{f"{what}net": f"{what}1" for what in ("cpu", "nvic", "clock", "dwt")},
    "flashapp": "flash1",
    "flashnet": "flash0",
    "ramapp": "ram1",
    "ramnet": "ram0",
    "shared": "between",
    "ipcapp": "mbox1",
    "ipcnet": "mbox0",
    "uartapp": "console1",
    "uartnet": "console0",
}
"""Names in crossed order: bank 1 belongs to core 0."""

WORDS = {"cpuapp": "main", "cpunet": "radio", "ipcapp": "bell", "ipcnet": "gong", "uartapp": "tty"}
"""Names that say nothing."""

THIRD = """
cpuaux: CPU.CortexM @ sysbus
    cpuType: "cortex-m33"
    nvic: nvicaux
    cpuId: 2
    PerformanceInMips: 42

nvicaux: IRQControllers.NVIC @ sysbus new Bus.BusPointRegistration { address: 0xE000E000; cpu: cpuaux }
    priorityMask: 0xE0
    systickFrequency: 64000000
    -> cpuaux@0

ramaux: Memory.MappedMemory @ sysbus new Bus.BusPointRegistration { address: 0x22000000; cpu: cpuaux }
    size: 0x10000
"""
"""A third core, without a mailbox."""

THIRD_MAILBOX = """
ipcaux: Miscellaneous.NRF_IPC @ sysbus new Bus.BusPointRegistration { address: 0x51012000; cpu: cpuaux }
    peer: ipcapp
    IRQ -> nvicaux@18
"""


def shipped() -> str:
    """Return the text of the shipped platform file."""
    return platform_file("nrf5340").read_text(encoding="utf-8")


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a platform in which whole words are other ones."""
    return re.sub(r"\b\w+\b", lambda word: names.get(word[0], word[0]), text)


def in_other_order(text: str) -> str:
    """Return the platform with the network core's entry before the application core's."""
    entry = re.search(r"^cpunet: .*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert entry is not None
    rest = text.replace(entry[0], "")
    return rest.replace("cpuapp: CPU", f"{entry[0]}cpuapp: CPU", 1)


PLATFORMS = {
    "crossed": lambda: renamed(shipped(), CROSSED),
    "words": lambda: renamed(shipped(), WORDS),
    "third": lambda: shipped() + THIRD,
    "third-mailbox": lambda: shipped() + THIRD + THIRD_MAILBOX,
    "third-first": lambda: THIRD + shipped(),
    "other-order": lambda: in_other_order(shipped()),
}
CORES = {
    "crossed": ("0", "1"),
    "words": ("main", "radio"),
    "third": ("app", "net"),
    "third-mailbox": ("app", "net"),
    "third-first": ("app", "net"),
    "other-order": ("app", "net"),
}
"""What plays the roles of the nRF5340's application core and network core."""


def write_platform(name: str, folder: Path) -> Path:
    """Write the platform of that name into a file of its own."""
    path = folder / f"{name}.repl"
    path.write_text(PLATFORMS[name](), encoding="utf-8")
    return path
