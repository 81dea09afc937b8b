*** Settings ***
Documentation       Log testers, levels of machines and their peripherals, and files of the log.

*** Test Cases ***
An Access To Nothing Is Told
    Create Log Tester               0
    Execute Command                 mach create
    Execute Command                 sysbus ReadDoubleWord 0x20
    Wait For Log Entry              ReadDoubleWord from non existing peripheral at 0x20
    Execute Command                 sysbus WriteWord 0x30 0x147
    Wait For Log Entry              WriteWord to non existing peripheral at 0x30, value 0x147
    Should Not Be In Log            non existing peripheral

A Silent Tag Is Told As Debugging Alone
    Create Log Tester               0
    Execute Command                 mach create
    Execute Command                 logLevel 0
    Execute Command                 sysbus Tag <0x6, 0x6> "quiet" silent=true
    Execute Command                 sysbus WriteByte 0x6 0x4
    Wait For Log Entry              (tag: 'quiet')    keep=true    level=Debug
    Should Not Be In Log            (tag: 'quiet')    level=Warning

A Failing String Fails Whoever Waits, Until It Is Taken Back
    Create Log Tester               0
    Execute Command                 mach create
    Register Failing Log String     peripheral at 0x7.    treatAsRegex=true
    Execute Command                 sysbus ReadByte 0x70
    Run Keyword And Expect Error    *Test failing entry*    Wait For Log Entry    ReadByte from non existing
    Unregister Failing Log String   peripheral at 0x7.    treatAsRegex=true
    Execute Command                 sysbus ReadByte 0x71
    Wait For Log Entry              peripheral at 0x71

A Tester Lasts As Long As Its Test
    Run Keyword And Expect Error    *Log tester is not available*    Should Not Be In Log    anything

A Timeout May Be A Number Of Any Type
    Create Log Tester               ${1}
    Create Log Tester               ${1.5}
    Create Log Tester               1

A Level Is That Of One Machine
    Create Machine With Memory
    Create Machine With Memory
    Execute Command                 logLevel 3 machine-0
    ${levels}=                      Execute Command    logLevel
    Should Contain                  ${levels}    machine-0:sysbus : ERROR    collapse_spaces=True
    Should Contain                  ${levels}    machine-0:sysbus.mem : ERROR    collapse_spaces=True
    Should Not Contain              ${levels}    machine-1:sysbus : ERROR    collapse_spaces=True

Another File Keeps The First One
    ${path}=                        Allocate Temporary File
    Remove File                     ${path}
    Execute Command                 logFile @${path}
    File Should Exist               ${path}
    Execute Command                 logFile @${path}
    File Should Exist               ${path}.1
    Execute Command                 Clear

A Path With Spaces And An Empty Platform File
    ${file}=                        Allocate Temporary File
    ${folder}=                      Set Variable    ${file} with spaces
    Create File                     ${folder}${/}empty platform.repl
    Execute Command                 include "${folder}${/}empty platform.repl"
    ${tree}=                        Execute Command    peripherals
    Should Contain                  ${tree}    sysbus
    [Teardown]                      Forget Folder    ${folder}

*** Keywords ***
Create Machine With Memory
    Execute Command                 mach create
    Execute Command                 machine LoadPlatformDescriptionFromString "mem: Memory.MappedMemory @ sysbus 0x1000 { size: 0x1000 }"

Forget Folder
    [Arguments]                     ${folder}
    Remove Directory                ${folder}    recursive=true
    Reset Emulation
