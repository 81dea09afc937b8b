"""The engine of the whole suite: embedded, unless somebody names another; what tests renode asks for it."""

from __future__ import annotations

import os

from hypothesis import Phase, settings

os.environ.setdefault("ICMSG_ENGINE", "embedded")

# For `make mutants`: a mutant is dead with the first failure, so nobody needs the smallest one.
settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate))
