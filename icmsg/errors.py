"""Every exception that this package raises on purpose, and the word that was probably meant where one is unknown.

::

    IcmsgError
    ├── ConfigurationError (ValueError)     a value that can never work; the text names the fix
    │   └── SourceError                     something in a file of the user's, with file and line
    │       ├── PlatformError               a platform file
    │       ├── DevicetreeError             a devicetree source, an overlay or a build's zephyr.dts
    │       └── KconfigError                a build's .config, or a prj.conf
    ├── BusError                            an access that no memory or peripheral answers
    ├── WireError                           a packet buffer operation, carries ``errno``
    │   ├── CorruptRegionError              the peer's index or length breaks the layout; nothing was changed
    │   ├── BufferFullError                 no room for the packet now (or ever, see ``largest``)
    │   ├── BufferTooSmallError             the packet is longer than the reader's capacity
    │   └── IncompletePacketError           the index does not cover the announced length
    ├── MailboxError                        a mailbox driver refuses an operation, carries ``errno``
    ├── IpcError                            the ICMsg backend refuses an operation, carries ``errno``
    ├── MonitorError                        the Monitor refuses a command; the text is what it prints
    └── EngineError                         the emulated SoC
        ├── EngineNotAvailableError         an engine that cannot be loaded here; the text says what is missing
        ├── FirmwareError                   an image that cannot be loaded on that core
        ├── CoreFault                       firmware did what the core cannot do; carries core and PC
        └── VirtualTimeoutError (TimeoutError)  nothing happened within a virtual time

``errno`` is positive, as everywhere in Python; Zephyr returns its negative.

A word that nobody knows, and the one that was probably meant.
"""

from __future__ import annotations

import errno as _errno
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class IcmsgError(Exception):
    """Base of all errors of this package."""


class ConfigurationError(IcmsgError, ValueError):
    """A configuration that can never work."""


class SourceError(ConfigurationError):
    """A file of the user's that cannot be used.

    ``file``, ``line`` and ``column`` (both from 1) say where, ``reason`` is the message without them.
    """

    def __init__(
        self, message: str, *, file: str, line: int | None = None, column: int | None = None
    ) -> None:
        where = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{where}: {message}")
        self.reason = message
        self.file = file
        self.line = line
        self.column = column


class PlatformError(SourceError):
    """A platform description that cannot be used; ``syntax`` is what Renode says of it, where that is its syntax."""

    syntax = ""


class DevicetreeError(SourceError):
    """A devicetree that cannot be used."""


class KconfigError(SourceError):
    """A Kconfig file that cannot be used."""


class BusError(IcmsgError):
    """An access that nothing answers.

    ``address`` is the first byte of the access, ``width`` its size in bits (8, 16, 32, or the size of a block
    times 8), ``core`` the core in whose address space it was made (None for a plain buffer).
    """

    def __init__(self, reason: str, *, address: int, width: int, core: str | None = None) -> None:
        where = f" of core {core}" if core else ""
        super().__init__(f"{width}-bit access at 0x{address:08X}{where}: {reason}")
        self.reason = reason
        self.address = address
        self.width = width
        self.core = core


class ErrnoError(IcmsgError):
    """An error for which Zephyr's C function returns ``-errno``."""

    def __init__(self, message: str, errno: int) -> None:
        super().__init__(message)
        self.errno = errno

    @property
    def errno_name(self) -> str:
        """The symbolic name, for example ``"ENOMEM"``."""
        return _errno.errorcode[self.errno]


class WireError(ErrnoError):
    """A packet buffer operation that failed; nothing was written and nothing was consumed."""


class CorruptRegionError(WireError):
    """The peer wrote something that breaks the layout.

    ``address`` is the first byte of the field that is wrong, ``value`` what was read there.
    """

    def __init__(self, message: str, *, address: int, value: int) -> None:
        super().__init__(f"{message} (0x{value:X} at 0x{address:08X})", _errno.EINVAL)
        self.address = address
        self.value = value


class BufferFullError(WireError):
    """The buffer has no room for the packet.

    ``largest`` is the longest payload in bytes that fits an empty buffer: a packet above it never fits.
    """

    def __init__(self, message: str, *, largest: int) -> None:
        super().__init__(message, _errno.ENOMEM)
        self.largest = largest


class BufferTooSmallError(WireError):
    """The next packet has ``length`` payload bytes, more than the ``capacity`` of who wants to read it."""

    def __init__(self, message: str, *, length: int, capacity: int) -> None:
        super().__init__(message, _errno.ENOMEM)
        self.length = length
        self.capacity = capacity


class IncompletePacketError(WireError):
    """The header at ``address`` announces ``length`` payload bytes that the write index does not cover."""

    def __init__(self, message: str, *, address: int, length: int) -> None:
        super().__init__(message, _errno.EAGAIN)
        self.address = address
        self.length = length


class MailboxError(ErrnoError):
    """A mailbox driver refuses an operation."""


class IpcError(ErrnoError):
    """The ICMsg backend refuses an operation."""


class MonitorError(IcmsgError):
    """The Monitor refuses a command; the text is what it prints.

    ``ran`` is true where the command itself says that something is wrong, and Renode's Monitor has run it.
    """

    ran = False


class EngineError(IcmsgError):
    """The emulated SoC cannot do what was asked."""


class EngineNotAvailableError(EngineError):
    """An engine that cannot be loaded on this machine."""


class FirmwareError(EngineError, ValueError):
    """An image that cannot run on the core it was given to."""


class CoreFault(EngineError):  # noqa: N818 - the term of the Arm architecture manual
    """Firmware did something that its core cannot do."""

    def __init__(self, message: str, *, core: str, pc: int) -> None:
        super().__init__(message)
        self.core = core
        self.pc = pc


class VirtualTimeoutError(EngineError, TimeoutError):
    """Wait in virtual time that has ended without what it waited for."""


_LEAST: Final = 0.7
"""Similarity below which a word is only a guess."""


def closest(word: str, known: Iterable[str], most: int = 1) -> str:
    """Return ``"; did you mean …?"`` with the known words that are most like ``word``, or an empty string.

    >>> closest("perpherals", ["peripherals", "path"]), closest("readdoubleword", ["ReadDoubleWord"])
    ('; did you mean peripherals?', '; did you mean ReadDoubleWord?')
    """
    from difflib import get_close_matches  # only for an error's text

    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), by_lower, n=most, cutoff=_LEAST)
    return f"; did you mean {' or '.join(by_lower[each] for each in found)}?" if found else ""
