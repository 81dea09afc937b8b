*** Settings ***
Documentation       Messages of every size from 1 byte to the longest that a region takes come back unchanged.
Resource            icmsg.resource


*** Test Cases ***
Every Size Comes Back From Firmware
    Bond With Firmware On Net
    ${longest}=    Get Largest Message    app
    Should Be Equal As Integers    ${longest}    2032
    Exchange Every Size    app    step=${SIZE_STEP}
    Stub Counter Should Be    net    errors    0
    Region Should Be Empty    app    tx
    Region Should Be Empty    app    rx

Every Size Of A Small Region Comes Back From Python
    Create Machine
    Play Core    app    tx_region=0x20070000:0x50    rx_region=0x20070100:0x50
    Play Core    net
    Wait For All Bound    timeout=1 ms
    Echo Messages    net
    ${longest}=    Get Largest Message    app
    ${sizes}=    Exchange Every Size    app
    Should Be Equal As Integers    ${sizes}    ${longest}

A Message That Never Fits Is Refused
    Bond With Firmware On Net
    ${longest}=    Get Largest Message    app
    ${error}=    Sending Should Fail    app    ${{b'x' * (${longest} + 1)}}    ENOMEM
    Should Contain    ${error}    2032
    Exchange Messages    app    count=1    size_min=${longest}    size_max=${longest}

A Message That The Receiver Would Never Take Is Refused
    Create Machine
    Run Firmware    net    echo
    Play Core    app    peer_rx_limit=128
    Wait For Bound    app
    Sending Should Fail    app    ${{b'x' * 129}}    EMSGSIZE
    Exchange Messages    app    count=1    size_min=128    size_max=128
