"""Keywords with Renode's names: what they return and how they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from firmware_files import Reception, shell
from robot_runs import must_pass, run_suite, run_test

if TYPE_CHECKING:
    from pathlib import Path

NET = (
    "Create Machine",
    "Run Firmware    net    echo",
    "Create Terminal Tester    sysbus.uartnet    timeout=0.1",
)


def test_a_line_comes_with_its_time_and_groups(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        *NET,
        "${line}=    Wait For Line On Uart    echo: (\\\\w+)    treatAsRegex=True",
        "Should Be Equal    ${line.Line}    echo: up",
        "Should Be Equal    ${line.Groups}    ${{['up']}}",
        "Should Be True    0 < ${line['Timestamp']} < 1",
    )


def test_a_shell_is_talked_to_by_renodes_keywords(tmp_path: Path) -> None:
    image = str(shell(tmp_path)).replace("\\", "\\\\")
    must_pass(
        tmp_path,
        "Create Machine",
        f"Run Firmware    app    {image}",
        "Create Terminal Tester    sysbus.uartapp    timeout=0.1",
        "Wait For Prompt On Uart    >",
        "Write Line To Uart    version",
        "Wait For Line On Uart    shell 1",
        "Write To Uart    hel",
        "Write Char On Uart    p",
        "Send Key To Uart    0xD",
        "Wait For Line On Uart    comes back",
        "Wait For Prompt On Uart    >",
        "Write Line To Uart    unseen    waitForEcho=False",
        "Wait For Line On Uart    you said: unseen",
        "Write To Console    app    ver",
        "Write Line To Console    app    sion",
        "Wait For Next Line On Uart",
        "Wait For Line On Uart    shell 1",
    )


def test_a_line_that_no_receiver_took_is_reported(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *NET, "Write Line To Uart    hello")
    assert (
        "console of net: 6 byte(s) were written while the receiver of its UART was off or full, and are lost"
        in outcome.message
    )


def test_a_shell_over_rtt_is_talked_to_by_its_core(tmp_path: Path) -> None:
    image = str(shell(tmp_path, Reception.RTT)).replace("\\", "\\\\")
    must_pass(
        tmp_path,
        "Create Machine",
        f"Run Firmware    app    {image}",
        "Write Line To Console    app    version",
        "Wait For Console Line    app    shell 1",
        "Run Keyword And Expect Error    *use uart or rtt*    Write To Console    app    x    through=usb",
    )


def test_testers_have_numbers_and_one_can_be_the_default(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        "Run Firmware    net    echo",
        "Run Firmware    app    initiator",
        "${net}=    Create Terminal Tester    sysbus.uartnet",
        "${app}=    Create Terminal Tester    sysbus.uartapp",
        "${again}=    Create Terminal Tester    sysbus.uartnet",
        "Should Be Equal    ${again}    ${net}",
        "Wait For Line On Uart    initiator: up    testerId=${app}",
        "Set Default Tester    ${net}",
        "Wait For Next Line On Uart",
        "Wait For Prompt On Uart    echo: bound",
        "Set Default Tester    ${None}",
        "Wait For Line On Uart    done 1000 of 1000    2    ${app}",
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            ("Wait For Line On Uart    x",),
            "KeywordException: There are no testers available.",
        ),
        (
            ("Create Terminal Tester    sysbus.uartnet",),
            "KeywordException: There is no machine in the emulation. "
            "Could not create tester for peripheral: sysbus.uartnet",
        ),
        (
            ("Create Machine", "Create Terminal Tester    sysbus.uart7"),
            "KeywordException: Peripheral for machine '' not found or of wrong type: 'sysbus.uart7'. "
            "Available peripherals: [sysbus.uartapp, sysbus.uartnet]",
        ),
        (
            (*NET, "Create Terminal Tester    sysbus.uartapp", "Wait For Line On Uart    x"),
            "KeywordException: There is more than one tester available - please specify ID of the desired tester.",
        ),
        (
            (*NET, "Wait For Line On Uart    x    testerId=3"),
            "KeywordException: Tester for given ID=3 was not found. Did you forget to create the tester?",
        ),
        (
            (*NET, "Set Default Tester    3"),
            "KeywordException: Tester #3 was not found. Create a tester before setting it as default",
        ),
        (
            (*NET, "Wait For Line On Uart    nothing"),
            "InvalidOperationException: Terminal tester failed!",
        ),
        (
            (*NET, "Should Not Be On Uart    echo: up"),
            "InvalidOperationException: Terminal tester failed!\n\n"
            "Unexpected entry has been found on UART#:\necho: up",
        ),
        (
            (*NET, "Test If Uart Is Idle    0.01"),
            "InvalidOperationException: Terminal tester failed!\n\nFull report:",
        ),
        (
            (
                "Create Machine",
                "Create Terminal Tester    sysbus.uartnet    binaryMode=True",
                "Wait For Line On Uart    x",
            ),
            "InvalidOperationException: Attempt to wait for text on a tester configured in binary mode.",
        ),
        (
            (
                "Create Machine",
                "Create Terminal Tester    sysbus.uartnet",
                "Play Core    net",
                "Write To Uart    x",
            ),
            "KeywordException: core net is played by Python: no firmware reads its console",
        ),
        (
            (*NET, "Write Char On Uart    xy"),
            "KeywordException: 'xy' is not one character; use `Write To Uart`",
        ),
        (
            (*NET, "Send Key To Uart    256"),
            "KeywordException: 256 is no byte; use 0x00 to 0xFF",
        ),
        (
            ("Requires    nosuch",),
            "KeywordException: Required state nosuch not found.",
        ),
        (
            ("Wait For Log Entry    x",),
            "KeywordException: Log tester is not available. Create it with the `CreateLogTester` keyword",
        ),
        (
            ("Execute Command    nosuch",),
            "KeywordException: Could not execute command 'nosuch': ",
        ),
        (
            ("Execute Script    nosuch.resc",),
            "KeywordException: Could not execute script: ",
        ),
    ],
)
def test_a_failure_has_the_text_of_renode(steps: tuple[str, ...], said: str, tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *steps)
    assert outcome.message.startswith(said)


def test_a_failed_wait_shows_the_report_of_the_tester_and_the_link(tmp_path: Path) -> None:
    lines = run_test(tmp_path, *NET, "Wait For Line On Uart    nothing").message.splitlines()
    assert "Full report:" in lines
    assert any(line.endswith("echo: up") and line.startswith("[virt:") for line in lines)
    assert any("Line containing >>nothing<< event: failure" in line for line in lines)
    assert any(line.startswith("core net runs echo-net.elf") for line in lines)


def test_a_line_that_must_not_come_ends_every_wait(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        *NET,
        "Register Failing Uart String    echo: (u|b)    treatAsRegex=True",
        "${error}=    Run Keyword And Expect Error    *    Wait For Line On Uart    nothing",
        "Should Be Equal    ${error.splitlines()[-1]}    echo: up",
        "Unregister Failing Uart String    echo: (u|b)    treatAsRegex=True",
        "Unregister Failing Uart String    echo: (u|b)    treatAsRegex=True",
    )
    assert outcome.message == "RecoverableException: Unable to unregister failing string, entry not found"


def test_required_states_are_made_again_by_their_keywords(tmp_path: Path) -> None:
    text = """
