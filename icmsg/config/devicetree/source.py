"""Text that dtlib can parse, made from a user's devicetree file.

A *complete* file has ``/dts-v1/`` (a build's ``zephyr.dts``, or a hand-written tree) and goes through as it is.
Everything else is an *overlay*, a part of a tree whose rest is in the board's files:

- nodes that it refers to but does not define get a stand-in, so that its own nodes can be read;
- nodes that stand outside ``/ { … };``, as in the examples of Zephyr's documentation, are put into the root;
- the macros ``DT_SIZE_K`` and ``DT_SIZE_M`` are written out. Any other macro leaves a property unreadable, which
  is an error only if ICMsg needs that property.

Lines stay where they are, so that messages can name them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from icmsg.config.devicetree.edits import Edits
from icmsg.config.devicetree.scanner import Scanner
from icmsg.errors import DevicetreeError
from icmsg.limits import DEVICETREE_BYTES, LABELS, STATEMENT_BYTES, read_file

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

STAND_INS: Final = "board-file"
"""Node below the root that holds the stand-ins; no path with it is ever shown."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text for dtlib and what was known about the file before parsing.

    ``macros`` are (offset in ``text``, name) of what was not expanded, ``references`` the first line (from 1) of
    every ``&label``, ``lines`` the file as its author sees it.
    """

    file: str
    text: str
    complete: bool
    macros: tuple[tuple[int, str], ...]
    references: Mapping[str, int]
    lines: tuple[str, ...]


def read_source(path: str | os.PathLike[str]) -> Source:
    """Read the file ``path``; raises :class:`DevicetreeError` for one that cannot be read or is not text."""
    file = str(path)
    try:
        raw = read_file(path, DEVICETREE_BYTES)
    except OSError as error:
        raise DevicetreeError(
            f"cannot be read ({error.strerror}); give a devicetree file, for example a build's zephyr/zephyr.dts",
            file=file,
        ) from None
    return prepare_source(decoded(raw, file), file)


def decoded(data: bytes, file: str) -> str:
    """Return the text of a file; raises :class:`DevicetreeError` for what no devicetree looks like."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DevicetreeError(
            "is not UTF-8 text; give a devicetree source, for example a build's zephyr/zephyr.dts",
            file=file,
            line=data.count(b"\n", 0, error.start) + 1,
        ) from None
    position = 0
    for statement in text.split(";"):
        if len(statement) > STATEMENT_BYTES or statement.count(":") > LABELS:
            raise DevicetreeError(
                f"a statement of more than {STATEMENT_BYTES} characters or {LABELS} colons begins here; "
                "is this a devicetree?",
                file=file,
                line=text.count("\n", 0, position) + 1,
            )
        position += len(statement) + 1
    return text


def prepare_source(text: str, file: str) -> Source:
    """Return ``text`` ready for dtlib; ``file`` is the name in messages and what ``/include/`` is relative to.

    Raises:
        DevicetreeError: the text needs the C preprocessor, or is an overlay with ``/include/``.
    """
    text = text.replace("\r\n", "\n")
    scan = Scanner(text, file).run()
    edits = Edits(scan.edits)
    head = ""
    if not scan.complete:
        if scan.include_line:
            raise DevicetreeError(
                "an overlay's /include/ is not followed; give the build's zephyr/zephyr.dts",
                file=file,
                line=scan.include_line,
            )
        stand_ins = " ".join(f"{label}: {label} {{ }};" for label in sorted(scan.missing_labels()))
        head = f"/dts-v1/; / {{ {STAND_INS} {{ {stand_ins} }}; }};\n"
        edits.add(scan.bare_node_edits())
    head += '# 1 "{}"\n'.format(file.replace('"', "'").replace("\n", " "))
    body, macros = edits.apply(text)
    return Source(
        file=file,
        text=head + body,
        complete=scan.complete,
        macros=tuple((len(head) + offset, name) for offset, name in macros),
        references=scan.reference_lines(),
        lines=tuple(text.split("\n")),
    )
