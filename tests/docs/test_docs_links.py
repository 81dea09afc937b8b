"""Links lead somewhere, every page can be reached, and every page says first what it is good for."""

from __future__ import annotations

from docs_pages import ROOT, Page, page, pages, read
from looped import for_each

INSIDE = [
    (each, target)
    for each in pages()
    for target in each.links
    if not target.startswith(("https://", "mailto:"))
]


@for_each(("source", "target"), INSIDE, ids=lambda value: getattr(value, "name", value))
def test_a_link_inside_the_project_leads_somewhere(source: Page, target: str) -> None:
    path, _, anchor = target.partition("#")
    found = (ROOT / source.name).parent.joinpath(path).resolve() if path else ROOT / source.name
    assert found.exists(), target
    assert found.is_relative_to(ROOT)
    if anchor:
        assert anchor in read(found).anchors, target


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[str] = set()
    waiting = ["README.md"]
    while waiting:
        name = waiting.pop()
        if name not in reached and any(each.name == name for each in pages()):
            reached.add(name)
            targets = (target.partition("#")[0] for target in page(name).links if "://" not in target)
            waiting += [
                (ROOT / name).parent.joinpath(target).resolve().relative_to(ROOT).as_posix()
                for target in targets
            ]
    assert reached == {each.name for each in pages()}


def test_every_image_is_used() -> None:
    shown = {
        (ROOT / each.name).parent.joinpath(target).resolve() for each in pages() for target in each.links
    }
    images = set((ROOT / "docs" / "images").iterdir())
    assert images
    assert images <= shown


@for_each("each", pages(), ids=lambda each: each.name)
def test_a_page_starts_with_what_its_reader_can_do(each: Page) -> None:
    title, first = [line for line in each.prose if line.strip()][:2]
    assert title.startswith("# ")
    assert first.startswith("After reading this page you can ")
