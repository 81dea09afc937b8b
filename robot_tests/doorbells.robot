*** Settings ***
Documentation       Doorbells that merge, get lost, come twice, late or for nothing: no message is lost or doubled.
Resource            icmsg.resource


*** Test Cases ***
Doorbells That Merge Lose No Message
    Bond With Firmware
    Halt Core    ${SECOND}
    ${before}=    Get Stub Counter    ${SECOND}    doorbells
    Send Message    ${FIRST}    one
    Send Message    ${FIRST}    two
    Send Message    ${FIRST}    three
    Let Time Pass    1 ms
    Resume Core    ${SECOND}
    Expect Message    ${FIRST}    one
    Expect Message    ${FIRST}    two
    Expect Message    ${FIRST}    three
    Stub Counter Should Be    ${SECOND}    doorbells    ${before + 1}

A Lost Doorbell Delays A Message Until The Next One
    Bond With Firmware
    Drop Doorbells    ${FIRST}
    Send Message    ${FIRST}    nobody hears of me
    Expect No Message    ${FIRST}
    Region Should Have    ${FIRST}    tx    pending=1
    Send Message    ${FIRST}    I am heard
    Expect Message    ${FIRST}    nobody hears of me
    Expect Message    ${FIRST}    I am heard
    Region Should Be Empty    ${FIRST}    tx

A Doubled Doorbell Doubles No Message
    Bond With Firmware
    Duplicate Doorbells    ${FIRST}    delay=20 us
    Send Message    ${FIRST}    once
    Expect Message    ${FIRST}    once
    Expect No Message    ${FIRST}
    Stub Counter Should Be    ${SECOND}    received    1
    Stub Counter Should Be    ${SECOND}    errors    0

A Late Doorbell Delivers Late
    Bond With Firmware
    Delay Doorbells    ${FIRST}    2 ms
    ${sent}=    Get Virtual Time
    Send Message    ${FIRST}    hello
    Expect No Message    ${FIRST}    duration=1 ms
    Expect Message    ${FIRST}    hello
    Virtual Time Should Be At Least    ${{$sent + datetime.timedelta(milliseconds=2)}}
    Clear Faults    ${FIRST}
    Exchange Messages    ${FIRST}    count=10

A Doorbell For Nothing Does Nothing
    Bond With Firmware
    ${before}=    Get Stub Counter    ${SECOND}    doorbells
    Ring Doorbell    ${FIRST}
    Let Time Pass    1 ms
    Ring Doorbell    ${FIRST}
    Let Time Pass    1 ms
    Stub Counter Should Be    ${SECOND}    doorbells    ${before + 2}
    Stub Counter Should Be    ${SECOND}    received    0
    Stub Counter Should Be    ${SECOND}    errors    0
    Exchange Messages    ${FIRST}    count=10

Bonding Survives A Lost Doorbell
    [Documentation]    A side of Zephyr 4.0 repeats its ring until it is bound.
    Create Machine    soc=${SOC}
    Drop Doorbells    ${FIRST}    count=2
    Drop Doorbells    ${SECOND}    count=2
    Play Core    ${FIRST}    signalling=repeat
    Play Core    ${SECOND}
    Wait For All Bound    timeout=10 ms

A Blocked Doorbell Prevents Bonding Until It Is Freed
    Create Machine    soc=${SOC}
    Block Doorbells    ${FIRST}
    Run Firmware    ${SECOND}    spin
    Play Core    ${FIRST}    signalling=repeat
    Expect Not Bound    ${FIRST}    duration=20 ms
    Clear Faults    ${FIRST}
    Halt Core    ${SECOND}
    Run Firmware    ${SECOND}    echo
    Wait For Bound    ${FIRST}    timeout=10 ms
