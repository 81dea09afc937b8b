"""The picture of the architecture is what its script draws from the imports, and can be read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache

import draw_architecture as drawing
import pytest
from docs_pages import ROOT, page
from looped import for_each

FOUND = drawing.modules()
BOXES = drawing.box_names(FOUND)
NAMES = set(BOXES.values())
DRAWN = cache(drawing.draw)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def imports() -> drawing.Edges:
    return drawing.imports(FOUND, BOXES)


@pytest.fixture(scope="module")
def down(imports: drawing.Edges) -> drawing.Edges:
    return drawing.without_circles(imports)[0]


def test_the_committed_picture_is_that_of_the_tree() -> None:
    assert drawing.PICTURE.read_text(encoding="utf-8") == DRAWN(), "run `make docs-picture`"


def test_it_is_the_same_whatever_the_order_of_sets() -> None:
    code = "import draw_architecture as d; print(d.draw(), end='')"
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT / "docs",
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1


def test_every_import_goes_down_or_is_a_seam(imports: drawing.Edges) -> None:
    down, seams = drawing.without_circles(imports)
    rows = drawing.levels(NAMES, down)
    assert set(imports) == set(down) | set(seams)
    assert [edge for edge in down if rows[edge[0]] <= rows[edge[1]]] == []
    assert set(seams) <= {(to, at) for at, to in down}


def test_the_arrows_lead_wherever_an_import_does_and_nowhere_else(down: drawing.Edges) -> None:
    arrows = drawing.Counter(drawing.reduced(down))
    for box in NAMES:
        assert drawing.below(box, arrows) == drawing.below(box, down)
    assert set(arrows) <= set(down)
    for arrow in arrows:
        fewer = drawing.Counter(set(arrows) - {arrow})
        assert arrow[1] not in drawing.below(arrow[0], fewer), "another way implies it"


def test_every_module_is_in_a_box() -> None:
    assert len(FOUND) == len(list(drawing.PACKAGE.rglob("*.py"))) - 3  # icmsg, __main__, former_paths
    sizes = sum(int(count) for count in re.findall(r">(\d+) modules?<", DRAWN()))
    assert sizes == len(FOUND)


def test_every_step_of_a_message_is_on_the_picture() -> None:
    steps = {number for numbers in drawing.steps(BOXES).values() for number in numbers}
    assert steps == set(range(1, 10))


def test_texts_lie_in_their_boxes_and_boxes_apart() -> None:
    tree = ET.fromstring(DRAWN())
    boxes = [
        tuple(float(rect.get(key, 0)) for key in ("x", "y", "width", "height"))
        for rect in tree.iter(f"{SVG}rect")
        if rect.get("class") in {"box", "entry", "file"}
    ]
    assert len(boxes) == len(NAMES)
    for index, (x, y, width, height) in enumerate(boxes):
        for left, top, _, _ in boxes[:index]:
            assert abs(x - left) >= width or abs(y - top) >= height
    for text in tree.iter(f"{SVG}text"):
        if text.get("text-anchor") == "middle" and text.get("fill") is None:
            size = float(text.get("font-size", 13.5))
            assert len(text.text or "") * size * 0.56 < drawing.BOX_WIDTH, text.text


def test_a_circle_is_broken_where_fewest_imports_are() -> None:
    edges = drawing.Counter({("a", "b"): 5, ("b", "a"): 1, ("b", "c"): 2})
    down, seams = drawing.without_circles(edges)
    assert (dict(down), dict(seams)) == ({("a", "b"): 5, ("b", "c"): 2}, {("b", "a"): 1})
    assert drawing.levels({"a", "b", "c"}, down) == {"a": 2, "b": 1, "c": 0}


@for_each("box", sorted(NAMES))
def test_a_box_says_what_it_is(box: str) -> None:
    assert drawing.phrase(box) != []


def test_the_page_shows_it() -> None:
    assert "images/architecture.svg" in page("docs/architecture.md").links
