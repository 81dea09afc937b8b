"""One emulated SoC on one virtual clock: machines, the engines that run them, and cores played by Python."""

from __future__ import annotations
