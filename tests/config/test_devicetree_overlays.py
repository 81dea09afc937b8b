"""An overlay alone: what it says is read, and what only the board's files say is asked for."""

from __future__ import annotations

import pytest
from looped import for_each

from icmsg.config import Region
from icmsg.config.devicetree import Devicetree, parse_devicetree
from icmsg.errors import DevicetreeError

MEMORY = "tx: tx@0 { reg = <0x1000 64>; }; rx: rx@1 { reg = <0x2000 64>; };"
NODE = (
    'compatible = "zephyr,ipc-icmsg"; tx-region = <&tx>; rx-region = <&rx>;'
    ' mboxes = <&mbox 0>, <&mbox 1>; mbox-names = "tx", "rx";'
)


def overlay(node: str = NODE, memory: str = MEMORY, more: str = "") -> Devicetree:
    return parse_devicetree(f"/ {{ {memory} ipc0: ipc0 {{ {node} }}; }};\n{more}", "app.overlay")


def test_a_label_that_was_deleted_may_be_defined_again() -> None:
    (node,) = overlay(more="").instances
    text = f"/delete-node/ &ipc0;\n/delete-node/ &tx;\n/ {{ {MEMORY} ipc0: ipc0 {{ {NODE} }}; }};"
    (again,) = parse_devicetree(text, "app.overlay").instances
    assert again.tx_region.region == node.tx_region.region


def test_a_node_of_the_board_may_be_filled_in_by_its_label() -> None:
    text = f"/ {{ {MEMORY} }};\nipc1: &ipc0 {{ {NODE} }};"
    (node,) = parse_devicetree(text, "app.overlay").instances
    assert (node.name, node.path, node.place.line) == ("ipc0", "&ipc0", 2)


@for_each(
    ("size", "value"),
    [
        ("DT_SIZE_K(4)", 4096),
        ("DT_SIZE_M(1)", 1 << 20),
        ("DT_SIZE_K((1 + 1))", 2048),
        ("(DT_SIZE_K(1) + DT_SIZE_K(2))", 3072),
        ("DT_SIZE_K(DT_SIZE_K(1))", 1 << 20),
        ("(1 ? 64 : 32)", 64),
        ("(1 << 6)", 64),
        ("(256 >> 2)", 64),
        ("((2 > 1) * DT_SIZE_K(1))", 1024),
    ],
)
def test_sizes_may_be_expressions(size: str, value: int) -> None:
    (node,) = overlay(memory=MEMORY.replace("<0x2000 64>", f"<0x200000 {size}>")).instances
    assert node.rx_region.region == Region(0x20_0000, value)


def test_macros_of_properties_that_icmsg_does_not_use_do_not_matter() -> None:
    extra = "interrupts = <GIC_SPI 31 IRQ_TYPE(LEVEL, (1))>, <\n FOO\n>; other = <&mbox BAR>;"
    (node,) = overlay(memory=MEMORY.replace("reg = <0x1000 64>;", f"{extra} reg = <0x1000 64>;")).instances
    assert node.tx_region.region == Region(0x1000, 64)
    assert node.tx_region.place.line == 3


@pytest.mark.parametrize("header", ["<zephyr/dt-bindings/mbox.h>", '"local.h"'])
def test_headers_have_only_macros_and_do_not_matter(header: str) -> None:
    text = f"#include {header}\n  #  include {header}\n/ {{ {MEMORY} ipc0: ipc0 {{ {NODE} }}; }};"
    (node,) = parse_devicetree(text, "app.overlay").instances
    assert node.place.line == 3


def test_what_looks_like_a_directive_in_a_comment_or_a_text_is_none() -> None:
    text = (
        f'/*\n#include "a.dtsi"\n*/\n// #define A\n/ {{ {MEMORY} ipc0: ipc0 {{ {NODE} label = "#if"; }}; }};'
    )
    assert parse_devicetree(text, "app.overlay").instances[0].place.line == 5


def test_properties_that_begin_like_a_directive_are_none() -> None:
    tree = overlay(node=NODE + "\n#include-cells = <1>;\n#if-not = <1>;")
    assert len(tree.instances) == 1


