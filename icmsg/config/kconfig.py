"""Kconfig of one side: a build's ``.config``, or the ``prj.conf`` that the build starts from.

A ``.config`` names every option of the release that built it, so it also tells the release; a ``prj.conf`` names
only what its author changed (protocol §5).

>>> facts = parse_kconfig("CONFIG_PBUF_RX_READ_BUF_SIZE=512", "prj.conf")
>>> facts.number("PBUF_RX_READ_BUF_SIZE"), str(facts.releases)
(512, '4.0 or newer')
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from icmsg.config.built_for import FIRST, ICBMSG_SINCE, ICMSG_ME_SINCE, REWORK, Release, Releases
from icmsg.config.findings import SourceLocation
from icmsg.config.instance import MAGIC_LENGTH
from icmsg.errors import KconfigError
from icmsg.files import DIGITS, KCONFIG_BYTES, LINE_CHARACTERS, read_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping


_ASSIGNMENT: Final = re.compile(r'CONFIG_(\w+)=("(?:[^"\\]|\\.)*"|[^"]*)', re.ASCII)
_SWITCH: Final = re.compile(
    r"([yn])\s+#.*"
)  # Kconfig takes a comment behind y and n, and behind nothing else
_NOT_SET: Final = re.compile(r"#\s*CONFIG_(\w+) is not set\s*", re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\d+)", re.ASCII)

BACKEND: Final = "IPC_SERVICE_BACKEND_ICMSG"
ICBMSG: Final = "IPC_SERVICE_BACKEND_ICBMSG"
ICBMSG_NUM_EP: Final = f"{ICBMSG}_NUM_EP"
ICBMSG_DEINIT: Final = f"{ICBMSG}_DEINIT"
SLOTS: Final = f"{ICBMSG}_MAX_ACTIVE_COUNT"
WORK_Q_STACK: Final = f"{ICBMSG}_EP_BOUND_WORK_Q_STACK_SIZE"
ME_ROLES: Final = ("IPC_SERVICE_BACKEND_ICMSG_ME_INITIATOR", "IPC_SERVICE_BACKEND_ICMSG_ME_FOLLOWER")
ME_NUM_EP: Final = "IPC_SERVICE_BACKEND_ICMSG_ME_NUM_EP"
ME_SEND_BUF: Final = "IPC_SERVICE_BACKEND_ICMSG_ME_SEND_BUF_SIZE"
ME_NAME_LEN: Final = "IPC_SERVICE_BACKEND_ICMSG_ME_EP_NAME_LEN"
REPEAT: Final = "IPC_SERVICE_ICMSG_BOND_NOTIFY_REPEAT_TO_MS"
ACCESS: Final = "IPC_SERVICE_ICMSG_SHMEM_ACCESS_TO_MS"
RX_SIZE: Final = "PBUF_RX_READ_BUF_SIZE"
CB_SIZES: Final = ("IPC_SERVICE_ICMSG_CB_BUF_SIZE", "IPC_SERVICE_BACKEND_ICMSG_CB_BUF_SIZE")
SPSC_LINES: Final = ("SPSC_PBUF_REMOTE_DCACHE_LINE", "SPSC_PBUF_CACHE_LINE", "DCACHE_LINE_SIZE")
MODE_SWITCHES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "enable": "IPC_SERVICE_ICMSG_UNBOUND_ENABLED_ALLOWED",
        "disable": "IPC_SERVICE_ICMSG_UNBOUND_DISABLED_ALLOWED",
        "detect": "IPC_SERVICE_ICMSG_UNBOUND_DETECT_ALLOWED",
    }
)

_EXISTS: Final[Mapping[str, Releases]] = {
    **dict.fromkeys(MODE_SWITCHES.values(), Releases(Release(4, 1))),
    RX_SIZE: Releases(Release(4, 0)),
    "PBUF": Releases(Release(3, 6)),
    REPEAT: Releases(Release(3, 3), Release(4, 0)),
    ACCESS: Releases(Release(3, 3)),
    "IPC_SERVICE_ICMSG_SHMEM_ACCESS_SYNC": Releases(Release(3, 3)),
    "IPC_SERVICE_BACKEND_ICMSG_WQ_ENABLE": Releases(Release(3, 5)),
    "IPC_SERVICE_BACKEND_ICMSG_WQ_STACK_SIZE": Releases(Release(3, 5)),
    "IPC_SERVICE_BACKEND_ICMSG_WQ_PRIORITY": Releases(Release(3, 5)),
    "IPC_SERVICE_ICMSG_NOCOPY_RX": Releases(Release(3, 3), Release(3, 5)),
    CB_SIZES[0]: Releases(Release(3, 3), Release(3, 4)),
    CB_SIZES[1]: Releases(FIRST, Release(3, 2)),
    **dict.fromkeys((ICBMSG, ICBMSG_NUM_EP), Releases(ICBMSG_SINCE)),
    WORK_Q_STACK: Releases(Release(4, 1), Release(4, 4)),
    **dict.fromkeys((SLOTS, ICBMSG_DEINIT, f"{ICBMSG}_SHELL"), Releases(REWORK)),
    **dict.fromkeys((*ME_ROLES, ME_NUM_EP, ME_SEND_BUF, ME_NAME_LEN), Releases(ICMSG_ME_SINCE)),
}
"""Releases in which an option exists."""
_ALWAYS_SINCE: Final[Mapping[str, Releases]] = {
    MODE_SWITCHES["enable"]: Releases(last=Release(4, 0)),
    RX_SIZE: Releases(last=Release(3, 7)),
    "PBUF": Releases(last=Release(3, 5)),
}
"""Releases that a whole ``.config`` with ICMsg means by the lack of an option."""
_ICBMSG_SINCE: Final[Mapping[str, Releases]] = {ICBMSG_DEINIT: Releases(last=Release(4, 4))}
"""The same for one with ICBMsg."""
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    REPEAT: (1, 100),
    ACCESS: (1, 5),
    RX_SIZE: (1, 0xFFFF),
    ICBMSG_NUM_EP: (1, 254),
    SLOTS: (16, 128),
    WORK_Q_STACK: (1, 0xFFFF_FFFF),
    ME_NUM_EP: (1, 254),
    ME_SEND_BUF: (1, 0xFFFF),
    ME_NAME_LEN: (1, 252),
    **dict.fromkeys(CB_SIZES, (MAGIC_LENGTH, 0xFFFF)),
    **dict.fromkeys(SPSC_LINES, (0, 0x10000)),
}
_SWITCHES: Final = frozenset((BACKEND, ICBMSG, ICBMSG_DEINIT, *ME_ROLES, *MODE_SWITCHES.values()))


class Setting(NamedTuple):
    """The value of one option, None for "is not set", and where it stands."""

    value: str | None
    place: SourceLocation


@dataclass(frozen=True, slots=True)
class KconfigFacts:
    """The options of one side by their names without ``CONFIG_``; later files win.

    ``complete``: there is a build's ``.config`` among the files, so an option that is missing does not exist.
    """

    settings: Mapping[str, Setting]
    releases: Releases
    """The releases in which all these options exist."""
    complete: bool = False
    files: tuple[str, ...] = field(default=(), compare=False)

    def number(self, option: str) -> int | None:
        """Return the value of an ``int`` or ``hex`` option, None if the files do not name it."""
        setting = self.settings.get(option)
        return None if setting is None or setting.value is None else int(setting.value)

    def switch(self, option: str) -> bool | None:
        """Return the value of a ``bool`` option, None if the files do not name it."""
        setting = self.settings.get(option)
        return None if setting is None else setting.value == "y"

    def allows(self, mode: str) -> bool:
        """Tell whether the code for ``unbound = mode`` is built; all three are by default."""
        return self.switch(MODE_SWITCHES[mode]) is not False

    def against(self, releases: Releases) -> str | None:
        """Return an option, with its place, that none of ``releases`` has; None if each option exists in one."""
        for option, exists in _EXISTS.items():
            if option in self.settings and not exists & releases:
                return f"CONFIG_{option} ({self.settings[option].place})"
        return None

    @property
    def rx_limit(self) -> int | None:
        """Longest payload in bytes that this side takes, None if the files do not say so."""
        return next(
            (limit for name in (RX_SIZE, *CB_SIZES) if (limit := self.number(name)) is not None), None
        )

    @property
    def spsc_cache_line(self) -> int | None:
        """Cache line of spsc_pbuf in bytes (protocol §1.7); 0 = no cache layout, None = the files do not say."""
        if self.switch("SPSC_PBUF_CACHE_NEVER"):
            return 0
        known = [line for name in SPSC_LINES if (line := self.number(name)) is not None]
        return max(known) if known else (0 if self.complete else None)


def load_kconfig(*paths: str | os.PathLike[str]) -> KconfigFacts:
    """Return the options in the files ``paths``, of which later ones win.

    Raises:
        KconfigError: with file and line; a file cannot be read, a line is no Kconfig, or a value does not fit.
    """
    settings: dict[str, Setting] = {}
    for path in paths:
        settings |= dict(_settings(_read(Path(path)), str(path)))
    return _facts(settings, tuple(str(path) for path in paths))


def parse_kconfig(text: str, file: str = "<string>") -> KconfigFacts:
    """Return the options in ``text``; ``file`` is its name in messages. Raises :class:`KconfigError`."""
    return _facts(dict(_settings(text, file)), (file,))


def _read(path: Path) -> str:
    try:
        return read_file(path, KCONFIG_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    raise KconfigError(
        f"cannot be read ({reason}); give a build's zephyr/.config, or a prj.conf", file=str(path)
    )


def _settings(text: str, file: str) -> Iterator[tuple[str, Setting]]:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if len(line) > LINE_CHARACTERS:
            raise KconfigError(f"a line of more than {LINE_CHARACTERS} characters", file=file, line=number)
        if found := _NOT_SET.fullmatch(line):
            yield found[1], Setting(None, SourceLocation(file, number))
        elif found := _ASSIGNMENT.fullmatch(line):
            yield found[1], _setting(found[1], found[2], SourceLocation(file, number))
        elif line and not line.startswith("#"):
            raise KconfigError(
                f"expected CONFIG_NAME=value, found '{line[:60]}'; give a build's zephyr/.config, or a prj.conf",
                file=file,
                line=number,
            )


def _setting(option: str, value: str, place: SourceLocation) -> Setting:
    if found := _SWITCH.fullmatch(value):
        value = found[1]
    if option in _RANGES:
        low, high = _RANGES[option]
        if len(value) > DIGITS or not _NUMBER.fullmatch(value) or not low <= _number(value) <= high:
            raise place.error(
                KconfigError, f"CONFIG_{option}={value[:DIGITS]}: use a number from {low} to {high}"
            )
        value = str(_number(value))
    elif option in _SWITCHES and value not in ("y", "n"):
        raise place.error(KconfigError, f"CONFIG_{option}={value}: use y or n")
    return Setting(value, place)


def _number(text: str) -> int:
    return int(text, 16 if "x" in text.lower() else 10)


def _facts(settings: dict[str, Setting], files: tuple[str, ...]) -> KconfigFacts:
    complete = "BOARD" in settings  # the build system sets it, and a prj.conf cannot
    releases = Releases()
    for option in (option for option in _EXISTS if option in settings):
        if not releases & _EXISTS[option]:
            raise _contradiction(option, settings)
        releases &= _EXISTS[option]
    for option, without in _lacking(settings).items() if complete else ():
        if option not in settings and releases & without:
            releases &= without
    return KconfigFacts(MappingProxyType(settings), releases, complete, files)


def _lacking(settings: Mapping[str, Setting]) -> Mapping[str, Releases]:
    """Return the options whose lack tells something; the rework of ICBMsg has nothing of ICMsg."""
    on = {
        option
        for option in (BACKEND, ICBMSG, *ME_ROLES)
        if option in settings and settings[option].value == "y"
    }
    if ICBMSG not in on:
        return _ALWAYS_SINCE if on else {}
    rework = ICBMSG_DEINIT in settings or SLOTS in settings
    return _ICBMSG_SINCE if rework and len(on) == 1 else {**_ICBMSG_SINCE, **_ALWAYS_SINCE}


def _contradiction(option: str, settings: Mapping[str, Setting]) -> KconfigError:
    other = next(name for name in _EXISTS if name in settings and not _EXISTS[name] & _EXISTS[option])
    return settings[option].place.error(
        KconfigError,
        f"CONFIG_{option} exists in Zephyr {_EXISTS[option]}, but CONFIG_{other} ({settings[other].place}) in "
        f"{_EXISTS[other]}; take away the one that is not of your release",
    )
