*** Settings ***
Documentation       Firmware on an SoC of one's own: python -m robot examples/trio/trio.robot
Library             icmsg.robot.IcmsgLibrary


*** Test Cases ***
Firmware On Core 1 Sends Everything Back
    Create Machine    platform=${CURDIR}/trio.repl
    Run Firmware    1    ${CURDIR}/prebuilt/echo-cpu1.elf
    Play Core    0    dts=${CURDIR}/cpu0.dts
    Wait For Bound    0    timeout=10 ms
    Exchange Messages    0    20
    Wait For Console Line    1    echo: bound
