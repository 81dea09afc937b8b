*** Settings ***
Documentation       Packets that go over the end of the region are whole, however often that happens.
Resource            icmsg.resource


*** Test Cases ***
The Indices Wrap Again And Again
    Bond With Firmware
    ${bytes}=    Exchange Messages    ${FIRST}    count=${MESSAGES}    size_min=1    size_max=900    seed=7
    ${region}=    Get Region    ${FIRST}    tx
    Should Be True    ${bytes} > 2 * ${region}[data_length]    the region was not filled often enough
    Should Be True    ${region}[wr_idx] < ${region}[data_length]
    Should Be Equal    ${region}[rd_idx]    ${region}[wr_idx]
    Stub Counter Should Be    ${SECOND}    errors    0

A Payload Lies On Both Sides Of The End
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    tx_region=${RAM}:0x50    rx_region=${{hex(${RAM} + 0x100)}}:0x50    dcache_alignment=0
    Play Core    ${SECOND}
    Wait For All Bound    timeout=1 ms
    # 72 bytes of data, 20 of them taken by the magic: 44 more bring wr_idx to 64, and the next packet wraps.
    Send Message    ${FIRST}    ${{b'a' * 40}}
    Expect Message    ${SECOND}    ${{b'a' * 40}}
    Region Should Have    ${FIRST}    tx    wr_idx=64    rd_idx=64
    Send Message    ${FIRST}    over the end
    Region Should Have    ${FIRST}    tx    wr_idx=8    pending=1
    Region Bytes Should Be    ${FIRST}    tx    0x48    00 0c 00 00 6f 76 65 72
    Region Bytes Should Be    ${FIRST}    tx    0x08    20 74 68 65 20 65 6e 64
    Expect Message    ${SECOND}    over the end
