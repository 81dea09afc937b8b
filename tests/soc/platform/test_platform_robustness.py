from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.errors import PlatformError
from icmsg.soc.platform import parse_platform

ORIGINAL = (
    (Path(__file__).parent / "files" / "two_cores.repl")
    .read_text(encoding="utf-8")
    .replace('using "./timers.repl"', "")
)

PIECES = [
    *"{};:@<>[]\"'\\/-+#|\n ,._0aA\t",
    "'''",
    "/*",
    "*/",
    " //",
    "    ",
    "none",
    "new T",
    "init:",
    "-> ",
    "local ",
]
edits = st.lists(
    st.tuples(st.integers(0, len(ORIGINAL)), st.integers(0, 6), st.sampled_from(PIECES) | st.just("")),
    min_size=1,
    max_size=4,
)


def refusal(text: str) -> PlatformError | None:
    """Return why ``text`` is refused; any other exception is a defect of the reader."""
    try:
        parse_platform(text, "f.repl")
    except PlatformError as error:
        return error
    return None


@settings(deadline=None, max_examples=examples(80))
@given(edits)
def test_a_damaged_file_is_read_or_refused_with_its_line(damage: list[tuple[int, int, str]]) -> None:
    text = ORIGINAL
    for position, removed, inserted in damage:
        text = text[:position] + inserted + text[position + removed :]
    error = refusal(text)
    if error is not None:
        assert 1 <= (error.line or 0) <= text.count("\n") + 1
        assert str(error).startswith(f"f.repl:{error.line}:")


@settings(deadline=None, max_examples=examples(100))
@given(st.text(st.sampled_from(PIECES).map(lambda piece: piece[0]) | st.characters(), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    error = refusal(text)
    assert error is None or error.line
