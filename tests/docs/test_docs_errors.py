"""Troubleshooting quotes texts that exist, and leaves out none that a user of the command can get."""

from __future__ import annotations

import re

from docs_pages import ROOT, page
from looped import Cases
from source_texts import errors_in, normal, texts

PAGE = page("docs/troubleshooting.md")

MODULES = (
    "assets.py",
    "cli/arguments.py",
    "cli/core_options.py",
    "cli/engine_options.py",
    "cli/new_command.py",
    "cli/renode_command.py",
    "cli/run_command.py",
    "cli/simulate_command.py",
    "cli/trace_command.py",
    "config/instance.py",
    "engines/embedded/build.py",
    "engines/embedded/armv8m/core.py",
    "engines/embedded/memory.py",
    "engines/embedded/emulator/native.py",
    "engines/embedded/riscv/core.py",
    "engines/embedded/riscv/hart.py",
    "engines/embedded/wiring.py",
    "link/endpoints",
    "engines/choice.py",
    "engines/renode/download.py",
    "engines/renode/install.py",
    "link/exchange.py",
    "machine/image.py",
    "machine/boot.py",
    "machine/image_formats.py",
    "soc/platform",
    "link/players.py",
    "link/preconditions.py",
    "link/verdict.py",
    "soc/soc.py",
    "link/watch.py",
    "link/workload.py",
    "gdb",
    "monitor/verbs",
    "views",
    "wire/packet_buffer.py",
    "wire/pbuf.py",
)
"""Where the errors come from that the command can show."""

NOT_SHOWN = {
    "there is no Monitor here": "the command has one",
    "no firmware stub … for core …; there are …": "the command looks the name up before",
    '… = "…" does not exist: use one of …': "the command's choices come first",
    'wire="spsc_pbuf" exists up to Zephyr 3.5': "the command has no option for it",
    "… has … data bytes, but spsc_pbuf steps its read index in 16 bits": "the command has no option for it",
    "stale memory …: use …": "the command's choices come first",
    "…: no symbol …; was it stripped, or optimised away?": "only asked for symbols that are there",
    "… … of core … …": "misplaced() of the checks says it, which the page has",
    "the next packet has … bytes, more than the … of this receiver": "the command sets no limit",
    # Said by parts of these modules that the command does not use.
    "a hart has no registers on the bus": "its start has no place on the bus either",
    "no peripheral is there, only … in the same page": "the reason of a bus fault",
    "Failed to download …": "the Monitor says it, with the remedy behind it",
    "it has more than … bytes": "the Monitor says it of a download",
    "its SHA-1 is not the one in its address": "the Monitor says it of a download",
    "it cannot be unpacked: …": "the Monitor says it of a download",
    "this is no image of U-Boot": "the Monitor's LoadUImage says it",
    "the sum of the header is wrong": "the Monitor's LoadUImage says it",
    "the sum of the data is wrong": "the Monitor's LoadUImage says it",
    "its data ": "the Monitor's LoadUImage says it",
    "a symbol table of another form, or one that ends early": "it stands behind the name of the file, with what to do",
    "the region has no word …": "only Python and Robot watch words of a region",
    "an empty packet would block the reader": "no option can ask for one",
    'no handshake word here: use unbound = "enable" or "detect" '
    "with dcache-alignment >= 8": "the check of a configuration comes first",
    "… bytes exceed the 16-bit length of a packet": "the check of messages against the region comes first",
}


def quotes() -> list[str]:
    """Return the texts that the page explains: headings and first columns."""
    headings = [line for line in PAGE.prose if line.startswith("#### ")]
    rows = [row[0] for row in PAGE.table("Text")]
    return [normal(quote) for place in (*headings, *rows) for quote in re.findall(r"`([^`]+)`", place)]


def modules() -> list[str]:
    found = []
    for name in MODULES:
        path = ROOT / "icmsg" / name
        assert path.exists(), name
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [path.relative_to(ROOT).as_posix() for path in found]


def test_every_quoted_text_is_in_the_source() -> None:
    with Cases() as cases:
        for quote in quotes():
            with cases.case(quote):
                find(quote)


def find(quote: str) -> None:
    assert re.search(r"\w", quote)
    # A heading may give a name where the source has a value: "echo … of …" is "… did not happen" with a name.
    if not any(quote in text for text in texts()):
        subject, verb, rest = quote.partition(" did not happen within")
        assert verb, "no such text in the source: correct the page"
        assert any(normal(f"…{verb}{rest}") in text for text in texts())
        assert any(subject in text for text in texts())


def test_no_error_of_a_module_is_left_out() -> None:
    explained = quotes()
    missing = [
        f"{name}:{line}: {text}"
        for name in modules()
        for line, text in errors_in(ROOT / name)
        if not any(quote in text for quote in explained)
        and not any(text.startswith(known) for known in NOT_SHOWN)
    ]
    assert missing == [], "explain them in docs/troubleshooting.md"


def test_what_is_said_not_to_be_shown_exists() -> None:
    errors = [text for name in modules() for _, text in errors_in(ROOT / name)]
    assert [known for known in NOT_SHOWN if not any(text.startswith(known) for text in errors)] == []
