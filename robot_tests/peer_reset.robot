*** Settings ***
Documentation       A peer that is reset before, during and after magic bonding, and what it takes to bond again.
Resource            icmsg.resource


*** Test Cases ***
Reset Before Bonding
    Create Machine
    Run Firmware    net    echo
    Let Time Pass    5 ms
    Reset Core    net
    Play Core    app
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

Reset During Bonding
    Create Machine
    Run Firmware    net    echo
    Play Core    app
    Let Time Pass    10 us
    Reset Core    net
    Wait For Bound    app    timeout=10 ms
    Wait For Console Line    net    echo: bound
    Exchange Messages    app    count=10

A Reset After Bonding Is Noticed By Nobody Until Both Start Over
    Bond With Firmware On Net
    Exchange Messages    app    count=10
    Reset Core    net
    Let Time Pass    10 ms
    Should Be Bound    app
    # Magic mode tells nobody: both sides and the regions have to start over.
    Halt Core    net
    Clear Regions    app
    Reopen Instance    app
    Start Core    net
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10

The Core That Python Plays Is Reset And Starts Over With Its Peer
    Bond With Firmware On Net
    Exchange Messages    app    count=10
    Halt Core    net
    Reset Core    app
    Clear Regions    net
    Play Core    app
    Start Core    net
    Wait For Bound    app    timeout=10 ms
    Exchange Messages    app    count=10
