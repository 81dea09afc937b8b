"""Client of a GDB server: its packets, what it asks for, and what it is told.

Packets of the remote serial protocol: ``$data#checksum``, acknowledgements, escapes, and the interrupt byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError
from icmsg.gdb.target import INTERRUPTED, TRAP, StopReason, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icmsg.gdb.target import Target


LARGEST: Final = 0x1000
"""Bytes of the largest packet in either direction, escapes included."""
INTERRUPT: Final = b"\x03"
_START, _END, _ESCAPE, _FLIP = b"$", b"#", 0x7D, 0x20
_CHECKSUM: Final = 3
"""Bytes from the end mark on."""
_ESCAPED: Final = frozenset(b"#$}*")


def frame(data: bytes) -> bytes:
    """Return a packet with its escapes and checksum."""
    body = bytearray()
    for byte in data:
        if byte in _ESCAPED:
            body += bytes((_ESCAPE, byte ^ _FLIP))
        else:
            body.append(byte)
    return b"$%s#%02x" % (bytes(body), sum(body) & 0xFF)


class Corrupt(bytes):
    """Contents of a packet whose checksum is wrong."""

    __slots__ = ()


class GdbPacketReader:
    """Packets out of a stream of bytes of which some, or all, may be garbage; it keeps one packet at most."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes of the stream."""
        self._bytes += data

    @property
    def kept(self) -> int:
        """The number of bytes that wait."""
        return len(self._bytes)

    def packets(self) -> Iterator[bytes]:
        """Yield what has arrived: packets, corrupt ones, and :data:`INTERRUPT`; acknowledgements are skipped."""
        kept = self._bytes
        while kept:
            if kept[:1] == INTERRUPT:
                del kept[:1]
                yield INTERRUPT
                continue
            if kept[:1] != _START:
                places = [place for mark in (_START, INTERRUPT) if (place := kept.find(mark)) > 0]
                del kept[: min(places, default=len(kept))]
                continue
            end = kept.find(_END, 1, LARGEST + 1)
            if end < 0:
                if len(kept) <= LARGEST:
                    return
                del kept[:1]  # no packet is that large: look for the next one
                continue
            if len(kept) < end + _CHECKSUM:
                return
            body, checksum = bytes(kept[1:end]), bytes(kept[end + 1 : end + _CHECKSUM])
            del kept[: end + _CHECKSUM]
            yield _unescaped(body) if _matches(body, checksum) else Corrupt(body)


def _matches(body: bytes, checksum: bytes) -> bool:
    try:
        return int(checksum, 16) == sum(body) & 0xFF
    except ValueError:
        return False


def _unescaped(body: bytes) -> bytes:
    if _ESCAPE not in body:
        return body
    data = bytearray()
    flip = 0
    for byte in body:
        if byte == _ESCAPE and not flip:
            flip = _FLIP
        else:
            data.append(byte ^ flip)
            flip = 0
    return bytes(data)


_OK, _UNKNOWN = b"OK", b""
_MALFORMED, _NO_MEMORY, _FULL, _REFUSED = b"E16", b"E0e", b"E1c", b"E01"
"""Errors, as errno numbers: EINVAL, EFAULT, ENOSPC, EPERM."""
_MOST_BYTES: Final = (LARGEST - 4) // 2
"""Bytes of memory in one packet."""
_MOST_TEXT: Final = 0x10_0000
"""Characters of a Monitor command's output that are sent."""
_TEXT_PART: Final = 1000
_RANGE: Final = re.compile(r"([0-9a-f]{1,8}),([0-9a-f]{1,8})", re.ASCII)
_POINT: Final = re.compile(r"([0-4]),([0-9a-f]{1,8}),([0-9a-f]{1,4})(?:;.*)?", re.ASCII | re.DOTALL)
_FEATURES: Final = re.compile(r"features:read:target\.xml:([0-9a-f]{1,8}),([0-9a-f]{1,8})", re.ASCII)
_THREAD: Final = re.compile(r"(?:p-?[0-9a-f]+\.)?(-1|[0-9a-f]{1,8})", re.ASCII)
_ABILITIES: Final = (
    f"PacketSize={LARGEST:x};qXfer:features:read+;vContSupported+;swbreak+;hwbreak+;QStartNoAckMode+"
)


