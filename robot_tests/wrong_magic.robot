*** Settings ***
Documentation       A first packet that is not the magic is dropped and told, and a good one behind it still bonds.
Resource            icmsg.resource


*** Test Cases ***
A First Packet That Is Not The Magic Is Told
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    dcache_alignment=0
    # What a peer would write: wr_idx, then a packet of five bytes.
    Write Region    ${FIRST}    rx    8    00 05 00 00 68 65 6c 6c 6f 00 00 00
    Set Region Index    ${FIRST}    rx    wr_idx    12
    Ring Doorbell    ${SECOND}
    ${error}=    Expect Error    ${FIRST}    the first packet is not the magic
    Should Contain    ${error}    68 65 6c 6c 6f
    Expect Not Bound    ${FIRST}
    Region Should Have    ${FIRST}    rx    rd_idx=12

A Magic That Is Cut Short Is Told
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    dcache_alignment=0
    Write Region    ${FIRST}    rx    8    00 05 00 00 45 6d 31 6c 31 00 00 00
    Set Region Index    ${FIRST}    rx    wr_idx    12
    Ring Doorbell    ${SECOND}
    Expect Error    ${FIRST}    the first packet is not the magic
    Expect Not Bound    ${FIRST}

The Good Peer Behind It Still Bonds
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    dcache_alignment=0
    Write Region    ${FIRST}    rx    8    00 05 00 00 68 65 6c 6c 6f 00 00 00
    Set Region Index    ${FIRST}    rx    wr_idx    12
    Ring Doorbell    ${SECOND}
    Expect Error    ${FIRST}    the first packet is not the magic
    Reset Core    ${FIRST}
    Run Firmware    ${SECOND}    echo
    Play Core    ${FIRST}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

An Index Beyond The Region Is Refused
    Bond With Firmware
    Halt Core    ${SECOND}
    Set Region Index    ${FIRST}    rx    wr_idx    0x1000
    Ring Doorbell    ${SECOND}
    Expect Error    ${FIRST}    0x1000
    ${region}=    Get Region    ${FIRST}    rx
    Region Should Have    ${FIRST}    rx    problem=beyond the ${region}[data_length] data bytes
    Expect No Message    ${FIRST}
