"""The verdict of an exchange is a fact: what is OK happened, and what did not happen is said with its reason."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from exchanges import exchange, exchange_on
from firmware_files import FIRMWARE, Kind, Trial, foreign, trial
from planted_files import Mistake, Plant, planted

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.link.verdict import fault_words
from icmsg.link.workload import Workload
from icmsg.timers import MS

if TYPE_CHECKING:
    from pathlib import Path

SESSIONS = replace(APP, unbound="enable", dcache_alignment=8)
ANY = Workload(messages=1, any_number=True)
BOND_ONLY = Workload(messages=0)


def test_the_images_are_made_from_the_sources_beside_them() -> None:
    folder = FIRMWARE / "verdict"
    for name, digest in json.loads((folder / "manifest.json").read_text()).items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, "run build.py"


# Bound means both


@pytest.mark.parametrize("work", [BOND_ONLY, Workload(messages=5)], ids=["bond-only", "exchange"])
@pytest.mark.parametrize(("core", "other"), [("net", "app"), ("app", "net")])
def test_firmware_that_never_takes_the_magic_is_not_bound(
    tmp_path: Path, core: str, other: str, work: Workload
) -> None:
    result = exchange(**{core: trial(tmp_path, core, Trial.DEAF), other: "python"}, workload=work)
    assert (result.ok, result.bound, result.bond_virtual_us) == (False, False, None)
    assert result.problems[0] == "bonding did not happen within 2.000 s of virtual time"
    assert f"{other} wrote the magic, {core} has not taken it" in "\n".join(result.problems)


def test_between_firmware_one_that_never_takes_the_magic_is_not_bound(tmp_path: Path) -> None:
    result = exchange("initiator", trial(tmp_path, "net", Trial.DEAF), BOND_ONLY)
    assert (result.ok, result.bound) == (False, False)


def test_bound_is_said_when_the_firmware_has_taken_the_magic_and_not_before(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        exchange = exchange_on(machine, "python", trial(tmp_path, "net", Trial.ECHO), BOND_ONLY)
        taken: list[int] = []
        machine.events.add_sink(
            lambda event: taken.append(event.time_ns) if machine.core("app").bus.read32(0x2007_0000) else None
        )
        result = exchange.run()
    assert result.ok
    assert result.bond_virtual_us is not None
    assert taken[0] <= result.bond_virtual_us * 1000 + 100_000


def test_without_messages_nothing_is_sent_back_and_what_came_is_counted(tmp_path: Path) -> None:
    result = exchange("python", foreign(tmp_path, "net", Kind.SPEAK, at=2, limit=30), BOND_ONLY)
    assert (result.ok, result.bound, result.messages_unanswered) == (True, True, 2)
    assert (result.messages_sent, result.messages_received, result.initiator) == (0, 0, None)


def test_without_messages_a_silence_lets_firmware_go_through_all_that_it_does(tmp_path: Path) -> None:
    app = trial(tmp_path, "app", Trial.RESTARTS, number=3)
    short, long = (exchange(app, "echo", BOND_ONLY, silence_ns=silence_ns) for silence_ns in (None, 50 * MS))
    assert (long.problems, long.ok, long.restarts, long.messages_unanswered) == (
        (),
        True,
        {"app": 0, "net": 2},
        18,
    )
    assert short.ok
    silent = exchange("python", "echo", BOND_ONLY, silence_ns=50 * MS)
    assert (silent.ok, silent.virtual_s) == (True, pytest.approx(0.05, abs=0.001))


# Who initiates


def test_who_initiates_is_said_with_the_reason(tmp_path: Path) -> None:
    def said(**sides: object) -> tuple[str | None, str]:
        result = exchange(**sides)  # type: ignore[arg-type]
        return result.initiator, result.initiator_reason

    assert said() == ("app", "Python sends where the other side only echoes")
    assert said(app="initiator", net="echo") == ("app", "its stub sends first")
    assert said(app="python", net="python", initiator="net") == ("net", "as asked for")
    echo, speaker = foreign(tmp_path, "net"), foreign(tmp_path, "app", Kind.SPEAK, at=1, limit=20)
    assert said(net=echo) == ("app", "no firmware sent a message of its own within 5 ms after bonding")
    who, why = said(app=speaker, net="python")
    assert (who, why.startswith("it sent a message of its own")) == ("app", True)
    assert said(app=speaker, net=echo) == ("app", "it sent the first message after bonding")


def test_a_message_before_bonding_is_over_makes_no_initiator(tmp_path: Path) -> None:
    result = exchange("python", trial(tmp_path, "net", Trial.EARLY), Workload(messages=30))
    assert (result.ok, result.initiator, result.messages_received) == (True, "app", 30)
    assert result.messages_unanswered == 1
    assert (
        "net sent 1 message before bonding was over; nothing of it was answered or counted" in result.warnings
    )
    assert not exchange("python", trial(tmp_path, "net", Trial.EARLY), Workload(messages=3), strict=True).ok


@pytest.mark.parametrize(
    "work", [Workload(messages=1000), Workload(messages=2), ANY], ids=["1000", "2", "any"]
)
@pytest.mark.parametrize("named", [None, "net"])
def test_firmware_that_greets_and_then_echoes_is_no_success(
    tmp_path: Path, work: Workload, named: str | None
) -> None:
    """The two play the greeting back and forth; with any number they would do so for ever."""
    result = exchange("python", trial(tmp_path, "net", Trial.GREET), work, initiator=named)
    assert not result.ok
    assert result.problems[0].startswith(
        "net only plays back what it gets: the same 5 bytes (68 65 6c 6c 6f) went"
    )


def test_the_same_firmware_is_spoken_to_when_the_other_side_is_named(tmp_path: Path) -> None:
    result = exchange("python", trial(tmp_path, "net", Trial.GREET), Workload(messages=50), initiator="app")
    assert (result.ok, result.messages_received, result.messages_unanswered) == (True, 50, 1)


def test_an_initiator_whose_messages_are_all_equal_is_one_nevertheless(tmp_path: Path) -> None:
    result = exchange("python", foreign(tmp_path, "net", Kind.SPEAK, at=1, limit=20))
    assert (result.ok, result.initiator, result.messages_received) == (True, "net", 20)


# How many


def test_fewer_messages_than_asked_for_say_how_many_and_after_which_silence(tmp_path: Path) -> None:
    speaker = foreign(tmp_path, "app", Kind.SPEAK, at=1, limit=12)
    result = exchange(speaker, "python", Workload(messages=100))
    assert (result.ok, result.messages_received, result.messages_expected) == (False, 12, 100)
    assert result.problems[0] == (
        "12 of 100 messages came back before a silence of 1.000 s of virtual time; a longer one: --silence-ms; "
        "as many as firmware sends: --messages any"
    )


def test_a_control_message_of_icbmsg_is_recognised_although_python_echoed_it(tmp_path: Path) -> None:
    result = exchange("python", planted(tmp_path, Plant(Mistake.ICBMSG)))
    assert not result.ok
    assert "this looks like ICBMsg: the first message of net is 02 00 05" in "\n".join(result.problems)


def test_any_number_ends_at_the_silence_and_needs_one_message(tmp_path: Path) -> None:
    speaker = foreign(tmp_path, "app", Kind.SPEAK, at=2, limit=12)
    for peer in ("python", "echo"):
        result = exchange(speaker, peer, ANY)
        assert (result.problems, result.ok, result.messages_received, result.messages_expected) == (
            (),
            True,
            12,
            None,
        )
    silent = exchange(foreign(tmp_path, "app"), "python", ANY)
    assert silent.problems[0].startswith("no message came back before a silence of 1.000 s")


def test_any_number_is_refused_where_the_number_is_known() -> None:
    for app, net in (("python", "echo"), ("initiator", "echo"), ("python", "python")):
        with pytest.raises(
            ConfigurationError, match="--messages any is for firmware of yours that sends first"
        ):
            exchange(app, net, ANY)


def test_a_longer_silence_waits_for_an_initiator_that_takes_its_time(tmp_path: Path) -> None:
    slow = trial(tmp_path, "net", Trial.SLOW, number=3, pause=1_000_000)
    short = exchange("python", slow, Workload(messages=3), initiator="net", silence_ns=20 * MS)
    assert short.problems[0].startswith("0 of 3 messages came back before a silence of 20.000 ms")
    result = exchange("python", slow, Workload(messages=3), initiator="net")
    assert (result.problems, result.messages_received) == ((), 3)


def test_an_initiator_that_idles_in_a_loop_has_finished_when_it_is_silent(tmp_path: Path) -> None:
    """Nothing happens any more is not the same as something hangs."""
    result = exchange("python", trial(tmp_path, "net", Trial.IDLE_LOOP), Workload(messages=20))
    assert (result.problems, result.ok) == ((), True)


def test_one_packet_for_each_doorbell_is_not_enough_for_the_default_workload(tmp_path: Path) -> None:
    lazy = trial(tmp_path, "net", Trial.ONE_EACH)
    assert exchange("python", lazy, Workload(messages=100, window=1)).ok
    result = exchange("python", lazy, Workload(messages=100))
    assert (result.ok, result.bound) == (False, True)


# Faults


def test_a_fault_is_a_failure_even_when_every_message_came_back(tmp_path: Path) -> None:
    result = exchange("python", trial(tmp_path, "net", Trial.FAULT), Workload(messages=1))
    assert (result.messages_received, result.mismatches, result.ok) == (1, 0, False)
    assert result.problems[0].startswith("core net: exception 3: an instruction that this core does not have")
    (fault,) = result.faults
    assert (fault.core, fault.exception, fault.count, fault.place.split("+")[0]) == ("net", 3, 1, "main")
    assert any("is in the handler of exception 3 at the end" in problem for problem in result.problems)


@pytest.mark.parametrize("work", [BOND_ONLY, Workload(messages=5)], ids=["bond-only", "exchange"])
def test_a_fault_that_comes_again_and_again_ends_the_run(tmp_path: Path, work: Workload) -> None:
    result = exchange("python", trial(tmp_path, "net", Trial.FAULT_LOOP), work)
    assert not result.ok
    (fault,) = result.faults
    assert fault.count >= 1000
    assert any("takes fault exception 3 again and again at PC" in problem for problem in result.problems)


@pytest.mark.parametrize("loaded", [True, False])
def test_what_zephyr_says_of_a_panic_is_a_failure(loaded: bool) -> None:
    with EmbeddedMachine() as machine:
        core = machine.core("net")
        if loaded:
            core.load(stub("echo", "net"))
        core.console.feed(
            b"fine\n[00:00:00.000,396] <err> os: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\n", 0
        )
        said = list(fault_words(machine, []))
    text = "[00:00:00.000,396] <err> os: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0"
    assert said == ([f"the firmware of net has given up: {text}"] if loaded else [])


def test_strict_makes_warnings_failures(tmp_path: Path) -> None:
    stray = foreign(tmp_path, "net", Kind.STRAY)
    assert exchange("python", stray).ok
    result = exchange("python", stray, strict=True)
    assert not result.ok
    assert result.problems[0] == "there are warnings, and --strict makes them failures"


# Restarts


@pytest.mark.parametrize("work", [Workload(messages=9), ANY], ids=["9", "any"])
def test_restarts_by_the_firmware_itself_are_counted_and_no_failure(tmp_path: Path, work: Workload) -> None:
    result = exchange(trial(tmp_path, "app", Trial.RESTARTS, number=3), "echo", work)
    assert (result.problems, result.ok, result.bound) == ((), True, True)
    assert (result.messages_sent, result.messages_received, result.mismatches) == (9, 9, 0)
    assert result.restarts == {"app": 0, "net": 2}


def test_firmware_that_leaves_its_peer_restarted_has_ended_the_link_itself(tmp_path: Path) -> None:
    result = exchange(trial(tmp_path, "app", Trial.LEAVES, number=3), "echo", ANY)
    assert (result.problems, result.ok, result.messages_received) == ((), True, 9)
    assert result.notes == ("app restarted its peer after the last message and did not open its side again",)


def test_a_restart_after_which_the_two_do_not_bond_again_is_a_failure(tmp_path: Path) -> None:
    result = exchange("initiator", foreign(tmp_path, "net", Kind.RESET, at=2), Workload(messages=10))
    assert (result.ok, result.bound, result.restarts) == (False, False, {"app": 0, "net": 1})
    assert "not bound at the end: core net restarted once, and they did not bond again" in result.problems


# What lies in memory


@pytest.mark.parametrize("kind", ["old", "random"])
@pytest.mark.parametrize("config", [APP, SESSIONS], ids=["magic", "sessions"])
@pytest.mark.parametrize(("app", "net"), [("python", "echo"), ("echo", "python"), ("initiator", "echo")])
def test_what_earlier_sessions_have_left_misleads_nobody(
    kind: str, config: object, app: str, net: str
) -> None:
    if config is SESSIONS:
        app, net = (who if who == "python" else f"{who}-enable" for who in (app, net))
    result = exchange(app, net, config=config, stale_memory=kind)  # type: ignore[arg-type]
    assert (result.problems, result.ok, result.messages_received) == ((), True, 20)


def test_firmware_that_trusts_what_lies_in_memory_is_found_out_by_an_old_session(tmp_path: Path) -> None:
    trusting = trial(tmp_path, "net", Trial.TRUSTING)
    assert exchange("python", trusting).ok
    result = exchange("python", trusting, stale_memory="old")
    assert not result.ok
    assert result.faults[0].place.split("+")[0] == "open_side"


# Hangs


@pytest.mark.parametrize("work", [BOND_ONLY, Workload(messages=5)], ids=["bond-only", "exchange"])
def test_an_interrupt_storm_is_named_with_its_number_handler_and_event(
    tmp_path: Path, work: Workload
) -> None:
    result = exchange("python", trial(tmp_path, "net", Trial.STORM), work)
    assert not result.ok
    (said,) = (problem for problem in result.problems if "interrupt storm" in problem)
    assert "core net took interrupt 18 more than 20000 times in a row in ipc_handler" in said
    assert "EVENTS_RECEIVE[0] is still set" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said"),
    [(Trial.POLL, "core net polls 0x41009100"), (Trial.SPIN, "core net is in a loop that never ends")],
)
def test_a_loop_that_nothing_can_end_is_named_at_once(tmp_path: Path, kind: Trial, said: str) -> None:
    result = exchange("python", trial(tmp_path, "net", kind))
    assert result.problems[0].startswith(f"busy loop: {said}")
    assert result.virtual_s < 0.2
    assert result == exchange("python", trial(tmp_path, "net", kind)), "at the same virtual time each time"


def test_a_wait_that_something_can_end_is_not_cut(tmp_path: Path) -> None:
    """The peer repeats its doorbell, so firmware that loops may yet see it."""
    config = replace(APP, signalling="repeat")
    result = exchange("python", trial(tmp_path, "net", Trial.SPIN), config=config, bond_timeout_ns=100 * MS)
    assert result.problems[0] == "bonding did not happen within 100.000 ms of virtual time"


def test_firmware_that_counts_in_a_loop_before_it_speaks_is_not_cut(tmp_path: Path) -> None:
    late = foreign(tmp_path, "net", Kind.SPEAK, at=2, limit=3, delay=1_500_000)
    assert exchange("python", late, Workload(messages=3), initiator="net").ok
