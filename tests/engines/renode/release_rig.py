"""A server of releases on loopback, the made-up release that it has, and the command that installs it."""

from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import sys
import tarfile
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from command import Outcome

FILES = {
    "renode": b"#!/bin/sh\necho made up\n",
    "bin/Renode.dll": b"made up",
    "bin/Renode.runtimeconfig.json": b"{}",
    "bin/System.Private.CoreLib.dll": b"made up",
    "platforms/cpus/größe.repl": random.Random(1).randbytes(300_000),
}
TOP = "renode_9.9.9-portable"


def tar(members: dict[str, bytes | tarfile.TarInfo] | None = None) -> bytes:
    """Return a .tar.gz, of the made-up release if nothing else is given."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in (members or {f"{TOP}/{name}": data for name, data in FILES.items()}).items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755 if name.endswith("renode") else 0o644
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """Return a member that is no file."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zipped(members: dict[str, bytes], modes: dict[str, int] | None = None) -> bytes:
    """Return a .zip; ``modes`` gives members another mode than a file's."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (modes or {}).get(
                name, 0o100755 if name.endswith("renode") else 0o100644
            ) << 16
            archive.writestr(member, content)
    return stream.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Server:
    """The server; a test sets what it does with the next request, and reads what was asked."""

    data: bytes = field(default_factory=tar)
    knows_ranges: bool = True
    cut: int | None = None
    """Bytes after which it breaks off, once."""
    held: threading.Event | None = None
    """Awaited after ``cut`` bytes, instead of breaking off."""
    status: int | None = None
    raw: bytes | None = None
    """Sent instead of an answer."""
    asked: list[str] = field(default_factory=list)
    """Of each request its Range, else the empty text."""
    targets: list[str] = field(default_factory=list)

    def __enter__(self) -> Server:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.held is not None:
            self.held.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def url(self, file: str = "renode-9.9.9.linux-portable.tar.gz") -> str:
        return f"{self.root}/{file}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        self.asked.append(asked)
        self.targets.append(request.path)
        if self.raw is not None:
            request.wfile.write(self.raw)
            request.close_connection = True
            return
        if self.status is not None:
            request.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.knows_ranges else 0
        if start and start >= len(self.data):
            request.send_error(416)
            return
        body = self.data[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cut is not None:
            request.wfile.write(body[: self.cut])
            request.wfile.flush()
            if self.held is not None:
                self.held.wait(30)
            self.cut = None
            request.close_connection = True
            return
        request.wfile.write(body)


def arguments(server: Server, prefix: Path | None = None, file: str = "", *more: str) -> list[str]:
    """Return the command line that installs what the server has."""
    url = server.url(file) if file else server.url()
    where = ["--prefix", str(prefix)] if prefix else []
    return [
        "renode",
        "install",
        "9.9.9",
        "--url",
        url,
        "--sha256",
        sha256(server.data),
        "--yes",
        *where,
        *more,
    ]


_LIMITED = """
import resource, sys
from icmsg.cli.main import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(sys.argv[2:]))
"""


def process(command: list[str], *, largest_file: int = -1) -> subprocess.Popen[str]:
    """Start the command; it may write files up to a number of bytes, and finds a disk that is full behind them."""
    return subprocess.Popen(
        [sys.executable, "-c", _LIMITED, str(largest_file), *command],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refused(outcome: Outcome) -> str:
    """Return the one line that says why, without the prefix of every error."""
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    return outcome.err.removeprefix("icmsg: error: ").rstrip()
