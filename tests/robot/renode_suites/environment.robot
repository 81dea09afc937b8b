*** Settings ***
Documentation       Environments: which sensors are in them, and what those measure.

*** Test Cases ***
Sensors Of A Machine Measure What Is In Its Environment
    Create Machine                  one    two
    Execute Command                 emulation CreateEnvironment "room"
    Execute Command                 room Temperature 36.6
    Execute Command                 room Humidity 89.5
    Execute Command                 machine SetEnvironment room
    Should Measure                  one    36.6    89.5
    Execute Command                 room Temperature -4
    Should Measure                  two    -4    89.5
    Should List                     room    machine-0:sysbus.one    machine-0:sysbus.two
    ${machines}=                    Execute Command    room GetRegisteredMachineNames
    Should Contain                  ${machines}    machine-0

A Sensor Is Updated Once When It Comes
    Create Machine                  one
    Execute Command                 emulation CreateEnvironment "room"
    Execute Command                 machine SetEnvironment room
    Execute Command                 machine SetEnvironment room
    ${count}=                       Execute Command    sysbus.one TemperatureUpdateCounter
    Should Be Equal As Numbers      ${count}    1

A Sensor That Is Added Later Is In The Environment Too
    Create Machine                  one
    Execute Command                 emulation CreateEnvironment "room"
    Execute Command                 room Temperature 20
    Execute Command                 machine SetEnvironment room
    Execute Command                 machine LoadPlatformDescriptionFromString "two: Sensors.DummySensor @ sysbus <0x100, +0x4>"
    Should Measure                  two    20    0
    ${count}=                       Execute Command    sysbus.one TemperatureUpdateCounter
    Should Be Equal As Numbers      ${count}    1
    Execute Command                 machine UnregisterFromParent sysbus.one
    Execute Command                 room Temperature 21
    Should Measure                  two    21    0
    ${names}=                       Execute Command    room GetRegisteredSensorsNames
    Should Not Contain              ${names}    sysbus.one

A Sensor May Be Elsewhere Than Its Machine
    Create Machine                  one    two
    Execute Command                 emulation CreateEnvironment "room"
    Execute Command                 emulation CreateEnvironment "garden"
    Execute Command                 machine SetEnvironment room
    Execute Command                 sysbus.two SetEnvironment garden
    Should List                     room    machine-0:sysbus.one
    Should List                     garden    machine-0:sysbus.two
    Execute Command                 garden Temperature 3
    Should Measure                  one    0    0
    Should Measure                  two    3    0
    Execute Command                 machine SetEnvironment garden
    ${names}=                       Execute Command    room GetRegisteredSensorsNames
    Should Not Contain              ${names}    sysbus
    Should List                     garden    machine-0:sysbus.one    machine-0:sysbus.two

A Reset Leaves The Weather As It Is
    Create Machine                  one
    Execute Command                 emulation CreateEnvironment "room"
    Execute Command                 room Temperature 20
    Execute Command                 machine SetEnvironment room
    Execute Command                 sysbus.one Temperature 90
    Execute Command                 start
    Execute Command                 machine Reset
    Execute Command                 pause
    Should Measure                  one    20    0

A Machine That Is Removed Is In No Environment
    Create Machine                  one
    Execute Command                 emulation CreateEnvironment "room"
    Execute Command                 machine SetEnvironment room
    Execute Command                 emulation RemoveMachine "machine-0"
    ${names}=                       Execute Command    room GetRegisteredMachineNames
    Should Not Contain              ${names}    machine-0
    Run Keyword And Expect Error    *Given machine 'none' does not exists.*    Execute Command    emulation RemoveMachine "none"

*** Keywords ***
Create Machine
    [Arguments]                     @{sensors}
    Execute Command                 mach create
    FOR    ${index}    ${name}    IN ENUMERATE    @{sensors}
        ${address}=                 Evaluate    4 * $index
        Execute Command             machine LoadPlatformDescriptionFromString "${name}: Sensors.DummySensor @ sysbus <${address}, +0x4>"
    END

Should Measure
    [Arguments]                     ${name}    ${temperature}    ${humidity}
    ${value}=                       Execute Command    sysbus.${name} Temperature
    Should Be Equal                 ${value.strip()}    ${temperature}
    ${value}=                       Execute Command    sysbus.${name} Humidity
    Should Be Equal                 ${value.strip()}    ${humidity}

Should List
    [Arguments]                     ${environment}    @{names}
    ${printed}=                     Execute Command    ${environment} GetRegisteredSensorsNames
    ${listed}=                      Evaluate    sorted(name.strip() for name in $printed.strip().strip('[]').strip().split(',') if name.strip())
    Should Be Equal                 ${listed}    ${names}
