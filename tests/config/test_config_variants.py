"""Every broken pair of files gets its own message, which names file, line and fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from broken_variants import VARIANTS, Variant
from config_files import DATA, check_pair_of

from icmsg.config.checks import Finding, will_bond
from icmsg.errors import ConfigurationError

APPROVED = DATA / "broken_variants.txt"
GOOD = "(nothing)"


def said(variant: Variant) -> list[Finding]:
    findings = check_pair_of(variant.base, variant.changes, variant.kconfig, variant.releases)
    return [finding for finding in findings if finding.severity != "note"]


def lines(variant: Variant) -> list[str]:
    try:
        return [f"{finding.code}: {finding}" for finding in said(variant)] or [GOOD]
    except ConfigurationError as error:
        return [f"unusable: {error}"]


def approved() -> dict[str, list[str]]:
    sections = re.split(r"^## (.*)\n", APPROVED.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name: body.strip().split("\n") for name, body in zip(sections[::2], sections[1::2], strict=True)}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_variant_has_an_approved_text_and_the_other_way_round() -> None:
    assert [variant.name for variant in VARIANTS] == list(approved())


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_check_says_what_was_approved(variant: Variant) -> None:
    assert lines(variant) == approved()[variant.name]


def test_there_are_more_than_forty_different_mistakes() -> None:
    texts = [tuple(text) for text in approved().values() if text != [GOOD]]
    assert len(set(texts)) > 40


USABLE = [variant for variant in VARIANTS if not approved()[variant.name][0].startswith("unusable")]


@pytest.mark.parametrize("variant", USABLE, ids=str)
def test_only_errors_keep_a_pair_from_bonding(variant: Variant) -> None:
    text = approved()[variant.name]
    assert will_bond(said(variant)) == (not any(": error: " in line for line in text))


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_named_line_is_where_the_mistake_can_be_mended(variant: Variant) -> None:
    lines(variant)  # writes the files
    for text in approved()[variant.name]:
        for file, number in re.findall(r"\b((?:app|net)\.(?:dts|config)):(\d+)\b", text):
            content = Path(file).read_text(encoding="utf-8").split("\n")
            assert re.search(
                r"reg =|ipc|mbox|tx-region|unbound|dcache|CONFIG_|link|memory@", content[int(number) - 1]
            )


@pytest.mark.parametrize(("release", "told"), [("4.1", True), ("3.7", False)])
def test_detect_has_to_open_before_a_peer_that_rings_only_once(release: str, told: bool) -> None:
    app = (("status", 'unbound = "detect"; dcache-alignment = <8>; status'),)
    net = (("status", "dcache-alignment = <8>; status"),)
    found = check_pair_of("seed", {"app": app, "net": net}, releases={"app": "4.1", "net": release})
    notes = [str(finding) for finding in found if finding.code == "detect-opens-first"]
    assert will_bond(found)
    assert len(notes) == told
    if told:
        assert 'net, which is "disable", rings once' in notes[0]
        assert 'open app first, or use "detect" on both' in notes[0]
