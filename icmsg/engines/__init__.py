"""Engines: what executes a machine's cores, in this process or in Renode, and which one is chosen."""

from __future__ import annotations
