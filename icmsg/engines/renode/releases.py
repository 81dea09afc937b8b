"""Table of Renode's official portable releases, pinned by size and SHA-256: ``releases.json``.

``verified`` is true only where somebody of this project computed the sum of the file from the release page. Where it is
false ``source`` says where the sum comes from, and an installation takes an explicit consent.
"""

from __future__ import annotations

import json
import platform
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icmsg.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.engines.renode.locate import Generation

TABLE: Final = Path(__file__).with_name("releases.json")
_MACHINES: Final = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_VERSION: Final = re.compile(r"\d+(\.\d+){1,3}")


@dataclass(frozen=True, slots=True)
class PortableRelease:
    """One file of a release.

    ``size`` is in bytes, ``sha256`` in hexadecimal; None where nobody knows it. ``pyrenode3`` is the generation that
    loads it, as in :mod:`icmsg.engines.renode.locate`.
    """

    version: str
    system: str
    machine: str
    file: str
    size: int | None
    sha256: str | None
    verified: bool
    source: str
    pyrenode3: Generation
    url: str

    def pinned(self, sha256: str | None, url: str | None) -> PortableRelease:
        """Return the release with the sum and the place that a user gave, who answers for both.

        Raises:
            ConfigurationError: the sum is none, or is another one than that of the table.
        """
        if sha256 is None:
            return replace(self, url=url or self.url)
        sha256 = sha256.lower()
        if not _SHA256.fullmatch(sha256):
            raise ConfigurationError(
                f"--sha256 {sha256}: use 64 hexadecimal digits, as sha256sum prints them"
            )
        if self.sha256 not in (None, sha256):
            raise ConfigurationError(
                f"--sha256 {sha256} is not that of {self.file} in the table, {self.sha256}: leave --sha256 away"
            )
        source = self.source if self.sha256 else "--sha256"
        return replace(self, url=url or self.url, sha256=sha256, source=source)


@cache
def _table() -> Any:
    return json.loads(TABLE.read_text(encoding="utf-8"))


def releases() -> tuple[PortableRelease, ...]:
    """Return the whole table."""
    table = _table()
    return tuple(
        PortableRelease(url=table["url"].format(version=entry["version"], file=entry["file"]), **entry)
        for entry in table["releases"]
    )


def default_version() -> str:
    """Return the version that is installed where none is asked for: the one that this project was run with."""
    return str(_table()["default"])


def this_machine() -> tuple[str, str]:
    """Return system and machine as the table calls them."""
    machine = platform.machine().lower()
    return platform.system().lower(), _MACHINES.get(machine, machine)


def choose(
    version: str | None,
    *,
    known: Sequence[PortableRelease] | None = None,
    url: str | None = None,
    machine: tuple[str, str] | None = None,
) -> PortableRelease:
    """Return the file of ``version`` for this machine; with ``url`` also of a version that the table has not.

    Raises:
        ConfigurationError: there is none, or the version is no version.
    """
    table = releases() if known is None else known
    version = (version or default_version()).removeprefix("v")
    system, processor = machine or this_machine()
    for each in table:
        if (each.version, each.system, each.machine) == (version, system, processor):
            return each
    if not _VERSION.fullmatch(version):
        raise ConfigurationError(f"{version} is no version of Renode: use for example {default_version()}")
    if url is not None:
        file = url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        generation: Generation = "classic" if tuple(map(int, version.split("."))) < (1, 17) else "path"
        return PortableRelease(
            version, system, processor, file, None, None, False, "no sum is known", generation, url
        )
    here = sorted({each.version for each in table if (each.system, each.machine) == (system, processor)})
    raise ConfigurationError(
        f"the table has no portable Renode {version} for {system} on {processor}; it has {', '.join(here) or 'none'}: "
        "choose one, or give its --url and --sha256"
    )
