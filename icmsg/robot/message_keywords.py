"""Keywords that send and expect messages, one by one."""

from __future__ import annotations

import errno as errno_numbers
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from icmsg.errors import ConfigurationError, IpcError
from icmsg.robot.values import CoreName, Encoding, payload, shown

if TYPE_CHECKING:
    from icmsg.robot.played_side import PlayedEndpoint
    from icmsg.robot.scene import Scene


class MessageKeywords:
    """Messages of the endpoints that Python plays."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @keyword(tags=["messages"])
    def send_message(
        self,
        core: CoreName,
        message: str | bytes,
        encoding: Encoding = "text",
        instance: str | None = None,
    ) -> None:
        """Sends a message from a core that Python plays.

        | Send Message | app | hello | |
        | Send Message | app | 01 02 ff | encoding=hex |
        | Send Message | app | ${CURDIR}/frame.bin | encoding=file |
        """
        endpoint = self._scene.endpoint(core, instance)
        data = payload(message, encoding)
        try:
            endpoint.endpoint.send(data)
        except IpcError as error:
            raise self._scene.failure(f"{core} cannot send {shown(data)}: {error}", endpoint) from None

    @keyword(tags=["messages"])
    def sending_should_fail(
        self,
        core: CoreName,
        message: str | bytes,
        errno: str,
        encoding: Encoding = "text",
        instance: str | None = None,
    ) -> str:
        """Fails unless sending is refused with this errno, such as ``ENOMEM`` or ``EBUSY``; returns the text."""
        endpoint = self._scene.endpoint(core, instance)
        if errno not in errno_numbers.errorcode.values():
            raise ConfigurationError(f"{errno!r} is no errno; use its symbol, such as ENOMEM or EBUSY")
        try:
            endpoint.endpoint.send(payload(message, encoding))
        except IpcError as error:
            if error.errno_name == errno:
                return str(error)
            raise self._scene.failure(
                f"{core} was refused with {error.errno_name}, expected {errno}: {error}", endpoint
            ) from None
        raise self._scene.failure(f"{core} could send, expected {errno}", endpoint)

    @keyword(tags=["messages"])
    def expect_message(
        self,
        core: CoreName,
        message: str | bytes,
        timeout: timedelta | None = None,
        encoding: Encoding = "text",
        instance: str | None = None,
    ) -> None:
        """Runs until a core that Python plays has received a message; fails if it is not this one."""
        endpoint = self._scene.endpoint(core, instance)
        expected = payload(message, encoding)
        received = self._next(endpoint, timeout)
        if received != expected:
            raise self._scene.failure(
                f"{core} received {shown(received)}, expected {shown(expected)}", endpoint
            )

    @keyword(tags=["messages"])
    def receive_message(
        self, core: CoreName, timeout: timedelta | None = None, instance: str | None = None
    ) -> bytes:
        """Runs until a core that Python plays has received a message, and returns its bytes."""
        return self._next(self._scene.endpoint(core, instance), timeout)

    @keyword(tags=["messages"])
    def expect_no_message(
        self, core: CoreName, duration: timedelta | None = None, instance: str | None = None
    ) -> None:
        """Lets time pass; fails if a core that Python plays receives anything."""
        endpoint = self._scene.endpoint(core, instance)
        self._scene.let_pass(duration)
        if endpoint.received:
            raise self._scene.failure(
                f"{core} received {shown(endpoint.received[0])}, expected nothing", endpoint
            )

    @keyword(tags=["messages"])
    def get_largest_message(self, core: CoreName, instance: str | None = None) -> int:
        """Returns the bytes of the longest message that an empty region and the peer take."""
        return self._scene.endpoint(core, instance).endpoint.get_tx_buffer_size()

    def _next(self, endpoint: PlayedEndpoint, timeout: timedelta | None) -> bytes:
        what = f"a message for {endpoint.core.name}"
        self._scene.wait(lambda: bool(endpoint.received), timeout, what, endpoint)
        return endpoint.received.popleft()
