"""A server like the one of ``renode -P PORT``, in front of anything that answers like the Monitor.

What it sends was read in the sources of Renode (``SocketServerProvider``) and of its shell AntShell: options first, a
banner for the first client only, each character echoed, ``\\n\\r`` behind a line, the prompt in a colour, and errors
in red.
"""

from __future__ import annotations

import re
import socket
import threading
from typing import TYPE_CHECKING, Final

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

OPTIONS: Final = bytes([255, 253, 0, 255, 253, 31, 255, 251, 1, 255, 251, 3, 255, 252, 34])
_TYPED: Final = re.compile(r"\r|\x03|[^\r\x03]+")
BANNER: Final = "\x1b[0m\r\nRenode, version 1.16.1.0 (fake)\n\r\n\r"


class TelnetServer:
    """Serves one client after the other on a free port of this machine.

    ``execute`` raises MonitorError for what is refused; ``prompt`` gives the name in the prompt. ``plain`` is
    ``--plain``; ``old`` the colours of 1.16.1; ``piece`` how many bytes are sent at a time.
    """

    def __init__(
        self,
        execute: Callable[[str], str],
        *,
        prompt: Callable[[], str] = lambda: "monitor",
        plain: bool = False,
        old: bool = False,
        piece: int = 1 << 16,
    ) -> None:
        self._execute, self._prompt, self._piece = execute, prompt, piece
        self._red, self._yellow = (
            ("", "") if plain else ("\x1b[;031m", "\x1b[;133m") if old else ("\x1b[91m", "\x1b[33m")
        )
        self._reset = "" if plain else "\x1b[0m"
        self._waiting = ("" if plain else "\x1b[0m") + BANNER.removeprefix("\x1b[0m") + self._shown_prompt()
        self._line = ""
        self.silent = False
        """Takes what is typed and says nothing."""
        self._server = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: Final[int] = self._server.getsockname()[1]
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _shown_prompt(self) -> str:
        name = self._prompt()
        return f"{self._red if name == 'monitor' else self._yellow}({name}) {self._reset}"

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._client = client
            with client:
                try:
                    self._talk(client)
                except OSError:
                    continue

    def _talk(self, client: socket.socket) -> None:
        client.sendall(OPTIONS)
        waiting, self._waiting = self._waiting, ""
        self._send(client, waiting)
        while data := client.recv(4096):
            for typed in _TYPED.findall(data.decode()):
                if not self.silent:
                    self._send(client, self._typed(typed))

    def _send(self, client: socket.socket, text: str) -> None:
        data = text.encode().replace(b"\xff", b"\xff\xff")
        for at in range(0, len(data), self._piece):
            client.sendall(data[at : at + self._piece])

    def _typed(self, text: str) -> str:
        if text == "\x03":
            self._line = ""
            return "^C\n\r" + self._shown_prompt()
        if text != "\r":
            self._line += text
            return text
        line, self._line = self._line, ""
        return "\n\r" + (self._run(line) if line else "") + self._shown_prompt()

    def _run(self, line: str) -> str:
        try:
            printed = self._execute(line)
        except MonitorError as error:
            lines = str(error).replace("\r", "").strip("\n").split("\n")
            return "".join(f"{self._red}{text}\r\n{self._reset}" for text in lines)
        if printed and not printed.endswith(("\r", "\n")):
            printed = printed.replace("\n", "\r\n") + "\r\r\n"
        return printed

    def hang_up(self) -> None:
        """End the connection that there is, as a Renode does that ends."""
        if self._client is not None:
            self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._client is not None:
            self._client.close()
        self._thread.join(timeout=5)

    def __enter__(self) -> TelnetServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
