"""Suites as they are written for Renode's renode-test, unchanged: their header, and every kind of its keywords."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from firmware_files import shell
from robot_runs import Outcome, run_suite, run_test

from icmsg.robot import RenodeSuites

HEADER = """*** Settings ***
Suite Setup       Setup
Suite Teardown    Teardown
Test Setup        Reset Emulation
Test Teardown     Test Teardown
Test Timeout      1 minute
Resource          ${RENODEKEYWORDS}

"""
BOND = """*** Test Cases ***
Should Bond
    Execute Command          include @renode/firmware-firmware.resc
    Create Terminal Tester   sysbus.uartnet
    Start Emulation
    Wait For Line On Uart    echo: bound
"""
BLINK = Path(__file__).with_name("blink.repl")


def run_renode_suite(folder: Path, text: str, *, variables: dict[str, str] | None = None) -> list[Outcome]:
    return run_suite(folder, text, settings="", variables=variables, visitor=RenodeSuites())


def all_pass(outcomes: list[Outcome]) -> None:
    assert outcomes
    assert not [outcome for outcome in outcomes if not outcome.passed]


def test_the_usual_header_runs_unchanged_and_so_does_a_suite_without_any(tmp_path: Path) -> None:
    all_pass(run_renode_suite(tmp_path, HEADER + BOND))
    all_pass(run_renode_suite(tmp_path, BOND))


def test_with_one_changed_line_plain_robot_runs_it(tmp_path: Path) -> None:
    library = "Library           icmsg.robot.IcmsgLibrary"
    instead = HEADER.replace("Resource          ${RENODEKEYWORDS}", library)
    all_pass(run_suite(tmp_path, BOND, settings=instead))
    before = HEADER.replace("Resource ", f"{library}\nResource ")
    all_pass(run_suite(tmp_path, BOND, settings=before))


def test_a_module_of_python_runs_such_suites_with_the_options_of_robot(tmp_path: Path) -> None:
    folder = tmp_path / "a b ü"
    folder.mkdir()
    (folder / "suite.robot").write_text(HEADER + BOND, encoding="utf-8")
    command = [sys.executable, "-m", "icmsg.robot", "--outputdir", "out", "--log", "NONE", "suite.robot"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "out" / "output.xml").is_file()


UARTS = (
    HEADER
    + """*** Test Cases ***
Written Slowly
    Execute Command          include @renode/machine.resc
    Execute Command          sysbus LoadELF @${SHELL} cpu=cpuapp
    Execute Command          cpuapp IsHalted false
    ${text}=    Create Terminal Tester    sysbus.uartapp    timeout=0.5
    Wait For Prompt On Uart    >
    Write Char Delay         0.001
    ${before}=    Execute Command    emulation GetTimeSourceInfo
    Write Line To Uart       version
    ${line}=    Wait For Line On Uart    shell (\\\\d)    treatAsRegex=true    pauseEmulation=true
    Should Be Equal          ${line.Groups[0]}    1
    Should Be True           ${line.Timestamp} > 8
    Run Keyword And Expect Error    KeywordException: endLineOption is Treat: use *
    ...    Create Terminal Tester    sysbus.uartnet    endLineOption=Treat

In Bytes
    Execute Command          include @renode/machine.resc
    Execute Command          sysbus LoadELF @${SHELL} cpu=cpuapp
    Execute Command          cpuapp IsHalted false
    Create Terminal Tester   sysbus.uartapp    timeout=0.1    binaryMode=true
    Wait For Bytes On Uart   3e
    Write Line To Uart       version    waitForEcho=false
    ${bytes}=    Wait For Bytes On Uart    s(h.)l    treatAsRegex=true
    Should Be Equal          ${bytes.Content}    ${{b'shel'}}
    Should Be Equal          ${bytes.Groups}    ${{[b'he']}}
    Wait For Bytes On Uart   6c 20    matchStart=true
    Run Keyword And Expect Error    *use two digits for each: 0d 0a    Wait For Bytes On Uart    xy

