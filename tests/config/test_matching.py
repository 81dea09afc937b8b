"""Instances find their counterparts by memory, whatever they are called and in whatever order they stand."""

from __future__ import annotations

from config_files import DATA, text
from hypothesis import given
from hypothesis import strategies as st

from icmsg.config.checks import check, will_bond
from icmsg.config.devicetree import load_devicetree, parse_devicetree
from icmsg.config.load import load_side
from icmsg.config.pairing import match

APP = load_devicetree(DATA / "eight_app.dts").instances
NET = load_devicetree(DATA / "eight_net.dts").instances


@given(st.permutations(APP), st.permutations(NET))
def test_the_order_does_not_matter(ours: list, theirs: list) -> None:
    matching = match(ours, theirs)
    assert [our for our, _ in matching.pairs] == ours
    assert all(our.tx_region.region == their.rx_region.region for our, their in matching.pairs)
    assert (matching.ours_alone, matching.theirs_alone) == ([], [])


@given(st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_only_what_has_no_counterpart_is_left_alone(ours: set[int], theirs: set[int]) -> None:
    our_nodes = [APP[number] for number in sorted(ours)]
    their_nodes = [NET[7 - number] for number in sorted(theirs)]
    matching = match(our_nodes, their_nodes)
    lonely = (
        len(ours - theirs) == len(theirs - ours) == 1
    )  # one is left on each side: they are taken for a pair
    assert len(matching.pairs) == len(ours & theirs) + lonely
    assert len(matching.ours_alone) == len(ours - theirs) - lonely
    assert len(matching.theirs_alone) == len(theirs - ours) - lonely


def test_regions_that_are_not_swapped_still_tell_who_belongs_together() -> None:
    matching = match(APP, tuple(reversed(APP)))
    assert all(our is their for our, their in matching.pairs)


def test_a_name_is_enough_where_the_regions_differ() -> None:
    moved = parse_devicetree(text("eight", "app", (("0x2007", "0x2006"),))).instances
    assert [(our.name, their.name) for our, their in match(APP[2:4], moved).pairs] == [
        ("ipc2", "ipc2"),
        ("ipc3", "ipc3"),
    ]


def test_eight_instances_bond_as_they_are() -> None:
    findings = check(load_side(DATA / "eight_app.dts"), load_side(DATA / "eight_net.dts", core="net"))
    assert will_bond(findings)
    assert {finding.code for finding in findings} == {"release-open", "rx-limit"}
