*** Settings ***
Documentation       A region that is full refuses messages, loses none, and works again when there is room.
Resource            icmsg.resource


*** Test Cases ***
A Full Region Recovers When The Firmware Goes On
    Bond With Firmware On Net
    Halt Core    net
    ${count}=    Fill Region    app    size=100
    Should Be True    ${count} > 10
    ${error}=    Sending Should Fail    app    ${{b'x' * 100}}    ENOMEM
    Region Should Have    app    tx    pending=${count}
    Expect No Message    app
    Resume Core    net
    Expect Numbered Messages    app    ${count}    size=100
    Region Should Be Empty    app    tx
    Exchange Messages    app    count=10

A Smaller Message May Still Fit
    Bond With Firmware On Net
    Halt Core    net
    Fill Region    app    size=100
    ${region}=    Get Region    app    tx
    ${room}=    Evaluate    ${region}[data_length] - ${region}[used] - 8
    Should Be True    ${room} > 0
    Send Message    app    ${{b'x' * ${room}}}
    Sending Should Fail    app    x    ENOMEM
    Region Should Have    app    tx    used=${{${region}[data_length] - 4}}

Both Directions Can Be Full At Once
    Bond Python With Python
    ${there}=    Fill Region    app    size=50
    ${back}=    Fill Region    net    size=50
    Should Be Equal    ${there}    ${back}
    Expect Numbered Messages    net    ${there}    size=50
    Expect Numbered Messages    app    ${back}    size=50
