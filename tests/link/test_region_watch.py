"""Who touches the words of a region."""

from __future__ import annotations

from pathlib import Path

import pytest

from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.link.played_instance import Peer
from icmsg.link.watch import RegionAccess, RegionWatch

ECHO = Path(__file__).parents[1] / "views" / "covered" / "echo-net.elf"
TX = {"app": APP.tx_region, "net": APP.tx_region}
RX = {"app": APP.rx_region, "net": APP.rx_region}


def exchange(*, watched: bool) -> tuple[str, list[RegionAccess]]:
    """Return hash and accesses of a bond and one echo of five bytes, and of one more that nobody watches."""
    seen: list[RegionAccess] = []
    with EmbeddedMachine() as machine:
        watches: list[RegionWatch] = []
        if watched:
            indices = "wr_idx", "rd_idx"
            watches = [
                RegionWatch(machine, TX, APP.tx_layout, seen.append, words=indices, kinds=("store", "load")),
                RegionWatch(machine, RX, APP.rx_layout, seen.append),
            ]
        net = machine.core("net")
        net.load(ECHO)
        net.start()
        peer = Peer(machine, machine.core("app"), APP)
        peer.wait_for_bound()
        peer.send(b"hello")
        assert peer.receive() == b"hello"
        for watch in watches:
            watch.stop()
        count = len(seen)
        peer.send(b"again")
        assert peer.receive() == b"again"
        assert len(seen) == count
        return machine.trace_sha256(), seen


def test_every_store_has_its_core_word_value_and_function() -> None:
    _, seen = exchange(watched=True)
    found = [
        (access.core, access.word, access.value, access.function) for access in seen if access.kind == "store"
    ]
    assert ("net", "wr_idx", 20, "pbuf_write") in found
    assert ("net", "wr_idx", 32, "pbuf_write") in found
    assert ("net", "rd_idx", 32, "pbuf_read") in found
    assert ("app", "wr_idx", 32, "Python") in found
    assert ("app", "rd_idx", 32, "Python") in found
    data = [access for access in seen if access.word == "data" and access.core == "net"]
    assert [access.value.to_bytes(4, "little") for access in data][-2:] == [b"hell", b"o\0\0\0"]
    assert [access.time_ns for access in seen] == sorted(access.time_ns for access in seen)


def test_every_index_of_a_region_is_written_by_its_own_side_alone() -> None:
    _, seen = exchange(watched=True)
    late = [access for access in seen if access.kind == "store" and access.time_ns > 25_000]
    written = {(access.core, access.word, access.pc is None) for access in late}
    assert written <= {
        ("app", "wr_idx", True),
        ("app", "rd_idx", True),
        ("net", "wr_idx", False),
        ("net", "rd_idx", False),
        ("net", "data", False),
    }


def test_loads_have_the_value_that_was_read() -> None:
    _, seen = exchange(watched=True)
    loads = [access for access in seen if access.kind == "load" and access.word == "wr_idx"]
    assert {access.value for access in loads} == {32}
    assert {access.function for access in loads} == {"pbuf_read"}
    assert "net reads wr_idx = 32 in pbuf_read" in str(loads[-1])


def test_watching_changes_no_event_and_no_hash() -> None:
    assert exchange(watched=True)[0] == exchange(watched=False)[0]


def test_a_word_that_the_region_does_not_have_lists_those_it_has() -> None:
    with (
        EmbeddedMachine() as machine,
        pytest.raises(ConfigurationError, match="no word wr_idy; there are rd_idx, wr_idx, data"),
    ):
        RegionWatch(machine, TX, APP.tx_layout, lambda _access: None, words=("wr_idy",))


def test_writes_of_python_beside_the_region_or_through_another_core_are_not_told() -> None:
    seen: list[RegionAccess] = []
    with EmbeddedMachine() as machine:
        RegionWatch(machine, TX, APP.tx_layout, seen.append)
        app, net = machine.core("app"), machine.core("net")
        app.play()
        begin = APP.tx_region.address
        net.bus.write32(begin, 1)  # nobody plays net
        app.bus.write32(begin - 4, 1)
        app.bus.write_block(begin - 4, bytes(8))
        app.bus.write8(begin + APP.tx_region.size, 1)
        assert [(access.word, access.offset, access.value) for access in seen] == [("rd_idx", 0, 0)]
