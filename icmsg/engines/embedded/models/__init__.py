"""Peripherals of the embedded engine, each on its register table in :mod:`icmsg.hw`."""

from __future__ import annotations
