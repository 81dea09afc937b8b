*** Settings ***
Documentation       ICBMsg with two endpoints, in all generations of its wire, and peers with public defects of Zephyr.
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

Messages That Are Held Come Back As They Were
    [Documentation]    Zephyr issue 57176: the receiver holds messages and sends them back later.
    FOR    ${backend}    IN    icbmsg    icbmsg-rework
        Messages Held By The Second Core Come Back    ${backend}    ${EMPTY}
        Close Machine
    END

A Held Message That Is Overwritten Is Told
    [Documentation]    The same with the defect of issue 57176 on the side that holds.
    Run Keyword And Expect Error    *sent message 2 of ${FIRST} back at endpoint ep0 in place of message 1*overwritten*
    ...    Messages Held By The Second Core Come Back    icbmsg    held-overwritten

Who Registers An Endpoint Does Not Block Its Binding
    [Documentation]    Zephyr 72377: binding has a work queue of its own, whichever side numbers the endpoints.
    FOR    ${defective}    ${other}    IN    ${SECOND}    ${FIRST}    ${FIRST}    ${SECOND}
        Play Both Cores In Zephyr 3.7    ${defective}    ${other}    ${EMPTY}
        Wait For All Bound    timeout=10 ms
        Close Machine
    END

A Binding That Waits For Itself Fails With EAGAIN
    [Documentation]    The same with the defect of 72377: the wait is in the work queue that has to bind.
    FOR    ${defective}    ${other}    IN    ${SECOND}    ${FIRST}    ${FIRST}    ${SECOND}
        Play Both Cores In Zephyr 3.7    ${defective}    ${other}    blocked-binding
        Run Keyword And Expect Error    *was never bound: ${defective} has *the work queue that binds it*fails with -11, EAGAIN*
        ...    Wait For Bound    ${other}    timeout=10 ms
        Expect Error    ${defective}    binding of endpoint "ep0" failed with -11 (EAGAIN)    timeout=2 s
        Close Machine
    END


*** Keywords ***
Exchange At Two Endpoints
    [Arguments]    &{instance}
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    endpoints=ep0,ep1    &{instance}
    Play Core    ${SECOND}    endpoints=ep1,ep0
    Wait For All Bound    timeout=10 ms
    Echo Messages    ${SECOND}    endpoint=ep0
    Exchange Messages    ${FIRST}    count=${{min(50, int($MESSAGES))}}    endpoint=ep0
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

Messages Held By The Second Core Come Back
    [Arguments]    ${backend}    ${defects}
    Create Machine    soc=${SOC}
    Play Core    ${FIRST}    backend=${backend}
    Play Core    ${SECOND}    backend=${backend}    defects=${defects}
    Wait For All Bound    timeout=10 ms
    Hold Messages    ${SECOND}
    Send Message    ${FIRST}    first
    Let Time Pass    1 ms
    Send Message    ${FIRST}    other
    Let Time Pass    1 ms
    Send Held Messages Back    ${SECOND}
    Let Time Pass    1 ms
    Expect Message    ${FIRST}    first
    Expect Message    ${FIRST}    other

Play Both Cores In Zephyr 3.7
    [Arguments]    ${defective}    ${other}    ${defects}
    Create Machine    soc=${SOC}
    Play Core    ${defective}    backend=icbmsg    release=3.7    defects=${defects}
    Play Core    ${other}    backend=icbmsg    release=3.7
