"""The instance that the verbs decode with: by hand, from files, and nothing that cannot work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icmsg.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path

    from verbs_on_a_machine import Session

DTS = """
/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>;
    tx: memory@20071000 { reg = <0x20071000 0x400>; };
    rx: memory@20072000 { reg = <0x20072000 0x400>; };
    mbox: mbox@2a000 { reg = <0x2a000 0x1000>; #mbox-cells = <1>; };
    ipc5: ipc5 {
        compatible = "zephyr,ipc-icmsg";
        tx-region = <&tx>; rx-region = <&rx>;
        mboxes = <&mbox 4>, <&mbox 5>; mbox-names = "tx", "rx";
        dcache-alignment = <32>; unbound = "detect";
        status = "okay";
    };
};
"""


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("", 'ipc0: pbuf, dcache-alignment 0, unbound = "disable", ring-back'),
        (
            "unbound=enable",
            'ipc0: pbuf with sessions, dcache-alignment 8, unbound = "enable", ring-back',
        ),
        (
            "unbound = detect dcache-alignment = 32",
            'ipc0: pbuf with sessions, dcache-alignment 32, unbound = "detect"',
        ),
        ("release=3.7", 'ipc0: pbuf, dcache-alignment 0, unbound = "disable", repeat'),
        ("release=3.3", 'ipc0: spsc_pbuf, cache line 32, unbound = "disable", repeat'),
        ("release=3.3 dcache-alignment=0", 'ipc0: spsc_pbuf, cache line 0, unbound = "disable"'),
    ],
)
def test_the_instance_by_hand(session: Session, words: str, first: str) -> None:
    assert session.type(f"config {words}").startswith(first)


def test_regions_are_those_of_app(session: Session) -> None:
    lines = session.type("config tx-region=0x20074000:0x100 rx-region=0x20075000:256").splitlines()
    assert lines[1:] == [
        "app->net 0x20074000…0x200740FF, channel 0, messages up to 240 bytes",
        "net->app 0x20075000…0x200750FF, channel 1, messages up to 240 bytes",
    ]
    assert session.type("dump app").startswith("app->net 0x20074000 ")


def test_an_older_release_and_back_is_the_instance_of_before(session: Session) -> None:
    before = session.type("config release=4.4")
    session.type("config release=3.3")
    assert session.type("config release=4.4") == before


@pytest.mark.parametrize("at", ["", "@"])
def test_the_instance_of_a_devicetree(session: Session, tmp_path: Path, at: str) -> None:
    file = tmp_path / "app of mine.dts"
    file.write_text(DTS, encoding="utf-8")
    assert session.verbs.execute(["config", f"app-dts={at}{file}"]).splitlines() == [
        'ipc5: pbuf with sessions, dcache-alignment 32, unbound = "detect", ring-back',
        "app->net 0x20071000…0x200713FF, channel 4, messages up to 980 bytes",
        "net->app 0x20072000…0x200723FF, channel 5, messages up to 980 bytes, app takes 128",
    ]
    session.verbs.execute(["config", f"net-dts={at}{file}"])
    assert session.type("dump net").startswith("net->app 0x20071000 ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("unboud=x", "icmsg config has no 'unboud'; did you mean unbound\\?; there are app-dts, "),
        ("unbound=never", "unbound=never: use one of disable, enable, detect"),
        ("unbound", "icmsg config unbound: use unbound=VALUE"),
        ("tx-region=0x20078000:0x800", "tx-region .* and rx-region .* overlap"),
        ("tx-region=12", "12: use ADDR:SIZE in bytes"),
        ("unbound=enable dcache-alignment=4", "need dcache-alignment >= 8"),
        ("dcache-alignment=many", "dcache-alignment 'many': use a whole number"),
        ("release=2.7", "ICMsg came with Zephyr 3.1"),
        ("release=3.7 unbound=enable", 'unbound = "enable" exists since Zephyr 4.1'),
        ("app-dts=@none.dts", "none.dts"),
        ("app-dts=@x.dts unbound=enable", "unbound and a devicetree exclude each other"),
        ("instance=ipc0", "instance goes with a devicetree: app-dts=@FILE or net-dts=@FILE"),
    ],
)
def test_what_cannot_work_changes_nothing(session: Session, words: str, told: str) -> None:
    before = session.type("config")
    with pytest.raises(MonitorError, match=told):
        session.type(f"config {words}")
    assert session.type("config") == before
