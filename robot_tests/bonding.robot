*** Settings ***
Documentation       Bonding and data exchange between a Python-played core and the firmware stubs, in either start order.
Resource            icmsg.resource


*** Test Cases ***
Python On The Application Core Bonds With Firmware On The Network Core
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    echo
    Play Core    ${FIRST}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Wait For Console Line    ${SECOND}    echo: bound

Python On The Network Core Bonds With Firmware On The Application Core
    Create Machine    soc=${SOC}
    Run Firmware    ${FIRST}    echo
    Play Core    ${SECOND}
    Wait For Bound    ${SECOND}    timeout=10 ms
    Wait For Console Line    ${FIRST}    echo: bound

The Application Core Opens First
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}
    Let Time Pass    1 ms
    Play Core    ${SECOND}
    Wait For All Bound    timeout=1 ms

The Network Core Opens First
    Create Machine    soc=${SOC}
    Play Core    ${SECOND}
    Let Time Pass    1 ms
    Play Core    ${FIRST}
    Wait For All Bound    timeout=1 ms

A Zephyr Of 4.0 Bonds With One Of 4.1
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    signalling=repeat
    Play Core    ${SECOND}    signalling=ring-back
    Wait For All Bound    timeout=10 ms

Messages Come Back In Order
    Bond With Firmware
    Send Message    ${FIRST}    first
    Send Message    ${FIRST}    the second one
    Expect Message    ${FIRST}    first
    Expect Message    ${FIRST}    the second one
    Expect No Message    ${FIRST}

Both Cores Played By Python
    Bond Python With Python
    Send Message    ${SECOND}    hello from the network core
    Expect Message    ${FIRST}    hello from the network core
    Send Message    ${FIRST}    00 01 fe ff    encoding=hex
    Expect Message    ${SECOND}    ${{b'\x00\x01\xfe\xff'}}

A Peer That Never Answers Is Explained
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    spin
    Play Core    ${FIRST}
    ${error}=    Run Keyword And Expect Error    *    Wait For Bound    ${FIRST}    timeout=20 ms
    Should Contain    ${error}    bound on ${FIRST} did not happen within 20.000 ms of virtual time
    Should Contain    ${error}    ${FIRST} wrote the magic, ${SECOND} has not taken it
    Should Contain    ${error}    ${SECOND} has written nothing
