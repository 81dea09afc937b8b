from __future__ import annotations

import sys
from pathlib import Path

# The firmware for tests and its helpers are those of the exchange's tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "cosim"))