On Two Machines
    FOR    ${name}    IN    one    two
        Execute Command      mach create "${name}"
        Execute Command      machine LoadPlatformDescription @platforms/nrf5340.repl
        Execute Command      sysbus LoadELF @firmware_stubs/prebuilt/spin-net.elf cpu=cpunet
    END
    Run Keyword And Expect Error    *No machine name provided*Available machines: [[]one, two]
    ...    Create Terminal Tester    sysbus.uartnet
    Run Keyword And Expect Error    *Machine with name three not found*
    ...    Create Terminal Tester    sysbus.uartnet    machine=three
    ${one}=    Create Terminal Tester    sysbus.uartnet    machine=one    timeout=0.1
    ${two}=    Create Terminal Tester    sysbus.uartnet    machine=two    timeout=0.1
    Wait For Line On Uart    spin: up    testerId=${two}
    Wait For Line On Uart    spin: up    testerId=${one}
"""
)


def test_uarts_are_tested_in_every_form(tmp_path: Path) -> None:
    image = shell(tmp_path)
    all_pass(run_renode_suite(tmp_path, UARTS, variables={"SHELL": str(image)}))


LOGS = (
    HEADER
    + """*** Test Cases ***
Failing Strings
    Execute Command          include @renode/machine.resc
    Create Log Tester        0.001
    Register Failing Log String      bad (\\\\d)    treatAsRegex=true
    Execute Command          log "bad 1"
    Execute Command          log "good"
    Run Keyword And Expect Error    InvalidOperationException: Log tester failed!*bad 1
    ...    Wait For Log Entry    good
    Unregister Failing Log String    bad (\\\\d)    treatAsRegex=true
    Execute Command          log "bad 2"
    Wait For Log Entry       good    timeout=0    startEmulation=false
    Run Keyword And Expect Error    RecoverableException: Unable to unregister failing string, entry not found
    ...    Unregister Failing Log String    bad
    Should Not Be In Log     good    level=Error
    Wait For Log Entry       bad 2    level=Info

Files
    ${first}=    Allocate Temporary File
    ${second}=    Allocate Temporary File
    Should Not Be Equal      ${first}    ${second}
    File Should Exist        ${second}
    ${folder}=    Allocate Temporary Directory    a b
    Directory Should Exist   ${folder}
    Enable Logging To Cache
    Execute Command          log "kept"
    Reset Emulation
    Execute Command          log "kept, too"
    Save Cached Log          ${folder}/cached.log
    ${text}=    Get File     ${folder}/cached.log
    Should Match             ${text}    *kept\\n*kept, too\\n
    Clear Cached Log
    Log To File              ${folder}/own.log
    Execute Command          log "in a file"
    ${text}=    Get File     ${folder}/own.log
    Should Contain           ${text}    in a file
    Set Suite Variable       ${OLD}    ${first}

What Is Not There Says Why
    File Should Exist        ${OLD}
    FOR    ${words}    IN    Download File    Create CAN Tester    Create Network Interface Tester
        Run Keyword And Expect Error    KeywordException: *:*    ${words}    http://something
    END
    Run Keyword And Expect Error    KeywordException: there is no window*    Open GUI
    Run Keyword And Expect Error    KeywordException: *--gdb 3333    Wait For Gdb Connection    3333
    Run Keyword And Expect Error    *Could not find file*    Execute Script    nonexisting.resc

A Platform Without A Core
    Execute Command          mach create
    @{platform}=    Create List    machine LoadPlatformDescriptionFromString
    ...                      "ram: Memory.MappedMemory @ sysbus 0x40_000_000 { size: 8_192 }"
    Execute Command          ${platform}
    Create Log Tester        0.001
    ${byte}=    Execute Command    sysbus ReadByte 0x40000004
    Should Be Equal As Numbers    ${byte}    0
    Execute Command          sysbus ReadDoubleWord 0x0
    Wait For Log Entry       ReadDoubleWord from non existing peripheral at 0x0
    Run Keyword And Expect Error    *not found or of wrong type*    Create Terminal Tester    sysbus.uart0
    Run Keyword And Expect Error    *This machine has no CPUs.    PC Should Be Equal    0x0

