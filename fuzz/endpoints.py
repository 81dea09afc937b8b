"""Coverage-guided fuzzing of ICBMsg and icmsg_me: ``python fuzz/endpoints.py -max_total_time=60``; as ``region.py``."""

from __future__ import annotations

from guided import main

if __name__ == "__main__":
    main("endpoints")
