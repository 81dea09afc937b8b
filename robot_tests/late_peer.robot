*** Settings ***
Documentation       A side that starts long after the other one is still bound, and nothing that was sent is lost.
Resource            icmsg.resource


*** Test Cases ***
Firmware That Starts Late Still Bonds
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}
    Let Time Pass    100 ms
    Run Firmware    ${SECOND}    echo
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

Python That Opens Late Still Bonds
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    echo
    Let Time Pass    100 ms
    Play Core    ${FIRST}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

Nothing Can Be Sent Before The Peer Is There
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}
    Let Time Pass    10 ms
    Sending Should Fail    ${FIRST}    too early    EBUSY
    Expect Not Bound    ${FIRST}    duration=10 ms
    Play Core    ${SECOND}
    Wait For All Bound    timeout=1 ms
    Expect No Message    ${SECOND}

Late With Sessions
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    echo-enable
    Let Time Pass    100 ms
    Play Core    ${FIRST}    unbound=enable
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10
