*** Settings ***
Documentation       unbound = detect: sessions with a peer that has them, the magic with one that has not.
Resource            icmsg.resource


*** Test Cases ***
Python Falls Back To The Magic For Older Firmware
    Create Machine    soc=${SOC}
    Load Firmware    ${SECOND}    echo
    Play Core    ${FIRST}    unbound=detect
    # Both sides need the same dcache-alignment, and sessions need 8.
    Configure Stub    ${SECOND}
    Start Core    ${SECOND}
    Wait For Bound    ${FIRST}    timeout=10 ms
    ${state}=    Get Instance State    ${FIRST}
    Should Be Equal    ${state}    CONNECTED_SID_DISABLED
    Exchange Messages    ${FIRST}    count=10

Python Uses Sessions With Firmware That Has Them
    Bond With Firmware    echo-enable    unbound=detect
    ${state}=    Get Instance State    ${FIRST}
    Should Be Equal    ${state}    CONNECTED_SID_ENABLED
    Exchange Messages    ${FIRST}    count=10

Firmware Falls Back To The Magic For Older Python
    [Tags]    dcache-alignment-8
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    echo-detect
    Play Core    ${FIRST}    signalling=repeat    dcache_alignment=8
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

Firmware Uses Sessions With Python That Has Them
    Bond With Firmware    echo-detect    unbound=enable
    ${state}=    Get Instance State    ${FIRST}
    Should Be Equal    ${state}    CONNECTED_SID_ENABLED

Sessions And Magic Never Bond And It Is Said Why
    Create Machine    soc=${SOC}
    Load Firmware    ${SECOND}    echo
    Play Core    ${FIRST}    unbound=enable
    Configure Stub    ${SECOND}
    Start Core    ${SECOND}
    ${error}=    Run Keyword And Expect Error    *    Wait For Bound    ${FIRST}    timeout=20 ms
    Should Contain    ${error}    ${SECOND} wrote the magic
