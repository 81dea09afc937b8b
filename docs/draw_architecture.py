"""Draws ``images/architecture.svg`` from the imports of the package: ``make docs-picture``.

A box is a package; one of more than :data:`SPLIT` modules is a box for each of its sub-packages and one for the rest. A
row imports only from rows below it. An arrow is an import that no other way of arrows implies. Where two boxes import
each other, the direction with fewer imports is dashed: it is a seam, which chooses an implementation. Numbers are the
steps of "The way of one message" in ``architecture.md``.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections import Counter
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "icmsg"
PAGE: Final = ROOT / "docs" / "architecture.md"
PICTURE: Final = ROOT / "docs" / "images" / "architecture.svg"

SPLIT: Final = 80
WIDTH: Final = 1120
BOX_WIDTH: Final = 222
BOX_HEIGHT: Final = 106
LANE: Final = 30
ROW: Final = 156
TOP: Final = 66
WRAP: Final = 27

Edges = Counter[tuple[str, str]]


class Place(NamedTuple):
    """Where a box, or an arrow that passes a row, is: ``x`` its middle, ``y`` its upper edge."""

    x: float
    y: float


def modules() -> dict[str, Path]:
    """Return the modules by dotted name; those that only pass on are left out."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        names = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(names[:-1] if names[-1] == "__init__" else names)
        if name not in ("icmsg", "icmsg.__main__", "icmsg.former_paths") and "_data" not in names:
            found[name] = path
    return found


def box_names(found: dict[str, Path]) -> dict[str, str]:
    """Return the box of each module."""
    sizes = Counter(name.split(".")[1] for name in found)
    boxes = {}
    for name, path in found.items():
        parts = name.split(".")[1:]
        is_package = path.name == "__init__.py"
        deep = sizes[parts[0]] > SPLIT and (len(parts) > 2 or (len(parts) == 2 and is_package))
        boxes[name] = ".".join(parts[:2]) if deep else parts[0]
    return boxes


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the statements of a module, wherever they stand; what is below them, ten times as much, is no import."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, field, ()))


def imports(found: dict[str, Path], boxes: dict[str, str]) -> Edges:
    """Count the imports between boxes, those for type checking and inside of functions included."""
    edges: Edges = Counter()
    for name, path in found.items():
        for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
            targets: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [target if target in boxes else node.module for target in inner]
            elif isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            for target in targets:
                if target in boxes and boxes[target] != boxes[name]:
                    edges[boxes[name], boxes[target]] += 1
    return edges


def without_circles(edges: Edges) -> tuple[Edges, Edges]:
    """Return the edges that only go down, and the fewest imports that are in the way of that."""
    down, seams = Counter(edges), Counter[tuple[str, str]]()
    while circle := [edge for edge in down if edge[0] in below(edge[1], down)]:
        weakest = min(circle, key=lambda edge: (down[edge], edge))
        seams[weakest] = down.pop(weakest)
    return down, seams


def below(box: str, edges: Edges) -> set[str]:
    """Return what can be reached from a box."""
    found: set[str] = set()
    waiting = [box]
    while waiting:
        here = waiting.pop()
        fresh = {to for at, to in edges if at == here} - found
        found |= fresh
        waiting += fresh
    return found


def reduced(edges: Edges) -> list[tuple[str, str]]:
    """Return the edges that no longer way implies."""
    return sorted(
        (start, end)
        for start, end in edges
        if not any(end in below(via, edges) for at, via in edges if at == start and via != end)
    )


def levels(boxes: set[str], edges: Edges) -> dict[str, int]:
    """Return the row of each box, 0 at the bottom: just below whoever imports it, so that arrows are short."""
    found: dict[str, int] = {}

    def level(box: str) -> int:
        if box not in found:
            found[box] = max((level(to) + 1 for at, to in edges if at == box), default=0)
        return found[box]

    for box in sorted(boxes, key=level, reverse=True):
        importers = [found[at] for at, to in edges if to == box]
        found[box] = max(found[box], min(importers, default=0) - 1)
    return found


