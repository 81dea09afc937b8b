"""The fuzz target's modules lie beside the package, as scripts do."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "fuzz"))
