"""Packets for Wireshark (``.pcapng``): each message as it lies in the ring, one interface for each direction.

The link type is that of exported PDUs: in front of each packet stands the name of its dissector, which ``icmsg.lua``
brings. Without that file the bytes can be seen all the same:

- ``icmsg``: header and payload of a packet, as they lie in the ring;
- ``icmsg_me``: the same, where the payload begins with the number of an endpoint;
- ``icbmsg``: the same of a control message, and behind it, padded to 4 bytes, header and payload of its block;
- ``icbmsgrw``: header and payload of a block of the rework, which has no ring.

Faults are packets without bytes, so that
they stand at their time between the messages; what they are is their comment.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.ipc.icbmsg.control import DATA
from icmsg.views.writer import TraceWriter, full_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icmsg.views.writer import Control, Message, ReaderStall, TracedDirection, TraceOutput, TraceSubject

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_LINKTYPE: Final = 252  # LINKTYPE_WIRESHARK_UPPER_PDU
_END: Final = b"\0\0\0\0"
_COMMENT, _HARDWARE, _SYSTEM, _APPLICATION = 1, 2, 3, 4  # options
_NAME, _ABOUT, _RESOLUTION, _FLAGS = 2, 3, 9, 2
_NANOSECONDS: Final = bytes([9])
_INBOUND, _OUTBOUND = 1, 2
_DISSECTOR_NAME: Final = 12
_TAGS: Final = Struct(">HH").pack
_block: Final = Struct("<II").pack
_word: Final = Struct("<I").pack
_option: Final = Struct("<HH").pack
_packet: Final = Struct("<IIIII").pack
_header: Final = Struct(">HH").pack


class PcapngWriter(TraceWriter):
    """Writes a block for each message when its doorbell brings it, and lets whoever reads along have it at once."""

    wants_sleep = False

    def __init__(self, subject: TraceSubject, output: TraceOutput) -> None:
        super().__init__(subject, output)
        self._write, self._flush = output.write, output.flush
        self._pdus = [
            _TAGS(_DISSECTOR_NAME, 8) + _dissector(each).ljust(8, b"\0") + _END for each in subject.directions
        ]
        self._write(
            _framed(
                _SECTION,
                b"\x4d\x3c\x2b\x1a\x01\0\0\0" + b"\xff" * 8,
                _options(
                    (_HARDWARE, subject.platform),
                    (_SYSTEM, f"{subject.machine.engine} engine"),
                    (_APPLICATION, "icmsg"),
                ),
            )
        )
        self._flags = [
            _option(_FLAGS, 4) + _word(_INBOUND if each.number & 1 else _OUTBOUND) + _END
            for each in subject.directions
        ]
        self._of_core = {each.writer.index: each for each in reversed(subject.directions)}
        for each in subject.directions:
            about = f"{each.instance}, region {each.region}, channel {each.channel}, {each.wire}"
            options = _option(_NAME, len(each.title)) + _padded(each.title.encode())
            options += _option(_ABOUT, len(about.encode())) + _padded(about.encode())
            options += _option(_RESOLUTION, 1) + _padded(_NANOSECONDS) + _END
            self._write(_framed(_INTERFACE, _option(_LINKTYPE, 0) + _word(0), options))
        self._flush()

    def _add(self, time_ns: int, direction: TracedDirection, data: bytes, comment: str) -> None:
        data = self._pdus[direction.number] + data
        text, size = comment.encode(), len(data)
        body = _packet(direction.number, time_ns >> 32, time_ns & 0xFFFF_FFFF, size, size)
        options = _option(_COMMENT, len(text)) + _padded(text) + self._flags[direction.number]
        body = body + _padded(data) + options
        length = len(body) + 12
        self._write(_block(_PACKET, length) + body + _word(length))
        self._flush()

    def sent(self, time_ns: int, message: Message) -> None:
        """Write the packet with its number."""
        self._add(time_ns, message.direction, _on_the_wire(message), f"{message.title} {message.place}")

    def controlled(self, time_ns: int, direction: TracedDirection, control: Control) -> None:
        """Write a packet of the backend, with what it is in words."""
        packet = control.packet
        data = packet if direction.layout is None else _header(len(packet), 0) + packet
        self._add(time_ns, direction, data, control.words)

    # Faults

    def signal_lost(self, time_ns: int, core: int, channels: int, messages: Sequence[Message]) -> None:
        """Write which doorbell was lost."""
        titles = "".join(f" of {message.title}" for message in messages)
        self._fault(time_ns, core, f"LOST doorbell{titles}, channels 0x{channels:X}")

    def dropped(self, time_ns: int, message: Message, why: str) -> None:
        """Write which message nobody received."""
        self._add(time_ns, message.direction, b"", f"NOT RECEIVED {message.title}: {why}")

    def full(self, time_ns: int, direction: TracedDirection, level: int) -> None:
        """Write how full."""
        self._add(time_ns, direction, b"", f"FULL {full_words(direction, level)}")

    def stalled(self, stall: ReaderStall) -> None:
        """Write who, since when, and what waits."""
        self._add(stall.now_ns, stall.direction, b"", f"STALLED {stall.direction.reader.name} {stall}")

    def fault(self, time_ns: int, core: int, text: str, pc: int) -> None:
        """Write the fault of a core."""
        self._fault(time_ns, core, f"FAULT of {self.subject.names[core]}: {text} at PC 0x{pc:08X}")

    def core_changed(self, time_ns: int, core: int, what: str) -> None:
        """Write a reset."""
        if what == "reset":
            self._fault(time_ns, core, f"RESET of {self.subject.names[core]}")

    def region_changed(self, time_ns: int, direction: TracedDirection, text: str) -> None:
        """Write what became of a region."""
        self._add(time_ns, direction, b"", f"REGION {text}")

    def noted(self, time_ns: int, core: int, text: str) -> None:
        """Write what a test did."""
        self._fault(time_ns, core, text)

    def _fault(self, time_ns: int, core: int, text: str) -> None:
        if (direction := self._of_core.get(core)) is not None:
            self._add(time_ns, direction, b"", text)


def _dissector(direction: TracedDirection) -> bytes:
    """Return the name of the dissector for the packets of a direction."""
    if isinstance(direction.config, IcbmsgConfig):
        return b"icbmsg" if direction.layout is not None else b"icbmsgrw"
    return b"icmsg_me" if isinstance(direction.config, IcmsgMeConfig) else b"icmsg"


def _on_the_wire(message: Message) -> bytes:
    """Return the bytes of a message as they lie in ring and blocks."""
    payload, config = message.payload, message.direction.config
    if message.is_magic or not isinstance(config, IcbmsgConfig | IcmsgMeConfig):
        return _header(len(payload), 0) + payload
    if isinstance(config, IcmsgMeConfig):
        return _header(len(payload) + 1, 0) + bytes([message.address]) + payload
    block = message.block or 0
    if config.generation == "rework":
        return _word(len(payload) | block << 16 | message.address << 24) + payload
    control = bytes([DATA, message.address, block])
    return _header(len(control), 0) + control + b"\0" + _word(len(payload)) + payload


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _options(*options: tuple[int, str]) -> bytes:
    parts = [_option(code, len(text.encode())) + _padded(text.encode()) for code, text in options]
    return b"".join(parts) + _END


def _framed(kind: int, body: bytes, options: bytes) -> bytes:
    length = 12 + len(body) + len(options)
    return _block(kind, length) + body + options + _word(length)
