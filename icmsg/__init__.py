"""Co-simulation harness for inter-core messaging: ICMsg played by Python on an emulated dual-core SoC."""

from __future__ import annotations

__version__ = "0.1.0"
