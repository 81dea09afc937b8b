"""Pairs of files with one mistake each, and some that only look like one.

What the check says to each stands in data/broken_variants.txt, one section for each name here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config_files import Changes


@dataclass(frozen=True)
class Variant:
    name: str
    base: str
    changes: dict[str, Changes] = field(default_factory=dict)
    kconfig: dict[str, str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


def both(*changes: tuple[str, str]) -> dict[str, Changes]:
    return {"app": changes, "net": changes}


VARIANTS = (
    Variant("good seed", "seed"),
    Variant("good zephyr", "zephyr"),
    Variant("good eight", "eight"),
    Variant("own regions overlap", "seed", {"app": (("reg = <0x20078000", "reg = <0x20070400"),)}),
    Variant("same region", "seed", {"app": (("rx-region = <&rx>", "rx-region = <&tx>"),)}),
    Variant("misaligned", "seed", both(("reg = <0x20070000", "reg = <0x20070002"))),
    Variant(
        "misaligned for cache",
        "seed",
        both(("<0x20078000", "<0x20078010"), ("status", "dcache-alignment = <32>; status")),
    ),
    Variant("too small", "seed", both(("0x0800", "16"))),
    Variant("too small for magic", "seed", both(("0x0800", "24"))),
    Variant("odd size", "seed", both(("0x0800", "0x802"))),
    Variant("A differs", "seed", {"app": (("status", "dcache-alignment = <32>; status"),)}),
    Variant("A 0 and 4 same", "seed", {"app": (("status", "dcache-alignment = <4>; status"),)}),
    Variant("A odd", "seed", both(("status", "dcache-alignment = <6>; status"))),
    Variant(
        "regions not swapped",
        "seed",
        {"net": (("tx-region = <&tx>", "tx-region = <&rx>"), ("rx-region = <&rx>", "rx-region = <&tx>"))},
    ),
    Variant("channels not swapped", "seed", {"net": (("<&mbox 1>, <&mbox 0>", "<&mbox 0>, <&mbox 1>"),)}),
    Variant("channels differ", "seed", {"net": (("<&mbox 1>, <&mbox 0>", "<&mbox 1>, <&mbox 2>"),)}),
    Variant("region elsewhere", "seed", {"net": (("<0x20070000", "<0x20071000"),)}),
    Variant("sizes differ", "seed", {"net": (("<0x20078000 0x0800>", "<0x20078000 0x1000>"),)}),
    Variant("same channel", "seed", {"app": (("<&mbox 0>, <&mbox 1>", "<&mbox 1>, <&mbox 1>"),)}),
    Variant("not accessible", "seed", both(("<0x20070000", "<0x21000000"))),
    Variant("nowhere", "seed", both(("<0x20070000", "<0x30000000"))),
    Variant("half outside", "seed", both(("<0x20078000 0x0800>", "<0x2007fc00 0x0800>"))),
    Variant("session A0", "seed", both(("status", 'unbound = "enable"; status'))),
    Variant("session A4", "seed", both(("status", 'unbound = "detect"; dcache-alignment = <4>; status'))),
    Variant(
        "enable vs disable",
        "seed",
        {
            "app": (("status", 'unbound = "enable"; dcache-alignment = <8>; status'),),
            "net": (("status", "dcache-alignment = <8>; status"),),
        },
    ),
    Variant("enable vs explicit disable", "zephyr", {"net": (('"detect"', '"disable"'),)}),
    Variant(
        "enable vs 3.7",
        "seed",
        {
            "app": (("status", 'unbound = "enable"; dcache-alignment = <8>; status'),),
            "net": (("status", "dcache-alignment = <8>; status"),),
        },
        releases={"net": "3.7"},
    ),
    Variant("unknown mode", "seed", {"app": (("status", 'unbound = "compatibility"; status'),)}),
    Variant(
        "mode forbidden",
        "seed",
        both(("status", 'unbound = "detect"; dcache-alignment = <8>; status')),
        kconfig={"net": "CONFIG_IPC_SERVICE_ICMSG_UNBOUND_DETECT_ALLOWED=n\n"},
    ),
    Variant(
        "default mode forbidden",
        "seed",
        kconfig={"app": "# CONFIG_IPC_SERVICE_ICMSG_UNBOUND_DISABLED_ALLOWED is not set\n"},
    ),
    Variant(
        "unbound with 3.7",
        "seed",
        {"app": (("status", 'unbound = "detect"; dcache-alignment = <8>; status'),)},
        releases={"app": "3.7"},
    ),
    Variant(
        "dcache with 3.4",
        "seed",
        {"app": (("status", "dcache-alignment = <8>; status"),)},
        releases={"app": "3.4", "net": "3.4"},
    ),
    Variant("generations", "seed", releases={"app": "3.5", "net": "3.6"}),
    Variant("generations open", "seed", releases={"app": "3.5"}),
    Variant(
        "spsc lines differ",
        "seed",
        kconfig={"net": "CONFIG_SPSC_PBUF_REMOTE_DCACHE_LINE=64\n"},
        releases={"app": "3.5", "net": "3.5"},
    ),
    Variant(
        "backend off",
        "seed",
        kconfig={"app": 'CONFIG_BOARD="x"\n# CONFIG_IPC_SERVICE_BACKEND_ICMSG is not set\n'},
    ),
    Variant("backend absent", "seed", kconfig={"app": 'CONFIG_BOARD="x"\n'}),
    Variant("rx size < magic", "seed", kconfig={"app": "CONFIG_PBUF_RX_READ_BUF_SIZE=8"}),
    Variant(
        "mailbox disabled",
        "zephyr",
        {
            "app": (
                ("#mbox-cells = < 0x1 >;", 'status = "disabled"; #mbox-cells = < 0x1 >;'),
                ('status = "okay"; /* in zephyr/dts/arm/nordic/nrf5340_cpuapp.dtsi:97 */', ""),
            )
        },
    ),
    Variant("channel masked", "zephyr", {"net": (("tx-mask = < 0xffff >", "tx-mask = < 0x1 >"),)}),
    Variant("channel 16", "zephyr", both(("< &mbox 0x0 >", "< &mbox 16 >"))),
    Variant("in sram", "zephyr", {"app": (("< 0x20000000 0x70000 >", "< 0x20000000 0x78000 >"),)}),
    Variant(
        "reserved overlap",
        "zephyr",
        {
            "app": (
                (
                    "sram_rx: memory",
                    "other: memory@20077c00 { reg = <0x20077c00 0x800>; };\n sram_rx: memory",
                ),
            )
        },
    ),
    Variant(
        "reserved pool chosen",
        "zephyr",
        {
            "app": (
                ("chosen {", "chosen { zephyr,ipc_shm = &pool;"),
                (
                    "sram_rx: memory",
                    "pool: memory@20078001 { reg = <0x20078000 0x8000>; };\n sram_rx: memory",
                ),
            )
        },
    ),
    Variant(
        "reserved pool",
        "zephyr",
        {
            "app": (
                (
                    "sram_rx: memory",
                    "pool: memory@20078001 { reg = <0x20078000 0x8000>; };\n sram_rx: memory",
                ),
            )
        },
    ),
    Variant(
        "another backend shares",
        "zephyr",
        {
            "app": (
                (
                    "ipc0: ipc0",
                    'ipc1: ipc1 { compatible = "zephyr,ipc-rpmsg"; tx-region = <&sram_tx>; };\n ipc0: ipc0',
                ),
            )
        },
    ),
    Variant(
        "another backend overlaps",
        "zephyr",
        {
            "app": (
                (
                    "ipc0: ipc0",
                    'ipc1: ipc1 { compatible = "zephyr,ipc-rpmsg"; tx-region = <&theirs>; };\n ipc0: ipc0',
                ),
                (
                    "sram_rx: memory",
                    "theirs: memory@20077c00 { reg = <0x20077c00 0x800>; };\n sram_rx: memory",
                ),
            )
        },
    ),
    Variant("two instances share region", "eight", {"app": (("tx-region = <&tx3>", "tx-region = <&tx2>"),)}),
    Variant(
        "two instances overlap", "eight", both(("reg = <0x20072000 0x800>", "reg = <0x20072000 0x1004>"))
    ),
    Variant(
        "two instances share channel", "eight", {"app": (("<&mbox 4>, <&mbox 5>", "<&mbox 4>, <&mbox 2>"),)}
    ),
    Variant("no counterpart", "eight", {"net": (("link3: link3 {", 'link3: link3 { status = "disabled";'),)}),
    Variant(
        "two reg entries", "seed", {"app": (("<0x20078000 0x0800>", "<0x20078000 0x0800 0x20079000 0x800>"),)}
    ),
    Variant(
        "two reg entries cells",
        "seed",
        {
            "app": (
                ("<0x20078000 0x0800>", "<0x20078000 0x0800 0x20079000 0x800>"),
                ("reserved-memory {", "reserved-memory { #address-cells = <1>; #size-cells = <1>;"),
            )
        },
    ),
    Variant(
        "cells assumed", "eight", {"app": (("\t\t#address-cells = <1>;\n\t\t#size-cells = <1>;\n", ""),)}
    ),
)
