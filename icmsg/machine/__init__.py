"""Machine and its cores as every engine offers them: virtual time, events, images, consoles, call chains."""

from __future__ import annotations
