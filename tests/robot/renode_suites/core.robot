*** Settings ***
Documentation       One Cortex-M made of a text: its registers, its interrupt controller on the bus, accesses to memory.

*** Variables ***
${PLATFORM}=        SEPARATOR=
...                 """
...                 nvic: IRQControllers.NVIC @ sysbus 0xE000E000 { -> cpu@0 }${\n}
...                 cpu: CPU.CortexM @ sysbus { cpuType: "cortex-m4"; nvic: nvic }${\n}
...                 rom: Memory.MappedMemory @ sysbus 0x800000 { size: 0x1000 }${\n}
...                 one: Memory.MappedMemory @ sysbus 0x31000000 { size: 0x1000 }${\n}
...                 two: Memory.MappedMemory @ sysbus 0x32000000 { size: 0x1000 }${\n}
...                 """

*** Test Cases ***
A Program Counter Is That Of Thumb Code
    Create Machine
    Execute Command                 sysbus WriteDoubleWord 0x800000 0x22022101
    FOR    ${_}    IN RANGE    2
        Execute Command             cpu PC 0x800000
        Wait For Log Entry          cpu: Patching PC 0x800000 for Thumb mode.
        Execute Command             cpu SetRegister 1 0x0
        Execute Command             cpu SetRegister 2 0x0
        Execute Command             cpu Step 2
        Register Should Be Equal    1    0x1
        Register Should Be Equal    2    0x2
        PC Should Be Equal          0x800004
    END

A Core Whose Program Counter Was Set Needs No Vector Table
    Create Machine
    Execute Command                 cpu PC 0x800001
    Execute Command                 cpu Step
    Register Should Be Equal        13    0x0
    Should Not Be In Log            Patching PC

The Interrupt Controller Is On The Bus For Nobody
    Create Machine
    Execute Command                 sysbus WriteDoubleWord 0xE000E014 0x123
    ${value}=                       Execute Command    sysbus ReadDoubleWord 0xE000E014
    Should Be Equal                 ${value.strip()}    0x00000123
    ${value}=                       Execute Command    nvic ReadDoubleWord 0x14
    Should Be Equal                 ${value.strip()}    0x00000123
    Execute Command                 cpu AddHook 0x800002 "machine.SystemBus.WriteDoubleWord(0xE000E014, 0x77)"
    Execute Command                 cpu PC 0x800001
    Execute Command                 cpu Step 2
    ${value}=                       Execute Command    sysbus ReadDoubleWord 0xE000E014
    Should Be Equal                 ${value.strip()}    0x00000077
    Should Not Be In Log            non existing peripheral

Accesses To Memory Are Told In The Pages That Are Named
    Create Machine
    Execute Command                 sysbus LogPeripheralAccess sysbus.one
    Execute Command                 sysbus LogPeripheralAccess sysbus.two
    Execute Command                 sysbus WriteDoubleWord 0x32000008 0x12345678
    Execute                         0x6888    0x31000000
    Should Not Be In Log            ReadUInt32
    Execute Command                 sysbus SetPageAccessViaIo 0x32000000
    Execute                         0x6888    0x31000000
    Should Not Be In Log            ReadUInt32
    Execute                         0x6888    0x32000000
    Wait For Log Entry              two: [cpu: 0x800000] ReadUInt32 from 0x8 (unknown), returned 0x12345678
    Execute                         0x8909    0x32000000
    Wait For Log Entry              two: [cpu: 0x800000] ReadUInt16 from 0x8 (unknown), returned 0x5678
    Execute                         0x7209    0x32000012
    Wait For Log Entry              two: [cpu: 0x800000] WriteByte to 0x1A (unknown), value 0x12
    Execute Command                 sysbus LogPeripheralAccess sysbus.two false
    Execute                         0x6888    0x32000000
    Should Not Be In Log            ReadUInt32
    Execute Command                 sysbus LogPeripheralAccess sysbus.two
    Execute Command                 sysbus ClearPageAccessViaIo 0x32000000
    Execute                         0x6888    0x32000000
    Should Not Be In Log            ReadUInt32

*** Keywords ***
Create Machine
    Execute Command                 using sysbus
    Execute Command                 mach create
    Execute Command                 machine LoadPlatformDescriptionFromString ${PLATFORM}
    Execute Command                 emulation SingleStepBlocking false
    Create Log Tester               0

Execute
    [Documentation]                 Executes one instruction with an address in R1.
    [Arguments]                     ${instruction}    ${address}
    Execute Command                 cpu SetRegister 1 ${address}
    Execute Command                 sysbus WriteWord 0x800000 ${instruction}
    Execute Command                 cpu PC 0x800000
    Execute Command                 cpu Step
