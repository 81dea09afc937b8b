*** Settings ***
Documentation       Bonding and data exchange between a Python-played core and the firmware stubs, in either start order.
Resource            icmsg.resource


*** Test Cases ***
Python On The Application Core Bonds With Firmware On The Network Core
    Create Machine
    Run Firmware    net    echo
    Play Core    app
    Wait For Bound    app    timeout=10 ms
    Wait For Console Line    net    echo: bound

Python On The Network Core Bonds With Firmware On The Application Core
    Create Machine
    Run Firmware    app    echo
    Play Core    net
    Wait For Bound    net    timeout=10 ms
    Wait For Console Line    app    echo: bound

The Application Core Opens First
    Create Machine
    Play Core    app
    Let Time Pass    1 ms
    Play Core    net
    Wait For All Bound    timeout=1 ms

The Network Core Opens First
    Create Machine
    Play Core    net
    Let Time Pass    1 ms
    Play Core    app
    Wait For All Bound    timeout=1 ms

A Zephyr Of 4.0 Bonds With One Of 4.1
    Create Machine
    Play Core    app    signalling=repeat
    Play Core    net    signalling=ring-back
    Wait For All Bound    timeout=10 ms

Messages Come Back In Order
    Bond With Firmware On Net
    Send Message    app    first
    Send Message    app    the second one
    Expect Message    app    first
    Expect Message    app    the second one
    Expect No Message    app

Both Cores Played By Python
    Bond Python With Python
    Send Message    net    hello from the network core
    Expect Message    app    hello from the network core
    Send Message    app    00 01 fe ff    encoding=hex
    Expect Message    net    ${{b'\x00\x01\xfe\xff'}}

A Peer That Never Answers Is Explained
    Create Machine
    Run Firmware    net    spin
    Play Core    app
    ${error}=    Run Keyword And Expect Error    *    Wait For Bound    app    timeout=20 ms
    Should Contain    ${error}    bound on app did not happen within 20.000 ms of virtual time
    Should Contain    ${error}    app wrote the magic, net has not taken it
    Should Contain    ${error}    net has written nothing
