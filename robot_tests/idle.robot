*** Settings ***
Documentation       Cores that sleep for a working day are still bound, and messages go on.
Resource            icmsg.resource


*** Test Cases ***
A Link Survives Hours Of Silence
    Bond With Firmware On Net
    Exchange Messages    app    count=10
    Let Time Pass    ${IDLE_TIME}
    Should Be Bound    app
    Virtual Time Should Be At Least    ${IDLE_TIME}
    Exchange Messages    app    count=10
    Stub Counter Should Be    net    errors    0
