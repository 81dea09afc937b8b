*** Settings ***
Documentation       Firmware on both cores, with the keywords that Renode has; Python only watches.
Resource            icmsg.resource


*** Test Cases ***
Two Stubs Exchange A Thousand Messages
    Execute Script    ${SCRIPTS}/firmware-firmware.resc
    ${app}=    Create Terminal Tester    sysbus.uartapp    timeout=2
    ${net}=    Create Terminal Tester    sysbus.uartnet    timeout=2
    Wait For Line On Uart    initiator: up    testerId=${app}
    Wait For Line On Uart    echo: bound    testerId=${net}
    ${line}=    Wait For Line On Uart    initiator: done (\\d+) of 1000, (\\d+) mismatches    testerId=${app}    treatAsRegex=true
    Should Be Equal    ${line.Groups}    ${{['1000', '0']}}
    ${status}=    Execute Command    ipcnet GetStatus
    Should Contain    ${status}    dropped=0

Python Watches Every Echo
    Create Machine
    Load Firmware    net    echo
    Load Firmware    app    initiator
    Configure Stub    app    messages=${MESSAGES}    size_max=200    seed=3
    Watch Link    initiator=app
    Start Core    net
    Start Core    app
    Wait For Watched Echoes    ${MESSAGES}
    Wait For Console Line    app    initiator: done ${MESSAGES} of ${MESSAGES}, 0 mismatches
    Watched Link Should Be Intact
    Stub Counter Should Be    net    received    ${MESSAGES}
    Stub Counter Should Be    app    mismatches    0

Python Sees A Reset Of A Core That It Does Not Play
    Create Machine
    Load Firmware    net    echo-enable
    Load Firmware    app    initiator-enable
    Configure Stub    app    messages=0
    Start Core    net
    Start Core    app
    Wait For Stub Counter    app    received    50
    Reset Core    net
    Wait For Console Line    app    initiator: unbound
    ${before}=    Get Stub Counter    app    received
    Wait For Stub Counter    app    received    ${before + 50}
    Stub Counter Should Be    app    mismatches    0
