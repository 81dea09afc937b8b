*** Settings ***
Documentation       The Monitor's words: what is there without a machine, variables, refusals, and the log's buffer.

*** Test Cases ***
Nothing Has The Name Of The Bus Before A Machine Is Made
    Run Keyword And Expect Error    *No such command or device: sysbus*    Execute Command    sysbus
    Execute Command                 mach create
    ${value}=                       Execute Command    sysbus ReadByte 0x0
    Should Be Equal As Numbers      ${value}    0x00
    ${tree}=                        Execute Command    peripherals
    Should Contain                  ${tree}    sysbus (SystemBus)

A Refusal Says What Is Wrong
    [Template]                      Command Should Be Refused
    *No such command or device: nosuchthing*    nosuchthing
    *Bad parameters for command*    log nonsense
    *Parameters did not match the signature*    Save nonsense
    *unsupported operand type(s) for +: 'int' and 'str'*    next_value "x"
    *does not exist*                include @no/such/file.resc
    *Variable type has to be a string.*    $number=1; py $number
    *unexpected EOF while parsing*    py "if error"
    *name 'unknown' is not defined*    py "unknown"

A Number Counts Up
    ${first}=                       Execute Command    next_value
    ${third}=                       Execute Command    next_value 5
    ${difference}=                  Evaluate    int($third) - int($first)
    Should Be Equal                 ${difference}    ${6}

A Conditional Value Is Set Once
    Execute Command                 $first?=1234
    Execute Command                 $first?=5678
    ${value}=                       Execute Command    echo $first
    Should Be Equal                 ${value.strip()}    1234

The Buffer Of The Log Forgets The Oldest
    Execute Command                 python "for n in range(1001): monitor.Parse('log \\"entry-%d-\\"' % n)"
    ${logs}=                        Execute Command    lastLog 1000
    Should Not Contain              ${logs}    entry-0-
    Should Contain                  ${logs}    entry-1-
    Should Contain                  ${logs}    entry-1000-

Python Of The Monitor Completes A Line
    Execute Command                 mach create
    ${printed}=                     Execute Command    py "print ','.join(monitor.SuggestionNeeded('sysbus WriteDou'))"
    Should Contain                  ${printed}    sysbus WriteDoubleWord

*** Keywords ***
Command Should Be Refused
    [Arguments]                     ${pattern}    ${command}
    Run Keyword And Expect Error    KeywordException:${pattern}    Execute Command    ${command}
