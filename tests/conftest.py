"""The engine of the whole suite: embedded, unless somebody names another; what tests renode asks for it."""

from __future__ import annotations

import os

os.environ.setdefault("ICMSG_ENGINE", "embedded")
