"""A test that needs an engine which is not here is skipped with the remedy, or fails where it must not be skipped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from icmsg.engines.choice import EngineChoice, EngineName

REQUIRED: Final = "ICMSG_REQUIRE_RENODE"
"""Set to 1 where a skipped test would be a green one that proved nothing, as in CI."""


def require_engine(asked: EngineName) -> EngineChoice:
    """Return the engine that runs for what was asked; skip the test, or fail it, where there is none."""
    from icmsg.engines.choice import choose_engine
    from icmsg.errors import EngineNotAvailableError

    try:
        choice = choose_engine(asked)
    except EngineNotAvailableError as error:
        not_available(error)
    if choice.name != "renode" and asked == "auto" and os.environ.get(REQUIRED) == "1":
        pytest.fail(
            f"{REQUIRED}=1, but the engine is {choice.name} ({choice.reason}); use --icmsg-engine renode "
            "to see what is missing, or unset the variable",
            pytrace=False,
        )
    return choice


def not_available(error: Exception) -> NoReturn:
    """Skip the test because of ``error``, or fail it with ICMSG_REQUIRE_RENODE=1."""
    reason = f"needs a real Renode: {error}"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason} ({REQUIRED}=1 makes this a failure)", pytrace=False)
    pytest.skip(f"{reason}; {REQUIRED}=1 makes this a failure")
