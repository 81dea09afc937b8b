*** Settings ***
Documentation       A side that starts long after the other one is still bound, and nothing that was sent is lost.
Resource            icmsg.resource


*** Test Cases ***
Firmware That Starts Late Still Bonds
    Create Machine
    Play Core    app
    Let Time Pass    100 ms
    Run Firmware    net    echo
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

Python That Opens Late Still Bonds
    Create Machine
    Run Firmware    net    echo
    Let Time Pass    100 ms
    Play Core    app
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

Nothing Can Be Sent Before The Peer Is There
    Create Machine
    Play Core    app
    Let Time Pass    10 ms
    Sending Should Fail    app    too early    EBUSY
    Expect Not Bound    app    duration=10 ms
    Play Core    net
    Wait For All Bound    timeout=1 ms
    Expect No Message    net

Late With Sessions
    Create Machine
    Run Firmware    net    echo-enable
    Let Time Pass    100 ms
    Play Core    app    unbound=enable
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10