class GdbSession:
    """A client of ``target``; ``monitor(text)`` executes a command of the Monitor, ``send`` sends a packet.

    A client finds everything halted.
    """

    def __init__(self, target: Target, monitor: Callable[[str], str], send: Callable[[bytes], None]) -> None:
        self._target: Final = target
        self._monitor: Final = monitor
        self._send: Final = send
        self.is_halted = True
        """True while the client keeps virtual time from passing."""
        self.has_left = False
        """True after the client has detached."""
        self.acknowledges = True
        """True until the client wants no acknowledgements."""
        self._reason = StopReason(TRAP, 0)
        self._thread = 0  # an index of the target's cores
        self._says_breaks = False
        self._commands: Final[dict[str, Callable[[str], bytes | None]]] = {
            "?": lambda _rest: self._stop_reply(),
            "!": lambda _rest: _OK,
            "g": lambda _rest: self._target.registers.pack(self._registers()).encode(),
            "G": self._write_all,
            "p": self._read_one,
            "P": self._write_one,
            "m": self._read_memory,
            "M": self._write_hex,
            "Z": self._insert,
            "z": self._remove,
            "H": self._select,
            "T": lambda rest: _OK if self._thread_of(rest) is not None else _REFUSED,
            "c": lambda rest: self._resume_at(rest, steps=False),
            "s": lambda rest: self._resume_at(rest, steps=True),
            "C": lambda rest: self._resume_at(rest.partition(";")[2], steps=False),
            "S": lambda rest: self._resume_at(rest.partition(";")[2], steps=True),
            "D": lambda _rest: self._leave(_OK),
            "k": lambda _rest: self._leave(None),
        }
        self._named: Final[dict[str, Callable[[str], bytes | None]]] = {
            "qSupported": self._supported,
            "QStartNoAckMode": self._start_no_acknowledgement,
            "qXfer": self._read_features,
            "qfThreadInfo": lambda _rest: self._threads(),
            "qsThreadInfo": lambda _rest: b"l",
            "qThreadExtraInfo": self._describe_thread,
            "qC": lambda _rest: b"QC%x" % (self._thread + 1),
            "qAttached": lambda _rest: b"1",
            "qSymbol": lambda _rest: _OK,
            "qRcmd": self._execute,
            "vCont?": lambda _rest: b"vCont;c;C;s;S",
            "vCont": self._continue,
            "vCtrlC": self._interrupted,
            "vKill": lambda _rest: self._leave(_OK),
        }

    def answer(self, packet: bytes) -> bytes | None:
        """Return what a packet is answered with; None if nothing now."""
        if packet[:1] == b"X":
            return self._write_bytes(packet[1:])
        text = packet.decode("latin-1")
        name = re.match(r"[A-Za-z?]+", text)
        if name is not None and name[0] in self._named:
            return self._named[name[0]](text[name.end() :])
        command = self._commands.get(text[:1])
        if command is None:
            return _UNKNOWN
        try:
            return command(text[1:])
        except (ValueError, IndexError):
            return _MALFORMED

    # Stops

    def stop(self, reason: StopReason) -> None:
        """Halt, and tell the client so, if it is not halted."""
        if not self.is_halted:
            self.is_halted = True
            self._target.forget_step()
            self._reason = reason
            self._thread = reason.core
            self._send(self._stop_reply())

    def interrupt(self) -> None:
        """Halt because the client says so."""
        self.stop(StopReason(INTERRUPTED, self._thread))

    def _interrupted(self, _rest: str) -> None:
        self._send(_OK)
        self.interrupt()
        return

    def _stop_reply(self) -> bytes:
        signal, core, words = self._reason
        if words.endswith("break:;") and not self._says_breaks:
            words = ""
        return f"T{signal:02x}thread:{core + 1:x};{words}".encode()

    def _resume(self, step: int | None) -> None:
        self._reason = StopReason(TRAP, self._thread)
        self.is_halted = False
        if step is not None:
            self._target.step(step)

    def _resume_at(self, rest: str, *, steps: bool) -> bytes | None:
        if rest and not self._target.write_registers(self._thread, {"PC": int(rest, 16) & 0xFFFF_FFFF}):
            return _REFUSED
        self._resume(self._thread if steps else None)
        return None

    def _continue(self, rest: str) -> bytes | None:
        if not rest.startswith(";"):
            return _MALFORMED
        step: int | None = None
        for action in rest[1:].split(";"):
            word, _, thread = action.partition(":")
            if word[:1] not in ("c", "C", "s", "S"):
                return _MALFORMED
            if word[:1] in ("s", "S") and step is None:
                step = self._thread_of(thread) if thread else self._thread
                if step is None:
                    return _REFUSED
        self._resume(step)
        return None

    def _leave(self, answer: bytes | None) -> bytes | None:
        self.is_halted = False
        self.has_left = True
        return answer

    # Registers and memory

    def _registers(self) -> dict[str, int]:
        return self._target.read_registers(self._thread)

    def _read_one(self, rest: str) -> bytes:
        return self._target.registers.one(int(rest, 16), self._registers()).encode()

    def _write_all(self, rest: str) -> bytes:
        values = self._target.registers.unpack(rest)
        now = self._registers()
        changed = {name: value for name, value in values.items() if now.get(name) != value}
        return _OK if self._target.write_registers(self._thread, changed) else _REFUSED

    def _write_one(self, rest: str) -> bytes:
        number, _, value = rest.partition("=")
        name = self._target.registers.engine_names[int(number, 16)]
        written = name is None or self._target.write_registers(self._thread, {name: value_of(value)})
        return _OK if written else _REFUSED

    def _read_memory(self, rest: str) -> bytes:
        if (found := _RANGE.fullmatch(rest)) is None:
            return _MALFORMED
        address, size = (int(part, 16) for part in found.groups())
        data = self._target.read_memory(self._thread, address, min(size, _MOST_BYTES))
        return data.hex().encode() if data or not size else _NO_MEMORY

    def _write_hex(self, rest: str) -> bytes:
        place, _, data = rest.partition(":")
        return self._write(place, bytes.fromhex(data))

    def _write_bytes(self, rest: bytes) -> bytes:
        place, _, data = rest.partition(b":")
        return self._write(place.decode("latin-1"), data)

    def _write(self, place: str, data: bytes) -> bytes:
        if (found := _RANGE.fullmatch(place)) is None or int(found[2], 16) != len(data):
            return _MALFORMED
        if data and not self._target.write_memory(self._thread, int(found[1], 16), data):
            return _NO_MEMORY
        return _OK

    def _insert(self, rest: str) -> bytes:
        if (found := _POINT.fullmatch(rest)) is None:
            return _MALFORMED
        kind, address, size = int(found[1]), int(found[2], 16), int(found[3], 16)
        return _OK if self._target.insert(kind, address, size) else _FULL

    def _remove(self, rest: str) -> bytes:
        if (found := _POINT.fullmatch(rest)) is None:
            return _MALFORMED
        self._target.remove(int(found[1]), int(found[2], 16), int(found[3], 16))
        return _OK

    # Threads

    def _thread_of(self, text: str) -> int | None:
        """Return a core by the client's number; any one where it does not care, None if there is none."""
        if (found := _THREAD.fullmatch(text)) is None:
            return None
        number = int(found[1], 16)
        if number in (0, -1):
            return self._thread
        return number - 1 if number <= len(self._target.cores) else None

    def _select(self, rest: str) -> bytes:
        thread = self._thread_of(rest[1:])
        if rest[:1] not in ("g", "c") or thread is None:
            return _REFUSED
        if rest[0] == "g":
            self._thread = thread
        return _OK

    def _threads(self) -> bytes:
        return b"m" + b",".join(b"%x" % (number + 1) for number in range(len(self._target.cores)))

    def _describe_thread(self, rest: str) -> bytes:
        thread = self._thread_of(rest.removeprefix(","))
        if thread is None:
            return _REFUSED
        core = self._target.cores[thread]
        image = f" {core.image.path.name}" if core.image is not None else ""
        if core.is_played:
            state = "played by Python"
        elif core.is_locked_up:
            state = "locked up"
        elif core.is_halted:
            state = "halted"
        else:
            state = "asleep" if core.is_asleep else "runs"
        return f"core {core.name}{image}: {state}".encode()[:_TEXT_PART].hex().encode()

    # The rest

    def _supported(self, rest: str) -> bytes:
        self._says_breaks = "swbreak+" in rest and "hwbreak+" in rest
        return _ABILITIES.encode()

    def _start_no_acknowledgement(self, _rest: str) -> bytes:
        self.acknowledges = False
        return _OK

    def _read_features(self, rest: str) -> bytes:
        if (found := _FEATURES.fullmatch(rest.removeprefix(":"))) is None:
            return b"E00"
        start, size = int(found[1], 16), min(int(found[2], 16), LARGEST - 8)
        part = self._target.registers.xml[start : start + size]
        return (b"m" if start + size < len(self._target.registers.xml) else b"l") + part

    def _execute(self, rest: str) -> bytes:
        try:
            command = bytes.fromhex(rest.removeprefix(",")).decode()
        except ValueError:
            return _MALFORMED
        try:
            text = self._monitor(command)
        except IcmsgError as error:
            text = str(error)
        text = text[:_MOST_TEXT]
        if text and not text.endswith("\n"):
            text += "\n"
        data = text.encode()
        for at in range(0, len(data), _TEXT_PART):
            self._send(b"O" + data[at : at + _TEXT_PART].hex().encode())
        return _OK
