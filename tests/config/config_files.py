"""The files in data/, changed in places, written into a test's own folder and loaded from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icmsg.config.checks import Finding, MemoryRange, check
from icmsg.config.load import Side, load_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATA = Path(__file__).parent / "data"
CORES = ("app", "net")
SETS = {"seed": "{}.dts", "zephyr": "zephyr_{}.dts", "eight": "eight_{}.dts", "sample": "sample_{}.overlay"}
"""The devicetrees of both sides, by the name of the pair."""

BOTH = frozenset(CORES)
PLATFORM = (
    MemoryRange(0x2000_0000, 0x2007_0000, BOTH),
    MemoryRange(0x2007_0000, 0x2008_0000, BOTH),
    MemoryRange(0x2100_0000, 0x2101_0000, frozenset({"net"}), name="ramnet"),
)

Changes = tuple[tuple[str, str], ...]


def text(of: str, core: str, changes: Changes = ()) -> str:
    """Return the devicetree of ``core``; every change has to change something."""
    found = (DATA / SETS[of].format(core)).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in found, old
        found = found.replace(old, new)
    return found


def load_pair_of(
    of: str, changes: Mapping[str, Changes], kconfig: Mapping[str, str], releases: Mapping[str, str]
) -> tuple[Side, Side]:
    """Write both sides to the working directory as app.dts and net.dts, with app.config and net.config; load them."""
    sides = []
    for core in CORES:
        Path(f"{core}.dts").write_text(text(of, core, changes.get(core, ())), encoding="utf-8")
        options = []
        if core in kconfig:
            options = [f"{core}.config"]
            Path(options[0]).write_text(kconfig[core], encoding="utf-8")
        sides.append(load_side(f"{core}.dts", options, releases.get(core), core))
    return sides[0], sides[1]


def check_pair_of(
    of: str,
    changes: Mapping[str, Changes] | None = None,
    kconfig: Mapping[str, str] | None = None,
    releases: Mapping[str, str] | None = None,
    platform: Sequence[MemoryRange] = PLATFORM,
) -> list[Finding]:
    """Return what the check finds in the changed pair."""
    return check(*load_pair_of(of, changes or {}, kconfig or {}, releases or {}), platform)
