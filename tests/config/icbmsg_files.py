"""Pairs of ICBMsg and icmsg_me: devicetree and Kconfig of data/nrf54/l15_icbmsg_*, changed in places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nrf54_files import FILES, source

from icmsg.config.build_folder import BuildFiles
from icmsg.config.devicetree import parse_devicetree
from icmsg.config.kconfig import parse_kconfig
from icmsg.config.load import Side, load_side, side_of

if TYPE_CHECKING:
    from pathlib import Path

PAIR = ("l15_icbmsg_app", "l15_icbmsg_flpr")
CORES = ("app", "flpr")
COMPATIBLE = 'compatible = "zephyr,ipc-icbmsg";'
Changes = tuple[tuple[str, str], ...]


def with_properties(**properties: str | int | None) -> tuple[str, str]:
    """Return the change that gives the ICBMsg node more properties; names with _ for -."""
    added = "".join(
        f" {name.replace('_', '-')} = {f'<{value}>' if isinstance(value, int) else chr(34) + value + chr(34)};"
        for name, value in properties.items()
        if value is not None
    )
    return COMPATIBLE, COMPATIBLE + added


def me(role: str) -> Changes:
    """Return the changes that make icmsg_me of a side."""
    return (
        ("zephyr,ipc-icbmsg", f"zephyr,ipc-icmsg-me-{role}"),
        ("tx-blocks", "no-blocks"),
        ("rx-blocks", "none"),
    )


def side_with(core: str, *changes: tuple[str, str], release: str | None = "4.1", **more: Any) -> Side:
    """Return a side without Kconfig; ``more`` goes to ``side_of``."""
    tree = parse_devicetree(source(f"l15_icbmsg_{core}", *changes), f"{core}.dts")
    return side_of(BuildFiles(FILES), tree, None, release, core, **more)


def with_kconfig(folder: Path, core: str, kconfig: str, *changes: tuple[str, str], **more: Any) -> Side:
    """Return a side with the options in ``kconfig``, written into ``folder``."""
    parse_kconfig(kconfig)
    (folder / f"{core}.dts").write_text(source(f"l15_icbmsg_{core}", *changes), encoding="utf-8")
    (folder / f"{core}.config").write_text(kconfig, encoding="utf-8")
    return load_side(folder / f"{core}.dts", folder / f"{core}.config", core=core, **more)


def config_of(core: str, generation: str = "icbmsg") -> str:
    """Return the options of a build: ``icbmsg`` of 4.1 to 4.4, or ``rework``."""
    return (FILES / f"l15_{generation}_{core}.config").read_text(encoding="utf-8")
