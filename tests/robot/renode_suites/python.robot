*** Settings ***
Documentation       The Python of the Monitor, asked from Robot: the same values and failures here and under renode-test.

*** Test Cases ***
A Value Has Its Type
    ${number}=                      Execute Python    6 * 7
    Should Be Equal                 ${number}    ${42}
    ${text}=                        Execute Python    "-".join(["a", "b"])
    Should Be Equal                 ${text}    a-b
    ${list}=                        Execute Python    [n * n for n in range(4)]
    ${squares}=                     Evaluate    [0, 1, 4, 9]
    Should Be Equal                 ${list}    ${squares}
    ${truth}=                       Execute Python    3 > 2
    Should Be Equal                 ${truth}    ${True}
    ${quotient}=                    Execute Python    7 / 2
    Should Be Equal                 ${quotient}    ${3}

Only An Expression Has A Value
    ${nothing}=                     Execute Python    kept = 5
    Should Be Equal                 ${nothing}    ${EMPTY}
    ${nothing}=                     Execute Python    other = 6; other
    Should Be Equal                 ${nothing}    ${EMPTY}
    ${nothing}=                     Execute Python    print 'printed'
    Should Be Equal                 ${nothing}    ${EMPTY}

Names Are Those Of The Monitor's Commands
    Execute Python                  answer = 42
    ${printed}=                     Execute Command    python "print answer + 1"
    Should Be Equal                 ${printed.strip()}    43
    Execute Command                 python "answer = 'set by the Monitor'"
    ${answer}=                      Execute Python    answer
    Should Be Equal                 ${answer}    set by the Monitor

A Failure Begins With The Name Of Its Exception
    [Template]                      Python Should Fail With
    ValueErrorException:*           raise ValueError('v')
    KeyNotFoundException: k*        raise KeyError('k')
    DivideByZeroException:*         1 / 0
    IndexOutOfRangeException:*      [1][5]
    UnboundNameException: name 'nobody' is not defined*    nobody
    MissingMemberException: 'int' object has no attribute 'foo'*    (1).foo
    TypeErrorException: unsupported operand type(s) for +: 'int' and 'str'*    1 + 'a'
    ImportException: No module named*    import no_such_module
    AssertionException: a*          raise AssertionError('a')
    RuntimeException: r*            raise RuntimeError('r')
    SyntaxErrorException:*          "open

Python Sees The Machine
    Execute Command                 mach create
    Execute Command                 machine LoadPlatformDescriptionFromString "mem: Memory.ArrayMemory @ sysbus 0x1000 { size: 0x100 }"
    Execute Python                  self.Machine.SystemBus.WriteDoubleWord(0x1010, 0x12345678)
    ${value}=                       Execute Command    sysbus ReadDoubleWord 0x1010
    Should Be Equal As Numbers      ${value}    0x12345678
    ${read}=                        Execute Python    int(self.Machine.SystemBus.ReadByte(0x1013))
    Should Be Equal As Numbers      ${read}    0x12

*** Keywords ***
Python Should Fail With
    [Arguments]                     ${failure}    ${text}
    Run Keyword And Expect Error    ${failure}    Execute Python    ${text}
