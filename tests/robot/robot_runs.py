"""Runs suites that a test writes, in this process, and gives back what each of their tests said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from robot.api import ExecutionResult, SuiteVisitor
from robot.running import TestSuite

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = "*** Settings ***\nLibrary    icmsg.robot.IcmsgLibrary\n\n*** Test Cases ***\n"
_TIME = re.compile(r"-?\d+(\.\d+)? (ns|µs|ms|s)\b")


@dataclass(frozen=True)
class Outcome:
    """One test of a suite."""

    name: str
    passed: bool
    message: str

    @property
    def timeless(self) -> str:
        """The message with <time> for every virtual time."""
        return _TIME.sub("<time>", self.message)


def run_suite(
    folder: Path,
    text: str,
    *,
    variables: dict[str, str] | None = None,
    settings: str = SETTINGS,
    visitor: SuiteVisitor | None = None,
) -> list[Outcome]:
    """Run a suite with these test cases, as a visitor has changed it; its output is in ``folder``."""
    path = folder / "suite.robot"
    path.write_text(settings + text, encoding="utf-8")
    given = [f"{name}:{value}" for name, value in (variables or {}).items()]
    suite = TestSuite.from_file_system(path)
    if visitor is not None:
        suite.visit(visitor)
    suite.run(
        console="none", outputdir=str(folder), output="output.xml", log=None, report=None, variable=given
    )
    result = ExecutionResult(str(folder / "output.xml"))
    return [Outcome(test.name, test.passed, test.message) for test in result.suite.all_tests]


def run_test(folder: Path, *steps: str, variables: dict[str, str] | None = None) -> Outcome:
    """Run one test with these steps."""
    lines = "".join(f"    {step}\n" for step in steps)
    (outcome,) = run_suite(folder, f"Test\n{lines}", variables=variables)
    return outcome


def must_pass(folder: Path, *steps: str) -> None:
    """Run one test with these steps, which passes."""
    outcome = run_test(folder, *steps)
    assert outcome.passed, outcome.message
