"""An SoC follows from types and registrations, never from how a name looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from looped import for_each

import platforms
from icmsg.config.boards import BOARDS, DEFAULT, board_of, find_board
from icmsg.errors import ConfigurationError, PlatformError
from icmsg.link.link import Link, default_link
from icmsg.soc.platform import parse_platform
from icmsg.soc.soc import Soc, shipped_soc

if TYPE_CHECKING:
    from pathlib import Path

APP, NET = 0x5002_A000, 0x4101_2000


def soc(name: str) -> Soc:
    return Soc(parse_platform(platforms.PLATFORMS[name]()))


def test_cores_mailboxes_and_consoles_are_found_whatever_they_are_called(
    name: str, cores: tuple[str, str]
) -> None:
    found = soc(name)
    app, net = (found.core(core) for core in cores)
    assert app.port is not None
    assert net.port is not None
    assert (app.port.base, app.port.interrupt) == (APP, 42)
    assert (net.port.base, net.port.interrupt) == (NET, 18)
    assert app.uart is not None
    assert net.uart is not None
    assert found.force_off is not None
    assert (found.force_off.holder, found.force_off.held) == cores
    assert net.reset_block == found.force_off.peripheral


def test_the_link_is_that_of_the_two_cores_with_the_instance_of_the_board(
    name: str, cores: tuple[str, str]
) -> None:
    link = default_link(soc(name))
    assert link.cores == cores
    assert link.configs[cores[0]] == DEFAULT.instance
    assert link.configs[cores[1]] == DEFAULT.instance.mirrored()


def test_code_belongs_to_the_core_that_alone_has_it_there_or_to_the_one_that_has_none_of_its_own(
    name: str, cores: tuple[str, str]
) -> None:
    found = soc(name)
    app, net = cores
    assert found.owner_of_code(0x0000_0100) == (None if "third" in name else app)  # two share it
    assert found.owner_of_code(0x0100_0100) == net
    assert found.owner_of_code(0x01FF_8000) == net  # UICR
    assert found.owner_of_code(0x2000_0000) is None


@for_each(
    ("word", "core"),
    [("app", "app"), ("cpuapp", "app"), ("ipcapp", "app"), ("sysbus.ipcnet", "net"), ("uartnet", "net"),
     ("shared", None)],
)  # fmt: skip
def test_a_core_is_meant_by_its_names_and_by_what_it_alone_reaches(word: str, core: str | None) -> None:
    assert shipped_soc(DEFAULT.name).core_of_device(word) == core


def test_two_cores_whose_short_names_are_the_same_keep_their_own() -> None:
    text = platforms.renamed(platforms.shipped(), {"cpunet": "app"})
    assert list(Soc(parse_platform(text)).cores) == ["cpuapp", "app"]


def test_a_core_without_mailbox_is_on_no_link() -> None:
    with pytest.raises(
        ConfigurationError, match="core aux has no mailbox in this platform; cores with one: app, net"
    ):
        default_link(soc("third"), ["aux"])


def test_any_two_of_three_mailboxes_are_a_link_in_the_order_of_the_file() -> None:
    assert default_link(soc("third-mailbox"), ["aux"]).cores == ("app", "aux")
    assert default_link(soc("third-mailbox"), ["aux", "net"]).cores == ("net", "aux")
    with pytest.raises(ConfigurationError, match="a link has two cores, not 3"):
        default_link(soc("third-mailbox"), ["app", "net", "aux"])


def test_a_platform_without_two_mailboxes_has_no_link() -> None:
    text = platforms.shipped()
    start = text.index("ipcnet: Misc")
    text = text[:start] + text[text.index("\n\n", start) :]
    with pytest.raises(ConfigurationError, match="has app alone, of app, net"):
        default_link(Soc(parse_platform(text)))


def test_a_mailbox_that_belongs_to_no_core_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.repl"
    path.write_text("box: Miscellaneous.NRF_IPC @ sysbus 0x40000000\n")
    from icmsg.soc.platform import load_platform

    with pytest.raises(PlatformError, match=r"odd\.repl:1: box needs an address for a core"):
        Soc(load_platform(path))


def test_the_other_end_of_a_link_is_the_other_core() -> None:
    link = Link.of("a", "b", DEFAULT.instance)
    assert (link.other("a"), link.other("b")) == ("b", "a")
    with pytest.raises(ConfigurationError, match="no core 'c' on this link; it joins a and b"):
        link.other("c")


def test_a_board_is_found_by_its_name_and_by_its_roles() -> None:
    assert find_board(DEFAULT.name) is DEFAULT
    assert board_of({"net": 1, "aux": 2, "app": 3}) is DEFAULT
    assert board_of({"app": 1}) is None
    with pytest.raises(ConfigurationError, match="no SoC 'nrf5430'; did you mean nrf5340"):
        find_board("nrf5430")


@pytest.mark.parametrize("board", list(BOARDS))
def test_a_boards_roles_stubs_and_instance_are_those_of_its_platform_file(board: str) -> None:
    known, found = BOARDS[board], shipped_soc(board)
    assert set(known.roles) <= set(found.cores)
    compatibles: list[str] = []
    for role in known.roles:
        port = found.cores[role].port
        assert port is not None
        assert port.base == known.mailboxes[role]
        compatibles += port.kind.compatible
        assert found.cores[role].stub("echo").is_file()
    assert known.mailbox in compatibles
    both = set(known.roles)
    ram = [memory for memory in found.memory_map() if memory.what == "RAM" and both <= memory.cores]
    for region in (known.instance.tx_region, known.instance.rx_region):
        assert any(memory.start <= region.address and region.end <= memory.end for memory in ram)
