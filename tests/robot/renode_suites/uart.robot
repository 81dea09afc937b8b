*** Settings ***
Documentation       Terminal testers on a UART that no firmware has: bytes, patterns, several testers, failing strings, files.

*** Test Cases ***
A UART That Is Not There Has No Tester
    Create UARTs
    Run Keyword And Expect Error    *not found or of wrong type*    Create Terminal Tester    sysbus.nosuch

A Tester Need Not Be Named Where There Is One
    Create UARTs
    Create Terminal Tester          sysbus.first    timeout=0
    Print Text                      first    hello\n
    Wait For Line On Uart           hello

Of Several One Is Named, Or The Default
    Create UARTs
    ${first}=                       Create Terminal Tester    sysbus.first    timeout=0
    ${second}=                      Create Terminal Tester    sysbus.second    timeout=0
    Print Text                      first    one\n
    Print Text                      second    two\n
    Run Keyword And Expect Error    *There is more than one tester available*    Wait For Line On Uart    one
    Wait For Line On Uart           two    testerId=${second}
    Set Default Tester              ${first}
    Wait For Line On Uart           one
    Set Default Tester              null
    Run Keyword And Expect Error    *There is more than one tester available*    Wait For Line On Uart    one

Every Byte Comes In Binary Mode
    Create UARTs
    Create Terminal Tester          sysbus.first    binaryMode=true    timeout=0
    ${all}=                         Evaluate    bytes(range(256))
    Print Bytes                     first    ${all}
    ${found}=                       Wait For Bytes On Uart    \\x10.*?([\\x20-\\x2f]+)    treatAsRegex=true
    Should Be Equal                 ${found.Groups[0]}    ${{bytes(range(0x20, 0x30))}}
    Wait For Bytes On Uart          30 31 32    matchStart=true
    Run Keyword And Expect Error    *Terminal tester failed*    Wait For Bytes On Uart    30 31 32

A Tester Takes Text Or Bytes, As It Was Made
    Create UARTs
    ${text}=                        Create Terminal Tester    sysbus.first    timeout=0
    ${binary}=                      Create Terminal Tester    sysbus.second    timeout=0    binaryMode=true
    Run Keyword And Expect Error    *Attempt to wait for bytes on a tester configured in text mode*
    ...                             Wait For Bytes On Uart    41    testerId=${text}
    Run Keyword And Expect Error    *Attempt to wait for text on a tester configured in binary mode*
    ...                             Wait For Line On Uart    A    testerId=${binary}

A Failing String Fails Whoever Waits, Until It Is Taken Back
    Create UARTs
    Create Terminal Tester          sysbus.first    timeout=0
    Register Failing Uart String    panic.*    treatAsRegex=true
    Print Text                      first    panic at 5\nup\n
    Run Keyword And Expect Error    *Test failing entry*    Wait For Line On Uart    up
    Unregister Failing Uart String  panic.*    treatAsRegex=true
    Print Text                      first    panic again\nup again\n
    Wait For Line On Uart           up again

A Hook Has The Line
    Create UARTs
    Create Log Tester               0
    Execute Command                 first AddLineHook "needle" "self.InfoLog('found: ' + line)"
    Print Text                      first    hay\n
    Print Text                      first    a needle in hay\n
    Wait For Log Entry              found: a needle in hay
    Should Not Be In Log            found: hay

A File Gets What Is Printed, And An Older One Is Kept
    Create UARTs
    ${path}=                        Allocate Temporary File
    Remove File                     ${path}
    Execute Command                 first CreateFileBackend @${path} true
    Print Text                      first    into the file\n
    Execute Command                 first CloseFileBackend @${path}
    ${text}=                        Get File    ${path}
    Should Contain                  ${text}    into the file
    Execute Command                 first CreateFileBackend @${path} true
    File Should Exist               ${path}.1
    Execute Command                 first CloseFileBackend @${path}

*** Keywords ***
Create UARTs
    Execute Command                 using sysbus
    Execute Command                 mach create
    Execute Command                 machine LoadPlatformDescriptionFromString "first: UART.TrivialUart @ sysbus 0x1000"
    Execute Command                 machine LoadPlatformDescriptionFromString "second: UART.TrivialUart @ sysbus 0x2000"

Print Text
    [Arguments]                     ${uart}    ${text}
    Print Bytes                     ${uart}    ${{$text.encode()}}

Print Bytes
    [Arguments]                     ${uart}    ${bytes}
    FOR    ${byte}    IN    @{{list($bytes)}}
        Execute Command             sysbus.${uart} WriteDoubleWord 0 ${byte}
    END
