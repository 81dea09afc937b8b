"""Whatever is generated: valid pairs come back as they were meant, and anything else is a ConfigurationError."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config_files import DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.config import InstanceConfig, Region
from icmsg.config.checks import check, will_bond
from icmsg.config.devicetree import parse_devicetree
from icmsg.config.kconfig import parse_kconfig
from icmsg.config.load import load_instances, load_side
from icmsg.errors import ConfigurationError, SourceError

DETERMINED = settings(deadline=None)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@dataclass(frozen=True)
class Text:
    """How the same instances may be written."""

    overlay: bool
    address_cells: int
    bus_base: int
    """The memory nodes stand on a bus whose ranges start here; 0 = below the root."""
    names_swapped: bool
    hexadecimal: bool


TEXTS = st.builds(
    Text, st.booleans(), st.integers(1, 2), st.sampled_from([0, 0x2000_0000]), st.booleans(), st.booleans()
)


@st.composite
def pairs(draw: st.DrawFn) -> list[InstanceConfig]:
    """The app side's instances: regions and channels of their own, any valid mode, alignment and size."""
    instances = []
    address = 0x2000_0000 + 128 * draw(st.integers(0, 64))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    for number, name in enumerate(names):
        unbound = draw(st.sampled_from(["disable", "enable", "detect"]))
        alignment = draw(
            st.sampled_from([0, 4, 8, 16, 32, 64, 128] if unbound == "disable" else [8, 32, 128])
        )
        regions = []
        for _ in range(2):
            size = 4 * draw(st.integers((alignment + 40) // 4, 1024))
            regions.append(Region(address, size))
            address += (size + 127) // 128 * 128 + 128 * draw(st.integers(0, 3))
        instances.append(
            InstanceConfig(
                *regions,
                tx_channel=2 * number,
                rx_channel=2 * number + 1,
                dcache_alignment=alignment,
                unbound=unbound,  # type: ignore[arg-type]  # one of the three
                rx_limit=128,
                name=name,
            )
        )
    return instances


def written(instances: list[InstanceConfig], how: Text) -> str:
    """Return a devicetree that says ``instances``."""

    def number(value: int) -> str:
        return hex(value) if how.hexadecimal else str(value)

    def reg(region: Region) -> str:
        high = "0 " if how.address_cells == 2 else ""
        return f"reg = <{high}{number(region.address - how.bus_base)} {number(region.size)}>;"

    memory, nodes = [], []
    for index, config in enumerate(instances):
        for role, region in (("tx", config.tx_region), ("rx", config.rx_region)):
            memory.append(f"{role}{index}: memory@{region.address:x} {{ {reg(region)} }};")
        mboxes = [("tx", config.tx_channel), ("rx", config.rx_channel)]
        if how.names_swapped:
            mboxes.reverse()
        alignment = (
            f"dcache-alignment = <{number(config.dcache_alignment)}>;" if config.dcache_alignment else ""
        )
        mode = f'unbound = "{config.unbound}";' if config.unbound != "disable" else ""
        nodes.append(
            f'{config.name}: node{index} {{ compatible = "zephyr,ipc-icmsg"; tx-region = <&tx{index}>;\n'
            f"rx-region = <&rx{index}>; {alignment} {mode} mboxes = "
            + ", ".join(f"<&mbox_ {number(channel)}>" for _, channel in mboxes)
            + "; mbox-names = "
            + ", ".join(f'"{name}"' for name, _ in mboxes)
            + "; };"
        )
    child, parent = how.address_cells, 1
    high = "0 " if child == 2 else ""
    ranges = f"ranges = <{high}0 {number(how.bus_base)} 0xffffffff>;" if how.bus_base else "ranges;"
    bus = f"bus {{ #address-cells = <{child}>; #size-cells = <1>; {ranges}\n" + "\n".join(memory) + "\n};\n"
    root = f"/ {{ #address-cells = <{parent}>; #size-cells = <1>;\n{bus}" + "\n".join(nodes) + "\n"
    if how.overlay:
        return root + '};\n&mbox_ { status = "okay"; };\n'
    return f"/dts-v1/;\n{root}mbox_: mbox {{ #mbox-cells = <1>; }};\n}};\n"


@DETERMINED
@given(pairs(), TEXTS, TEXTS)
def test_any_valid_pair_comes_back_as_it_was_meant_and_will_bond(
    instances: list[InstanceConfig], app_text: Text, net_text: Text
) -> None:
    mirrored = [
        InstanceConfig(
            config.rx_region,
            config.tx_region,
            config.rx_channel,
            config.tx_channel,
            config.dcache_alignment,
            config.unbound,
            rx_limit=128,
            name=config.name,
        )
        for config in instances
    ]
    with tempfile.TemporaryDirectory() as folder:
        app, net = Path(folder) / "app.dts", Path(folder) / "net.dts"
        app.write_text(written(instances, app_text), encoding="utf-8")
        net.write_text(written(mirrored, net_text), encoding="utf-8")
        assert [found.config for found in load_instances(app, release="4.1")] == instances
        assert [found.config for found in load_instances(net, release="4.1", core="net")] == mirrored
        findings = check(load_side(app, release="4.1"), load_side(net, release="4.1", core="net"))
    assert will_bond(findings), findings


def refusal(text: str) -> SourceError | None:
    try:
        parse_devicetree(text, "app.dts")
    except SourceError as error:
        return error
    return None


def assert_usable_or_refused(text: str) -> None:
    error = refusal(text)
    if error is not None:
        assert error.file
        assert error.line is not None
        assert re.match(r"[^\n]*:\d+: .", str(error))


FRAGMENTS = (
    "/dts-v1/;", "/ {", "};", "}", "{", ";", "<", ">", "[", "]", "(", ")", '"', "&", "&mbox", "&{/ipc}",
    "ipc0:", "ipc0 {", "reg", "=", ",", "<1 2>", "<&tx>", "<(1 << 2)>", "/delete-node/",
    "/delete-property/", "/include/", "/bits/ 8", "/memreserve/", "/plugin/", "/incbin/", "#address-cells",
    "#include", "#define X", "DT_SIZE_K(", "MACRO", "0x", "09", 'compatible = "zephyr,ipc-icmsg";',
    "tx-region = <&tx>;", 'mbox-names = "tx", "rx";', "mboxes = <&mbox 0>;", "status;", "aliases {",
    "chosen {", "zephyr,sram = &tx;", "phandle = <1>;", "ranges = <1>;", "/*", "*/", "//", "\\", "'a'",
    '# 7 "other.dts"\n', "\n", "\t", "é", "\u0000", "\r",
)  # fmt: skip


@settings(deadline=None, max_examples=examples(400))
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(" ".join))
def test_any_mixture_of_devicetree_words_is_read_or_refused(text: str) -> None:
    assert_usable_or_refused(text)


@DETERMINED
@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    assert_usable_or_refused(text)


FILES = [
    (DATA / name).read_text(encoding="utf-8") for name in ("app.dts", "sample_app.overlay", "eight_app.dts")
]


@settings(deadline=None, max_examples=examples(400))
@given(
    st.sampled_from(FILES),
    st.integers(0, 10_000),
    st.integers(0, 40),
    st.sampled_from(FRAGMENTS) | st.just("") | st.text(max_size=5),
)
def test_any_damage_to_a_good_file_is_read_or_refused(text: str, start: int, length: int, new: str) -> None:
    start %= len(text)
    assert_usable_or_refused(text[:start] + new + text[start + length :])


@settings(deadline=None, max_examples=examples(100))
@given(st.sampled_from(FILES), st.sampled_from(FILES), st.integers(0, 10_000), st.integers(0, 60))
def test_a_damaged_side_gets_a_verdict_or_is_refused(app: str, net: str, start: int, length: int) -> None:
    start %= len(net)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("app.dts", app), ("net.dts", net[:start] + net[start + length :])):
            (Path(folder) / name).write_text(text, encoding="utf-8")
        try:
            findings = check(
                load_side(Path(folder) / "app.dts"), load_side(Path(folder) / "net.dts", core="net")
            )
        except ConfigurationError:
            return
        assert all(finding.message and finding.place.line >= 1 for finding in findings)


OPTIONS = st.sampled_from(
    [
        "PBUF", "BOARD", "PBUF_RX_READ_BUF_SIZE", "IPC_SERVICE_BACKEND_ICMSG", "IPC_SERVICE_ICMSG_CB_BUF_SIZE",
        "IPC_SERVICE_ICMSG_BOND_NOTIFY_REPEAT_TO_MS", "IPC_SERVICE_ICMSG_UNBOUND_ENABLED_ALLOWED", "X",
    ]
)  # fmt: skip
VALUES = st.sampled_from(["y", "n", "0", "1", "128", "0x40", '"a"', "", "y # c", "-", "\u0661"])


@DETERMINED
@given(st.lists(st.builds("CONFIG_{}={}".format, OPTIONS, VALUES) | st.text(max_size=20), max_size=8))
def test_any_kconfig_is_read_or_refused(lines: list[str]) -> None:
    facts = error = None
    try:
        facts = parse_kconfig("\n".join(lines), "prj.conf")
    except SourceError as refused:
        error = refused
    if error is not None:
        assert (error.file, error.line is not None) == ("prj.conf", True)
    if facts is not None:
        assert facts.releases
        assert facts.rx_limit is None or 1 <= facts.rx_limit <= 0xFFFF
