*** Settings ***
Documentation       A first packet that is not the magic is dropped and told, and a good one behind it still bonds.
Resource            icmsg.resource


*** Test Cases ***
A First Packet That Is Not The Magic Is Told
    Create Machine
    Play Core    app
    # What a peer would write: wr_idx, then a packet of five bytes.
    Write Region    app    rx    8    00 05 00 00 68 65 6c 6c 6f 00 00 00
    Set Region Index    app    rx    wr_idx    12
    Ring Doorbell    net
    ${error}=    Expect Error    app    the first packet is not the magic
    Should Contain    ${error}    68 65 6c 6c 6f
    Expect Not Bound    app
    Region Should Have    app    rx    rd_idx=12

A Magic That Is Cut Short Is Told
    Create Machine
    Play Core    app
    Write Region    app    rx    8    00 05 00 00 45 6d 31 6c 31 00 00 00
    Set Region Index    app    rx    wr_idx    12
    Ring Doorbell    net
    Expect Error    app    the first packet is not the magic
    Expect Not Bound    app

The Good Peer Behind It Still Bonds
    Create Machine
    Play Core    app
    Write Region    app    rx    8    00 05 00 00 68 65 6c 6c 6f 00 00 00
    Set Region Index    app    rx    wr_idx    12
    Ring Doorbell    net
    Expect Error    app    the first packet is not the magic
    Reset Core    app
    Run Firmware    net    echo
    Play Core    app
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

An Index Beyond The Region Is Refused
    Bond With Firmware On Net
    Halt Core    net
    Set Region Index    app    rx    wr_idx    0x1000
    Ring Doorbell    net
    Expect Error    app    0x1000
    Region Should Have    app    rx    problem=beyond the 2040 data bytes
    Expect No Message    app
