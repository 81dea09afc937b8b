"""A Renode in another process: the fake one."""

from __future__ import annotations

import sys
from pathlib import Path

# The fake of .NET stands beside the tests of the engine that loads Renode.
sys.path.insert(0, str(Path(__file__).parent.parent / "renode"))
