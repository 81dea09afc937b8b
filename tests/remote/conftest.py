"""A Renode in another process: the fake one."""

from __future__ import annotations

import sys
from pathlib import Path

# The fake of .NET stands beside the tests of the engine that loads Renode; exchanges and snippets of firmware beside
# those of the layer and the engine that they were made for.
for folder in ("renode", "cosim", "engine"):
    sys.path.insert(0, str(Path(__file__).parent.parent / folder))
