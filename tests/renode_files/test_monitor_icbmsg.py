"""The Monitor commands for plain Renode decode ICBMsg in its three generations, and whatever else lies there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from two_regions import BASE, NET, PYTHON2, Link, check_python_2, remove_fake_modules

from icmsg.config.boards import NRF5340
from icmsg.hw.mailbox import mailbox_pair
from icmsg.ipc import EndpointConfig, InterruptHandler, VirtualClock, backend_for
from icmsg.link.endpoints.region_view import view_direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.config import IcbmsgConfig

Capture = pytest.CaptureFixture[str]
GENERATIONS = ("3.6", "4.1", "rework")
RELEASES = {"3.6": {"release": "3.7"}, "4.1": {}, "rework": {"backend": "icbmsg-rework"}}


@pytest.fixture
def link() -> Iterator[Link]:
    yield Link()
    remove_fake_modules()


class Talk:
    """Both sides of an instance over the memory of a link, and their endpoints."""

    def __init__(self, link: Link, config: IcbmsgConfig, names: tuple[str, ...] = ("ep0", "ep1")) -> None:
        self.link, self.config = link, config
        self.clock, ends = VirtualClock(), mailbox_pair()
        self.sides: list[Any] = []
        self.endpoints: list[list[Any]] = []
        for rings, end, own in zip(("net", "app"), ends, (config, config.mirrored()), strict=True):
            side = backend_for(link.bus, end, self.clock, own)
            end.on_signal = partial(self._rung, rings, InterruptHandler(end, side))
            self.sides.append(side)
            self.endpoints.append([side.register_endpoint(EndpointConfig(name)) for name in names])

    def _rung(self, core: str, handler: InterruptHandler, channel: int) -> None:
        self.link.ring(core, channel)
        handler.handle(channel)

    def bind(self) -> None:
        self.clock.settle()


def config_of(generation: str, **changes: Any) -> IcbmsgConfig:
    return replace(NRF5340.icbmsg, **{"generation": generation, **changes})


def printed_by(link: Link) -> list[str]:
    """Return a list of the lines that commands print from now on."""
    lines: list[str] = []
    scope = cast("dict[str, Any]", link.monitor.scope)
    scope["print"] = lambda text: lines.extend(text.splitlines())
    return lines


def tell(link: Link, config: IcbmsgConfig, capsys: Capture) -> None:
    """Tell the commands what ``config`` is."""
    link.monitor.call(
        "icmsg_regions",
        tx_blocks=config.tx_blocks,
        rx_blocks=config.rx_blocks,
        alignment=config.dcache_alignment,
        **RELEASES[config.generation],
    )
    capsys.readouterr()


def status(link: Link, capsys: Capture) -> list[str]:
    capsys.readouterr()
    link.monitor.call("icmsg_status")
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("ipc")]


def words(link: Link, config: IcbmsgConfig, writer: str, reader: str) -> list[str]:
    found = view_direction(link.bus, config).words(writer, reader)
    title = f"{writer}->{reader} 0x{config.tx_region.address:08X}"
    return [title, *(f"  {line.replace('…', '...')}" for line in found)]


@pytest.mark.parametrize("alignment", [0, 32])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_status_says_of_both_regions_what_the_diagnosis_says(
    link: Link, generation: str, alignment: int, capsys: Capture
) -> None:
    config = config_of(generation, dcache_alignment=alignment)
    tell(link, config, capsys)
    talk = Talk(link, config)
    for step in (talk.bind, lambda: talk.endpoints[0][1].send(b"hello"), talk.bind):
        lines = status(link, capsys)
        there, back = words(link, config, "app", "net"), words(link, config.mirrored(), "net", "app")
        at = lines.index(back[0])
        assert lines[: len(there)] == there
        assert lines[at : at + len(back)] == back
        step()


@pytest.mark.parametrize("generation", GENERATIONS[:2])
def test_endpoints_are_named_and_bound(link: Link, generation: str, capsys: Capture) -> None:
    config = config_of(generation)
    tell(link, config, capsys)
    talk = Talk(link, config, ("log", "data"))
    late = talk.sides[1].register_endpoint(EndpointConfig("late"))
    talk.bind()
    assert status(link, capsys)[-1] == (
        'endpoints: "log" bound (number 0), "data" bound (number 1), "late" named, not bound (number 2)'
    )
    assert not late.is_bound
    talk.endpoints[1][0].send(b"over the names")
    talk.bind()
    assert 'endpoints: an endpoint whose name is overwritten bound (number 0), "data" bound' in "\n".join(
        status(link, capsys)
    )


def test_endpoints_of_the_rework_have_hashes_and_a_slot_on_each_side(link: Link, capsys: Capture) -> None:
    talk = Talk(link, config_of("rework"))
    talk.bind()
    talk.sides[0].register_endpoint(EndpointConfig("alone"))
    talk.bind()
    line = status(link, capsys)[-1]
    assert "0x0b872380 bound (slot 0 of app, slot 0 of net)" in line
    assert "0x0b872381 bound (slot 1 of app, slot 1 of net)" in line
    assert line.count("named, not bound (slot 2 of app)") == 1
    talk.endpoints[0][0].deregister()
    talk.bind()
    assert "0x0b872380 unbound by app (" in status(link, capsys)[-1]


@settings(max_examples=examples(40), deadline=None)
@given(
    generation=st.sampled_from(GENERATIONS[:2]),
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300)), max_size=20),
)
def test_blocks_in_use_are_those_of_the_backend(generation: str, steps: list[tuple[int, int]]) -> None:
    link = Link()
    printed = printed_by(link)
    config = config_of(generation)
    link.monitor.call("icmsg_regions", tx_blocks=16, rx_blocks=18, **RELEASES[generation])
    talk = Talk(link, config)
    talk.bind()
    for kind, size in steps:
        if kind == 3:
            talk.bind()
            continue
        side = kind % 2
        if talk.sides[side].blocks_in_use < 10:
            talk.endpoints[side][kind // 2].send(bytes(1 + size))
    printed.clear()
    link.monitor.call("icmsg_status")
    remove_fake_modules()
    for core, side, count in zip(("app", "net"), talk.sides, (16, 18), strict=True):
        said = [line for line in printed if line.startswith(f"  {core} has ") and "in use" in line]
        assert not said or said[0].startswith(f"  {core} has {side.blocks_in_use} of {count} blocks in use")
    assert "  memory does not say which blocks are in use" in printed or any(
        "in use" in line for line in printed
    )


def test_what_is_not_known_of_a_long_history_is_not_said(link: Link, capsys: Capture) -> None:
    config = config_of("4.1")
    tell(link, config, capsys)
    talk = Talk(link, config)
    talk.bind()
    for number in range(200):
        talk.endpoints[number % 2][0].send(b"again")
        talk.bind()
    lines = status(link, capsys)
    assert lines.count("  memory does not say which blocks are in use") == 2
    talk = Talk(link, config_of("rework"))
    link.monitor.call("icmsg_regions", backend="icbmsg-rework")
    talk.bind()
    before = status(link, capsys)[-1]
    assert before.count(" bound (slot") == 2
    for number in range(40):
        talk.endpoints[0][number % 2].send(b"again" * 9)
        talk.bind()
    after = status(link, capsys)[-1]
    assert "not bound" not in after


def test_the_rework_needs_no_arguments(link: Link, capsys: Capture) -> None:
    config = config_of("rework", tx_blocks=7, rx_blocks=5)
    Talk(link, config).bind()
    lines = status(link, capsys)
    assert lines[: len(there := words(link, config, "app", "net"))] == there
    assert "  app says it has 7 tx and 5 rx blocks" in lines


def test_another_number_of_slots_is_told_by_where_the_bound_packet_lies(link: Link, capsys: Capture) -> None:
    config = config_of("rework", slots=32)
    Talk(link, config).bind()
    assert any("where no block begins with 16 slots" in line for line in status(link, capsys))
    link.monitor.call("icmsg_regions", slots=32)
    assert not [line for line in status(link, capsys) if "where no block begins" in line]


def test_block_counts_that_do_not_match_are_named(link: Link, capsys: Capture) -> None:
    first, second = config_of("rework"), config_of("rework", rx_blocks=20).mirrored()
    for own in (first, second):
        ends = mailbox_pair()
        backend_for(link.bus, ends[0], clock := VirtualClock(), own).register_endpoint(EndpointConfig("ep0"))
        clock.settle()
    said = "app has 16 tx and 18 rx blocks, net 20 tx and 16 rx: the two can never bind; set tx-blocks of each side"
    assert said in status(link, capsys)[-1]


def test_without_block_counts_it_says_what_to_give(link: Link, capsys: Capture) -> None:
    Talk(link, NRF5340.icbmsg).bind()
    lines = status(link, capsys)
    hint = "  this looks like ICBMsg of Zephyr 3.6 to 4.4: icmsg_regions tx_blocks=N rx_blocks=N, as the devicetree"
    assert len([line for line in lines if line.startswith(hint)]) == 2


def test_the_rework_is_known_after_its_bound_packet_is_overwritten(link: Link, capsys: Capture) -> None:
    talk = Talk(link, config_of("rework"))
    link.monitor.call("icmsg_watch")
    talk.bind()
    for number in range(20):
        talk.endpoints[number % 2][0].send(bytes(400))
        talk.bind()
    link.bus.write_block(talk.config.tx_layout.address + 4 + talk.config.tx_layout.blocks_offset, bytes(16))
    link.bus.write_block(NET + 4 + talk.config.rx_layout.blocks_offset, bytes(16))
    assert "16 blocks of 124 bytes from 0x20070040 (after Zephyr 4.4)" in "\n".join(status(link, capsys))
    link.monitor.call("icmsg_regions")
    hint = (
        '  this may be ICBMsg after Zephyr 4.4: icmsg_regions tx_blocks=N rx_blocks=N backend="icbmsg-rework"'
    )
    assert len([line for line in status(link, capsys) if line.startswith(hint)]) == 2
    link.monitor.call("icmsg_regions", tx_blocks=16, rx_blocks=18, backend="icbmsg-rework")
    assert "(after Zephyr 4.4)" in "\n".join(status(link, capsys))


def test_icmsg_is_not_taken_for_it(link: Link, capsys: Capture) -> None:
    writer = link.writer()
    writer.write(b"\x02\x00\x01")
    assert "ICBMsg" not in "\n".join(status(link, capsys))


def test_backend_icmsg_goes_back(link: Link, capsys: Capture) -> None:
    Talk(link, config_of("rework")).bind()
    link.monitor.call("icmsg_regions", backend="icmsg")
    assert "rd_idx" in "\n".join(status(link, capsys))
    link.monitor.call("icmsg_regions", backend="icbmsg-rework")
    assert "says it has 16 tx and 18 rx blocks" in "\n".join(status(link, capsys))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tx_blocks": 4}, "tx_blocks and rx_blocks go together"),
        ({"tx_blocks": 300, "rx_blocks": 4}, "has 300 blocks: ICBMsg has 1 to 256 there"),
        (
            {"tx_blocks": 33, "rx_blocks": 4, "backend": "icbmsg-rework"},
            "has 33 blocks: ICBMsg has 1 to 32 there",
        ),
        ({"tx_blocks": -1, "rx_blocks": 4}, "has -1 blocks"),
        ({"tx_blocks": 200, "rx_blocks": 200, "size": 0x100}, "is too small for 200 blocks"),
        ({"tx_blocks": 4, "rx_blocks": 4, "alignment": 24}, "no power of two"),
        ({"backend": "icbsmg"}, 'no backend "icbsmg"; there are "icbmsg"'),
        ({"backend": "icbmsg-rework", "release": "4.0"}, "exclude each other"),
        ({"release": "3.5"}, r"release 3\.5 has no ICBMsg, which came with Zephyr 3\.6"),
        ({"release": "new"}, r'release="new" is none: use one as "3\.7"'),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    link: Link, change: dict[str, Any], said: str, capsys: Capture
) -> None:
    with pytest.raises(Exception, match=said):
        link.monitor.call("icmsg_regions", **change)
    link.monitor.call("icmsg_regions")
    shown = "app->net 0x20070000, net->app 0x20078000, 2048 bytes, dcache-alignment 0, without sessions\n"
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("release", ["3.7", 3.7, "v4.0.0"])
def test_a_release_may_be_a_number(link: Link, release: object, capsys: Capture) -> None:
    link.monitor.call("icmsg_regions", tx_blocks=16, rx_blocks=18, release=release)
    assert capsys.readouterr().out.endswith("dcache-alignment 0, 16 tx and 18 rx blocks\n")
    assert "(Zephyr 3.6 to 4.0)" in "\n".join(status(link, capsys))


WORDS = st.sampled_from(
    [0, 0, 1, 4, 0x300, 0x02000300, 20, 28, 36, 0xFFFFFFFF, 0x04000300, 0x89AB, 0xFF000010]
)


@settings(max_examples=examples(60), deadline=None)
@given(
    generation=st.sampled_from(GENERATIONS),
    damage=st.lists(
        st.tuples(st.integers(0, 0x1FF), WORDS | st.integers(0, 0xFFFFFFFF)), min_size=1, max_size=12
    ),
    counts=st.booleans(),
    side=st.sampled_from([BASE, NET]),
)
def test_damaged_memory_is_described_and_nothing_is_raised(
    generation: str, damage: list[tuple[int, int]], counts: bool, side: int
) -> None:
    link = Link()
    printed = printed_by(link)
    config = config_of(generation)
    if counts:
        link.monitor.call("icmsg_regions", tx_blocks=16, rx_blocks=18, **RELEASES[generation])
    talk = Talk(link, config)
    talk.bind()
    talk.endpoints[0][1].send(b"hello")
    link.monitor.call("icmsg_watch")
    for word, value in damage:
        link.bus.write32(side + 4 * word, value)
    link.ring("app")
    link.ring("net")
    printed.clear()
    link.monitor.call("icmsg_status")
    if counts:
        there, back = words(link, config, "app", "net"), words(link, config.mirrored(), "net", "app")
        at = printed.index(back[0])
        assert [line for line in printed[: len(there)] if "where no block" not in line] == there
        assert printed[at : at + len(back)] == back
    for core in ("app", "net"):
        link.monitor.call("icmsg_dump", core)
        link.monitor.call("icmsg_dump", core, 8)
    remove_fake_modules()
    assert not [text for _, text in link.monitor.log if "cannot decode" in text]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_watch_begun_before_a_side_opens_sees_all(link: Link, generation: str, capsys: Capture) -> None:
    config = config_of(generation)
    if generation != "rework":
        tell(link, config, capsys)
    link.monitor.call("icmsg_watch")
    talk = Talk(link, config)
    talk.bind()
    talk.endpoints[0][1].send(b"hello")
    talk.bind()
    lines = [text.split("] ", 1)[1] for text in link.log]
    if generation == "rework":
        assert "app->net block 0 opens: 16 tx and 18 rx blocks" in lines
        assert "net->app block 1 names endpoint 0, hash 0x0b872380" in lines
        assert any(line.endswith("for endpoint 1: 5 bytes 68 65 6c 6c 6f") for line in lines)
    else:
        assert 'net->app BOUND for endpoint 0 at block 0: "ep0"' in lines
        assert "app->net RELEASE_BOUND of endpoint 0, block 0" in lines
        assert "app->net DATA for endpoint 1 at block 0: 5 bytes 68 65 6c 6c 6f" in lines
        assert "net->app RELEASE_DATA of block 0" in lines


def test_watch_begun_later_tells_nothing_of_before(link: Link) -> None:
    talk = Talk(link, config_of("rework"))
    talk.bind()
    link.monitor.call("icmsg_watch")
    link.log.clear()
    talk.endpoints[0][0].send(b"now")
    assert [text.split("] ", 1)[1] for text in link.log][:1] == [
        "app->net block 3 for endpoint 0: 3 bytes 6e 6f 77"
    ]


@pytest.mark.skipif(PYTHON2 is None, reason="no Python 2.7 here; set ICMSG_PYTHON2 to one to run this")
@pytest.mark.parametrize("generation", GENERATIONS)
def test_python_2_prints_the_same_of_blocks(link: Link, generation: str, capsys: Capture) -> None:
    talk = Talk(link, config_of(generation))
    talk.bind()
    talk.endpoints[0][1].send(b"hello")
    calls: list[tuple[str, list[object]]] = [
        ("icmsg_regions", [None] * 7 + [16, 18, *([None, None, "3.7"] if generation == "3.6" else [])]),
        ("icmsg_status", []),
        ("icmsg_dump", ["app"]),
        ("icmsg_dump", ["net", 5]),
        ("icmsg_watch", []),
    ]
    check_python_2(link, calls, capsys)