The Rest
    @{command}=    Create List    log    "in parts"
    Execute Command          ${command}
    Hot Spot
    Execute Command          include @renode/machine.resc
    Execute Command          start
    Run Keyword And Expect Error    *did not pause in expected time of 0.001 seconds.    Wait For Pause    0.001
    Run Keyword And Expect Error    *has 2 CPUs and no CPU name was specified    PC Should Be Equal    0x0
    Execute Command          cpunet SetRegister 3 0x12
    Register Should Be Equal    3    0x12    cpuName=cpunet
    Run Keyword And Expect Error    *why: Register R3 value assertion failed, actual: 0x12, expected: 0x13
    ...    Register Should Be Equal    R3    0x13    cpuName=cpunet    message=why
    &{ranges}=    Create Dictionary    ipcapp=${{[(0x510, 0x518)]}}
    ${dump}=    Dump Devices Registers    ${ranges}
    Devices Registers Dump Should Be Equal    ${dump}    ${dump}
"""
)


def test_logs_files_and_what_is_refused(tmp_path: Path) -> None:
    all_pass(run_renode_suite(tmp_path, LOGS))


HOT_SPOT = (
    HEADER
    + """*** Test Cases ***
Saved And Loaded In The Middle
    Execute Command          include @renode/nrf5340.resc
    Execute Command          start
    Create Terminal Tester   sysbus.uartnet
    Wait For Line On Uart    echo: up
    Handle Hot Spot          Serialize
    ${started}=    Execute Command    emulation IsStarted
    Should Contain           ${started}    True
    Create Terminal Tester   sysbus.uartapp
    Wait For Line On Uart    initiator: done 1000 of 1000, 0 mismatches
    Create Snapshot Of Failed Test
    File Should Exist        ${RESULTS_DIRECTORY}/snapshots/*.save
"""
)


def test_a_hot_spot_saves_the_emulation_and_goes_on_with_what_was_loaded(tmp_path: Path) -> None:
    all_pass(run_renode_suite(tmp_path, HOT_SPOT))


LEDS = (
    HEADER
    + """*** Variables ***
@{BLINKS}    0x21014806    0x61810709    0x4A056081    0xD1FD3A01    0x4A0460C1    0xD1FD3A01    0xBF00E7F6
...          0x50000500    0x00007D00    0x00017700

*** Test Cases ***
An LED Is On For Three Of Four Milliseconds
    Execute Command          mach create
    Execute Command          machine LoadPlatformDescription @${BLINK}
    Execute Command          sysbus WriteDoubleWord 0x20000000 0x20001000
    Execute Command          sysbus WriteDoubleWord 0x20000004 0x20000101
    ${address}=    Set Variable    ${0x20000100}
    FOR    ${word}    IN    @{BLINKS}
        Execute Command      sysbus WriteDoubleWord ${address} ${word}
        ${address}=    Evaluate    ${address} + 4
    END
    Execute Command          cpu VectorTableOffset 0x20000000
    Create LED Tester        sysbus.gpio0.led
    Assert LED State         true
    Assert LED State         false    timeout=0.01
    Assert LED Duty Cycle    0.1    0.75    tolerance=0.001
    Assert LED Is Blinking   0.1    onDuration=0.003    offDuration=0.001    tolerance=0.001
    Run Keyword And Expect Error    *out of specified range*    Assert LED Is Blinking    0.1    0.001    0.003
    Run Keyword And Expect Error    *Fill assertion not met: expected 50 with tolerance 5%, but got 7[45]*
    ...    Assert LED Duty Cycle    0.1    0.5
    Assert LED State         false    timeout=0.01
    Assert And Hold LED State    true    0.01    0.002
    Assert LED State         false    timeout=0.01
    Run Keyword And Expect Error    *LED changed state.    Assert And Hold LED State    true    0.01    0.0031
    Run Keyword And Expect Error    *LED assertion not met.    Assert LED State    true    timeout=0
    Run Until Breakpoint     0.01    address=0x20000110
    PC Should Be Equal       0x20000110
    Run Keyword And Expect Error    *hasn't been hit*    Run Until Breakpoint    0.001    address=0x20000100
    Run Keyword And Expect Error    *is on no pin*    Create LED Tester    sysbus.gpio0.unwired

A Button Drives Its Pin
    Execute Command          mach create
    Execute Command          machine LoadPlatformDescription @${BLINK}
    FOR    ${command}    ${expected}    IN
    ...    Press    0x20    Release    0x0    Toggle    0x20    PressAndRelease    0x0
        Execute Command      gpio0.button ${command}
        ${in}=    Execute Command    gpio0 ReadDoubleWord 0x10
        Should Be Equal As Numbers    ${in}    ${expected}
    END
"""
)


def test_a_failure_on_an_soc_without_a_link_says_where_its_core_is(tmp_path: Path) -> None:
    text = """*** Test Cases ***
Test
    Execute Command          mach create
    Execute Command          machine LoadPlatformDescription @${BLINK}
    Execute Command          machine LoadPlatformDescriptionFromString "u: UART.NRF52840_UART @ sysbus 0x40002000"
    Execute Command          sysbus WriteDoubleWord 0x20000000 0x20001000
    Execute Command          sysbus WriteDoubleWord 0x20000004 0x20000101
    Execute Command          sysbus WriteDoubleWord 0x20000100 0xE7FEE7FE
    Execute Command          cpu VectorTableOffset 0x20000000
    Create Terminal Tester   sysbus.u    timeout=0.001
    Wait For Line On Uart    nothing
"""
    path = BLINK.as_posix().replace(" ", "\\\\ ")
    (outcome,) = run_renode_suite(tmp_path, text, variables={"BLINK": path})
    assert outcome.message.startswith("InvalidOperationException: Terminal tester failed!")
    assert "core cpu is at PC 0x20000100" in outcome.message


def test_leds_and_buttons_on_the_pins_of_a_port(tmp_path: Path) -> None:
    all_pass(run_renode_suite(tmp_path, LEDS, variables={"BLINK": BLINK.as_posix().replace(" ", "\\\\ ")}))


TWO_UARTS = (
    HEADER.replace("{", "{{").replace("}", "}}")
    + """*** Test Cases ***
Each Of Two
    Execute Command          mach create
    Execute Command          machine LoadPlatformDescription @{repl}
    ${{one}}=                  Create Terminal Tester   sysbus.usart1   timeout=0.001
    ${{two}}=                  Create Terminal Tester   sysbus.usart2   timeout=0.001
    Execute Command          sysbus WriteDoubleWord 0x40011000 0xD; sysbus WriteDoubleWord 0x40004400 0xD
    Execute Command          sysbus WriteDoubleWord 0x40011028 0x61; sysbus WriteDoubleWord 0x40004428 0x78
    Execute Command          sysbus WriteDoubleWord 0x40011028 0x62; sysbus WriteDoubleWord 0x40004428 0x79
    Execute Command          sysbus WriteDoubleWord 0x40011028 0xA; sysbus WriteDoubleWord 0x40004428 0xA
    ${{line}}=                 Wait For Next Line On Uart   testerId=${{one}}
    Should Be Equal          ${{line.Line}}             ab
    ${{line}}=                 Wait For Next Line On Uart   testerId=${{two}}
    Should Be Equal          ${{line.Line}}             xy
    Run Keyword And Expect Error   *   Wait For Line On Uart   xy   testerId=${{one}}
"""
)


def test_a_tester_sees_its_own_uart_and_no_other_one_of_the_core(tmp_path: Path) -> None:
    all_pass(run_renode_suite(tmp_path, TWO_UARTS.format(repl=BLINK.with_name("two_uarts.repl"))))


def test_a_keyword_that_passes_logs_what_it_has_seen(tmp_path: Path) -> None:
    steps = ("Create Machine", "Run Firmware    net    echo", "Create Terminal Tester    sysbus.uartnet")
    assert run_test(tmp_path, *steps, "Wait For Line On Uart    echo: up    timeout=0.1").passed
    text = (tmp_path / "output.xml").read_text(encoding="utf-8")
    assert re.search(r"sysbus\.uartnet: 'echo: up' at [\d.]+ ms of virtual time", text)
