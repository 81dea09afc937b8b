"""Keywords that send and expect messages, one by one or many in one call, and about the doorbells of these."""

from __future__ import annotations

import errno as errno_numbers
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.errors import ConfigurationError, IpcError
from icmsg.ipc.icbmsg.endpoint import IcbmsgEndpoint
from icmsg.link.workload import Workload, difference
from icmsg.robot.context import Keywords
from icmsg.robot.played_instances import PlayedOneOfSeveral
from icmsg.robot.settings import CoreName, Encoding, nanoseconds, payload, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icmsg.robot.played_instances import Played


class MessageKeywords(Keywords):
    """Messages of the endpoints that Python plays."""

    @keyword(tags=["messages"])
    def send_message(
        self,
        core: CoreName,
        message: str | bytes,
        encoding: Encoding = "text",
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Sends a message from a core that Python plays.

        | Send Message | app | hello | |
        | Send Message | app | 01 02 ff | encoding=hex |
        | Send Message | app | ${CURDIR}/frame.bin | encoding=file |
        """
        played = self._context.endpoint(core, instance, endpoint)
        data = payload(message, encoding)
        try:
            played.endpoint.send(data)
        except IpcError as error:
            raise self._context.failure(f"{core} cannot send {shown(data)}: {error}", played) from None

    @keyword(tags=["messages"])
    def sending_should_fail(
        self,
        core: CoreName,
        message: str | bytes,
        errno: str,
        encoding: Encoding = "text",
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> str:
        """Fails unless sending is refused with this errno, such as ``ENOMEM`` or ``EBUSY``; returns the text."""
        played = self._context.endpoint(core, instance, endpoint)
        if errno not in errno_numbers.errorcode.values():
            raise ConfigurationError(f"{errno!r} is no errno; use its symbol, such as ENOMEM or EBUSY")
        try:
            played.endpoint.send(payload(message, encoding))
        except IpcError as error:
            if error.errno_name == errno:
                return str(error)
            raise self._context.failure(
                f"{core} was refused with {error.errno_name}, expected {errno}: {error}", played
            ) from None
        raise self._context.failure(f"{core} could send, expected {errno}", played)

    @keyword(tags=["messages"])
    def expect_message(
        self,
        core: CoreName,
        message: str | bytes,
        timeout: timedelta | None = None,
        encoding: Encoding = "text",
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Runs until a core that Python plays has received a message; fails if it is not this one."""
        played = self._context.endpoint(core, instance, endpoint)
        expected = payload(message, encoding)
        received = self._next(played, timeout)
        if received != expected:
            raise self._context.failure(
                f"{core} received {shown(received)}, expected {shown(expected)}", played
            )

    @keyword(tags=["messages"])
    def receive_message(
        self,
        core: CoreName,
        timeout: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> bytes:
        """Runs until a core that Python plays has received a message, and returns its bytes."""
        return self._next(self._context.endpoint(core, instance, endpoint), timeout)

    @keyword(tags=["messages"])
    def expect_no_message(
        self,
        core: CoreName,
        duration: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Lets time pass; fails if a core that Python plays receives anything."""
        played = self._context.endpoint(core, instance, endpoint)
        self._context.let_pass(duration)
        if played.received:
            raise self._context.failure(
                f"{core} received {shown(played.received[0])}, expected nothing", played
            )

    @keyword(tags=["messages"])
    def get_largest_message(
        self, core: CoreName, instance: str | None = None, endpoint: str | None = None
    ) -> int:
        """Returns the bytes of the longest message that an empty region and the peer take."""
        return self._context.endpoint(core, instance, endpoint).endpoint.get_tx_buffer_size()

    def _next(self, played: Played, timeout: timedelta | None) -> bytes:
        what = f"a message for {played.core.name}"
        self._context.wait(lambda: bool(played.received), timeout, what, played)
        return played.received.popleft()


_MOST = 100_000
"""Messages after which a region that is never full counts as a mistake."""


class ExchangeKeywords(Keywords):
    """Messages in bulk, many in one call: a loop in Robot would take longer than the messages."""

    @keyword(tags=["messages"])
    def echo_messages(self, core: CoreName, instance: str | None = None, endpoint: str | None = None) -> None:
        """Lets a core that Python plays send back every message, as the stub ``echo`` does, instead of keeping it.

        Without the name of an endpoint, all endpoints of its instance do.
        """
        for played in self._context.endpoints(core, instance, endpoint):
            played.echoes = True

    @keyword(tags=["messages"])
    def hold_messages(self, core: CoreName, instance: str | None = None, endpoint: str | None = None) -> None:
        """Lets a core that Python plays hold every message of ICBMsg in its blocks, until `Send Held Messages Back`.

        Without the name of an endpoint, all endpoints of its instance do.
        """
        for played in self._several(core, instance, endpoint):
            played.holds = True

    @keyword(tags=["messages"])
    def send_held_messages_back(
        self, core: CoreName, instance: str | None = None, endpoint: str | None = None
    ) -> int:
        """Sends back what lies in the blocks of the messages that a core holds, and releases them; returns how many.

        What comes later is kept as always.
        """
        count = 0
        for played in self._several(core, instance, endpoint):
            played.holds = False
            count += played.send_held_back()
        if not count:
            raise AssertionError(
                f"{core} holds no message; use `Hold Messages    {core}` before they are sent"
            )
        return count

    def _several(self, core: str, instance: str | None, endpoint: str | None) -> list[PlayedOneOfSeveral]:
        found = self._context.endpoints(core, instance, endpoint)
        several = [
            each
            for each in found
            if isinstance(each, PlayedOneOfSeveral) and isinstance(each.endpoint, IcbmsgEndpoint)
        ]
        if len(several) < len(found) or not found:
            raise ConfigurationError("only ICBMsg holds messages in their blocks: give backend=icbmsg")
        return several

    @keyword(tags=["messages"])
    def exchange_messages(
        self,
        core: CoreName,
        count: int = 100,
        size_min: int = 1,
        size_max: int = 100,
        seed: int = 1,
        timeout: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> int:
        """Sends messages from a core that Python plays to a peer that sends them back, and compares every echo.

        Sizes and contents follow from ``seed``. The timeout is that of one echo. Returns the number of bytes.
        """
        work = Workload(messages=count, size_min=size_min, size_max=size_max, seed=seed)
        return self._exchange(self._context.endpoint(core, instance, endpoint), work.payloads(), timeout)

    @keyword(tags=["messages"])
    def exchange_every_size(
        self,
        core: CoreName,
        size_min: int = 1,
        size_max: int | None = None,
        step: int = 1,
        timeout: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> int:
        """Sends a message of every size to a peer that sends back, and compares every echo.

        Sizes go up to ``size_max``, by default to the longest that fits. With
        ``step`` only every so many sizes; the longest is always among them. Returns the number of messages.
        """
        played = self._context.endpoint(core, instance, endpoint)
        longest = played.endpoint.get_tx_buffer_size() if size_max is None else size_max
        if step < 1 or not 1 <= size_min <= longest:
            raise ConfigurationError(
                f"sizes {size_min}…{longest} in steps of {step}: use 1 ≤ size_min ≤ size_max and step ≥ 1"
            )
        sizes = [*range(size_min, longest, step), longest]
        self._exchange(
            played, (bytes(index * 7 + size & 0xFF for index in range(size)) for size in sizes), timeout
        )
        return len(sizes)

    @keyword(tags=["messages"])
    def fill_region(
        self, core: CoreName, size: int = 100, instance: str | None = None, endpoint: str | None = None
    ) -> int:
        """Sends messages of ``size`` bytes without a pause until the region has no room (ENOMEM); returns how many.

        Each has its number in the first two bytes, see `Expect Numbered Messages`.
        """
        played = self._context.endpoint(core, instance, endpoint)
        if size < 2:
            raise ConfigurationError(f"size {size}: use 2 or more, the number of the message takes two bytes")
        for number in range(_MOST):
            if not self._fits(played, _numbered(number, size)):
                return number
        raise self._context.failure(f"{core} sent {_MOST} messages and the region is not full", played)

    def _fits(self, played: Played, message: bytes) -> bool:
        try:
            played.endpoint.send(message)
        except IpcError as error:
            if error.errno == errno_numbers.ENOMEM and len(message) <= played.endpoint.get_tx_buffer_size():
                return False
            raise self._context.failure(f"the region cannot be filled: {error}", played) from None
        return True

    @keyword(tags=["messages"])
    def expect_numbered_messages(
        self,
        core: CoreName,
        count: int,
        size: int = 100,
        timeout: timedelta | None = None,
        instance: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Runs until ``count`` messages as `Fill Region` sends them were received; fails if one is wrong or missing."""
        played = self._context.endpoint(core, instance, endpoint)
        for number in range(count):
            what = f"message {number + 1} of {count} for {core}"
            self._context.wait(lambda: bool(played.received), timeout, what, played)
            received = played.received.popleft()
            if received != _numbered(number, size):
                raise self._context.failure(
                    f"message {number + 1} of {count} for {core} is {shown(received)}, "
                    f"expected {shown(_numbered(number, size))}",
                    played,
                )

    def _exchange(self, played: Played, payloads: Iterable[bytes], timeout: timedelta | None) -> int:
        total = 0
        for number, sent in enumerate(payloads, 1):
            try:
                played.endpoint.send(sent)
            except IpcError as error:
                raise self._context.failure(f"message {number} cannot be sent: {error}", played) from None
            what = f"echo {number} ({len(sent)} bytes) for {played.core.name}"
            self._context.wait(lambda: bool(played.received), timeout, what, played)
            received = played.received.popleft()
            if received != sent:
                raise self._context.failure(difference(number, sent, received), played)
            total += len(sent)
        return total


def _numbered(number: int, size: int) -> bytes:
    return number.to_bytes(2, "little") + bytes((number + index) & 0xFF for index in range(size - 2))


class DoorbellKeywords(Keywords):
    """Doorbells rung for nothing, lost, late and doubled; these faults stay over a reset until `Clear Faults`."""

    @keyword(tags=["faults"])
    def ring_doorbell(
        self, core: CoreName, channel: int | None = None, count: int = 1, instance: str | None = None
    ) -> None:
        """Rings as ``core`` would, ``count`` times at once, though nothing was sent.

        The mbox channel is that on which its instance rings, unless ``channel`` says another.
        """
        if channel is None:
            channel = self._context.links.tx_channel(core, instance)
        for _ in range(count):
            self._fault(core, f"Signal 0x{1 << channel:X}")

    @keyword(tags=["faults"])
    def drop_doorbells(self, core: CoreName, count: int = 1) -> None:
        """Loses the next doorbells that ``core`` rings."""
        self._fault(core, f"DropNext {count}")

    @keyword(tags=["faults"])
    def block_doorbells(
        self, core: CoreName, channel: int | None = None, instance: str | None = None
    ) -> None:
        """Loses every doorbell that ``core`` rings on one mbox channel, until `Clear Faults`.

        It is the channel on which its instance rings, unless ``channel`` says another.
        """
        if channel is None:
            channel = self._context.links.tx_channel(core, instance)
        self._fault(core, f"DropMask 0x{1 << channel:X}")

    @keyword(tags=["faults"])
    def delay_doorbells(self, core: CoreName, delay: timedelta) -> None:
        """Lets every doorbell that ``core`` rings arrive later, until `Clear Faults`."""
        self._context.inject(
            core, f"{self._context.mailbox(core)} SignalDelayMicroseconds {nanoseconds(delay) // 1000}"
        )

    @keyword(tags=["faults"])
    def duplicate_doorbells(self, core: CoreName, count: int = 1, delay: timedelta | None = None) -> None:
        """Lets the next doorbells that ``core`` rings arrive twice, the second time after ``delay``."""
        if delay is not None:
            self._context.inject(
                core, f"{self._context.mailbox(core)} DuplicateDelayMicroseconds {nanoseconds(delay) // 1000}"
            )
        self._fault(core, f"DuplicateNext {count}")

    @keyword(tags=["faults"])
    def clear_faults(self, core: CoreName) -> None:
        """Ends the faults of the doorbells that ``core`` rings."""
        self._fault(core, "ClearFaults")

    def _fault(self, core: str, what: str) -> None:
        """Cause a fault of the signals that ``core`` sends."""
        self._context.inject(core, f"{self._context.mailbox(core)} {what}")
