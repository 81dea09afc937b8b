"""Coverage-guided fuzzing of everything that reads what a peer wrote: ``python fuzz/region.py -max_total_time=60``.

Needs atheris (``pip install atheris``); the options are libFuzzer's. Without a folder the seed corpus is read
and nothing is written to it; ``python fuzz/region.py FOLDER fuzz/corpus`` keeps what it finds in FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import atheris  # type: ignore[import-untyped]  # has no types
except ImportError:
    sys.exit("atheris is missing: pip install atheris, or run fuzz/random_driver.py, which does without")

with atheris.instrument_imports(include=["icmsg"]):
    from target import attack

_CORPUS = Path(__file__).parent / "corpus"
_DEFAULTS = ("-max_len=1024", "-len_control=10", "-timeout=10")


def main() -> None:
    """Fuzz until libFuzzer stops."""
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    inputs = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    scratch: list[str] = []
    if not inputs:
        # libFuzzer writes into the first folder; given only files to start from, it writes nowhere.
        scratch = [f"-seed_inputs={','.join(str(path) for path in sorted(_CORPUS.iterdir()))}"]
    atheris.Setup([sys.argv[0], *_DEFAULTS, *scratch, *options, *inputs], attack)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
