"""What CONTRIBUTING says about files and targets is so."""

from __future__ import annotations

import re

from docs_pages import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PLACES = ("examples", "icmsg", "tests", "platforms", "renode", "firmware_stubs", "docs", ".ci")


def test_every_path_exists() -> None:
    links = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", TEXT)]
    code = [
        name for name in re.findall(r"`([\w./-]+)`", TEXT) if name.split("/")[0] in PLACES and "/" in name
    ]
    assert len(links) > 5
    assert len(code) > 5
    assert [path for path in (*links, *code) if not (ROOT / path).exists()] == []


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"`make ([\w-]+)", TEXT)
    assert len(targets) > 5
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
