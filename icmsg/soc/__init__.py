"""SoC as a platform file describes it: cores, memories, mailboxes, and what reaches what."""

from __future__ import annotations
