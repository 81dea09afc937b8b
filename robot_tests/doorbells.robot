*** Settings ***
Documentation       Doorbells that merge, get lost, come twice, late or for nothing: no message is lost or doubled.
Resource            icmsg.resource


*** Test Cases ***
Doorbells That Merge Lose No Message
    Bond With Firmware On Net
    Halt Core    net
    ${before}=    Get Stub Counter    net    doorbells
    Send Message    app    one
    Send Message    app    two
    Send Message    app    three
    Let Time Pass    1 ms
    Resume Core    net
    Expect Message    app    one
    Expect Message    app    two
    Expect Message    app    three
    Stub Counter Should Be    net    doorbells    ${before + 1}

A Lost Doorbell Delays A Message Until The Next One
    Bond With Firmware On Net
    Drop Doorbells    app
    Send Message    app    nobody hears of me
    Expect No Message    app
    Region Should Have    app    tx    pending=1
    Send Message    app    I am heard
    Expect Message    app    nobody hears of me
    Expect Message    app    I am heard
    Region Should Be Empty    app    tx

A Doubled Doorbell Doubles No Message
    Bond With Firmware On Net
    Duplicate Doorbells    app    delay=20 us
    Send Message    app    once
    Expect Message    app    once
    Expect No Message    app
    Stub Counter Should Be    net    received    1
    Stub Counter Should Be    net    errors    0

A Late Doorbell Delivers Late
    Bond With Firmware On Net
    Delay Doorbells    app    2 ms
    ${sent}=    Get Virtual Time
    Send Message    app    hello
    Expect No Message    app    duration=1 ms
    Expect Message    app    hello
    Virtual Time Should Be At Least    ${{$sent + datetime.timedelta(milliseconds=2)}}
    Clear Faults    app
    Exchange Messages    app    count=10

A Doorbell For Nothing Does Nothing
    Bond With Firmware On Net
    ${before}=    Get Stub Counter    net    doorbells
    Ring Doorbell    app
    Let Time Pass    1 ms
    Ring Doorbell    app
    Let Time Pass    1 ms
    Stub Counter Should Be    net    doorbells    ${before + 2}
    Stub Counter Should Be    net    received    0
    Stub Counter Should Be    net    errors    0
    Exchange Messages    app    count=10

Bonding Survives A Lost Doorbell
    [Documentation]    A side of Zephyr 4.0 repeats its ring until it is bound.
    Create Machine
    Drop Doorbells    app    count=2
    Drop Doorbells    net    count=2
    Play Core    app    signalling=repeat
    Play Core    net
    Wait For All Bound    timeout=10 ms

A Blocked Doorbell Prevents Bonding Until It Is Freed
    Create Machine
    Block Doorbells    app
    Run Firmware    net    spin
    Play Core    app    signalling=repeat
    Expect Not Bound    app    duration=20 ms
    Clear Faults    app
    Halt Core    net
    Run Firmware    net    echo
    Wait For Bound    app    timeout=10 ms