@pytest.mark.parametrize(
    ("mboxes", "channels"),
    [("<&mbox 5>, <&mbox 6>", (5, 6)), ("<&mbox 5 &mbox 6>", (5, 6)), ("<&one>, <&two>", (0, 0))],
)
def test_the_cells_of_an_unknown_mailbox_follow_from_the_length(
    mboxes: str, channels: tuple[int, int]
) -> None:
    (node,) = overlay(node=NODE.replace("<&mbox 0>, <&mbox 1>", mboxes)).instances
    assert (node.tx_channel.number, node.rx_channel.number) == channels


@for_each(
    ("text", "says"),
    [
        (
            '&ipc0 {\n\tcompatible = "zephyr,ipc-icmsg";\n};\n',
            r"app.overlay:1: &ipc0 is a node of the board, whose files have its mboxes",
        ),
        (
            '&ipc0 { compatible = "zephyr,ipc-icmsg";\n mboxes = <&mbox 0>, <&mbox 1>;\n mbox-names = "tx", "rx"; };\n',
            r"app.overlay:1: &ipc0 is a node of the board, whose files have its tx-region, "
            r"and an overlay alone .* give the build's zephyr/zephyr.dts",
        ),
        (
            f"/ {{ rx: rx {{ reg = <0 64>; }};\n ipc0: ipc0 {{ {NODE} }}; }};",
            r"app.overlay:2: &tx is in the board's files; give the build's zephyr/zephyr.dts",
        ),
        (
            f"&sram {{ {MEMORY} }};\n/ {{ ipc0: ipc0 {{ {NODE} }}; }};",
            r"app.overlay:1: &sram/tx@0 lies in &sram, whose ranges are in the board's files; give the build's",
        ),
        (
            f"/ {{ {MEMORY.replace('64', 'MY_SIZE', 1)} ipc0: ipc0 {{ {NODE} }}; }};",
            r"app.overlay:1: reg of /tx@0 uses the macro MY_SIZE, which only a build expands; give the build's",
        ),
        (
            f"/ {{ {MEMORY}\n ipc0: ipc0 {{ {NODE.replace('&mbox 0', '&mbox CH(1)')} }}; }};",
            r"app.overlay:2: mboxes of /ipc0 uses the macro CH, which only a build expands",
        ),
        (
            f"/ {{ {MEMORY}\n ipc0: ipc0 {{ {NODE} dcache-alignment = <CACHE>; }}; }};",
            r"app.overlay:2: dcache-alignment of /ipc0 uses the macro CACHE",
        ),
        (
            '/ { };\n#include "nrf5340_cpuapp.dtsi"\n',
            r"""app.overlay:2: '#include "nrf5340_cpuapp.dtsi"' needs the C preprocessor; the build has run it: """
            r"give its zephyr/zephyr.dts",
        ),
        ("#define SIZE \\\n 64\n/ { };", r"app.overlay:1: '#define SIZE .' needs the C preprocessor"),
        ("/ { };\n#if X\n#endif", r"app.overlay:2: '#if X' needs the C preprocessor"),
        (
            '/ { };\n/include/ "x.dtsi"\n',
            r"app.overlay:2: an overlay's /include/ is not followed; give the build's",
        ),
        (
            "&mbox { };\n/ { mbox: mbox { }; };",
            r"app.overlay:1: Label 'mbox' appears on &mbox and on /mbox",
        ),
        (
            "&{/soc/mbox} { };\n/ { };",
            r"app.overlay:1: component 'soc' in path '/soc/mbox' does not exist",
        ),
    ],
)
def test_what_only_the_board_knows_is_asked_for(text: str, says: str) -> None:
    with pytest.raises(DevicetreeError, match=says) as caught:
        parse_devicetree(text, "app.overlay")
    assert caught.value.file == "app.overlay"
    assert "board-file" not in str(caught.value)


def test_a_board_s_memory_with_ranges_in_the_overlay_is_translated() -> None:
    sram = f"&sram {{ ranges = <0 0x20000000 0x10000>; {MEMORY} }};"
    (node,) = parse_devicetree(f"{sram}\n/ {{ ipc0: ipc0 {{ {NODE} }}; }};", "x").instances
    assert node.tx_region.region.address == 0x2000_1000


def test_a_board_s_memory_with_a_reg_in_the_overlay_is_read() -> None:
    text = (
        f"&tx {{ reg = <0x1000 64>; }};\n/ {{ rx: rx {{ reg = <0x2000 64>; }}; ipc0: ipc0 {{ {NODE} }}; }};"
    )
    (node,) = parse_devicetree(text, "x").instances
    assert (node.tx_region.path, node.tx_region.region) == ("&tx", Region(0x1000, 64))
