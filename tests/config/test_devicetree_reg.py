"""Addresses as Zephyr's build computes them: cells of any number, and ranges at any depth."""

from __future__ import annotations

import pytest
from looped import for_each

from icmsg.config import Region
from icmsg.config.devicetree import MemoryNode, parse_devicetree
from icmsg.errors import DevicetreeError

REST = """
    rx: rx@f000 { reg = <0xf000 64>; };
    mbox: mbox { #mbox-cells = <0>; };
    ipc0 { compatible = "zephyr,ipc-icmsg"; tx-region = <&tx>; rx-region = <&rx>;
           mboxes = <&mbox>, <&mbox>; mbox-names = "rx", "tx"; };
"""


def tx(nodes: str) -> MemoryNode:
    text = f"/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; {nodes}\n{REST} }};"
    return parse_devicetree(text, "app.dts").instances[0].tx_region


@for_each(
    ("nodes", "region"),
    [
        ("tx: tx { reg = <0x1000 0x40>; };", Region(0x1000, 0x40)),
        (
            "bus { #address-cells = <2>; #size-cells = <2>; tx: tx { reg = <0 2 0 3>; }; };",
            Region(2, 3),
        ),
        (
            "bus { #address-cells = <2>; #size-cells = <1>; tx: tx { reg = <0 0x1000 0x40>; }; };",
            Region(0x1000, 0x40),
        ),
        ("bus { tx: tx { reg = <0 0x1000 0x40>; }; };", Region(0x1000, 0x40)),  # 2 and 1 are the defaults
        # Empty ranges and none at all leave the address as it is.
        (
            "bus { #address-cells = <1>; #size-cells = <1>; ranges; tx: tx { reg = <16 64>; }; };",
            Region(16, 64),
        ),
        ("bus { #address-cells = <1>; #size-cells = <1>; tx: tx { reg = <16 64>; }; };", Region(16, 64)),
        # One range, and the second of two.
        (
            "bus { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x20000000 0x1000>;"
            " tx: tx { reg = <0x10 64>; }; };",
            Region(0x2000_0010, 64),
        ),
        (
            "bus { #address-cells = <1>; #size-cells = <1>;"
            " ranges = <0 0x20000000 0x1000>, <0x1000 0x30000000 0x1000>; tx: tx { reg = <0x1010 64>; }; };",
            Region(0x3000_0010, 64),
        ),
        # An address that no range covers stays as it is, as in Zephyr's build.
        (
            "bus { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x20000000 0x1000>;"
            " tx: tx { reg = <0x1000 64>; }; };",
            Region(0x1000, 64),
        ),
        # Two buses on top of one another, with cells of their own.
        (
            "top { #address-cells = <2>; #size-cells = <1>; ranges = <1 0 0x40000000 0x10000>;"
            " bus { #address-cells = <1>; #size-cells = <1>; ranges = <0x100 1 0x200 0x1000>;"
            " tx: tx { reg = <0x110 64>; }; }; };",
            Region(0x4000_0210, 64),
        ),
        # Translation ends where there are no ranges.
        (
            "top { #address-cells = <1>; #size-cells = <1>; bus { #address-cells = <1>; #size-cells = <1>;"
            " ranges = <0 0x500 0x100>; tx: tx { reg = <0 64>; }; }; };",
            Region(0x500, 64),
        ),
    ],
)
def test_the_address_is_the_one_that_the_root_sees(nodes: str, region: Region) -> None:
    assert tx(nodes).region == region


def test_the_first_of_several_entries_counts_and_the_number_is_kept() -> None:
    found = tx("tx: tx { reg = <0x1000 0x40>, <0x2000 0x80>; };")
    assert (found.region, found.entries) == (Region(0x1000, 0x40), 2)


def test_cells_that_a_hand_written_tree_leaves_out_are_assumed_where_nothing_else_fits() -> None:
    found = tx("bus { tx: tx { reg = <0x1000 0x40>; }; };")
    assert (found.region, found.assumed_cells) == (Region(0x1000, 0x40), True)
    assert not tx("tx: tx { reg = <0x1000 0x40>; };").assumed_cells


@pytest.mark.parametrize("ranges", ["<0 0x20000000>", "<0 1 2 3>"])
def test_ranges_that_do_not_fit_their_cells_are_refused(ranges: str) -> None:
    bus = f"bus {{ #address-cells = <1>; #size-cells = <1>;\n ranges = {ranges}; tx: tx {{ reg = <0 64>; }}; }};"
    with pytest.raises(
        DevicetreeError, match=r"app\.dts:3: ranges of /bus has \d cells, which is no multiple of 3"
    ):
        tx(bus)


def test_an_address_that_no_range_of_the_bus_covers_stays_what_it_is() -> None:
    for size, address in ((0x1001, 0x2000_1000), (0x1000, 0x1000)):
        found = tx(
            f"bus {{ #address-cells = <1>; #size-cells = <1>; ranges = <0 0x20000000 {size}>;\n"
            f"tx: tx {{ reg = <0x1000 64>; }}; }};"
        )
        assert found.region == Region(address, 64)


def test_what_is_chosen_is_known() -> None:
    found = tx("chosen { zephyr,ipc_shm = &tx; zephyr,sram = &rx; }; tx: tx { reg = <0x1000 64>; };")
    assert found.chosen == ("zephyr,ipc_shm",)


def test_a_mailbox_without_cells_has_one_channel() -> None:
    text = f"/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; tx: tx {{ reg = <0 64>; }};\n{REST} }};"
    (node,) = parse_devicetree(text).instances
    assert (node.tx_channel.number, node.rx_channel.number, node.name) == (0, 0, "ipc0")


def test_an_address_that_no_core_of_32_bits_has_is_an_error_with_its_place() -> None:
    with pytest.raises(DevicetreeError, match=r"app\.dts:2: reg of /bus/tx: region at 0x100000002 .* 4 GiB"):
        tx("bus { #address-cells = <2>; #size-cells = <2>; tx: tx { reg = <1 2 0 3>; }; };")