def arrange(
    boxes: set[str], rows: dict[str, int], arrows: list[tuple[str, str]]
) -> tuple[list[list[str]], dict[tuple[str, str], list[str]]]:
    """Return the rows, ordered so that arrows cross little, and the way of each arrow through lanes between boxes."""
    height = max(rows.values())
    table: list[list[str]] = [sorted(box for box in boxes if rows[box] == row) for row in range(height + 1)]
    ways: dict[tuple[str, str], list[str]] = {}
    for start, end in arrows:
        between = [f"{start}>{end}@{row}" for row in range(rows[start] - 1, rows[end], -1)]
        for lane, row in zip(between, range(rows[start] - 1, rows[end], -1), strict=True):
            table[row].append(lane)
        ways[start, end] = [start, *between, end]
    links = [pair for way in ways.values() for pair in pairwise(way)]
    for turn in range(24):
        order = range(height + 1) if turn % 2 else range(height, -1, -1)
        at = {name: (index + 0.5) / len(row) for row in table for index, name in enumerate(row)}
        for row in order:
            near = {
                name: [at[b if a == name else a] for a, b in links if name in (a, b)] for name in table[row]
            }
            table[row].sort(
                key=lambda name: (sum(near[name]) / len(near[name]) if near[name] else at[name], name)
            )
            at.update({name: (index + 0.5) / len(table[row]) for index, name in enumerate(table[row])})
    return table, ways


def places(table: list[list[str]], boxes: set[str]) -> dict[str, Place]:
    """Return where everything is; boxes of a row and the lanes between them share its width."""
    found = {}
    for row, names in enumerate(table):
        y = TOP + (len(table) - 1 - row) * ROW
        widths = [BOX_WIDTH if name in boxes else LANE for name in names]
        gap = (WIDTH - sum(widths)) / (len(names) + 1)
        x = gap
        for name, width in zip(names, widths, strict=True):
            found[name] = Place(x + width / 2, y)
            x += width + gap
    return found


def steps(boxes: dict[str, str]) -> dict[str, list[int]]:
    """Return the steps of one message by the box in which they happen."""
    text = PAGE.read_text(encoding="utf-8").partition("## The way of one message")[2].partition("\n## ")[0]
    found: dict[str, list[int]] = {}
    for number, step in re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |\n\n|\Z)", text, re.MULTILINE | re.DOTALL):
        for path in re.findall(r"`(icmsg/[\w/]+)\.py`", step):
            box = boxes.get(path.replace("/", "."))
            if box is not None and int(number) not in found.setdefault(box, []):
                found[box].append(int(number))
    return found


