"""The site of the documentation is built without a warning, and holds every page."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import build_site
import pytest
from docs_pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LISTED = {name for names in build_site.NAVIGATION.values() for name in names}


def test_every_page_of_the_docs_is_in_the_list_of_the_site() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert pages <= LISTED
    assert [name for name in LISTED if not (ROOT / name).is_file()] == []


def test_every_name_of_the_api_exists() -> None:
    """Sphinx is not needed to know that."""
    from importlib import import_module

    for name in (name for names in build_site.API.values() for name in names):
        if build_site.kind(name) == "automodule":
            import_module(name)
        else:
            module, _, attribute = name.rpartition(".")
            assert getattr(import_module(module), attribute).__doc__, name


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    pytest.importorskip("furo", reason="needs pip install icmsg[docs]")
    command = [sys.executable, str(ROOT / "docs" / "build_site.py"), str(tmp_path / "an site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "an site" / "site").rglob("*.html"))
    assert len(pages) > len(LISTED)
    loaded = [
        found
        for page in pages
        for found in re.findall(
            r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text("utf-8")
        )
    ]
    assert loaded == []
    assert "trust_known_space" in (tmp_path / "an site" / "site" / "api" / "packet-buffers.html").read_text(
        "utf-8"
    )
