*** Settings ***
Documentation       Bonding and data exchange between a Python-played core and the firmware stubs.
Library             icmsg.robot.IcmsgLibrary
Test Setup          Create Machine
Test Teardown       Close Machine


*** Test Cases ***
Python On The Application Core Bonds With Firmware On The Network Core
    Run Firmware    net    echo
    Play Core    app
    Wait For Bound    app    timeout=10 ms
    Wait For Console Line    net    echo: bound

Python On The Network Core Bonds With Firmware On The Application Core
    Run Firmware    app    echo
    Play Core    net
    Wait For Bound    net    timeout=10 ms

Firmware That Starts Late Still Bonds
    Play Core    app
    Let Time Pass    100 ms
    Run Firmware    net    echo
    Wait For Bound    app    timeout=10 ms

Messages Come Back In Order
    Run Firmware    net    echo
    Play Core    app
    Wait For Bound    app
    Send Message    app    first
    Send Message    app    the second one
    Expect Message    app    first
    Expect Message    app    the second one
    Expect No Message    app

Both Cores Played By Python
    Play Core    app
    Play Core    net
    Wait For Bound    app    timeout=1 ms
    Wait For Bound    net    timeout=1 ms
    Send Message    net    hello from the network core
    Expect Message    app    hello from the network core

Firmware Bonds With Firmware While Python Only Looks On
    Run Firmware    net    echo
    Run Firmware    app    initiator
    Wait For Console Line    app    done 1000 of 1000, 0 mismatches

A Peer That Never Answers Is Explained
    Run Firmware    net    spin
    Play Core    app
    ${error}=    Run Keyword And Expect Error    *    Wait For Bound    app    timeout=20 ms
    Should Contain    ${error}    bound on app did not happen within 20.000 ms of virtual time
    Should Contain    ${error}    app wrote the magic, net has not taken it
    Should Contain    ${error}    net has written nothing
