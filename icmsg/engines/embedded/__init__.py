"""The embedded engine: Cortex-M33 cores on unicorn and models of the SoC's peripherals; needs nothing but pip."""

from __future__ import annotations
