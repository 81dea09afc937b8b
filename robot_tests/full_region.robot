*** Settings ***
Documentation       A region that is full refuses messages, loses none, and works again when there is room.
Resource            icmsg.resource


*** Test Cases ***
A Full Region Recovers When The Firmware Goes On
    Bond With Firmware
    Halt Core    ${SECOND}
    ${count}=    Fill Region    ${FIRST}    size=100
    Should Be True    ${count} > 10
    ${error}=    Sending Should Fail    ${FIRST}    ${{b'x' * 100}}    ENOMEM
    Region Should Have    ${FIRST}    tx    pending=${count}
    Expect No Message    ${FIRST}
    Resume Core    ${SECOND}
    Expect Numbered Messages    ${FIRST}    ${count}    size=100
    Region Should Be Empty    ${FIRST}    tx
    Exchange Messages    ${FIRST}    count=10

A Smaller Message May Still Fit
    Bond With Firmware
    Halt Core    ${SECOND}
    Fill Region    ${FIRST}    size=100
    ${region}=    Get Region    ${FIRST}    tx
    ${room}=    Evaluate    ${region}[data_length] - ${region}[used] - 8
    Should Be True    ${room} > 0
    Send Message    ${FIRST}    ${{b'x' * ${room}}}
    Sending Should Fail    ${FIRST}    x    ENOMEM
    Region Should Have    ${FIRST}    tx    used=${{${region}[data_length] - 4}}

Both Directions Can Be Full At Once
    Bond Python With Python
    ${there}=    Fill Region    ${FIRST}    size=50
    ${back}=    Fill Region    ${SECOND}    size=50
    Should Be Equal    ${there}    ${back}
    Expect Numbered Messages    ${SECOND}    ${there}    size=50
    Expect Numbered Messages    ${FIRST}    ${back}    size=50
