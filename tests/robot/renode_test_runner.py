"""Runs a suite as Renode's renode-test does: its variables, its resource, and the setups and teardowns that it adds.

``python renode_test_runner.py OUTPUT_DIR PORT SUITE... [-- NAME:VALUE...]``; the exit code is the number of failures.
"""

from __future__ import annotations

import sys
from pathlib import Path

from robot.running.builder import TestSuiteBuilder

KEYWORDS = Path(__file__).with_name("renode_test_keywords.robot")


def run(path: Path, output: Path, port: int, variables: list[str]) -> int:
    """Run one suite file and return how many of its tests failed."""
    suite = TestSuiteBuilder().build(path)
    suite.resource.imports.create(type="Resource", name=KEYWORDS.as_posix())
    if not suite.setup:
        suite.setup.config(name="Setup")
    if not suite.teardown:
        suite.teardown.config(name="Teardown")
    for test in suite.tests:
        if not test.setup:
            test.setup.config(name="Reset Emulation")
        if not test.teardown:
            test.teardown.config(name="Test Teardown")
    given = [
        "SKIP_RUNNING_SERVER:True",
        f"DIRECTORY:{output}",
        f"PORT_NUMBER:{port}",
        f"RESULTS_DIRECTORY:{output}",
        "BINARY_NAME:Renode.dll",
        "RENODE_PID:1",
        *variables,
        f"RENODEKEYWORDS:{KEYWORDS.as_posix()}",
        f"RENODETOOLS:{output}",
    ]
    result = suite.run(
        console="none",
        outputdir=str(output),
        output=str(output / f"results-{path.stem}.robot.xml"),
        log=None,
        report=None,
        variable=given,
    )
    for test in result.suite.all_tests:
        sys.stdout.write(f"{test.status} {path.stem}: {test.name}\n")
        if test.failed:
            sys.stdout.write(f"{test.message}\n")
    return int(result.statistics.total.failed)


def main(arguments: list[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    output, port, *suites = arguments[:split]
    return sum(run(Path(suite), Path(output), int(port), arguments[split + 1 :]) for suite in suites)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
