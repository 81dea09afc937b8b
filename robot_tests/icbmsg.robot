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

Open Behind A Lost Doorbell
    [Documentation]    Neither side rings once more for the other, as in Zephyr.
    [Arguments]    ${defects}
    Create Machine    soc=${SOC}
    Drop Doorbells    ${FIRST}    2
    Play Core    ${FIRST}    backend=icbmsg-rework    rings_back=False
    Play Core    ${SECOND}    backend=icbmsg-rework    rings_back=False    defects=${defects}
