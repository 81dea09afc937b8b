*** Settings ***
Documentation       Cores that sleep for a working day are still bound, and the first message is as quick as ever.
Resource            icmsg.resource


*** Test Cases ***
Eight Hours Of Silence
    Bond With Firmware On Net
    Exchange Messages    app    count=10
    # Cores that sleep need no fine steps: without this Renode would take hours, too.
    Execute Command    emulation SetGlobalQuantum "0.1"
    Let Time Pass    ${IDLE_TIME}
    Execute Command    emulation SetGlobalQuantum "0.00001"
    Should Be Bound    app
    Virtual Time Should Be At Least    ${IDLE_TIME}
    Exchange Messages    app    count=10
    Stub Counter Should Be    net    errors    0
