*** Settings ***
Documentation       Sessions (unbound = enable): a peer that closes or restarts is noticed, and both bond again.
Resource            icmsg.resource


*** Test Cases ***
Closing Makes The Peer Unbound And Opening Binds Again
    Bond Python With Python    unbound=enable
    Close Instance    net
    Expect Unbound    app    timeout=1 ms
    Reopen Instance    app
    Expect Not Bound    app
    Reopen Instance    net
    Wait For All Bound    timeout=1 ms
    Echo Messages    net
    Exchange Messages    app    count=10

Firmware Notices That Python Closes
    Bond With Firmware On Net    echo-enable    unbound=enable
    Exchange Messages    app    count=10
    Close Instance    app
    Wait For Console Line    net    echo: unbound
    Stub Counter Should Be    net    unbound    1
    Reopen Instance    app
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10
    Stub Counter Should Be    net    bound    2

A Restart Of The Firmware's Core Is Noticed
    Bond With Firmware On Net    echo-enable    unbound=enable
    Exchange Messages    app    count=10
    Reset Core    net
    Expect Unbound    app    timeout=10 ms
    Reopen Instance    app
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

A Restart Of The Core That Python Plays Is Noticed
    Bond With Firmware On Net    echo-enable    unbound=enable
    Exchange Messages    app    count=10
    Reset Core    app
    Play Core    app    unbound=enable
    Wait For Console Line    net    echo: unbound
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

Messages To A Peer That Left Are Dropped
    Bond Python With Python    unbound=enable
    Close Instance    net
    Expect Unbound    app    timeout=1 ms
    Send Message    app    into the void
    Reopen Instance    net
    Reopen Instance    app
    Wait For All Bound    timeout=1 ms
    Expect No Message    net
