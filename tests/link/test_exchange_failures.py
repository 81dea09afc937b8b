"""Exchanges that fail: what is said lets a person who knows ICMsg tell what happened, without looking further.

The faults are in firmware (firmware/foreign.c); one core runs it, the other one is played by Python or runs a stub.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from exchanges import exchange
from firmware_files import Kind, Trial, foreign, trial

from icmsg.config.instance import Region
from icmsg.config.nrf5340 import APP
from icmsg.link.workload import Workload
from icmsg.timers import MS

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.link.verdict import ExchangeResult

WORK = Workload(messages=10, size_min=20, size_max=20, window=1)
STEP = 24  # bytes of a 20-byte message in the ring; the magic takes 20


def said(result: ExchangeResult) -> str:
    """Return everything that is said about a failed exchange, and check that it is one."""
    assert not result.ok
    assert result.problems
    assert len(set(result.problems)) == len(result.problems)
    assert not any("\n" in problem for problem in result.problems)
    regions = [problem for problem in result.problems if "-region of app" in problem]
    assert [region.split(" ")[0] for region in regions] == ["app→net", "net→app"]
    assert "console of net: " in "\n".join(result.problems)
    return "\n".join(result.problems)


def net(tmp_path: Path, kind: Kind, *, at: int = 2) -> ExchangeResult:
    return exchange("python", foreign(tmp_path, "net", kind, at=at), WORK)


def test_a_wrong_byte_is_told_by_message_place_and_value(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.WRONG_BYTE)
    sent = list(WORK.payloads())[2][19]
    assert f"echo 3 differs at byte 19: 0x{sent:02X} was sent, 0x{sent ^ 0x80:02X} came back" in said(result)
    assert (result.messages_sent, result.messages_received, result.mismatches) == (10, 10, 1)
    assert "sends first" not in said(result), "nine echoes were right, so it does echo"


def test_a_wrong_length_is_told(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.SHORT)
    assert "echo 3 has 19 bytes, 20 were sent" in said(result)
    assert (result.mismatches, result.bytes_received) == (1, 199)


def test_an_echo_too_many_shifts_all_that_follow(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.TWICE)
    assert "echo 4 differs at byte 0" in said(result)
    assert result.mismatches == 7
    last = exchange(
        "python", foreign(tmp_path, "net", Kind.TWICE, at=0), Workload(messages=2, size_min=9, size_max=9)
    )
    assert "echo 2 differs at byte 0" in said(last)


@pytest.mark.parametrize("kind", [Kind.SLEEP, Kind.LOOP])
def test_firmware_that_stops_in_the_middle_shows_where_it_is(tmp_path: Path, kind: Kind) -> None:
    result = net(tmp_path, kind)
    text = said(result)
    stops = "echo 3 of 10 did not happen within 1.000 s of virtual time"
    loops = "busy loop: core net is in a loop that never ends (PC 0x010"
    assert result.problems[0].startswith(loops if kind is Kind.LOOP else stops)
    assert "core net is at PC 0x010" in text
    assert "(go_wrong+0x" in text
    taken = 20 + 3 * STEP
    assert (
        f"app→net (tx-region of app, 0x20070000): rd_idx={taken} wr_idx={taken} used=0 of 2040, empty" in text
    )
    assert f"rd_idx={20 + 2 * STEP} wr_idx={20 + 2 * STEP}" in text
    assert (result.bound, result.messages_sent, result.messages_received) == (True, 3, 2)
    assert "magic" not in text


def test_a_crash_is_a_warning_with_exception_and_place(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.JUMP)
    assert "core net: exception 3: execution where there is no code at 0x60000000 (PC 0x60000000" in said(
        result
    )
    assert "core net is at PC 0x010" in said(result)
    assert "(wait_for_ever" in said(result)
    assert result.warnings == (result.problems[0],)
    assert result.problems[1] == "core net is in the handler of exception 3 at the end"


def test_a_crash_without_a_stack_names_the_instruction(tmp_path: Path) -> None:
    text = said(net(tmp_path, Kind.LOCKUP))
    assert "an instruction that this core does not have" in text
    assert "go_wrong+0x" in text
    assert "0x5FFFFFE0" in text, "where the frame would have been"


def test_a_misaligned_index_is_named_with_its_address_and_decoded(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.WR_MISALIGNED)
    good = 20 + 2 * STEP
    assert "wr_idx is not a multiple of 4" in said(result)
    assert f"(0x{good + 1:X} at 0x20078004)" in said(result)
    assert (
        f"rd_idx={good} wr_idx={good + 1} used=0 of 2040: wr_idx 0x{good + 1:08X} is not a multiple of 4"
        in said(result)
    )
    assert result.messages_received == 2


def test_an_index_behind_the_data_is_named_with_its_address_and_decoded(tmp_path: Path) -> None:
    text = said(net(tmp_path, Kind.WR_BEYOND))
    assert "wr_idx is beyond the 2040 data bytes" in text
    assert "(0x7FC at 0x20078004)" in text
    assert "wr_idx 0x000007FC is beyond the 2040 data bytes" in text


def test_a_broken_read_index_stops_the_sender_with_its_name(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.RD_BEYOND)
    assert result.problems[0].startswith("ipc0: rd_idx is beyond the 2040 data bytes")
    assert "(0x10000 at 0x20070000)" in said(result)


@pytest.mark.parametrize(
    ("kind", "error", "view"),
    [
        (Kind.EMPTY, "the next packet has length 0, which must never be sent", "announces 0 bytes"),
        (Kind.TOO_LONG, "announces 1792 bytes, but wr_idx covers 20", "announces 1792 bytes"),
    ],
)
def test_a_broken_header_is_named_and_decoded(tmp_path: Path, kind: Kind, error: str, view: str) -> None:
    text = said(net(tmp_path, kind))
    assert error in text
    assert f": the packet at index {20 + 2 * STEP} {view}" in text


def test_a_peer_that_restarts_alone_is_recognised(tmp_path: Path) -> None:
    text = said(net(tmp_path, Kind.RESET))
    assert (
        "the peer of app wrote the magic again: it restarted alone, which nobody is told in magic mode"
        in text
    )


def test_a_peer_that_never_reads_has_not_taken_the_magic(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.DEAF)
    assert result.problems[0] == "bonding did not happen within 2.000 s of virtual time"
    assert "1 packet pending; app wrote the magic, net has not taken it" in said(result)


def test_a_first_packet_that_is_not_the_magic_is_shown(tmp_path: Path) -> None:
    result = exchange("python", foreign(tmp_path, "net", Kind.NO_MAGIC), WORK, bond_timeout_ns=50 * MS)
    assert result.problems[0] == "bonding did not happen within 50.000 ms of virtual time"
    assert "the first packet is not the magic but 6e 6f 74" in said(result)
    assert "no traces of a peer" not in said(result)


@pytest.mark.parametrize("core", ["app", "net"])
def test_firmware_that_never_bonds_has_written_nothing(core: str) -> None:
    other = "net" if core == "app" else "app"
    result = exchange(**{core: "spin", other: "python"}, bond_timeout_ns=10 * MS)
    text = said(result) if core == "net" else "\n".join(result.problems)
    assert (result.ok, result.bound, result.bond_virtual_us) == (False, False, None)
    assert (result.messages_sent, result.messages_received) == (0, 0)
    assert f"{core} has set up no mbox channel and written nothing: it has not opened its side" in text
    assert f"{core} has written nothing" in text
    assert f"console of {core}: spin: up" in text
    assert f"core {core} is at PC 0x0" in text
    assert "(main+0x" in text


def test_firmware_that_never_bonds_with_firmware_is_told_from_outside() -> None:
    result = exchange("initiator", "spin", bond_timeout_ns=10 * MS)
    assert "app wrote the magic, net has not taken it" in said(result)
    assert "net has written nothing" in said(result)
    assert "console of app: initiator: up" in said(result)


def test_another_dcache_alignment_is_found_out(tmp_path: Path) -> None:
    result = exchange("python", foreign(tmp_path, "net", alignment=32), WORK, bond_timeout_ns=10 * MS)
    assert "as app sees it: peer uses dcache-alignment 32, you use 0: set dcache-alignment = <32>" in said(
        result
    )
    fixed = replace(APP, dcache_alignment=32)
    assert exchange("python", foreign(tmp_path, "net", alignment=32), WORK, config=fixed).ok


def test_regions_that_the_firmware_does_not_use_are_found_out(tmp_path: Path) -> None:
    moved = replace(APP, tx_region=Region(0x2007_4000, 0x800))
    result = exchange("python", foreign(tmp_path, "net"), WORK, config=moved, bond_timeout_ns=10 * MS)
    assert "app wrote the magic, net has not taken it" in said(result)
    swapped = exchange(
        "python", foreign(tmp_path, "net"), WORK, config=APP.mirrored(), bond_timeout_ns=10 * MS
    )
    assert "net writes into the region that app writes, at 0x2007800" in said(swapped)
    assert "are tx and rx swapped?" in said(swapped)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Kind.WRONG_BYTE, ["echo 3 differs at byte 19"]),
        (Kind.SHORT, ["echo 3 has 19 bytes, 20 were sent"]),
        (
            Kind.SLEEP,
            ["echo 3 of 10 did not happen within 1.000 s", "(go_wrong+0x", "console of app: initiator: up"],
        ),
        (
            Kind.JUMP,
            [
                "busy loop: core net is in a loop that never ends",
                "exception 3: execution where there is no code at 0x60000000",
            ],
        ),
        (
            Kind.WR_BEYOND,
            [
                "wr_idx is beyond the 2040 data bytes",
                "stub on app: counted 1 error, the last one EINVAL reading rx-region (detail 0x7FC)",
            ],
        ),
        (
            Kind.RD_BEYOND,
            ["errors, the last one EINVAL writing tx-region (detail 0x10000)", "rd_idx 0x00010000 is beyond"],
        ),
        (Kind.RESET, ["not bound at the end: core net restarted once, and they did not bond again"]),
        (Kind.TWICE, ["20 bytes came that nobody had sent"]),
    ],
)
def test_between_firmware_the_same_is_seen_from_outside(tmp_path: Path, kind: Kind, texts: list[str]) -> None:
    result = exchange("initiator", foreign(tmp_path, "net", kind, at=2), WORK)
    for text in texts:
        assert text in said(result)


def test_between_unknown_firmware_the_same_is_seen_from_outside(tmp_path: Path) -> None:
    speaker = foreign(tmp_path, "app", Kind.SPEAK, at=2, limit=30)
    result = exchange(speaker, foreign(tmp_path, "net", Kind.WRONG_BYTE, at=5), Workload(messages=10))
    assert "echo 6 differs at byte 9: 0x79 was sent, 0xF9 came back" in said(result)
    assert (result.messages_sent, result.messages_received, result.mismatches) == (10, 10, 1)
    stopped = exchange(speaker, foreign(tmp_path, "net", Kind.SLEEP, at=5), Workload(messages=100))
    assert stopped.problems[0].startswith("5 of 100 messages came back before a silence of 1.000 s")
    assert stopped.messages_sent > stopped.messages_received == 5
    silent = exchange(foreign(tmp_path, "app"), foreign(tmp_path, "net"), Workload(messages=10))
    assert silent.problems[0].startswith("0 of 10 messages came back before a silence of 1.000 s")
    assert (silent.bound, silent.messages_sent) == (True, 0)


def test_unknown_firmware_that_answers_with_messages_of_its_own_is_said_to(tmp_path: Path) -> None:
    speaker = foreign(tmp_path, "app", Kind.SPEAK, at=2, limit=30)
    result = exchange(
        speaker, trial(tmp_path, "net", Trial.SLOW, number=30, pause=100), Workload(messages=10)
    )
    assert (result.ok, result.messages_received, result.mismatches) == (True, 10, 0)
    (note,) = result.notes
    assert note.startswith(
        "net sends messages of its own, whose contents were not judged: none of 10 equals what app"
    )
    assert "(echo 1 has 4 bytes, 10 were sent)" in note
    assert result.round_trip_virtual_us["min"] is None
    slow = trial(tmp_path, "net", Trial.SLOW, number=40, pause=100)
    assert exchange(speaker, slow, Workload(messages=1, any_number=True)).ok, (
        "neither number follows from the other"
    )


def test_a_stray_access_is_a_warning_and_no_failure(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.STRAY)
    assert (result.ok, result.problems) == (True, ())
    reading, writing = result.warnings
    assert reading.startswith("core net: read of RADIO, which nothing models at 0x41008004 (PC 0x010")
    assert writing.startswith("core net: write of RADIO, which nothing models at 0x41008000 (PC 0x010")
    assert "go_wrong+0x" in reading
    assert "go_wrong+0x" in writing


def test_an_unfinished_line_of_a_console_is_shown(tmp_path: Path) -> None:
    result = net(tmp_path, Kind.SLEEP)
    assert result.consoles["net"] == ["foreign: bound", "ready> "]
    assert "console of net: foreign: bound | ready> " in said(result)


@pytest.mark.parametrize("kind", [Kind.JUMP, Kind.WR_BEYOND, Kind.RESET])
def test_failures_are_as_repeatable_as_everything_else(tmp_path: Path, kind: Kind) -> None:
    assert net(tmp_path, kind) == net(tmp_path, kind)
