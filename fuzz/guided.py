"""Coverage-guided fuzzing of one group of targets, with atheris."""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import atheris  # type: ignore[import-untyped]  # has no types
except ImportError:
    sys.exit("atheris is missing: pip install atheris, or run fuzz/random_driver.py, which does without")

with atheris.instrument_imports(include=["icmsg"]):
    from target import GROUPS, attack

_CORPUS = Path(__file__).parent / "corpus"
_DEFAULTS = ("-max_len=1024", "-len_control=10", "-timeout=10")


def main(group: str) -> None:
    """Fuzz ``group`` as the command line says, until libFuzzer stops."""
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    inputs = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    scratch: list[str] = []
    if not inputs:
        # libFuzzer writes into the first folder; given only files to start from, it writes nowhere.
        scratch = [f"-seed_inputs={','.join(str(path) for path in sorted((_CORPUS / group).iterdir()))}"]
    targets = GROUPS[group]
    atheris.Setup([sys.argv[0], *_DEFAULTS, *scratch, *options, *inputs], lambda data: attack(data, targets))
    atheris.Fuzz()
