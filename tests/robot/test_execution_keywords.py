"""Keywords about what firmware executes, whom it touches, and what its variables are."""

from __future__ import annotations

import re
from pathlib import Path

from robot_runs import must_pass, run_test

TESTS = Path(__file__).parents[1]
ECHO = TESTS / "views" / "covered" / "echo-net.elf"
VARIABLES = TESTS / "machine" / "variables" / "gcc-dwarf4-types.elf"
BEGIN = ("Create Machine", "Play Core    app", f"Run Firmware    net    {ECHO}")
SHOWN = ("Create Machine", f"Run Firmware    app    {VARIABLES}", "Let Time Pass    100 us")


def test_a_core_stands_at_the_instruction_and_goes_on_as_if_nobody_had_stopped_it(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        *BEGIN,
        "${stop}=    Break At    net    pbuf_write    timeout=10 ms",
        "Should Match    ${stop}[place]    pbuf_write (*pbuf.c:*)",
        "Should Be Equal    ${stop}[pc]    ${stop}[registers][PC]",
        "Should Contain    ${stop}[chain][-1]    main",
        "${pc}=    Execute Command    cpunet PC",
        "Should Be Equal As Integers    ${pc}    ${stop}[pc]",
        "${again}=    Break At    net    pbuf_write+0xB6    timeout=10 ms",
        "Should Be True    $again['time'] >= $stop['time']",
        "Wait For Bound    app",
        "Send Message    app    hello",
        "Break At    net    ${stop}[pc]",
        "Expect Message    app    hello",
    )


def test_entering_a_function_is_waited_for_in_virtual_time(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        *BEGIN,
        "${first}=    Wait Until Function    net    link_bond",
        "${second}=    Wait Until Function    net    pbuf_read    times=2",
        "Should Be True    $first < $second",
        "Wait For Bound    app",
    )


def test_a_function_that_is_not_entered_fails_with_the_diagnosis(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *BEGIN, "Wait Until Function    net    stats_error    timeout=1 ms")
    assert outcome.message.startswith("core net coming to stats_error (src/stats.c:")
    assert "did not happen within 1.000 ms of virtual time" in outcome.message
    assert re.search(r"core net is at PC 0x\w+ \(.*main", outcome.message)


def test_a_function_that_does_not_exist_names_those_that_are_like_it(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *BEGIN, "Wait Until Function    net    link_sned")
    assert "no symbol 'link_sned'" in outcome.message
    assert "did you mean link_send or " in outcome.message


def test_places_and_counts_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for step, why in (
        ("Break At    net    link send", "is no place: use a function, function+0x12 or an address"),
        ("Break At    net    0x60000000", "it has no memory there"),
        ("Break At    app    main", "core app has no image"),
        ("Wait Until Function    net    main    times=0", "times=0: use 1 or more"),
        ("Wait For Access    app    tx    kind=write", "kind=write: use store or load"),
        ("Wait For Access    app    tx    wr_idy", "no word wr_idy; there are rd_idx, wr_idx, data"),
        ("Get Region Accesses    app    tx", "nobody watches tx-region of app; use `Watch Region"),
        ("Save Coverage", "use `Record Coverage` before firmware starts"),
    ):
        assert why in run_test(tmp_path, *BEGIN, step).message


def test_accesses_to_a_region_say_who_what_and_where(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        "Play Core    app",
        "Watch Region    app    rx    wr_idx",
        f"Run Firmware    net    {ECHO}",
        "Wait For Bound    app",
        "Send Message    app    hello",
        "${access}=    Wait For Access    app    rx    by=net    function=pbuf_write    timeout=5 ms",
        "Should Be Equal    ${access}[function]    pbuf_write",
        "Should Be Equal As Integers    ${access}[value]    32",
        "Expect Message    app    hello",
        "${all}=    Get Region Accesses    app    rx",
        "Should Be Equal    ${{ [each['value'] for each in $all] }}    ${{ [0, 20, 32] }}",
    )


def test_an_access_that_does_not_come_shows_those_that_came(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *BEGIN, "Wait For Access    app    rx    wr_idx    by=app    timeout=1 ms")
    assert "a store to wr_idx in rx-region of app by app did not happen" in outcome.message
    assert "net writes wr_idx = 20 in pbuf_write" in outcome.message


def test_coverage_of_a_suite_is_a_file_in_the_output_folder(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        "Record Coverage",
        "Play Core    app",
        f"Run Firmware    net    {ECHO}",
        "Wait For Bound    app",
        "${path}=    Save Coverage    my run.info",
        "Should Be True    os.path.isfile($path)",
    )
    text = (tmp_path / "my run.info").read_text(encoding="utf-8")
    assert "FNDA:1,link_bond" in text
    assert "FNDA:0,stats_error" in text


def test_variables_are_read_written_and_waited_for(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        *SHOWN,
        "${stats}=    Read Variable    app    stats",
        "Should Be Equal    ${stats}[state]    STATE_BOUND",
        "Should Be Equal    ${stats}[name]    echo",
        "Variable Should Be    app    stats.received    7",
        "Variable Should Be    app    stats.received    ${7}",
        "Variable Should Be    app    stats.received    0x7",
        "Variable Should Be    app    stats.state    STATE_BOUND",
        "Variable Should Be    app    flags.level    -2",
        "Variable Should Be    app    buf    {1, 2, 3, 4, 5, 6, 7, 8}",
        "Write Variable    app    stats.state    STATE_OPEN",
        "Write Variable    app    stats.name    abc",
        "Variable Should Be    app    stats.name    abc",
        "Variable Should Be    app    stats.state    ${1}",
        "Wait For Variable    app    *numbers    100    timeout=1 ms",
    )


def test_a_variable_with_another_value_fails_with_both(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *SHOWN, "Variable Should Be    app    stats.state    STATE_OPEN")
    assert outcome.message.startswith("stats.state of app is STATE_BOUND, expected STATE_OPEN\n")
    late = run_test(tmp_path, *SHOWN, "Wait For Variable    app    hidden->secret    5    timeout=1 ms")
    assert late.message.startswith("hidden->secret of app becoming 5 did not happen within")
    assert "; hidden is NULL" in late.message


def test_a_variable_that_is_not_there_fails_at_once(tmp_path: Path) -> None:
    for step in ("Read Variable    app    statz", "Wait For Variable    app    statz.x    5"):
        outcome = run_test(tmp_path, *SHOWN, step)
        assert "there is no variable statz; did you mean stats?" in outcome.message
        assert "virtual time" not in outcome.message
