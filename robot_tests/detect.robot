*** Settings ***
Documentation       unbound = detect: sessions with a peer that has them, the magic with one that has not.
Resource            icmsg.resource


*** Test Cases ***
Python Falls Back To The Magic For Older Firmware
    Create Machine
    Load Firmware    net    echo
    Play Core    app    unbound=detect
    # Both sides need the same dcache-alignment, and sessions need 8.
    Configure Stub    net
    Start Core    net
    Wait For Bound    app    timeout=10 ms
    ${state}=    Get Instance State    app
    Should Be Equal    ${state}    CONNECTED_SID_DISABLED
    Exchange Messages    app    count=10

Python Uses Sessions With Firmware That Has Them
    Bond With Firmware On Net    echo-enable    unbound=detect
    ${state}=    Get Instance State    app
    Should Be Equal    ${state}    CONNECTED_SID_ENABLED
    Exchange Messages    app    count=10

Firmware Falls Back To The Magic For Older Python
    Create Machine
    Run Firmware    net    echo-detect
    Play Core    app    signalling=repeat    dcache_alignment=8
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

Firmware Uses Sessions With Python That Has Them
    Bond With Firmware On Net    echo-detect    unbound=enable
    ${state}=    Get Instance State    app
    Should Be Equal    ${state}    CONNECTED_SID_ENABLED

Sessions And Magic Never Bond And It Is Said Why
    Create Machine
    Load Firmware    net    echo
    Play Core    app    unbound=enable
    Configure Stub    net
    Start Core    net
    ${error}=    Run Keyword And Expect Error    *    Wait For Bound    app    timeout=20 ms
    Should Contain    ${error}    net wrote the magic
