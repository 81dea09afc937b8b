*** Settings ***
Documentation       Sessions (unbound = enable): a peer that closes or restarts is noticed, and both bond again.
Resource            icmsg.resource


*** Test Cases ***
Closing Makes The Peer Unbound And Opening Binds Again
    Bond Python With Python    unbound=enable
    Close Instance    ${SECOND}
    Expect Unbound    ${FIRST}    timeout=1 ms
    Reopen Instance    ${FIRST}
    Expect Not Bound    ${FIRST}
    Reopen Instance    ${SECOND}
    Wait For All Bound    timeout=1 ms
    Echo Messages    ${SECOND}
    Exchange Messages    ${FIRST}    count=10

Firmware Notices That Python Closes
    Bond With Firmware    echo-enable    unbound=enable
    Exchange Messages    ${FIRST}    count=10
    Close Instance    ${FIRST}
    Wait For Console Line    ${SECOND}    echo: unbound
    Stub Counter Should Be    ${SECOND}    unbound    1
    Reopen Instance    ${FIRST}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10
    Stub Counter Should Be    ${SECOND}    bound    2

A Restart Of The Firmware's Core Is Noticed
    Bond With Firmware    echo-enable    unbound=enable
    Exchange Messages    ${FIRST}    count=10
    Reset Core    ${SECOND}
    Expect Unbound    ${FIRST}    timeout=10 ms
    Reopen Instance    ${FIRST}
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

A Restart Of The Core That Python Plays Is Noticed
    Bond With Firmware    echo-enable    unbound=enable
    Exchange Messages    ${FIRST}    count=10
    Reset Core    ${FIRST}
    Play Core    ${FIRST}    unbound=enable
    Wait For Console Line    ${SECOND}    echo: unbound
    Wait For Bound    ${FIRST}    timeout=10 ms
    Exchange Messages    ${FIRST}    count=10

Messages To A Peer That Left Are Dropped
    Bond Python With Python    unbound=enable
    Close Instance    ${SECOND}
    Expect Unbound    ${FIRST}    timeout=1 ms
    Send Message    ${FIRST}    into the void
    Reopen Instance    ${SECOND}
    Reopen Instance    ${FIRST}
    Wait For All Bound    timeout=1 ms
    Expect No Message    ${SECOND}
