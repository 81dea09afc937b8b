"""VEVIF and bellboards: channels that the hardware or Zephyr's driver does not have, and devices for one direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nrf54_files import FILES, H20, L15, check, codes, messages, write

if TYPE_CHECKING:
    from pathlib import Path

Capture = pytest.CaptureFixture[str]


def test_a_good_pair_of_each_will_bond(capsys: Capture) -> None:
    for pair in (L15, H20):
        found = check(capsys, *(FILES / f"{name}.dts" for name in pair))
        assert (found["code"], codes(found)) == (0, [])


@pytest.mark.parametrize(
    ("app", "flpr", "expected", "words"),
    [
        pytest.param(
            ("&cpuapp_vevif_rx 0x14", "&cpuapp_vevif_rx 0x13"),
            ("&cpuflpr_vevif_tx 0x14", "&cpuflpr_vevif_tx 0x13"),
            ["channel-not-wired", "channel-not-wired"],
            "rx is <&cpuapp_vevif_rx 19>, but the hardware has only VEVIF event 20",
            id="event",
        ),
        pytest.param(
            ("&cpuapp_vevif_tx 0x15", "&cpuapp_vevif_tx 0x7"),
            ("&cpuflpr_vevif_rx 0x15", "&cpuflpr_vevif_rx 0x7"),
            ["channel-not-wired", "channel-not-wired"],
            "tx is <&cpuapp_vevif_tx 7>, but the hardware has only VEVIF task 16 to 22",
            id="task",
        ),
        pytest.param(
            ("&cpuapp_vevif_tx 0x15", "&cpuapp_vevif_tx 0x20"),
            ("&cpuflpr_vevif_rx 0x15", "&cpuflpr_vevif_rx 0x20"),
            ["channel-missing", "channel-missing"],
            "tx is <&cpuapp_vevif_tx 32>, but this mailbox has 32 channels",
            id="no such channel",
        ),
        pytest.param(
            ("&cpuapp_vevif_tx 0x15", "&cpuapp_vevif_tx 0x16"),
            None,
            ["channels-differ"],
            "app rings <&cpuapp_vevif_tx 22>",
            id="two numbers",
        ),
        pytest.param(
            ('"rx",\n			             "tx"', '"tx",\n			             "rx"'),
            None,
            ["mailbox-one-way", "mailbox-one-way"],
            "tx is <&cpuapp_vevif_rx 20>, on which this core can only hear a VEVIF event: swap the names in mbox-names",
            id="mbox-names",
        ),
    ],
)
def test_a_mistake_in_vevif_channels_is_named(
    capsys: Capture,
    tmp_path: Path,
    app: tuple[str, str],
    flpr: tuple[str, str] | None,
    expected: list[str],
    words: str,
) -> None:
    files = [
        write(tmp_path, name, *(() if change is None else (change,)))
        for name, change in zip(L15, (app, flpr), strict=True)
    ]
    found = check(capsys, *files)
    assert (found["code"], codes(found)) == (1, expected)
    assert words in messages(found)


@pytest.mark.parametrize("number", [16, 18, 22])
def test_any_task_that_is_wired_will_do(capsys: Capture, tmp_path: Path, number: int) -> None:
    files = [
        write(tmp_path, name, (f"&{mailbox} 0x15", f"&{mailbox} {number:#x}"))
        for name, mailbox in zip(L15, ("cpuapp_vevif_tx", "cpuflpr_vevif_rx"), strict=True)
    ]
    assert check(capsys, *files)["code"] == 0


def test_a_task_against_an_event_is_told(capsys: Capture, tmp_path: Path) -> None:
    flpr = write(tmp_path, "l15_flpr", ("nrf-vevif-task-rx", "nrf-vevif-event-rx"))
    found = check(capsys, FILES / "l15_app.dts", flpr)
    assert codes(found) == ["mailboxes-differ"]
    assert "app rings a VEVIF task (<&cpuapp_vevif_tx 21>" in messages(found)
    assert "but flpr hears a VEVIF event (<&cpuflpr_vevif_rx 21>" in messages(found)


@pytest.mark.parametrize(("number", "expected"), [(30, []), (31, ["event-refused"])])
def test_the_last_event_is_one_that_zephyrs_driver_refuses(
    capsys: Capture, tmp_path: Path, number: int, expected: list[str]
) -> None:
    mask = ("nordic,events-mask = < 0x100000 >", "nordic,events-mask = < 0xf0000000 >")
    files = [
        write(tmp_path, name, mask, (f"&{mailbox} 0x14", f"&{mailbox} {number:#x}"))
        for name, mailbox in zip(L15, ("cpuapp_vevif_rx", "cpuflpr_vevif_tx"), strict=True)
    ]
    found = check(capsys, *files)
    assert codes(found) == expected
    assert not expected or found["findings"][0]["core"] == "flpr"


def test_an_overlay_of_a_known_soc_is_judged_by_what_that_soc_has(capsys: Capture, tmp_path: Path) -> None:
    text = (FILES.parent / "nrf54l15_app.overlay").read_text(encoding="utf-8").replace("_rx 20>", "_rx 16>")
    path = tmp_path / "app.overlay"
    path.write_text(text, encoding="utf-8")
    assert codes(check(capsys, path)) == []
    assert codes(check(capsys, path, "--soc", "nrf54l15")) == ["channel-not-wired"]
    path = path.rename(tmp_path / "nrf54l15dk_nrf54l15_cpuapp.overlay")
    found = check(capsys, path)
    assert (codes(found), found["sides"][0]["soc"]) == (["channel-not-wired"], "nrf54l15")


class TestBellboard:
    """A bell is a number of the receiver's bellboard."""

    def test_the_number_is_that_of_the_receiver(self, capsys: Capture, tmp_path: Path) -> None:
        app = write(tmp_path, "h20_app", ("&cpurad_bellboard 0xc", "&cpurad_bellboard 0x12"))
        found = check(capsys, app, FILES / "h20_rad.dts")
        assert codes(found) == ["channels-differ"]
        assert "app rings <&cpurad_bellboard 18>" in messages(found)
        assert "hears <&cpurad_bellboard 12>" in messages(found)

    def test_names_the_wrong_way_round_are_told(self, capsys: Capture, tmp_path: Path) -> None:
        app = write(
            tmp_path,
            "h20_app",
            (
                '< &cpurad_bellboard 0xc >;\n			mbox-names = "rx", "tx"',
                '< &cpurad_bellboard 0xc >;\n			mbox-names = "tx", "rx"',
            ),
        )
        found = check(capsys, app, FILES / "h20_rad.dts")
        assert codes(found) == ["mailbox-one-way", "mailbox-one-way"]
        assert "tx is <&cpuapp_bellboard 18>, on which this core can only hear a bell" in messages(found)

    @pytest.mark.parametrize(
        ("mapping", "good"),
        [
            ("< 0x46041 0x0 >", True),
            ("< 0x6041 0x0 >", False),
            ("< 0x40000 0x0 >", True),
            ("< 0x6041 0x0 >, < 0x40000 0x2 >", False),
            ("< 0x40000 0x0 >, < 0x6041 0x0 >", False),
        ],
        ids=["mapped", "left out", "alone", "no such interrupt", "overwritten"],
    )
    def test_what_is_heard_needs_an_interrupt(
        self, capsys: Capture, tmp_path: Path, mapping: str, good: bool
    ) -> None:
        app = write(tmp_path, "h20_app", ("< 0x46041 0x0 >", mapping))
        found = check(capsys, app, FILES / "h20_rad.dts")
        assert codes(found) == ([] if good else ["bell-not-mapped"])
        if not good:
            assert "rx is <&cpuapp_bellboard 18>, but nordic,interrupt-mapping of" in messages(found)

    def test_the_message_names_the_bells_that_have_one(self, capsys: Capture, tmp_path: Path) -> None:
        app = write(tmp_path, "h20_app", ("< 0x46041 0x0 >", "< 0x41 0x0 >"))
        found = check(capsys, app, FILES / "h20_rad.dts")
        assert "has an interrupt only for 0, 6: add bit 18 to the mask of an interrupt" in messages(found)


@pytest.mark.parametrize("pair", [L15, H20], ids=["nRF54L15", "nRF54H20"])
def test_alignments_have_to_agree(capsys: Capture, tmp_path: Path, pair: tuple[str, str]) -> None:
    other = write(tmp_path, pair[1], ("dcache-alignment = < 0x20 >;", ""))
    found = check(capsys, FILES / f"{pair[0]}.dts", other)
    assert codes(found) == ["alignments-differ"]
    assert "set dcache-alignment = <32> on both sides" in messages(found)
    one = write(tmp_path, pair[0], ("dcache-alignment = < 0x20 >;", ""))
    assert codes(check(capsys, one, other)) == []
