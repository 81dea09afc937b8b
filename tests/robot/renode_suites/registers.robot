*** Settings ***
Documentation       Registers without a core: widths, what does not fit, hooks of any peripheral, tags, and scripts.

*** Variables ***
${MEMORY}           mem: Memory.ArrayMemory @ sysbus 0x0 { size: 0x100; initialValue: 0x11 }
${SCRIPT}           SEPARATOR=\n
...                 """
...                 if request.IsInit:
...                 ${SPACE}${SPACE}value = 0x1122334455667788
...                 elif request.IsRead:
...                 ${SPACE}${SPACE}request.Value = value
...                 elif request.IsWrite:
...                 ${SPACE}${SPACE}value = request.Value
...                 """

${DOUBLER}          SEPARATOR=\n
...                 if request.IsInit:
...                 ${SPACE}${SPACE}last = 0x21
...                 elif request.IsRead:
...                 ${SPACE}${SPACE}request.Value = last * 2 + request.Offset
...                 else:
...                 ${SPACE}${SPACE}last = request.Value

*** Test Cases ***
Accesses Of Any Width And Place Meet
    Create Memory
    Execute Command                 sysbus WriteQuadWord 0x0 0x8877665544332211
    Register Should Read            Byte    0x7    0x88
    Register Should Read            Word    0x2    0x4433
    Register Should Read            DoubleWord    0x2    0x66554433
    Register Should Read            QuadWord    0x0    0x8877665544332211
    ${value}=                       Execute Command    mem ReadQuadWord 0x0
    Should Be Equal As Numbers      ${value}    0x8877665544332211

What Does Not Fit Is Cut
    Create Memory
    Execute Command                 sysbus WriteByte 0x0 0x1FF
    Register Should Read            Byte    0x0    0xFF
    Execute Command                 sysbus WriteByte 0x0 -2
    Register Should Read            Byte    0x0    0xFE
    Execute Command                 sysbus WriteDoubleWord 0x4 0x1FFFFFFFE
    Register Should Read            DoubleWord    0x4    0xFFFFFFFE

Hooks See What Is Read And Written, In Its Width
    Create Memory
    Create Log Tester               0
    Execute Command                 sysbus SetHookBeforePeripheralWrite sysbus.mem "self.Log(LogLevel.Info, 'writes 0x{0:x} at {1}', value, offset)"
    Execute Command                 sysbus SetHookAfterPeripheralRead sysbus.mem "value = value + 1"
    Execute Command                 sysbus WriteByte 0x8 0x2b
    Wait For Log Entry              writes 0x2b at 8
    Register Should Read            Byte    0x8    0x2c
    Execute Command                 sysbus WriteQuadWord 0x10 0x1234567890abcdef
    Wait For Log Entry              writes 0x1234567890abcdef at 16
    Register Should Read            QuadWord    0x10    0x1234567890abcdf0
    Execute Command                 sysbus SetHookAfterPeripheralRead sysbus.mem ""
    Register Should Read            Byte    0x8    0x2b

A Tag Answers Instead Of Registers If It Overrides Them
    Execute Command                 mach create
    Execute Command                 sysbus Tag <0x10 8> "first" 0xA1A2A3A4A5A6A7A8 overridePeripheralAccesses=true
    Execute Command                 sysbus Tag <0x20 8> "second" 0xFF
    Execute Command                 machine LoadPlatformDescriptionFromString "${MEMORY}"
    Create Log Tester               0
    Register Should Read            Byte    0x10    0xA8
    Wait For Log Entry              (tag: 'first') ReadByte from overriding tag at 0x10, returning 0xA8
    Register Should Read            Word    0x10    0xA7A8
    Register Should Read            Byte    0x20    0x11
    Execute Command                 sysbus WriteByte 0x10 0x5
    Execute Command                 sysbus RemoveTag 0x10
    Register Should Read            Byte    0x10    0x11
    Run Keyword And Expect Error    *There is no tag at address 0x10*    Execute Command    sysbus RemoveTag 0x10

A Script Keeps A Register
    Execute Command                 mach create
    Execute Command                 machine PyDevFromString ${SCRIPT} 0x40 8 True
    Register Should Read            QuadWord    0x40    0x1122334455667788
    Register Should Read            DoubleWord    0x40    0x55667788
    Execute Command                 sysbus WriteQuadWord 0x40 0xFEDCBA9876543210
    Register Should Read            QuadWord    0x40    0xFEDCBA9876543210

A Script Of A Platform File Is Executed
    Execute Command                 mach create
    ${path}=                        Allocate Temporary File
    Create File                     ${path}    ${DOUBLER}
    Execute Command                 machine LoadPlatformDescriptionFromString 'twice: Python.PythonPeripheral @ sysbus 0x80 { size: 0x10; initable: true; filename: "${path}" }'
    Register Should Read            DoubleWord    0x80    0x42
    Register Should Read            DoubleWord    0x84    0x46
    Execute Command                 sysbus WriteDoubleWord 0x80 0x10
    Register Should Read            DoubleWord    0x80    0x20
    Execute Command                 sysbus.twice Reset
    Register Should Read            DoubleWord    0x80    0x42

*** Keywords ***
Create Memory
    Execute Command                 using sysbus
    Execute Command                 mach create
    Execute Command                 machine LoadPlatformDescriptionFromString "${MEMORY}"

Register Should Read
    [Arguments]                     ${width}    ${address}    ${expected}
    ${value}=                       Execute Command    sysbus Read${width} ${address}
    Should Be Equal As Numbers      ${value}    ${expected}