First
    Create Machine
    Run Firmware    net    echo
    Play Core    app
    Wait For Bound    app
    Create Terminal Tester    sysbus.uartnet    timeout=0.1
    Provides    bonded
    Exchange Messages    app    count=50
Second
    Requires    bonded
    Should Be Bound    app
    Stub Counter Should Be    net    received    0
    Wait For Line On Uart    echo: bound
Third
    Requires    bonded
    Exchange Messages    app    count=5
    Provides    exchanged
Fourth
    Requires    exchanged
    Stub Counter Should Be    net    received    5
"""
    for outcome in run_suite(tmp_path, text):
        assert outcome.passed, outcome


def test_what_a_command_prints_ends_with_its_line_end(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        "${word}=    Execute Command    sysbus ReadDoubleWord 0x20070000",
        "Should Be Equal    ${word}    0x00000000\\n",
        "${nothing}=    Execute Command    sysbus WriteDoubleWord 0x20070000 0x12",
        "Should Be Empty    ${nothing}",
        "Region Should Have    app    tx    rd_idx=0x12",
    )


def test_the_log_can_be_waited_for(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        "Create Log Tester    0.01",
        'Execute Command    log "first thing"',
        'Execute Command    log "second thing"',
        "${entry}=    Wait For Log Entry    first (\\\\w+)    treatAsRegex=True",
        "Should Contain    ${entry}    first thing",
        "Should Not Be In Log    first",
        "Wait For Log Entry    second    keep=True",
        "${error}=    Run Keyword And Expect Error    *    Should Not Be In Log    second",
        "Should Start With    ${error}    KeywordException: Unexpected line detected in the log: ",
        "Clear Log Tester History",
        "${error}=    Run Keyword And Expect Error    *    Wait For Log Entry    second",
        'Should Start With    ${error}    KeywordException: Expected pattern "second" did not appear in the log',
    )
