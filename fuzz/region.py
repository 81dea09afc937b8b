"""Coverage-guided fuzzing of everything that reads what a peer wrote: ``python fuzz/region.py -max_total_time=60``.

Needs atheris (``pip install atheris``); the options are libFuzzer's. Without a folder the seed corpus is read
and nothing is written to it; ``python fuzz/region.py FOLDER fuzz/corpus/region`` keeps what it finds in FOLDER.
"""

from __future__ import annotations

from guided import main

if __name__ == "__main__":
    main("region")
