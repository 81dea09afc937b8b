"""Files that ship with the package: platform files, Renode scripts, firmware stubs.

In a checkout they are the top-level folders; a wheel carries the same folders inside the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from icmsg.errors import ConfigurationError

_PACKAGE: Final = Path(__file__).resolve().parent
_ROOTS: Final = (_PACKAGE / "_data", _PACKAGE.parent)

STUB_FOLDER: Final = "firmware_stubs/prebuilt"


def asset(relative: str) -> Path:
    """Return the path of a shipped file or folder, for example ``"platforms/nrf5340.repl"``.

    Raises:
        ConfigurationError: it is not there, so the installation is broken.
    """
    for root in _ROOTS:
        if (path := root / relative).exists():
            return path
    raise ConfigurationError(f"{relative} is missing from this installation; install the package again")


def platform_file(name: str) -> Path:
    """Return the path of a shipped platform by its name, for example ``"nrf5340"``."""
    return asset(f"platforms/{name}.repl")


def shipped_name(platform: str | Path) -> str | None:
    """Return the name of a shipped platform by the path of its file; None for any other file."""
    path = Path(platform)
    try:
        return path.stem if path.samefile(asset("platforms") / path.name) else None
    except OSError:
        return None


def stub_names() -> tuple[str, ...]:
    """Return the names of the shipped firmware stubs, for example ``("echo", "initiator")``; each SoC has them all."""
    return tuple(sorted({path.stem.rsplit("-", 1)[0] for path in asset(STUB_FOLDER).glob("*.elf")}))


def stub(name: str, core: str, soc: str = "") -> Path:
    """Return the path of stub ``name`` built for ``core`` of ``soc``: for its role there, as in ``"flpr"``.

    Raises:
        ConfigurationError: there is no such stub; the text lists those there are.
    """
    root = asset(STUB_FOLDER)
    folder = root / soc if (root / soc).is_dir() else root  # those of the first SoC lie in the folder itself
    path = folder / f"{name}-{core}.elf"
    if not path.exists():
        there = sorted(other.stem for other in folder.glob("*.elf"))
        raise ConfigurationError(
            f"no firmware stub {name!r} for core {core}; there are {', '.join(there) or 'none'}"
        )
    return path
