*** Settings ***
Documentation       Firmware on both cores, with the keywords that Renode has; Python only watches.
Resource            icmsg.resource


*** Test Cases ***
Two Stubs Exchange A Thousand Messages
    Execute Script    ${SCRIPTS}/${SOC}.resc
    ${first_uart}=    Create Terminal Tester    sysbus.uart${FIRST}    timeout=2
    ${second_uart}=    Create Terminal Tester    sysbus.uart${SECOND}    timeout=2
    Wait For Line On Uart    initiator: up    testerId=${first_uart}
    Wait For Line On Uart    echo: bound    testerId=${second_uart}
    ${line}=    Wait For Line On Uart    initiator: done (\\d+) of 1000, (\\d+) mismatches    testerId=${first_uart}    treatAsRegex=true
    Should Be Equal    ${line.Groups}    ${{['1000', '0']}}
    ${status}=    Execute Command    ${MAILBOX} GetStatus
    Should Contain    ${status}    dropped=0

Python Watches Every Echo
    Create Machine    soc=${SOC}
    Load Firmware    ${SECOND}    echo
    Load Firmware    ${FIRST}    initiator
    Configure Stub    ${FIRST}    messages=${MESSAGES}    size_max=200    seed=3
    Watch Link    initiator=${FIRST}
    Start Core    ${SECOND}
    Start Core    ${FIRST}
    Wait For Watched Echoes    ${MESSAGES}
    Wait For Console Line    ${FIRST}    initiator: done ${MESSAGES} of ${MESSAGES}, 0 mismatches
    Watched Link Should Be Intact
    Stub Counter Should Be    ${SECOND}    received    ${MESSAGES}
    Stub Counter Should Be    ${FIRST}    mismatches    0

Python Sees A Reset Of A Core That It Does Not Play
    Create Machine    soc=${SOC}
    Load Firmware    ${SECOND}    echo-enable
    Load Firmware    ${FIRST}    initiator-enable
    Configure Stub    ${FIRST}    messages=0
    Start Core    ${SECOND}
    Start Core    ${FIRST}
    Wait For Stub Counter    ${FIRST}    received    50
    Reset Core    ${SECOND}
    Wait For Console Line    ${FIRST}    initiator: unbound
    ${before}=    Get Stub Counter    ${FIRST}    received
    Wait For Stub Counter    ${FIRST}    received    ${before + 50}
    Stub Counter Should Be    ${FIRST}    mismatches    0
