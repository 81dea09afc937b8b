*** Settings ***
Documentation       Stands in for what Renode's renode-test gives to every suite: the connection, setups and teardowns.
Library             OperatingSystem


*** Variables ***
${SKIP_RUNNING_SERVER}      False
${PORT_NUMBER}              9999
${DEFAULT_UART_TIMEOUT}     8
${REMOTE_LIBRARY}           Renode
${RESULTS_DIRECTORY}        ${OUTPUT DIR}


*** Keywords ***
Setup
    Wait Until Keyword Succeeds    60s    1s
    ...    Import Library    Remote    http://127.0.0.1:${PORT_NUMBER}/    AS    ${REMOTE_LIBRARY}
    Set Default Uart Timeout    ${DEFAULT_UART_TIMEOUT}
    Enable Logging To Cache
    Reset Emulation

Teardown
    No Operation

Test Setup
    No Operation

Test Teardown
    ${failed}=    Run Keyword If Test Failed    Set Variable    True
    IF    ${failed}
        Create Directory    ${RESULTS_DIRECTORY}/snapshots
        Execute Command    Save "${RESULTS_DIRECTORY}/snapshots/failed.save"
    END
    Reset Emulation
    Clear Cached Log
