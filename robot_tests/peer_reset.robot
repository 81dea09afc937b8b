*** Settings ***
Documentation       A peer that is reset before, during and after magic bonding, and what it takes to bond again.
Resource            icmsg.resource


*** Test Cases ***
Reset Before Bonding
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    echo
    Let Time Pass    5 ms
    Reset Core    ${SECOND}
    Play Core    ${FIRST}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

Reset During Bonding
    Create Machine    soc=${SOC}
    Run Firmware    ${SECOND}    echo
    Play Core    ${FIRST}
    Let Time Pass    10 us
    Reset Core    ${SECOND}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Wait For Console Line    ${SECOND}    echo: bound
    Exchange Messages    ${FIRST}    count=10

A Reset After Bonding Is Noticed By Nobody Until Both Start Over
    Bond With Firmware
    Exchange Messages    ${FIRST}    count=10
    Reset Core    ${SECOND}
    Let Time Pass    10 ms
    Should Be Bound    ${FIRST}
    # Magic mode tells nobody: both sides and the regions have to start over.
    Halt Core    ${SECOND}
    Clear Regions    ${FIRST}
    Reopen Instance    ${FIRST}
    Start Core    ${SECOND}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

The Core That Python Plays Is Reset And Starts Over With Its Peer
    Bond With Firmware
    Exchange Messages    ${FIRST}    count=10
    Halt Core    ${SECOND}
    Reset Core    ${FIRST}
    Clear Regions    ${SECOND}
    Play Core    ${FIRST}
    Start Core    ${SECOND}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10
