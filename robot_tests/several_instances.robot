*** Settings ***
Documentation       Eight instances between the same two cores, each with regions and mbox channels of its own.
Resource            icmsg.resource
# A VPR of the nRF54L15 rings its application core on one channel only.
Test Tags           several-channels


*** Test Cases ***
Eight Instances Exchange Messages At The Same Time
    Create Machine    soc=${SOC}
    FOR    ${index}    IN RANGE    8
        Open Instance On Both Cores    ${index}
    END
    Wait For All Bound    timeout=10 ms
    FOR    ${index}    IN RANGE    8
        Send Message    ${FIRST}    to instance ${index}    instance=ipc${index}
        Send Message    ${SECOND}    from instance ${index}    instance=ipc${index}
    END
    FOR    ${index}    IN RANGE    7    -1    -1
        Expect Message    ${SECOND}    to instance ${index}    instance=ipc${index}
        Expect Message    ${FIRST}    from instance ${index}    instance=ipc${index}
    END
    Expect No Message    ${FIRST}    instance=ipc0

One Instance Is Closed And The Others Go On
    Create Machine    soc=${SOC}
    FOR    ${index}    IN RANGE    3
        Open Instance On Both Cores    ${index}    unbound=enable
        Echo Messages    ${SECOND}    instance=ipc${index}
    END
    Wait For All Bound    timeout=10 ms
    Close Instance    ${SECOND}    instance=ipc1
    Expect Unbound    ${FIRST}    instance=ipc1
    Exchange Messages    ${FIRST}    count=10    instance=ipc0
    Exchange Messages    ${FIRST}    count=10    instance=ipc2


*** Keywords ***
Open Instance On Both Cores
    [Arguments]    ${index}    ${unbound}=disable
    Play Core    ${FIRST}    ipc${index}    unbound=${unbound}
    ...    tx_region=${{'0x%X:0x100' % (${RAM} + ${index} * 0x200)}}
    ...    rx_region=${{'0x%X:0x100' % (${RAM} + ${index} * 0x200 + 0x100)}}
    ...    tx_channel=${{2 * ${index}}}    rx_channel=${{2 * ${index} + 1}}
    Play Core    ${SECOND}    ipc${index}
