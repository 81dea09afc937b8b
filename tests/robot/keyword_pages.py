"""The pages about the keywords: what Robot's libdoc makes of the library, and a table in docs/keywords.md.

``python tests/robot/keyword_pages.py`` writes both anew.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import robot
from robot.libdoc import libdoc
from robot.libdocpkg import LibraryDocumentation

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "icmsg.robot.IcmsgLibrary"
HTML = ROOT / "docs" / "keywords.html"
TABLE = ROOT / "docs" / "keywords.md"
BEGIN, END = "<!-- keywords -->", "<!-- end of keywords -->"
GROUPS = {
    "machine": "The machine and its cores",
    "firmware": "Firmware",
    "playing": "Cores that Python plays",
    "messages": "Messages",
    "regions": "Regions",
    "faults": "Faults",
    "console": "Consoles",
    "watching": "Watching",
    "time": "Time",
    "trace": "Trace",
    "renode": "Renode's own",
}
_DATA = re.compile(r"^(\s*libdoc = )(\{.*\})(;?)$", re.MULTILINE)
_GENERATOR = re.compile(r'content="Robot Framework [^"]*"')


def made_by(text: str) -> str:
    """Return the version of Robot that wrote a page."""
    found = re.search(r'content="Robot Framework ([^"]*)"', text)
    return found[1] if found else ""


def data(text: str) -> dict[str, Any]:
    """Return what a page of libdoc says about the library."""
    found = _DATA.search(text)
    assert found is not None
    loaded: dict[str, Any] = json.loads(found[2])
    return loaded


def html() -> str:
    """Return libdoc's page, without the place and the time at which it was made."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "keywords.html"
        libdoc(LIBRARY, str(page), quiet=True)
        text = page.read_text(encoding="utf-8")
    content = data(text)
    content["generated"] = ""
    for part in (content, *content["inits"], *content["keywords"]):
        part["source"], part["lineno"] = "", 0
    text = _DATA.sub(lambda found: f"{found[1]}{json.dumps(content)}{found[3]}", text)
    text = _GENERATOR.sub(f'content="Robot Framework {robot.version.VERSION}"', text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def keywords() -> list[Any]:
    """Return the keywords as libdoc knows them."""
    return list(LibraryDocumentation(LIBRARY).keywords)


def table() -> str:
    """Return the tables of docs/keywords.md."""
    found = keywords()
    lines: list[str] = []
    for tag, title in GROUPS.items():
        lines += [f"## {title}", "", "| Keyword | Arguments | |", "|---|---|---|"]
        for each in found:
            if next(name for name in GROUPS if name in each.tags) == tag:
                arguments = ", ".join(f"`{argument.name}`" for argument in each.args if argument.name)
                lines.append(f"| {each.name} | {arguments} | {_plain(each.doc)} |")
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    first = " ".join(text.partition("\n\n")[0].split())
    return first.replace("``", "`").replace("|", "\\|")


def page_with_table(text: str) -> str:
    """Return docs/keywords.md with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def main() -> None:
    HTML.write_text(html(), encoding="utf-8")
    TABLE.write_text(page_with_table(TABLE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"wrote {HTML.name} ({len(keywords())} keywords) and {TABLE.name}\n")


if __name__ == "__main__":
    main()
