"""From files to configurations: what follows from the release, from Kconfig, and from the other side."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from config_files import DATA, text

from icmsg.config.built_for import Release
from icmsg.config.load import load_instances, load_pair, load_side
from icmsg.errors import ConfigurationError, DevicetreeError, KconfigError

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.config import InstanceConfig

APP, NET = DATA / "app.dts", DATA / "net.dts"


def config(kconfig: str | None = None, release: str | Release | None = None) -> InstanceConfig:
    (instance,) = load_instances(APP, None if kconfig is None else DATA / kconfig, release)
    return instance.config


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("3.2", {"wire": "spsc_pbuf", "signalling": "repeat", "dcache_alignment": 32, "rx_limit": None}),
        ("3.5", {"wire": "spsc_pbuf", "signalling": "repeat", "dcache_alignment": 32, "rx_limit": None}),
        ("3.6", {"wire": "pbuf", "signalling": "repeat", "dcache_alignment": 0, "rx_limit": None}),
        ("4.0", {"wire": "pbuf", "signalling": "repeat", "dcache_alignment": 0, "rx_limit": 128}),
        ("4.1", {"wire": "pbuf", "signalling": "ring-back", "dcache_alignment": 0, "rx_limit": 128}),
        (None, {"wire": "pbuf", "signalling": "ring-back", "dcache_alignment": 0, "rx_limit": 128}),
    ],
)
def test_the_release_decides_what_the_devicetree_does_not_say(
    release: str | None, expected: dict[str, Any]
) -> None:
    found = config(release=release)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.bond_notify_repeat_to_ms == 1


@pytest.mark.parametrize(
    ("kconfig", "expected"),
    [
        ("zephyr_4_1.config", {"signalling": "ring-back", "rx_limit": 256}),
        ("zephyr_4_0.config", {"signalling": "repeat", "rx_limit": 128, "bond_notify_repeat_to_ms": 1}),
        ("zephyr_3_7.config", {"wire": "pbuf", "rx_limit": None, "bond_notify_repeat_to_ms": 20}),
        ("zephyr_3_4.config", {"wire": "spsc_pbuf", "rx_limit": 256, "dcache_alignment": 32}),
        ("prj.conf", {"signalling": "ring-back", "rx_limit": 512}),
    ],
)
def test_kconfig_decides_release_and_limits(kconfig: str, expected: dict[str, Any]) -> None:
    found = config(kconfig)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_given_release_narrows_what_kconfig_leaves_open() -> None:
    assert config("prj.conf", "4.0").signalling == "repeat"
    assert config("prj.conf", Release(4, 2)).signalling == "ring-back"


@pytest.mark.parametrize(
    ("kconfig", "release", "says"),
    [
        (
            "zephyr_4_1.config",
            "3.7",
            r"release 3\.7 is given, but CONFIG_IPC_\w+_ALLOWED \(.*:\d+\) means",
        ),
        (
            "zephyr_3_7.config",
            "4.0",
            r"but what .*zephyr_3_7\.config lacks means Zephyr 3\.6 to 3\.7",
        ),
        (
            "prj.conf",
            "3.7",
            r"_SIZE \(.*prj\.conf:4\) means Zephyr 4\.0 or newer: give the release",
        ),
    ],
)
def test_a_release_that_kconfig_contradicts_is_refused(kconfig: str, release: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        config(kconfig, release)


def test_the_properties_of_the_devicetree_tell_the_release_where_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "app.dts"
    path.write_text(text("seed", "app", (("status", "dcache-alignment = <32>; status"),)), encoding="utf-8")
    side = load_side(path)
    assert (str(side.releases), side.release_source) == ("3.6 or newer", f"from the properties in {path}")
    side = load_side(DATA / "zephyr_app.dts", DATA / "prj.conf")
    assert str(side.releases) == "4.1 or newer"
    assert side.release_source.startswith(f"from {DATA / 'prj.conf'}; from the properties in")


@pytest.mark.parametrize(
    ("change", "release", "says"),
    [
        (
            ("status", 'unbound = "detect"; dcache-alignment = <8>; status'),
            "4.0",
            r"app\.dts:22: /ipc/ipc0: the property unbound",
        ),
        (
            ("status", "dcache-alignment = <8>; status"),
            "3.5",
            r"app\.dts:22: /ipc/ipc0: the property dcache-alignment",
        ),
        (
            ("0x0800>;\n\t};\n};", "30>;\n\t};\n};"),
            None,
            r"app\.dts:11: /ipc/ipc0: rx-region of 30 bytes leaves",
        ),
        (("&mbox 0>", "&mbox 65536>"), None, r"app\.dts:20: /ipc/ipc0: tx_channel = 65536 is out of range"),
        (
            ("status", "dcache-alignment = <0x10004>; status"),
            None,
            r"app\.dts:22: /ipc/ipc0: dcache_alignment = 65540",
        ),
    ],
)
def test_what_can_never_bond_is_refused_with_its_place(
    change: tuple[str, str], release: str | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "app.dts"
    path.write_text(text("seed", "app", (change,)), encoding="utf-8")
    with pytest.raises(DevicetreeError, match=says):
        load_instances(path, release=release)


def test_a_receive_limit_below_the_magic_is_refused_in_kconfig(tmp_path: Path) -> None:
    path = tmp_path / "prj.conf"
    path.write_text("\nCONFIG_PBUF_RX_READ_BUF_SIZE=12\n", encoding="utf-8")
    with pytest.raises(
        KconfigError, match=r"prj\.conf:2: CONFIG_PBUF_RX_READ_BUF_SIZE=12 cannot hold the 13 bytes"
    ):
        load_instances(APP, path)
    (enabled,) = load_instances(DATA / "zephyr_app.dts", path)
    assert enabled.config.rx_limit == 12


def test_the_folder_of_a_build_brings_its_config(tmp_path: Path) -> None:
    zephyr = tmp_path / "build" / "zephyr"
    zephyr.mkdir(parents=True)
    with pytest.raises(
        ConfigurationError, match=r"build: there is no zephyr/zephyr\.dts in this folder; give"
    ):
        load_instances(tmp_path / "build")
    shutil.copy(APP, zephyr / "zephyr.dts")
    assert load_instances(tmp_path / "build")[0].config.rx_limit == 128
    shutil.copy(DATA / "zephyr_4_1.config", zephyr / ".config")
    for folder in (tmp_path / "build", zephyr):
        assert load_instances(folder)[0].config.rx_limit == 256
    assert load_instances(str(zephyr), str(DATA / "prj.conf"))[0].config.rx_limit == 512  # given ones win


def test_several_kconfig_files_are_taken_together() -> None:
    (instance,) = load_instances(APP, [DATA / "zephyr_4_1.config", DATA / "prj.conf"])
    assert instance.config.rx_limit == 512


def test_a_pair_knows_the_limits_of_the_other_side() -> None:
    pair = load_pair(load_side(APP, DATA / "prj.conf"), load_side(NET, core="net"))
    assert (pair.app.rx_limit, pair.app.peer_rx_limit) == (512, 128)
    assert pair.net == replace(pair.app.mirrored(), name="ipc0")


def test_a_side_without_files_is_the_mirror_of_the_other() -> None:
    app, net = load_side(APP), load_side(NET, core="net")
    assert load_pair(app).net == load_pair(app).app.mirrored()
    assert load_pair(None, net).app == load_pair(None, net).net.mirrored()
    assert load_pair(app).app.tx_region == load_pair(None, net).app.tx_region


@pytest.mark.parametrize("name", ["ipc3", "/ipc/ipc3", "link3", "/ipc/link3"])
def test_an_instance_is_found_by_its_name_on_either_side(name: str) -> None:
    pair = load_pair(load_side(DATA / "eight_app.dts"), load_side(DATA / "eight_net.dts"), name)
    assert (pair.app.name, pair.net.name, pair.app.tx_channel, pair.net.rx_channel) == ("ipc3", "link3", 6, 6)


@pytest.mark.parametrize(
    ("instance", "says"),
    [
        (None, "eight_app.dts: which instance?; use one of: ipc0, ipc1, ipc2"),
        ("ipc9", "eight_app.dts: there is no instance ipc9; use one of: ipc0"),
    ],
)
def test_an_instance_that_is_not_clear_is_asked_for(instance: str | None, says: str) -> None:
    app, net = load_side(DATA / "eight_app.dts"), load_side(DATA / "eight_net.dts")
    for theirs in (net, None):
        with pytest.raises(ConfigurationError) as caught:
            load_pair(app, theirs, instance)
        assert says in str(caught.value)


def test_without_any_file_there_is_no_pair() -> None:
    with pytest.raises(ConfigurationError, match="no devicetree is given"):
        load_pair(None)
