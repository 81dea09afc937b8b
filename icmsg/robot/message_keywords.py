"""Keywords that send and expect messages, one by one."""

from __future__ import annotations

import errno as errno_numbers
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.errors import ConfigurationError, IpcError
from icmsg.robot.values import CoreName, Encoding, payload, shown

if TYPE_CHECKING:
    from icmsg.robot.context import KeywordContext
    from icmsg.robot.played_instances import Played


class MessageKeywords:
    """Messages of the endpoints that Python plays."""

    def __init__(self, context: KeywordContext) -> None:
        self._context = context

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
