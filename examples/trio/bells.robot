*** Settings ***
Documentation       Another kind of mailbox: python -m robot examples/trio/bells.robot
Library             icmsg.robot.IcmsgLibrary
Variables           bell.py


*** Test Cases ***
Two Cores Bond Over The Bells
    Create Machine    platform=${CURDIR}/bells.repl
    Play Core    0    tx_region=0x38000000:0x400    rx_region=0x38000400:0x400
    Play Core    1    tx_region=0x38000400:0x400    rx_region=0x38000000:0x400    tx_channel=1    rx_channel=0
    Wait For Bound    0    timeout=10 ms
    Wait For Bound    1    timeout=10 ms
    Send Message    0    hello
    Expect Message    1    hello
