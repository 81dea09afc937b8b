"""Link between two cores: who plays its ends, exchanges over it, and what is wrong with it."""

from __future__ import annotations
