"""The ``icmsg`` command."""

from __future__ import annotations
