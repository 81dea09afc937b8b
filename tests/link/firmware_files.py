"""ELF files for tests: the foreign firmware with a behaviour, stubs that are not known as such, and ELF by hand."""

from __future__ import annotations

import enum
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

from icmsg.assets import stub
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRMWARE = Path(__file__).parent / "firmware"
_BEHAVIOUR = Struct("<5I")
_EHDR = Struct("<16sHHIIIIIHHHHHH")
_PHDR = Struct("<8I")

ARM, RELOCATABLE, EXECUTABLE, LOAD = 40, 1, 2, 1


class Kind(enum.IntEnum):
    """What foreign.c does; its comments say how."""

    ECHO = 0
    WRONG_BYTE = 1
    SHORT = 2
    TWICE = 3
    SLEEP = 4
    LOOP = 5
    JUMP = 6
    LOCKUP = 7
    WR_MISALIGNED = 8
    WR_BEYOND = 9
    RD_BEYOND = 10
    EMPTY = 11
    TOO_LONG = 12
    RESET = 13
    SPEAK = 14
    DEAF = 15
    NO_MAGIC = 16
    STRAY = 17


def foreign(
    folder: Path,
    core: str,
    kind: Kind = Kind.ECHO,
    *,
    at: int = 3,
    alignment: int = 4,
    limit: int = 20,
    delay: int = 0,
) -> Path:
    """Write the foreign firmware for ``core`` with this behaviour into ``folder``."""
    return _with_behaviour(
        FIRMWARE / f"foreign-{core}.elf",
        folder / f"my-{kind.name.lower()}-{core}.elf",
        _BEHAVIOUR.pack(kind, at, alignment, limit, delay),
    )


class Trial(enum.IntEnum):
    """What verdict/verdict.c does; its comments say how."""

    ECHO = 0
    STORM = 1
    EARLY = 2
    GREET = 3
    ONE_EACH = 4
    DEAF = 5
    TRUSTING = 6
    POLL = 7
    SPIN = 8
    FAULT_LOOP = 9
    FAULT = 10
    RESTARTS = 11
    LEAVES = 12
    SLOW = 13
    IDLE_LOOP = 14


def trial(folder: Path, core: str, kind: Trial, *, number: int = 3, pause: int = 0) -> Path:
    """Write the firmware that puts a verdict to the test for ``core`` into ``folder``."""
    return _with_behaviour(
        FIRMWARE / "verdict" / f"verdict-{core}.elf",
        folder / f"trial-{kind.name.lower()}-{core}.elf",
        Struct("<3I").pack(kind, number, pause),
    )


class Reception(enum.IntEnum):
    """How shell/shell.c receives; its comments say more."""

    INTERRUPT = 0
    ASYNC = 1
    RTT = 2


def shell(
    folder: Path,
    kind: Reception = Reception.INTERRUPT,
    *,
    soc: str = "nrf5340",
    baudrate: int = 0x01D6_0000,
    slow: int = 0,
    flow_control: bool = False,
) -> Path:
    """Write the firmware with a console that can be written to, for the core app of ``soc``, into ``folder``."""
    return _with_behaviour(
        FIRMWARE / "shell" / f"shell-{soc}.elf",
        folder / f"shell-{soc}-{kind.name.lower()}.elf",
        Struct("<4I").pack(kind, baudrate, slow, flow_control),
    )


def _with_behaviour(source: Path, path: Path, behaviour: bytes) -> Path:
    image = FirmwareImage.load(source)
    data = bytearray(source.read_bytes())
    start = data.index(image.segments[0].data) + image.symbols["behaviour"] - image.segments[0].load_address
    data[start : start + len(behaviour)] = behaviour
    path.write_bytes(data)
    return path


def unknown_stub(folder: Path, name: str, core: str) -> Path:
    """Write a stub whose parameters and counters nobody finds: firmware like any other."""
    data = stub(name, core).read_bytes()
    for symbol in (b"icmsg_params", b"icmsg_stats"):
        assert data.count(b"\0" + symbol + b"\0") == 1
        data = data.replace(symbol, symbol.replace(b"icmsg", b"mySym"))
    path = folder / f"my-{name}.elf"
    path.write_bytes(data)
    return path


def elf(
    path: Path,
    segments: Sequence[tuple[int, bytes]],
    *,
    machine: int = ARM,
    kind: int = EXECUTABLE,
    entry: int = 1,
    big_endian: bool = False,
    announced: int = 0,
) -> Path:
    """Write a 32-bit ELF file that loads (address, data) each; ``announced`` bytes more than there are."""
    first = _EHDR.size + _PHDR.size * len(segments)
    ident = b"\x7fELF\x01" + (b"\x02" if big_endian else b"\x01") + b"\x01" + bytes(9)
    header = (
        kind,
        machine,
        1,
        entry,
        _EHDR.size,
        0,
        0x500_0000,
        _EHDR.size,
        _PHDR.size,
        len(segments),
        0,
        0,
        0,
    )
    table, body = b"", b""
    for address, data in segments:
        size = len(data) + announced
        table += _PHDR.pack(LOAD, first + len(body), address, address, size, size, 5, 4)
        body += data
    order = ">" if big_endian else "<"
    packed = Struct(order + _EHDR.format[1:]).pack(ident, *header)
    path.write_bytes(packed + table + body)
    return path


def vectors(stack: int, reset: int) -> bytes:
    """Return the start of a vector table."""
    return stack.to_bytes(4, "little") + reset.to_bytes(4, "little")
