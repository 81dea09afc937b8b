*** Settings ***
Documentation       Fails on purpose, to show what a failure says: python -m robot examples/lost_doorbell.robot
Library             icmsg.robot.IcmsgLibrary


*** Test Cases ***
A Message Without Its Doorbell
    Create Machine
    Run Firmware    net    echo
    Play Core    app
    Wait For Bound    app
    Let Time Pass    1 ms
    Drop Doorbells    app
    Send Message    app    hello
    Expect Message    app    hello    timeout=10 ms
