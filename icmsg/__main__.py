"""``python -m icmsg`` is the ``icmsg`` command."""

from __future__ import annotations

import sys

from icmsg.cli.main import main

sys.exit(main())
