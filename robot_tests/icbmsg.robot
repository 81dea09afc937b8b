*** Settings ***
Documentation       ICBMsg with two endpoints, in all generations of its wire, and defects of its rework.
Resource            icmsg.resource


*** Test Cases ***
Two Endpoints Of ICBMsg
    Exchange At Two Endpoints    backend=icbmsg

Two Endpoints Of ICBMsg As In Zephyr 3.7
    Exchange At Two Endpoints    backend=icbmsg    release=3.7

Two Endpoints Of The Rework
    Exchange At Two Endpoints    backend=icbmsg-rework

Two Endpoints Of Icmsg_me
    Exchange At Two Endpoints    backend=icmsg-me

A Stub Sends Back What Comes At Its Two Endpoints
    [Template]    Exchange With A Stub
    backend=icbmsg    stub=echo-icbmsg
    backend=icbmsg-rework    stub=echo-icbmsg-rework

Two Stubs Exchange Messages At Two Endpoints
    [Documentation]    Nobody is played by Python; the stub that sends first compares every byte.
    Create Machine    soc=${SOC}
    Load Firmware    ${FIRST}    initiator-icbmsg
    Configure Stub    ${FIRST}    messages=40    size_max=300
    Load Firmware    ${SECOND}    echo-icbmsg
    Start Core    ${SECOND}
    Start Core    ${FIRST}
    Wait For Stub Counter    ${FIRST}    received    80    timeout=50 ms
    Stub Counter Should Be    ${FIRST}    received    40    endpoint=ep0
    Stub Counter Should Be    ${FIRST}    received    40    endpoint=ep1
    Stub Counter Should Be    ${FIRST}    mismatches    0

A Lost Start Doorbell Does Not Matter To A Side That Looks
    [Documentation]    Zephyr issue 117403: the side that opens first rings before the other one listens.
    Open Behind A Lost Doorbell    defects=slot-reused
    Wait For All Bound    timeout=1 ms

A Lost Start Doorbell Leaves A Side That Does Not Look Unbound
    [Documentation]    The same with the defect of issue 117403 on the side that opens second.
    Open Behind A Lost Doorbell    defects=deaf-start
    Expect Not Bound    ${SECOND}    1 ms
    Run Keyword And Expect Error    *taken none of the * messages that wait for it*ring again*
    ...    Wait For Bound    ${SECOND}    timeout=1 ms


*** Keywords ***
Exchange At Two Endpoints
    [Arguments]    &{instance}
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    endpoints=ep0,ep1    &{instance}
    Play Core    ${SECOND}    endpoints=ep1,ep0
    Wait For All Bound    timeout=10 ms
    Echo Messages    ${SECOND}    endpoint=ep0
    Exchange Messages    ${FIRST}    count=50    endpoint=ep0
    Send Message    ${FIRST}    to ep1    endpoint=ep1
    Expect Message    ${SECOND}    to ep1    endpoint=ep1
    Expect No Message    ${FIRST}    endpoint=ep1

Exchange With A Stub
    [Arguments]    ${stub}    &{instance}
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    endpoints=ep0,ep1    &{instance}
    Load Firmware    ${SECOND}    ${stub}
    Configure Stub    ${SECOND}
    Start Core    ${SECOND}
    Wait For All Bound    timeout=10 ms
    Exchange Messages    ${FIRST}    count=20    endpoint=ep0
    Exchange Messages    ${FIRST}    count=30    endpoint=ep1
    Stub Counter Should Be    ${SECOND}    received    20    endpoint=ep0
    Stub Counter Should Be    ${SECOND}    received    30    endpoint=ep1
    Stub Counter Should Be    ${SECOND}    errors    0

Open Behind A Lost Doorbell
    [Documentation]    Neither side rings once more for the other, as in Zephyr.
    [Arguments]    ${defects}
    Create Machine    soc=${SOC}
    Drop Doorbells    ${FIRST}    2
    Play Core    ${FIRST}    backend=icbmsg-rework    rings_back=False
    Play Core    ${SECOND}    backend=icbmsg-rework    rings_back=False    defects=${defects}
