*** Settings ***
Documentation       What the firmware does when doorbells get lost and cores start late.
Library             icmsg.robot.IcmsgLibrary    timeout=100 ms


*** Variables ***
${FIRMWARE}         ${CURDIR}/../firmware/shout-net.elf
${DEVICETREE}       ${CURDIR}/../devicetree/app.dts


*** Test Cases ***
A Message Comes Back In Capital Letters
    Create Machine
    Run Firmware    net    ${FIRMWARE}
    Play Core    app    dts=${DEVICETREE}
    Wait For Bound    app
    Wait For Console Line    net    shout: bound
    Send Message    app    hello
    Expect Message    app    HELLO

The Firmware Bonds With A Core That Starts Late
    Create Machine
    Run Firmware    net    ${FIRMWARE}
    Let Time Pass    1 s
    Play Core    app    dts=${DEVICETREE}
    Wait For Bound    app
    Send Message    app    late
    Expect Message    app    LATE

A Message Whose Doorbell Got Lost Waits For The Next One
    Create Machine
    Run Firmware    net    ${FIRMWARE}
    Play Core    app    dts=${DEVICETREE}
    Wait For Bound    app
    Let Time Pass    1 ms
    Drop Doorbells    app
    Send Message    app    lost
    Expect No Message    app
    Send Message    app    and found
    Expect Message    app    LOST
    Expect Message    app    AND FOUND