def phrase(box: str) -> list[str]:
    """Return what a box is: the first words of its docstring, at most two lines."""
    folder = PACKAGE / box.replace(".", "/")
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").replace("`", "")
    first = re.split(r"[:;,]|\.(?=\s|$)", " ".join(text.split()), maxsplit=1)[0]
    return textwrap.wrap(first, WRAP, max_lines=2, placeholder=" …")


def inside(box: str, boxes: dict[str, str], found: dict[str, Path]) -> list[str]:
    """Return how large a box is, and as many of its sub-packages as a line takes."""
    own = [name for name, at in boxes.items() if at == box]
    depth = box.count(".") + 3
    packages = [
        name.rpartition(".")[2]
        for name in own
        if name.count(".") + 1 == depth and found[name].name == "__init__.py"
    ]
    size = f"{len(own)} modules" if len(own) > 1 else "1 module"
    named = textwrap.shorten(", ".join(packages), WRAP, placeholder=" …")
    return [size, named] if packages else [size]


def draw() -> str:
    """Return the picture as SVG."""
    found = modules()
    boxes = box_names(found)
    names = set(boxes.values())
    down, seams = without_circles(imports(found, boxes))
    rows = levels(names, down)
    arrows = reduced(down)
    upwards = sorted((end, start) for start, end in seams)
    table, ways = arrange(names, rows, [*arrows, *(seam for seam in upwards if seam not in arrows)])
    at = places(table, names)
    numbers = steps(boxes)
    height = TOP + (max(rows.values()) + 1) * ROW
    entered = {box for box in names if not any(end == box for _, end in down)}
    parts = [_HEAD.format(width=WIDTH, height=height, right=WIDTH - 2, bottom=height - 2)]
    parts.append(
        '  <text x="24" y="30" font-size="16" font-weight="bold">What people touch: start here</text>\n'
        f'  <text x="{WIDTH - 24}" y="30" text-anchor="end">arrow: imports; dashed: chooses one of them; '
        "green: the steps of one message</text>\n"
    )
    parts += [_way(ways[arrow], at, names) for arrow in arrows]
    parts += [_way(ways[seam], at, names, upwards=True) for seam in upwards]
    for box in sorted(names):
        look = (
            "entry" if box in entered else "file" if not (PACKAGE / box.replace(".", "/")).is_dir() else "box"
        )
        parts.append(
            _box(box, at[box], look, [*phrase(box), *inside(box, boxes, found)], numbers.get(box, []))
        )
    return "".join([*parts, "</svg>\n"])


def _way(names: list[str], at: dict[str, Place], boxes: set[str], *, upwards: bool = False) -> str:
    """Draw an arrow down, or a dashed one up beside it."""
    beside = 40 if upwards else 0
    x, y = at[names[0]].x + beside, at[names[0]].y + BOX_HEIGHT
    path = f"M{x:.0f} {y:.0f}"
    for name in names[1:]:
        to, top = at[name].x + (beside if name in boxes else 0), at[name].y
        middle = (y + top) / 2
        path += f"C{x:.0f} {middle:.0f} {to:.0f} {middle:.0f} {to:.0f} {top:.0f}"
        x, y = to, top
        if name not in boxes:
            y += BOX_HEIGHT
            path += f"V{y:.0f}"
    return f'  <path class="{"seam" if upwards else "arrow"}" d="{path}"/>\n'


def _box(box: str, at: Place, look: str, lines: list[str], numbers: list[int]) -> str:
    left = at.x - BOX_WIDTH / 2
    name = box if look != "file" else f"{box}.py"
    text = [
        f'  <rect class="{look}" x="{left:.0f}" y="{at.y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="9"/>\n',
        f'  <text x="{at.x:.0f}" y="{at.y + 23:.0f}" text-anchor="middle" font-size="16" font-weight="bold">'
        f"{escape(name)}</text>\n",
    ]
    for index, line in enumerate(lines):
        text.append(
            f'  <text x="{at.x:.0f}" y="{at.y + 43 + 18 * index:.0f}" text-anchor="middle">{escape(line)}</text>\n'
        )
    if numbers:
        label = ", ".join(map(str, sorted(numbers)))
        width = 14 + 8 * len(label)
        text.append(
            f'  <rect class="step" x="{left + 8 - width / 2:.0f}" y="{at.y - 11:.0f}" width="{width}" height="22" '
            'rx="11"/>\n'
            f'  <text x="{left + 8:.0f}" y="{at.y + 5:.0f}" text-anchor="middle" font-weight="bold" fill="#ffffff">'
            f"{label}</text>\n"
        )
    return "".join(text)


_HEAD: Final = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
width="{width}" height="{height}" role="img" aria-labelledby="title desc" \
font-family="ui-sans-serif, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif" font-size="13.5" fill="#1f2328">
  <title id="title">The packages and their imports</title>
  <desc id="desc">Drawn by docs/draw_architecture.py from the imports of the package. A row imports only from rows \
below it.</desc>
  <style>
    .arrow {{ fill: none; stroke: #57606a; stroke-width: 1.6; marker-end: url(#head); }}
    .seam {{ fill: none; stroke: #57606a; stroke-width: 1.6; stroke-dasharray: 6 4; marker-start: url(#head); }}
    .box {{ fill: #ddf4ff; stroke: #0969da; stroke-width: 2; }}
    .entry {{ fill: #fff3c4; stroke: #9a6700; stroke-width: 2; }}
    .file {{ fill: #f6f8fa; stroke: #8c959f; stroke-width: 2; }}
    .step {{ fill: #1a7f37; }}
  </style>
  <defs>
    <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
orient="auto-start-reverse">
      <path d="M0 0 10 5 0 10z" fill="#57606a"/>
    </marker>
  </defs>
  <!-- An opaque card, so that the picture reads the same on a light and on a dark page. -->
  <rect x="1" y="1" width="{right}" height="{bottom}" rx="14" fill="#ffffff" stroke="#8c959f" stroke-width="2"/>
"""


def main() -> int:
    """Write the picture."""
    PICTURE.write_text(draw(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
