*** Settings ***
Documentation       Cores that sleep for a working day are still bound, and messages go on.
Resource            icmsg.resource


*** Test Cases ***
A Link Survives Hours Of Silence
    Bond With Firmware
    Exchange Messages    ${FIRST}    count=10
    Let Time Pass    ${IDLE_TIME}
    Should Be Bound    ${FIRST}
    Virtual Time Should Be At Least    ${IDLE_TIME}
    Exchange Messages    ${FIRST}    count=10
    Stub Counter Should Be    ${SECOND}    errors    0
