"""A machine made of any platform file by commands of a Monitor: what ``renode/machine.resc`` does for the nRF5340."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from icmsg.assets import asset
from icmsg.engines.lockstep.monitor_text import written_path
from icmsg.soc.platform import load_platform
from icmsg.soc.soc import Soc

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT: Final = "renode/platform.resc"


def platform_commands(platform: str | Path) -> Iterator[str]:
    """Yield the commands that make a machine of a platform file, with all its cores halted, also after a reset.

    Raises:
        PlatformError: the file cannot be used.
    """
    path = Path(platform).resolve()
    soc = Soc(load_platform(path))
    yield f"$platform={written_path(path)}"
    yield f'$name="{path.stem}"'
    yield f"include {written_path(asset(_SCRIPT).resolve())}"
    halts = "; ".join(f"{core.cpu} IsHalted true" for core in soc.cores.values())
    yield f'macro reset "{halts}"'
    yield "runMacro $reset"
