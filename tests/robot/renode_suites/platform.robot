*** Settings ***
Documentation       Platform descriptions: what is taken, and what is said of one that is not.

*** Test Cases ***
Numbers May Have Separators
    Describe                        ram: Memory.MappedMemory @ sysbus 0x10_000 { size: 4_09_6 }
    ${size}=                        Execute Command    sysbus.ram Size
    Should Be Equal As Numbers      ${size}    4096

A Memory May Be On No Bus Where It Has No Name
    Describe                        flash: Memory.MappedMemory { size: 0x2000 }
    Run Keyword And Expect Error    *No such command or device: flash*    Execute Command    flash Size

A Place May Show A Part Of A Memory
    Describe                        ram: Memory.MappedMemory @ { sysbus 0x0; sysbus <0x10000, +0x1000> } { size: 0x4000 }
    Execute Command                 machine LoadPlatformDescriptionFromString "more: Memory.MappedMemory @ sysbus 0x11000 { size: 0x1000 }"
    Execute Command                 sysbus WriteDoubleWord 0x10004 0x1
    Execute Command                 sysbus WriteDoubleWord 0x11004 0x2
    ${first}=                       Execute Command    sysbus ReadDoubleWord 0x4
    ${second}=                      Execute Command    sysbus ReadDoubleWord 0x1004
    Should Be Equal As Numbers      ${first}    1
    Should Be Equal As Numbers      ${second}    0

What A Memory Holds Stays When More Is Loaded
    Describe                        ram: Memory.ArrayMemory @ sysbus 0x0 { size: 0x100 }
    Execute Command                 sysbus WriteDoubleWord 0x4 0x12345678
    Execute Command                 machine LoadPlatformDescriptionFromString "more: Memory.MappedMemory @ sysbus 0x1000 { size: 0x1000 }"
    ${value}=                       Execute Command    sysbus ReadDoubleWord 0x4
    Should Be Equal                 ${value.strip()}    0x12345678

What Was Taken Out May Come Again
    Describe                        ram: Memory.MappedMemory @ sysbus 0x0 { size: 0x1000 }
    Execute Command                 sysbus WriteDoubleWord 0x0 0x1
    Execute Command                 machine UnregisterFromParent sysbus.ram
    Execute Command                 machine LoadPlatformDescriptionFromString "ram: Memory.MappedMemory @ sysbus 0x1000 { size: 0x2000 }"
    Execute Command                 sysbus WriteDoubleWord 0x1004 0x2
    ${value}=                       Execute Command    sysbus.ram ReadDoubleWord 0x4
    Should Be Equal As Numbers      ${value}    2

A Mistake In The Syntax Is Named
    [Template]                      Should Be Refused As
    unexpected '8'; expected colon or arrow    ram: Memory.MappedMemory @ sysbus 0x40 { size 8 }
    unexpected '_'; expected end of input    ram: Memory.MappedMemory @ sysbus _0x40
    unexpected '_'; expected attribute list end    ram: Memory.MappedMemory @ sysbus 0x40 { size: 8_ }
    unexpected '_'; expected constructor or property value or none keyword or empty keyword    ram: X.Y { size: _8 }
    unexpected '}'; expected none keyword or destination peripheral reference    ram: X.Y @ sysbus 1 { 0 -> }
    unexpected '}'; expected @      ram: X.Y @ sysbus 1 { 0 -> a }
    unexpected '}'; expected hexadecimal number or decimal non-negative number or decimal number    ram: X.Y @ sysbus 1 { 0 -> a@ }
    unexpected '}'; expected ]      ram: X.Y @ sysbus 1 { [0,1] -> a@[1 }
    unexpected '2'; expected ,      ram: X.Y @ sysbus <1 2>
    unexpected '{'; expected init statement list end    ram: X.Y @ sysbus 1 { init: { a; b { } } }
    unexpected '{'; expected reset statement list end    ram: X.Y @ sysbus 1 { reset add: { a; b { } } }
    unexpected '5'; expected registration infos list end    ram: X.Y @ { sysbus 1; sysbus 2 5 }
    unexpected '{'; expected type name    ram: X.Y @ sysbus 1 { a: new { } }
    unexpected '5'; expected alias    ram: X.Y @ sysbus 1 as 5
    unexpected 'x'; expected quoted string    using x
    Unexpected end of input reached; expected colon    ram

A File That Is Not There Is Named
    Execute Command                 mach create
    Run Keyword And Expect Error    *Using 'no/such.repl' does not exist*    Execute Command    machine LoadPlatformDescriptionFromString 'using "no/such.repl"'

A Type That Only Stands For Others Is Refused With Them
    [Template]                      Type Should Be Abstract
    TranslationCPU                  CPU.CortexM
    BaseRiscV                       CPU.RiscV32

*** Keywords ***
Describe
    [Arguments]                     ${text}
    Execute Command                 mach create
    Execute Command                 machine LoadPlatformDescriptionFromString "${text}"

Should Be Refused As
    [Arguments]                     ${words}    ${text}
    ${error}=                       Run Keyword And Expect Error    *    Describe    ${text}
    Should Contain                  ${error}    Error E00: Syntax error, ${words}

Type Should Be Abstract
    [Arguments]                     ${name}    ${concrete}
    ${error}=                       Run Keyword And Expect Error    *    Describe    cpu: CPU.${name} @ sysbus
    Should Contain                  ${error}    CPU.${name} is an abstract type. Try constructing one of the following concrete types:
    Should Contain                  ${error}    ${concrete}
