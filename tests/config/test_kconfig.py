"""Kconfig files tell options, limits and the release, and what they cannot mean is refused with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from config_files import DATA

from icmsg.config.built_for import Release, Releases
from icmsg.config.kconfig import load_kconfig, parse_kconfig
from icmsg.errors import KconfigError

if TYPE_CHECKING:
    from pathlib import Path

REPEAT = "IPC_SERVICE_ICMSG_BOND_NOTIFY_REPEAT_TO_MS"


@pytest.mark.parametrize(
    ("file", "releases", "rx_limit", "repeat", "cache_line"),
    [
        ("zephyr_4_1.config", "4.1 or newer", 256, None, 0),
        ("zephyr_4_0.config", "4.0", 128, 1, 0),
        ("zephyr_3_7.config", "3.6 to 3.7", None, 20, 0),
        ("zephyr_3_4.config", "3.3 to 3.4", 256, 1, 32),
        ("prj.conf", "4.0 or newer", 512, None, None),
    ],
)
def test_a_file_tells_release_and_limits(
    file: str, releases: str, rx_limit: int | None, repeat: int | None, cache_line: int | None
) -> None:
    facts = load_kconfig(DATA / file)
    assert str(facts.releases) == releases
    assert (facts.rx_limit, facts.number(REPEAT), facts.spsc_cache_line) == (rx_limit, repeat, cache_line)
    assert facts.complete == (file != "prj.conf")


def test_the_switches_of_the_modes() -> None:
    facts = load_kconfig(DATA / "zephyr_4_1.config")
    assert [facts.allows(mode) for mode in ("enable", "disable", "detect")] == [True, True, False]
    nothing = parse_kconfig("")
    assert all(nothing.allows(mode) for mode in ("enable", "disable", "detect"))


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        ("CONFIG_IPC_SERVICE_ICMSG_UNBOUND_ENABLED_ALLOWED=y", "4.1", None),
        ("# CONFIG_IPC_SERVICE_ICMSG_UNBOUND_DISABLED_ALLOWED is not set", "4.1", None),
        ("CONFIG_PBUF_RX_READ_BUF_SIZE=0x80", "4.0", None),
        ("CONFIG_PBUF=y", "3.6", None),
        (f"CONFIG_{REPEAT}=100", "3.3", "4.0"),
        ("CONFIG_IPC_SERVICE_ICMSG_SHMEM_ACCESS_TO_MS=5", "3.3", None),
        ("CONFIG_IPC_SERVICE_BACKEND_ICMSG_WQ_ENABLE=y", "3.5", None),
        ("# CONFIG_IPC_SERVICE_ICMSG_NOCOPY_RX is not set", "3.3", "3.5"),
        ("CONFIG_IPC_SERVICE_ICMSG_CB_BUF_SIZE=256", "3.3", "3.4"),
        ("CONFIG_IPC_SERVICE_BACKEND_ICMSG_CB_BUF_SIZE=256", "3.2", "3.2"),
        ("CONFIG_MBOX=y", "3.2", None),
    ],
)
def test_an_option_tells_the_releases_that_have_it(line: str, first: str, last: str | None) -> None:
    expected = Releases(Release.parse(first), Release.parse(last) if last else None)
    assert parse_kconfig(line).releases == expected


@pytest.mark.parametrize(
    ("lacks", "releases"),
    [("UNBOUND", "4.0"), ("UNBOUND|RX_READ", "3.6 to 3.7"), ("UNBOUND|PBUF", "3.5")],
)
def test_what_a_whole_config_lacks_tells_the_release_too(lacks: str, releases: str) -> None:
    text = (DATA / "zephyr_4_1.config").read_text(encoding="utf-8")
    kept = [line for line in text.split("\n") if not any(part in line for part in lacks.split("|"))]
    assert str(parse_kconfig("\n".join(kept)).releases) == releases
    without_board = [line for line in kept if "BOARD" not in line]
    assert parse_kconfig("\n".join(without_board)).releases.last is None


def test_a_whole_config_without_the_backend_tells_nothing_by_what_it_lacks() -> None:
    assert parse_kconfig('CONFIG_BOARD="x"\nCONFIG_MBOX=y').releases == Releases()


def test_later_files_and_later_lines_win(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("CONFIG_PBUF_RX_READ_BUF_SIZE=100\nCONFIG_A=y\n", encoding="utf-8")
    (tmp_path / "b.conf").write_text(
        "CONFIG_PBUF_RX_READ_BUF_SIZE=200\nCONFIG_PBUF_RX_READ_BUF_SIZE=300\n", encoding="utf-8"
    )
    facts = load_kconfig(tmp_path / "a.conf", tmp_path / "b.conf")
    assert (facts.rx_limit, facts.switch("A"), facts.switch("B")) == (300, True, None)
    assert facts.settings["PBUF_RX_READ_BUF_SIZE"].place.line == 2
    assert facts.files == (str(tmp_path / "a.conf"), str(tmp_path / "b.conf"))


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [
        ('CONFIG_A="with \\"quotes\\" # and all"', "A", '"with \\"quotes\\" # and all"'),
        ("CONFIG_A=y # because", "A", "y"),
        ("  CONFIG_A=n", "A", "n"),
        ("CONFIG_A=-1", "A", "-1"),
        ("CONFIG_A=", "A", ""),
        ("# CONFIG_A is not set", "A", None),
        ("CONFIG_A=y\r\n", "A", "y"),
    ],
)
def test_lines_as_kconfig_reads_them(text: str, option: str, value: str | None) -> None:
    assert parse_kconfig(text).settings[option].value == value


@pytest.mark.parametrize("text", ["", "# comment", "#CONFIG_A=y", "#", "\n\n"])
def test_lines_without_options(text: str) -> None:
    assert not parse_kconfig(text).settings


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("A=y", 1, "expected CONFIG_NAME=value, found 'A=y'; give a build's zephyr/.config, or a prj.conf"),
        ("\nCONFIG_A = y", 2, "expected CONFIG_NAME=value, found 'CONFIG_A = y'"),
        ('CONFIG_A="open', 1, "expected CONFIG_NAME=value"),
        ("\n\n/dts-v1/;", 3, "expected CONFIG_NAME=value, found '/dts-v1/;'"),
        (f"CONFIG_{REPEAT}=0", 1, f"CONFIG_{REPEAT}=0: use a number from 1 to 100"),
        (f"CONFIG_{REPEAT}=101", 1, "use a number from 1 to 100"),
        (f"CONFIG_{REPEAT}=1 # ms", 1, "use a number from 1 to 100"),
        (f"CONFIG_{REPEAT}=fast", 1, "use a number from 1 to 100"),
        ("CONFIG_IPC_SERVICE_ICMSG_SHMEM_ACCESS_TO_MS=6", 1, "use a number from 1 to 5"),
        ("CONFIG_PBUF_RX_READ_BUF_SIZE=65536", 1, "use a number from 1 to 65535"),
        ("CONFIG_PBUF_RX_READ_BUF_SIZE=-1", 1, "use a number from 1 to 65535"),
        ("CONFIG_IPC_SERVICE_ICMSG_CB_BUF_SIZE=12", 1, "use a number from 13 to 65535"),
        ("CONFIG_SPSC_PBUF_REMOTE_DCACHE_LINE=x", 1, "use a number from 0 to 65536"),
        ("CONFIG_IPC_SERVICE_BACKEND_ICMSG=1", 1, "CONFIG_IPC_SERVICE_BACKEND_ICMSG=1: use y or n"),
        ("CONFIG_IPC_SERVICE_ICMSG_UNBOUND_DETECT_ALLOWED=maybe", 1, "ALLOWED=maybe: use y or n"),
        (
            f"CONFIG_PBUF=y\nCONFIG_{REPEAT}=1\nCONFIG_IPC_SERVICE_ICMSG_UNBOUND_ENABLED_ALLOWED=y",
            2,
            f"CONFIG_{REPEAT} exists in Zephyr 3.3 to 4.0, but CONFIG_IPC_SERVICE_ICMSG_UNBOUND_ENABLED_ALLOWED "
            "(prj.conf:3) in 4.1 or newer; take away the one that is not of your release",
        ),
    ],
)
def test_what_is_no_kconfig_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(KconfigError) as caught:
        parse_kconfig(text, "prj.conf")
    assert (caught.value.file, caught.value.line) == ("prj.conf", line)
    assert says in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KconfigError, match=r"no\.conf: cannot be read \(No such file"):
        load_kconfig(tmp_path / "no.conf")
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    with pytest.raises(
        KconfigError, match=r"binary: cannot be read \(it is not UTF-8 text\); give a build's"
    ):
        load_kconfig(tmp_path / "binary")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("CONFIG_SPSC_PBUF_CACHE_NEVER=y\nCONFIG_SPSC_PBUF_REMOTE_DCACHE_LINE=32", 0),
        ("CONFIG_SPSC_PBUF_REMOTE_DCACHE_LINE=32\nCONFIG_DCACHE_LINE_SIZE=64", 64),
        ("CONFIG_SPSC_PBUF_CACHE_LINE=16", 16),
        ("CONFIG_SPSC_PBUF=y", None),
    ],
)
def test_the_cache_line_of_spsc_pbuf(text: str, line: int | None) -> None:
    assert parse_kconfig(text).spsc_cache_line == line
