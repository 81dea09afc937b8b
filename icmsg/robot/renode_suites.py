"""Suites written for Renode's renode-test: what it gives to every suite, for Robot without it.

``python -m icmsg.robot SUITE…`` runs them; so does Robot or pabot with ``--prerunmodifier icmsg.robot.RenodeSuites``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from robot.api import SuiteVisitor

RESOURCE: Final = Path(__file__).with_name("renode-keywords.resource")
VARIABLE: Final = "RENODEKEYWORDS"


class RenodeSuites(SuiteVisitor):  # type: ignore[misc]  # robot has no types for it
    """Visitor that gives each suite ``${RENODEKEYWORDS}``, its import, and a Suite Setup and Suite Teardown."""

    def start_suite(self, suite: Any) -> None:
        """Change one suite; what it has itself stays."""
        if not suite.tests:
            return
        path, variable = RESOURCE.as_posix(), f"${{{VARIABLE}}}"
        resource = suite.resource
        if not any(each.name == variable for each in resource.variables):
            resource.variables.create(variable, [path])
        if not {"icmsg.robot.IcmsgLibrary", variable} & {each.name for each in resource.imports}:
            resource.imports.create(type="Resource", name=path)
        if not suite.setup:
            suite.setup.config(name="Setup")
        if not suite.teardown:
            suite.teardown.config(name="Teardown")
