*** Settings ***
Documentation       A suite as it is written for Renode's renode-test, which runs it as well:
...                 python -m icmsg.robot examples/renode_header.robot
Suite Setup         Setup
Suite Teardown      Teardown
Test Setup          Reset Emulation
Test Teardown       Test Teardown
Resource            ${RENODEKEYWORDS}


*** Test Cases ***
The Second Core Bonds
    Execute Command           include "${CURDIR}/../renode/firmware-firmware.resc"
    Create Terminal Tester    sysbus.uartnet
    Start Emulation
    Wait For Line On Uart     echo: bound
