"""A failed test leaves its trace in the output folder, linked from the log; one that passes leaves none."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from robot_runs import SETTINGS, run_suite, run_test

if TYPE_CHECKING:
    from pathlib import Path

FAILING = ("Create Machine", "Play Core    app", "Wait For Bound    app    timeout=1 ms")
TRACE = "icmsg-traces/Suite.Test.txt"


def test_a_failed_test_leaves_its_trace_and_the_log_links_it(tmp_path: Path) -> None:
    assert not run_test(tmp_path, *FAILING).passed
    lines = (tmp_path / TRACE).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# Suite.Test"
    assert lines[1].split("µs")[1].split() == ["app", "ipc0", "becomes", "INITIALIZING_SID_DISABLED"]
    assert lines[2].split("µs")[1].split() == ["app", "rings", "mbox", "channel", "0"]
    assert f'href="{TRACE}"' in (tmp_path / "output.xml").read_text(encoding="utf-8").replace("&lt;", "<")


def test_a_test_that_passes_leaves_none(tmp_path: Path) -> None:
    assert run_test(tmp_path, "Create Machine", "Play Core    app").passed
    assert not (tmp_path / TRACE).exists()


def test_a_failure_of_another_library_leaves_the_trace_too(tmp_path: Path) -> None:
    assert not run_test(tmp_path, "Create Machine", "Play Core    app", "Should Be Equal    1    2").passed
    assert (tmp_path / TRACE).exists()


def test_with_a_teardown_of_its_own_the_message_names_the_file(tmp_path: Path) -> None:
    steps = "".join(f"    {step}\n" for step in (*FAILING, "[Teardown]    No Operation"))
    (outcome,) = run_suite(tmp_path, f"Test\n{steps}")
    assert outcome.message.endswith(f"(trace: {tmp_path / TRACE})")


@pytest.mark.parametrize("teardown", ["", "    [Teardown]    No Operation\n"])
def test_a_trace_that_cannot_be_written_hides_no_failure(teardown: str, tmp_path: Path) -> None:
    (tmp_path / "icmsg-traces").touch()
    steps = "".join(f"    {step}\n" for step in FAILING)
    (outcome,) = run_suite(tmp_path, f"Test\n{steps}{teardown}")
    assert outcome.message.startswith("bound on app did not happen within 1.000 ms")
    assert "teardown failed" not in outcome.message
    everything = (tmp_path / "output.xml").read_text(encoding="utf-8")
    assert f"trace {tmp_path / TRACE} cannot be written: " in everything


def test_an_expected_error_leaves_none(tmp_path: Path) -> None:
    expected = f"Run Keyword And Expect Error    *    {FAILING[-1]}"
    assert run_test(tmp_path, *FAILING[:-1], expected).passed
    assert not (tmp_path / TRACE).exists()


def test_a_fault_of_the_test_is_in_the_trace(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Drop Doorbells    app    3", "Save Trace    mine")
    assert outcome.passed
    text = (tmp_path / "icmsg-traces" / "mine.txt").read_text(encoding="utf-8")
    assert "app  INJECTED ipcapp DropNext 3" in text


def test_every_test_has_a_trace_of_its_own(tmp_path: Path) -> None:
    steps = "".join(f"    {step}\n" for step in FAILING)
    run_suite(tmp_path, f"First\n{steps}Second\n{steps}")
    first, second = (
        (tmp_path / "icmsg-traces" / f"Suite.{name}.txt").read_text() for name in ("First", "Second")
    )
    assert first.splitlines()[1:] == second.splitlines()[1:]


def test_a_test_without_setup_starts_without_a_machine(tmp_path: Path) -> None:
    text = "First\n    Create Machine\nSecond\n    Play Core    app\n"
    first, second = run_suite(tmp_path, text)
    assert first.passed
    assert second.message.startswith("there is no machine")


def test_a_test_with_setup_and_teardown_of_its_own_keeps_the_machine(tmp_path: Path) -> None:
    settings = SETTINGS.replace("\n\n", "\nTest Setup    No Operation\nTest Teardown    No Operation\n\n", 1)
    text = "First\n    Create Machine\nSecond\n    Play Core    app\n"
    assert all(outcome.passed for outcome in run_suite(tmp_path, text, settings=settings))


@pytest.mark.slow
def test_links_of_a_log_that_is_merged_from_pabots_workers_lead_to_the_traces(tmp_path: Path) -> None:
    """The workers run as pabot starts them; then one log is made of what they left."""
    results = []
    for worker in range(2):
        folder = tmp_path / "pabot_results" / str(worker)
        folder.mkdir(parents=True)
        suite = folder / f"Suite{worker}.robot"
        suite.write_text(SETTINGS + "Test\n" + "".join(f"    {step}\n" for step in FAILING))
        command = [sys.executable, "-m", "robot", "--variable", f"PABOTQUEUEINDEX:{worker}", "--log", "NONE"]
        command += ["--report", "NONE", "--outputdir", str(folder), str(suite)]
        subprocess.run(command, capture_output=True, check=False)
        results.append(str(folder / "output.xml"))
    command = [
        sys.executable,
        "-m",
        "robot.rebot",
        "--outputdir",
        str(tmp_path),
        "--output",
        "all.xml",
        *results,
    ]
    subprocess.run(command, capture_output=True, check=False)
    text = html.unescape((tmp_path / "all.xml").read_text(encoding="utf-8"))
    links = re.findall(r'href="(.+?)"', text)
    assert len(links) == 2
    for link in links:
        assert "becomes" in (tmp_path / unquote(link)).read_text(encoding="utf-8")
    assert text.count("<details>") == 2, "the trace is in the log as well, wherever that is moved"


def test_a_report_for_a_browser_is_saved_and_linked_from_the_log(tmp_path: Path) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=html")
    steps = (*FAILING[:2], "Drop Doorbells    app    3", "Save Trace    mine.html", FAILING[2])
    (outcome,) = run_suite(tmp_path, "Test\n" + "".join(f"    {step}\n" for step in steps), settings=settings)
    assert not outcome.passed
    log = (tmp_path / "output.xml").read_text(encoding="utf-8").replace("&lt;", "<")
    for name in ("icmsg-traces/mine.html", "icmsg-traces/Suite.Test.html"):
        assert "test: INJECTED ipcapp DropNext 3" in (tmp_path / name).read_text(encoding="utf-8")
    assert 'href="icmsg-traces/mine.html"' in log


ASKS = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=pftrace pcapng", 1)
STEPS = (
    "Create Machine",
    "Run Firmware    net    echo",
    "Play Core    app",
    "Wait For Bound    app",
    "Send Message    app    hello",
)


def suite_of(*steps: str) -> str:
    return "Test\n" + "".join(f"    {step}\n" for step in steps)


def test_a_failed_test_leaves_the_traces_that_the_suite_asks_for_and_the_log_links_them(
    tmp_path: Path,
) -> None:
    (outcome,) = run_suite(tmp_path, suite_of(*STEPS, "Expect Message    app    other"), settings=ASKS)
    assert not outcome.passed
    names = {path.name for path in (tmp_path / "icmsg-traces").iterdir()}
    assert names == {"Suite.Test.txt", "Suite.Test.pftrace", "Suite.Test.pcapng"}
    assert b"hello" in (tmp_path / "icmsg-traces" / "Suite.Test.pcapng").read_bytes()
    log = html.unescape((tmp_path / "output.xml").read_text(encoding="utf-8"))
    assert 'href="icmsg-traces/Suite.Test.pftrace"' in log


def test_a_suffix_says_what_save_trace_saves(tmp_path: Path) -> None:
    text = suite_of(*STEPS, "Expect Message    app    hello", "Save Trace    mine.vcd")
    (outcome,) = run_suite(tmp_path, text, settings=ASKS)
    assert outcome.passed, outcome.message
    assert (tmp_path / "icmsg-traces" / "mine.vcd").read_text().startswith("$comment icmsg")
    assert (tmp_path / "icmsg-traces" / "mine.gtkw").exists()


def test_a_fault_of_the_test_is_in_such_a_trace_too(tmp_path: Path) -> None:
    text = suite_of("Create Machine", "Drop Doorbells    app    3", "Save Trace    mine.pcapng")
    (outcome,) = run_suite(tmp_path, text, settings=ASKS)
    assert outcome.passed, outcome.message
    assert b"INJECTED ipcapp DropNext 3" in (tmp_path / "icmsg-traces" / "mine.pcapng").read_bytes()


def test_save_trace_says_what_a_suite_has_to_ask_for(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Save Trace    mine.pftrace")
    assert "give the library traces=pftrace" in outcome.message


def test_a_suffix_of_no_format_is_said_by_the_first_keyword(tmp_path: Path) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=pcap", 1)
    (outcome,) = run_suite(tmp_path, suite_of("Create Machine", "Get Engine"), settings=settings)
    assert ".pcap: the suffix says which format, and this is none; use one of .txt" in outcome.message
