"""Instances of ICBMsg and icmsg_me from files, and which generation a build has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from config_files import DATA
from icbmsg_files import CORES, PAIR, config_of, me, side_with, with_kconfig, with_properties
from nrf54_files import FILES, L15, write

from icmsg.config import IcbmsgConfig, IcmsgMeConfig, InstanceConfig
from icmsg.config.build_folder import images_in
from icmsg.config.built_for import Release, Releases
from icmsg.config.kconfig import load_kconfig, parse_kconfig
from icmsg.config.load import load_backends, load_instances, load_pair, load_side
from icmsg.errors import ConfigurationError, DevicetreeError, KconfigError

if TYPE_CHECKING:
    from pathlib import Path

ICBMSG = "CONFIG_IPC_SERVICE_BACKEND_ICBMSG"
ME = "CONFIG_IPC_SERVICE_BACKEND_ICMSG_ME"
BUILD = 'CONFIG_BOARD="any"\n'


def test_an_icbmsg_node_and_its_kconfig_are_read(tmp_path: Path) -> None:
    config = config_of("app").replace("NUM_EP=2", "NUM_EP=7")
    side = with_kconfig(tmp_path, "app", config, with_properties(unbound="enable"))
    found = load_backends(side).first
    assert isinstance(found, IcbmsgConfig)
    assert (found.tx_blocks, found.rx_blocks, found.dcache_alignment, found.num_ep) == (16, 18, 32, 7)
    assert (found.tx_region.address, found.rx_region.address) == (0x2002_0000, 0x2001_8000)
    assert (found.tx_channel, found.rx_channel, found.generation, found.name) == (21, 20, "4.1", "ipc0")
    assert found.control.unbound == "disable"
    assert found.signalling == "ring-back"


def test_the_rework_has_its_depth_and_whether_endpoints_can_go(tmp_path: Path) -> None:
    text = config_of("app", "rework").replace("COUNT=16", "COUNT=0x20")
    found = load_backends(with_kconfig(tmp_path, "app", text)).first
    assert isinstance(found, IcbmsgConfig)
    assert (found.generation, found.slots, found.deinit) == ("rework", 32, False)
    text = text.replace(f"# {ICBMSG}_DEINIT is not set", f"{ICBMSG}_DEINIT=y")
    found = load_backends(with_kconfig(tmp_path, "app", text)).first
    assert isinstance(found, IcbmsgConfig)
    assert found.deinit


def test_icmsg_me_has_its_role_and_options(tmp_path: Path) -> None:
    text = f"{ME}_INITIATOR=y\n{ME}_NUM_EP=3\n{ME}_SEND_BUF_SIZE=100\n{ME}_EP_NAME_LEN=16\n"
    side = with_kconfig(tmp_path, "app", text, *me("initiator"), release="4.1")
    found = load_backends(side).first
    assert isinstance(found, IcmsgMeConfig)
    assert (found.role, found.num_ep, found.send_buf_size, found.ep_name_len) == ("initiator", 3, 100, 16)
    assert (found.control.unbound, found.control.dcache_alignment) == ("disable", 32)
    broken = with_kconfig(tmp_path, "app", text.replace("SIZE=100", "SIZE=1"), *me("initiator"))
    with pytest.raises(
        KconfigError, match=r"app\.config:3: CONFIG_\w+SEND_BUF_SIZE: send_buf_size = 1 is out of"
    ):
        load_backends(broken)


def test_both_sides_fit_and_a_side_alone_is_mirrored() -> None:
    app, flpr = (side_with(core) for core in CORES)
    pair = load_backends(app, flpr)
    assert pair.second == pair.first.mirrored() == load_backends(app).second
    assert load_backends(None, flpr).first == pair.first
    with pytest.raises(ConfigurationError, match="no devicetree is given"):
        load_backends(None)


def test_icmsg_has_the_limits_of_both_sides() -> None:
    app, net = load_side(DATA / "app.dts", DATA / "prj.conf"), load_side(DATA / "net.dts", core="net")
    assert load_backends(app, net) == tuple(load_pair(app, net))


def test_two_backends_on_two_sides_are_refused() -> None:
    with pytest.raises(DevicetreeError, match=r"is icmsg_me and /ipc/ipc0 of app .* is ICBMsg: use the same"):
        load_backends(side_with("app"), side_with("flpr", *me("follower")))


def test_who_needs_icmsg_is_told_what_there_is_instead(tmp_path: Path) -> None:
    says = "ipc0 of app is ICBMsg, and here only ICMsg can be used"
    with pytest.raises(DevicetreeError, match=says):
        load_instances(FILES / f"{PAIR[0]}.dts")
    with pytest.raises(DevicetreeError, match=says):
        load_pair(side_with("app"), side_with("flpr"))
    with pytest.raises(DevicetreeError, match=says):
        load_pair(side_with("app"))
    text = (FILES / f"{L15[0]}.dts").read_text(encoding="utf-8")
    assert isinstance(load_instances(write(tmp_path, L15[0]))[0].config, InstanceConfig), text


@pytest.mark.parametrize(
    ("text", "releases", "generations"),
    [
        (f"{ICBMSG}=y\n", "3.6 or newer", ("3.6", "4.1", "rework")),
        (f"{ICBMSG}_EP_BOUND_WORK_Q_STACK_SIZE=512\n", "4.1 to 4.4", ("4.1",)),
        (f"{ICBMSG}_MAX_ACTIVE_COUNT=16\n", "4.5 or newer", ("rework",)),
        (f"# {ICBMSG}_DEINIT is not set\n", "4.5 or newer", ("rework",)),
        (f"{BUILD}{ICBMSG}=y\nCONFIG_PBUF=y\n", "3.6 to 3.7", ("3.6",)),
        (f"{BUILD}{ICBMSG}=y\nCONFIG_PBUF=y\nCONFIG_PBUF_RX_READ_BUF_SIZE=128\n", "4.0", ("3.6", "4.1")),
        (f"{BUILD}{ICBMSG}=y\n# {ICBMSG}_DEINIT is not set\n", "4.5 or newer", ("rework",)),
        (f"{ME}_FOLLOWER=y\n", "3.3 or newer", ("3.6", "4.1", "rework")),
    ],
)
def test_options_tell_the_generation(text: str, releases: str, generations: tuple[str, ...]) -> None:
    facts = parse_kconfig(text)
    assert (str(facts.releases), facts.releases.generations) == (releases, generations)


def test_options_of_two_generations_contradict_each_other() -> None:
    with pytest.raises(
        KconfigError, match=r"MAX_ACTIVE_COUNT exists in Zephyr 4\.5 or newer, but CONFIG_.*WORK_Q"
    ):
        parse_kconfig(f"{ICBMSG}_EP_BOUND_WORK_Q_STACK_SIZE=512\n{ICBMSG}_MAX_ACTIVE_COUNT=16\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{ICBMSG}_NUM_EP=0", "use a number from 1 to 254"),
        (f"{ICBMSG}_MAX_ACTIVE_COUNT=8", "use a number from 16 to 128"),
        (f"{ICBMSG}=on", "use y or n"),
        (f"{ME}_EP_NAME_LEN=253", "use a number from 1 to 252"),
    ],
)
def test_values_that_do_not_exist_are_refused(line: str, says: str) -> None:
    with pytest.raises(KconfigError, match=says):
        parse_kconfig(line)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.7.1", ("3.6",)),
        ("4.1.99", ("4.1",)),
        ("4.4.0", ("4.1",)),
        ("4.4.99", ("4.1", "rework")),
        ("4.5.0", ("rework",)),
    ],
)
def test_the_header_of_a_build_tells_the_generation(
    tmp_path: Path, version: str, expected: tuple[str, ...]
) -> None:
    folder = tmp_path / "zephyr"
    header = folder / "include/generated/zephyr/version.h"
    header.parent.mkdir(parents=True)
    header.write_text(f'#define KERNEL_VERSION_STRING "{version}"\n', encoding="utf-8")
    (folder / "zephyr.dts").write_bytes((FILES / f"{PAIR[0]}.dts").read_bytes())
    assert load_side(tmp_path).generations == expected
    if version == "4.4.99":  # then the options decide
        (folder / ".config").write_text(config_of("app"), encoding="utf-8")
        assert load_side(tmp_path).generations == ("4.1",)
        (folder / ".config").write_text(config_of("app", "rework"), encoding="utf-8")
        assert load_side(tmp_path).generations == ("rework",)


def test_an_image_with_icbmsg_is_one_that_talks(tmp_path: Path) -> None:
    (tmp_path / "zephyr").mkdir()
    (tmp_path / "zephyr/zephyr.dts").write_bytes((FILES / f"{PAIR[0]}.dts").read_bytes())
    (tmp_path / "zephyr/.config").write_text(config_of("app"), encoding="utf-8")
    (image,) = images_in(tmp_path)
    assert (image.has_icmsg, image.core) == (True, "app")


def test_the_builds_of_this_folder_are_of_what_they_say() -> None:
    for core in CORES:
        assert str(load_kconfig(FILES / f"l15_icbmsg_{core}.config").releases) == "4.1 to 4.4"
        assert str(load_kconfig(FILES / f"l15_rework_{core}.config").releases) == "4.5 or newer"


def test_the_generations_of_releases() -> None:
    assert [Release(*text).generation for text in ((3, 5), (3, 6), (4, 0), (4, 1), (4, 4), (4, 5), (5, 0))] == [
        None, "3.6", "3.6", "4.1", "4.1", "rework", "rework",
    ]  # fmt: skip
    assert Releases().generations == ("3.6", "4.1", "rework")
    assert Releases(last=Release(3, 5)).generations == ()


def test_an_unknown_generation_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r'generation = "4\.4" does not exist: use one of "3\.6"'):
        side_with("app", generation="4.4")
