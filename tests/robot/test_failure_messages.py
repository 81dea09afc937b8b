"""What a person reads when a scenario fails: enough to know what happened, without opening a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from robot_runs import run_test

if TYPE_CHECKING:
    from pathlib import Path

BONDED = (
    "Create Machine",
    "Run Firmware    net    echo",
    "Play Core    app",
    "Wait For Bound    app",
    "Let Time Pass    1 ms",
)

SECOND = "tx_region=0x20071000:0x800    rx_region=0x20079000:0x800    tx_channel=2    rx_channel=3"


def test_without_the_doorbell_the_message_lies_there_and_nobody_was_told(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        *BONDED,
        "Drop Doorbells    app",
        "Send Message    app    hello",
        "Expect Message    app    hello    timeout=5 ms",
    )
    assert not outcome.passed
    lines = outcome.timeless.splitlines()
    assert lines[0] == "a message for app did not happen within <time> of virtual time"
    assert lines[1] == "at <time> of virtual time on the embedded engine:"
    for line in (
        "pending in tx-region of app: b'hello'",
        "app plays ipc0: CONNECTED_SID_DISABLED, bound; sent 1, received 0",
        "core app is played by Python",
        "core net runs echo-net.elf; started at <time>",
        "console of net: echo: up | echo: bound",
        "doorbells of app: 3 on mbox channel 0; the last at <time>",
        "injected by the test: ipcapp DropNext 1 at <time>",
    ):
        assert line in lines
    assert any(
        line.startswith("app→net (tx-region of app, 0x20070000)") and "1 packet pending" in line
        for line in lines
    )
    assert any(line.startswith("net→app") and line.endswith("empty") for line in lines)
    assert any(line.startswith("ipcapp: ") and "dropped=1" in line for line in lines)


def test_a_corrupted_length_is_shown_with_its_place_and_who_did_it(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        *BONDED,
        "Halt Core    net",
        "Send Message    app    hello",
        "Corrupt Length    app    tx    4000",
        "Resume Core    net",
        "Expect Message    app    hello    timeout=5 ms",
    )
    assert not outcome.passed
    lines = outcome.timeless.splitlines()
    assert any(
        line.startswith("app→net") and "the packet at index 20 announces 4000 bytes" in line for line in lines
    )
    assert (
        "injected by the test: wrote length 4000 of the packet at index 20 in tx-region of app at <time>"
        in lines
    )
    assert any(line.startswith("core net runs echo-net.elf") and "halted at <time>" in line for line in lines)


def test_a_reset_of_the_network_core_is_told_with_its_time(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        *BONDED,
        "Exchange Messages    app    count=100",
        "Reset Core    net",
        "Let Time Pass    2 ms",
        "Send Message    app    hello",
        "Expect Message    app    hello    timeout=5 ms",
    )
    assert not outcome.passed
    lines = outcome.timeless.splitlines()
    assert any(line.startswith("app was told 7 times: the header at 0x") for line in lines)
    assert "core net runs echo-net.elf; started at <time>; reset at <time>" in lines
    assert "console of net: echo: up | echo: bound | echo: up" in lines
    assert (
        "the peer of app wrote the magic again: it restarted alone, which nobody is told in magic mode"
        in lines
    )


def test_a_halted_core_is_said_to_be_halted(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        *BONDED,
        "Halt Core    net",
        "Send Message    app    x",
        "Expect Message    app    x    timeout=5 ms",
    )
    assert (
        "core net is halted with echo-net.elf; started at <time>; halted at <time>"
        in outcome.timeless.splitlines()
    )


def test_another_message_than_the_expected_one_shows_both(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *BONDED, "Send Message    app    one", "Expect Message    app    two")
    assert outcome.message.startswith("app received b'one', expected b'two'\n")


def test_errors_that_the_endpoint_was_told_are_shown(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Play Core    app",
        "Write Region    app    rx    8    00 05 00 00 68 65 6c 6c 6f 00 00 00",
        "Set Region Index    app    rx    wr_idx    12",
        "Ring Doorbell    net",
        "Wait For Bound    app    timeout=5 ms",
    )
    lines = outcome.timeless.splitlines()
    assert any(line.startswith("app was told: ipc0: the first packet is not the magic") for line in lines)
    assert "injected by the test: ipcnet Signal 0x2 at <time>" in lines


def test_sessions_are_shown_by_their_ids(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Play Core    app    unbound=enable",
        "Wait For Bound    app    timeout=5 ms",
    )
    lines = outcome.timeless.splitlines()
    assert "session of app: id 1, acknowledges 0 of its peer" in lines
    assert "session of net: id 0, acknowledges 0 of its peer" in lines


def test_of_several_instances_the_one_that_was_waited_for_is_shown_first(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Play Core    app    ipc0",
        "Play Core    net    ipc0",
        f"Play Core    app    ipc1    {SECOND}",
        "Wait For Bound    app    instance=ipc1    timeout=5 ms",
    )
    lines = outcome.timeless.splitlines()
    assert lines[0] == "bound of ipc1 on app did not happen within <time> of virtual time"
    assert next(line for line in lines if "→" in line).startswith("app→net (tx-region of app, 0x20071000)")
    plays = [line for line in lines if " plays " in line]
    assert plays[0].startswith("app plays ipc1: ")
    assert {line.split(":")[0] for line in plays[1:]} == {"app plays ipc0", "net plays ipc0"}


def test_a_console_line_that_never_comes_is_named(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *BONDED, "Wait For Console Line    net    nothing like this    timeout=1 ms")
    assert outcome.timeless.startswith(
        "'nothing like this' on the console of net did not happen within <time>"
    )


@pytest.mark.slow
def test_a_mistake_in_the_suite_is_one_line_that_names_the_fix(tmp_path: Path) -> None:
    mistakes = {
        "Play Core    app": "there is no machine; use `Create Machine` first",
        "Send Message    app    x": "there is no machine",
    }
    for step, said in mistakes.items():
        outcome = run_test(tmp_path, step)
        assert outcome.message.startswith(said)
    made = {
        "Send Message    app    x": "Python does not play core app; use `Play Core    app` first",
        "Run Firmware    net    nosuch.elf": "nosuch.elf: no such file; give the path of an ELF file or",
        "Play Core    app    tx_region=12": "tx_region 12: use ADDR:SIZE in bytes",
        "Play Core    app    dts=nosuch.dts": "nosuch.dts",
        "Get Stub Counter    net    sent": "nothing was loaded into core net; use `Load Firmware` first",
        "Watched Link Should Be Intact": "nothing is watched; use `Watch Link` first",
        "Corrupt Length    app    tx    1": "no packet waits in tx-region of app",
        "Create Machine    script=nosuch": "there is no script 'nosuch'; give the path of a .resc file, or a name: ",
    }
    for step, said in made.items():
        outcome = run_test(tmp_path, "Create Machine", step)
        assert said in outcome.message.splitlines()[0], step
        assert "\n" not in outcome.message.split("(trace:")[0].strip(), step
        assert "Traceback" not in outcome.message
