*** Settings ***
Documentation       Messages of every size from 1 byte to the longest that a region takes come back unchanged.
Resource            icmsg.resource


*** Test Cases ***
Every Size Comes Back From Firmware
    Bond With Firmware
    ${longest}=    Get Largest Message    ${FIRST}
    ${region}=    Get Region    ${FIRST}    tx
    Should Be Equal As Integers    ${longest}    ${{${region}[data_length] - 8}}
    Exchange Every Size    ${FIRST}    step=${SIZE_STEP}
    Stub Counter Should Be    ${SECOND}    errors    0
    Region Should Be Empty    ${FIRST}    tx
    Region Should Be Empty    ${FIRST}    rx

Every Size Of A Small Region Comes Back From Python
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    tx_region=${RAM}:0x50    rx_region=${{hex(${RAM} + 0x100)}}:0x50    dcache_alignment=0
    Play Core    ${SECOND}
    Wait For All Bound    timeout=1 ms
    Echo Messages    ${SECOND}
    ${longest}=    Get Largest Message    ${FIRST}
    ${sizes}=    Exchange Every Size    ${FIRST}
    Should Be Equal As Integers    ${sizes}    ${longest}

A Message That Never Fits Is Refused
    Bond With Firmware
    ${longest}=    Get Largest Message    ${FIRST}
    ${error}=    Sending Should Fail    ${FIRST}    ${{b'x' * (${longest} + 1)}}    ENOMEM
    Should Contain    ${error}    ${{str($longest)}}
    Exchange Messages    ${FIRST}    count=1    size_min=${longest}    size_max=${longest}

A Message That The Receiver Would Never Take Is Refused
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    echo
    Play Core    ${FIRST}    peer_rx_limit=128
    Wait For Bound    ${FIRST}
    Sending Should Fail    ${FIRST}    ${{b'x' * 129}}    EMSGSIZE
    Exchange Messages    ${FIRST}    count=1    size_min=128    size_max=128
